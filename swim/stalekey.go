package swim

import (
	"net/netip"

	"serf/wire"
)

// staleKeyPeers are the addresses last heard from with a key other than the primary, and its
// number: members that were away during a key rotation, or learn of it a little later. They may not
// be able to decrypt with the primary, so everything goes to them under both keys until they use
// the primary (F26). Only holders of an installed key get in here.
//
// Under both, not under theirs alone: two members in the middle of a rotation that both hold the
// new key and list each other here would otherwise keep the old one in use for ever.
type staleKeyPeers map[netip.AddrPort]int

// maxStaleKeyPeers bounds them. During a rotation every member can be one for a moment. At the
// limit all are forgotten; those that still use another key come back with their next packet.
const maxStaleKeyPeers = 4096

// noteKey notes the number of the key that a packet was encrypted with.
func (n *Node) noteKey(from netip.AddrPort, key int) {
	if key <= 0 {
		if key != wire.NoKey {
			delete(n.staleKeys, from)
		}
		return
	}
	n.setStaleKey(from, key)
}

func (n *Node) setStaleKey(at netip.AddrPort, key int) {
	if n.staleKeys == nil || len(n.staleKeys) >= maxStaleKeyPeers {
		n.staleKeys = make(staleKeyPeers)
	}
	n.staleKeys[at] = key
}

// staleKeySealer returns the sealer for a second copy of what goes to an address, or nil.
func (n *Node) staleKeySealer(to netip.AddrPort) *wire.Sealer {
	if via, ok := n.Route(to); ok {
		to = via
	}
	if key := n.staleKeys[to]; key > 0 {
		return n.cfg.Sealer.WithKey(key)
	}
	return nil
}
