package serf

import (
	"net/netip"

	"serf/swim"
)

// SetFamilies sets the versions of IP that this node can send to, see swim.Config.Families.
func (n *Node) SetFamilies(f swim.Families) { n.swim.SetFamilies(f) }

// SetAddr changes the advertised address, after this host lost the old one. The error is that of
// swim.Node.SetAddr.
func (n *Node) SetAddr(now swim.Time, addr netip.AddrPort, out *swim.Output) error {
	n.call.begin(out)
	err := n.swim.SetAddr(now, addr, out)
	if err == nil {
		n.cfg.Addr = n.swim.Addr()
	}
	n.finish(now, out)
	return err
}
