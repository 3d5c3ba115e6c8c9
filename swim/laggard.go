package swim

import (
	"net/netip"

	"serf/wire"
)

// laggards are the addresses that were last heard with another key than the primary, and
// with which: members that were away while the key was changed, or hear of it a little later. They may not
// be able to read what the primary encrypts, so they are sent everything with both keys,
// until they are heard with the primary (F26). Only who has an installed key gets in here.
//
// With both, not with theirs alone: two members that hold the new key and take each other
// for laggards, in the middle of a change, would else keep the old one in use for ever.
type laggards map[netip.AddrPort]int

// maxLaggards bounds them. In a rotation everybody can be one for a moment; beyond it all
// are forgotten, and those that still are come back with their next packet.
const maxLaggards = 4096

// noteKey notes with which key a packet was encrypted.
func (n *Node) noteKey(from netip.AddrPort, key int) {
	if key <= 0 {
		if key != wire.NoKey {
			delete(n.laggards, from)
		}
		return
	}
	if n.laggards == nil || len(n.laggards) >= maxLaggards {
		n.laggards = make(laggards)
	}
	n.laggards[from] = key
}

// laggardSealer returns what to is also to be sent with, or nil.
func (n *Node) laggardSealer(to netip.AddrPort) *wire.Sealer {
	if via, ok := n.Route(to); ok {
		to = via
	}
	if key := n.laggards[to]; key > 0 {
		return n.cfg.Sealer.WithKey(key)
	}
	return nil
}
