package swim

import (
	"bytes"
	"fmt"
	"net/netip"
)

// SetAddr changes the address that the others are told, which is where this node can be reached from now on; at
// the one before it can't. The others take it for a move: see advanceReturn. The error names an address that no
// member can have, or is ErrLeaving.
func (n *Node) SetAddr(now Time, addr netip.AddrPort, out *Output) error {
	addr = plainAddr(addr)
	if err := unusable(addr); err != nil {
		return fmt.Errorf("address %v: %w", addr, err)
	}
	if n.leaving.begun() {
		return ErrLeaving
	}
	was := n.identity(n.self)
	if addr == was.addr {
		return nil
	}
	old := home{was.addr, bytes.Clone(was.meta), was.versions, n.inc}
	own := addrBytes(addr.Addr())
	n.cfg.Addr, n.ownAddr = addr, bytes.Clone(own.slice())
	n.identify(n.self, addr, old.meta, old.versions)
	n.endProbes(now) // their answers went to the old address
	n.moves.remove(n.self)
	// Nobody needs to be asked who is there: this host lost it.
	m := n.moves.add(move{member: n.self, seq: n.nextSeq(), pings: movePings, begun: now, deadline: now, home: old})
	n.advanceReturn(now, m, out)
	out.Events = append(out.Events, Event{Kind: EventUpdated, Member: n.self})
	return nil
}

// Addr is the address that the others are told.
func (n *Node) Addr() netip.AddrPort { return n.cfg.Addr }
