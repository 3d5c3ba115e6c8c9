package swim

import (
	"errors"
	"fmt"
	"net/netip"
)

// SetAddr changes the address that this node announces. From now on it is reachable there, and no
// longer at the old one. The others see a move: see advanceReturn. The error names an address that
// no member can have, or is ErrLeaving.
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
	old := home{was.profile.clone(), n.inc}
	n.cfg.Addr = addr
	n.identify(n.self, profile{addr, old.meta, old.versions})
	n.endProbes(now) // their answers went to the old address
	n.moves.remove(n.self)
	if len(n.moves.list) >= maxMoves && !n.moves.evict(n.self) {
		n.moves.remove(n.moves.list[maxMoves-1].member) // this node's own move matters more
		n.counters.DroppedMoves++
	}
	// No check of the old address is needed: this host lost it.
	m := n.moves.add(move{
		member: n.self, seq: n.nextSeq(), pings: movePings, begun: now, deadline: now, home: old,
	})
	n.advanceReturn(now, m, out)
	out.event(Event{Kind: EventUpdated, Member: n.self})
	return nil
}

// Addr is the address that this node announces.
func (n *Node) Addr() netip.AddrPort { return n.cfg.Addr }

// Why an address can't be used (F6).
var (
	errNoIP        = errors.New("not an IP address")
	errNoPort      = errors.New("port 0")
	errUnspecified = errors.New("the unspecified address")
	errMulticast   = errors.New("a multicast address")
	errBroadcast   = errors.New("the broadcast address")
	errLoopback    = errors.New("a loopback address, which only its own host can reach")
)

// unusable returns why no member can have the address a, or nil.
func unusable(a netip.AddrPort) error {
	switch ip := a.Addr().Unmap(); {
	case !ip.IsValid():
		return errNoIP
	case a.Port() == 0:
		return errNoPort
	case ip.IsUnspecified():
		return errUnspecified
	case ip.IsMulticast():
		return errMulticast
	case ip == netip.AddrFrom4([4]byte{255, 255, 255, 255}):
		return errBroadcast
	}
	return nil
}

// unreachable returns why this node can't use a for another member, or nil.
func (n *Node) unreachable(a netip.AddrPort) error {
	if a.Addr().IsLoopback() && !n.cfg.Addr.Addr().IsLoopback() {
		return errLoopback
	}
	return unusable(a)
}

// plainAddr is a as messages carry it: without a zone, which means nothing to others.
func plainAddr(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap().WithZone(""), a.Port())
}

// unmapped gives an IPv4 address its short form, so that equal ones compare equal.
func unmapped(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}

// addrPort is an address from a message; invalid if ip is.
func addrPort(ip []byte, port uint16) netip.AddrPort {
	a, _ := netip.AddrFromSlice(ip)
	return netip.AddrPortFrom(a.Unmap(), port)
}

// ipBytes is an IP address as messages carry it, without an allocation.
type ipBytes struct {
	b [16]byte
	n uint8
}

func addrBytes(a netip.Addr) ipBytes {
	a = a.Unmap()
	if a.Is4() {
		x := ipBytes{n: 4}
		b := a.As4()
		copy(x.b[:], b[:])
		return x
	}
	return ipBytes{b: a.As16(), n: 16}
}

func (x *ipBytes) slice() []byte { return x.b[:x.n] }
