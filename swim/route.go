package swim

import (
	"net/netip"
	"slices"
)

// Families are the versions of IP that a member can send to.
type Families uint8

// The two families, which can be combined.
const (
	IPv4 Families = 1 << iota
	IPv6
)

func familyOf(ip netip.Addr) Families {
	if ip.Is4() {
		return IPv4
	}
	return IPv6
}

// lacks tells whether nothing can be sent to ip. The zero Families lacks nothing.
func (f Families) lacks(ip netip.Addr) bool { return f != 0 && f&familyOf(ip) == 0 }

// detours lead to members that tell an address of a family to which this node can't send, but have
// an address of the other family as well and send from there. No message carries it: a detour is an
// address that the member was heard from, and answered at. The zero detours is empty.
type detours struct {
	via   map[netip.AddrPort]netip.AddrPort // by the address that the member tells
	noted []MemberID                        // members whose lack of a route was noted
	// asked is when a helper was first asked about a member without a route, since the last answer;
	// 0: not since.
	asked  Time
	helper netip.AddrPort // the last that answered
}

const (
	// maxDetours bounds them. At the limit all are forgotten, and found anew.
	maxDetours = 1024
	// maxNoRouteNotes bounds the notes about members without a route: the first show what is wrong.
	maxNoRouteNotes = 8
	// helperPatience is for how many probe intervals no helper need have reached any member without
	// a route before such members are suspected. Few may reach them, and those have to be found.
	helperPatience = 30
)

// Route returns where to send packets for the member that tells addr; false if there is no route.
func (n *Node) Route(addr netip.AddrPort) (netip.AddrPort, bool) {
	if !n.cfg.Families.lacks(addr.Addr()) {
		return addr, true
	}
	via, ok := n.detours.via[addr]
	return via, ok
}

// CanReach tells whether this node can send to the member that tells addr.
func (n *Node) CanReach(addr netip.AddrPort) bool {
	_, ok := n.Route(addr)
	return ok
}

// Detoured tells whether the member that tells addr is reached at an address of the other family.
func (n *Node) Detoured(addr netip.AddrPort) bool {
	via, ok := n.Route(addr)
	return ok && via != addr
}

// reachesMember is CanReach for a known member.
func (n *Node) reachesMember(id MemberID) bool {
	return n.cfg.Families == 0 || n.CanReach(n.identity(id).addr)
}

// SetFamilies changes Config.Families: what this node's sockets and host can send to from now on.
func (n *Node) SetFamilies(f Families) {
	if f != n.cfg.Families {
		n.cfg.Families, n.detours = f, detours{}
	}
}

// noteSource looks for a detour to id, which has sent us something from that address.
func (n *Node) noteSource(now Time, id MemberID, from netip.AddrPort, out *Output) {
	if n.cfg.Families == 0 || id == NoMember || n.cfg.Families.lacks(from.Addr()) {
		return
	}
	addr := n.identity(id).addr
	underWay := func(p *pendingPing) bool { return p.kind == pingRoute && p.member == id }
	if !n.cfg.Families.lacks(addr.Addr()) || n.detours.via[addr] == from ||
		len(n.pings.list) >= maxPendingPings || n.pings.has(underWay) {
		return
	}
	seq := n.begin(now, pendingPing{member: id, kind: pingRoute, to: from})
	out.scratch.msg = n.appendPing(out.scratch.msg[:0], n.roster.nameBytes(id), seq)
	n.sendBare(from, id, out, out.scratch.msg)
}

// takeDetour notes that a member answers where it was pinged. A packet alone proves nothing: its
// source can be forged (F4).
func (n *Node) takeDetour(now Time, p *pendingPing, from netip.AddrPort, out *Output) {
	if from != p.to || !n.view.has(p.member) {
		return
	}
	n.setDetour(n.identity(p.member).addr, from)
	out.note(Note{Level: Info, Code: NoteDetour, Member: p.member, From: from})
	if q := n.inquiryOf(p.member); q != nil {
		n.endProbe(now, q) // its ping went nowhere
	}
}

func (n *Node) setDetour(to, via netip.AddrPort) {
	d := &n.detours
	if d.via == nil || len(d.via) >= maxDetours {
		d.via = make(map[netip.AddrPort]netip.AddrPort)
	}
	d.via[to] = via
}

// noteNoRoute notes, once a member, that it and this node have no family in common.
func (n *Node) noteNoRoute(id MemberID, out *Output) {
	d := &n.detours
	if len(d.noted) < maxNoRouteNotes && !slices.Contains(d.noted, id) {
		d.noted = append(d.noted, id)
		out.note(Note{Level: Warn, Code: NoteNoRoute, Member: id, From: n.identity(id).addr})
	}
}

// noteReached notes that a helper, or a stream, has reached a member without a route.
func (n *Node) noteReached(id MemberID, helper netip.AddrPort, out *Output) {
	if !n.reachesMember(id) {
		n.detours.asked, n.detours.helper = 0, helper
		n.noteNoRoute(id, out)
	}
}

// Helper is the member that last reached one without a route for this node; invalid if none did.
func (n *Node) Helper() netip.AddrPort { return n.detours.helper }

// toleratesFailure tells whether id isn't suspected although no helper reached it: there is no
// route to it, and members of its family know better, as long as helpers reach any such member.
func (n *Node) toleratesFailure(now Time, id MemberID, out *Output) bool {
	if n.reachesMember(id) {
		return false
	}
	n.noteNoRoute(id, out)
	if n.detours.asked == 0 {
		n.detours.asked = now
	}
	return now.Sub(n.detours.asked) < helperPatience*n.cfg.ProbeInterval
}
