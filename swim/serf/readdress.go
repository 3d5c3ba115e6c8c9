package serf

import (
	"net/netip"

	"serf/swim"
)

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
