package memberlist

import (
	"net/netip"
	"slices"
	"sync"

	"serf/membership"
)

// names are those of nodes by address, for transports that go by them.
type names struct {
	mu     sync.RWMutex
	byAddr map[netip.AddrPort]string // "" for those that nobody is known to have

	// known returns all nodes, those that are gone included. It is asked once about each address.
	known func() []membership.Member
}

// namesMax bounds byAddr. Beyond it all are looked up anew.
const namesMax = 1 << 16

// at returns the name of the node at an address, or nothing.
func (n *names) at(a netip.AddrPort) string {
	n.mu.RLock()
	name, found := n.byAddr[a]
	n.mu.RUnlock()
	if found {
		return name
	}
	members := n.known()
	if i := slices.IndexFunc(members, func(m membership.Member) bool { return m.Addr == a }); i >= 0 {
		name = members[i].Name
	}
	n.learn(a, name)
	return name
}

// introduce records members at addresses that nobody is recorded at. It asks nobody: there may be
// many.
func (n *names) introduce(members []membership.Member) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for i := range members {
		if a := members[i].Addr; n.byAddr[a] == "" {
			n.record(a, members[i].Name)
		}
	}
}

// learn records who is at an address.
func (n *names) learn(a netip.AddrPort, name string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.record(a, name)
}

// record is learn; n.mu is held.
func (n *names) record(a netip.AddrPort, name string) {
	if n.byAddr == nil {
		n.byAddr = make(map[netip.AddrPort]string)
	}
	if len(n.byAddr) >= namesMax {
		clear(n.byAddr)
	}
	n.byAddr[a] = name
}
