package serf

import (
	"net/netip"

	"serf/swim"
)

// SetFamilies says which versions of IP can be sent to, see swim.Config.Families.
func (n *Node) SetFamilies(f swim.Families) { n.swim.SetFamilies(f) }

// SetAddr changes the address that the others are told: this host has lost the one before. The error is
// that of swim.Node.SetAddr.
func (n *Node) SetAddr(now swim.Time, addr netip.AddrPort, out *swim.Output) error {
	n.begin(out)
	err := n.swim.SetAddr(now, addr, out)
	if err == nil {
		n.cfg.Addr = n.swim.Addr()
	}
	n.finish(now, out)
	return err
}
