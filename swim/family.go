package swim

import (
	"net/netip"
	"slices"

	"serf/wire"
)

// Families are the versions of IP that a member can send to.
type Families uint8

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

// detours lead to members that tell an address to which this node can't send, but have one of its family as well: they
// send from there. Nobody says so in any message, so a detour is what they were heard from, and answered at. The zero
// detours has none.
type detours struct {
	via  map[netip.AddrPort]netip.AddrPort // by the address that the member tells
	told []MemberID                        // of whom it was said that there is no way to them
	// vouched is when a member to which there is no way was last heard of through another, helper; or when
	// one was first asked about.
	vouched Time
	helper  netip.AddrPort
}

const (
	// maxDetours bounds them. When there are more, all are forgotten, and found anew.
	maxDetours = 1024
	// maxNoWayNotes bounds the members of whom it is said that there is no way to them: the first show what is wrong.
	maxNoWayNotes = 8
	// vouchPatience times the probe interval is for how long nobody need vouch for those to whom there is no way,
	// before they are suspected for that: few may reach them, and those have to be found.
	vouchPatience = 30
)

// Route is where to send what is for the member that tells the address addr; false if there is no way.
func (n *Node) Route(addr netip.AddrPort) (netip.AddrPort, bool) {
	if !n.families.lacks(addr.Addr()) {
		return addr, true
	}
	via, ok := n.detours.via[addr]
	return via, ok
}

// CanReach tells whether this node can send to the member that tells the address addr.
func (n *Node) CanReach(addr netip.AddrPort) bool {
	_, ok := n.Route(addr)
	return ok
}

// Detoured tells whether the member that tells the address addr is reached at another one, of the other version of IP.
func (n *Node) Detoured(addr netip.AddrPort) bool {
	via, ok := n.Route(addr)
	return ok && via != addr
}

// reachesMember is Reaches for a known member.
func (n *Node) reachesMember(id MemberID) bool {
	return n.families == 0 || n.CanReach(n.identity(id).addr)
}

// SetFamilies says what this node's sockets and host can send to from now on, see Config.Families.
func (n *Node) SetFamilies(f Families) {
	if f != n.families {
		n.families, n.detours = f, detours{}
	}
}

// hearFrom looks for a detour: the member id has sent us something from there.
func (n *Node) hearFrom(now Time, id MemberID, from netip.AddrPort, out *Output) {
	if n.families == 0 || id == NoMember || n.families.lacks(from.Addr()) {
		return
	}
	addr := n.identity(id).addr
	asked := func(e errand) bool { return e.detour && e.member == id }
	if !n.families.lacks(addr.Addr()) || n.detours.via[addr] == from ||
		len(n.errands.list) >= maxErrands || slices.ContainsFunc(n.errands.list, asked) {
		return
	}
	e := errand{seq: n.nextSeq(), member: id, detour: true, asker: from, nackAt: Never, deadline: now.Add(n.cfg.ProbeInterval)}
	n.errands.list = append(n.errands.list, e)
	out.scratch.msg = n.appendPing(out.scratch.msg[:0], id, e.seq)
	n.sendBare(from, id, out, out.scratch.msg)
}

// takeDetour notes that a member answers where it was asked: anybody can claim to send from anywhere (F4).
func (n *Node) takeDetour(now Time, e *errand, from netip.AddrPort, out *Output) {
	if from != e.asker || !n.view.has(e.member) {
		return
	}
	d := &n.detours
	if d.via == nil || len(d.via) >= maxDetours {
		d.via = make(map[netip.AddrPort]netip.AddrPort)
	}
	d.via[n.identity(e.member).addr] = from
	out.note(Note{Level: Info, Code: NoteDetour, Member: e.member, From: from})
	if q := n.inquiryOf(e.member); q != nil {
		n.endProbe(now, q) // it was asked where it can't hear us
	}
}

// noWay says, once a member, that it and this one have no family in common.
func (n *Node) noWay(id MemberID, out *Output) {
	d := &n.detours
	if len(d.told) < maxNoWayNotes && !slices.Contains(d.told, id) {
		d.told = append(d.told, id)
		out.note(Note{Level: Warn, Code: NoteNoRoute, Member: id, From: n.identity(id).addr})
	}
}

// noteVouched notes that helper, or a stream, has heard of id, to which there is no way.
func (n *Node) noteVouched(now Time, id MemberID, helper netip.AddrPort, out *Output) {
	if !n.reachesMember(id) {
		n.detours.vouched, n.detours.helper = 0, helper
		n.noWay(id, out)
	}
}

// Helper is who reached a member for this node lately to which there is no way; invalid if nobody did.
func (n *Node) Helper() netip.AddrPort { return n.detours.helper }

// mayLive tells whether a member to which there is no way isn't to be suspected, though nobody who was asked hears
// of it: those who share a family with it know better, as long as any such member is heard of through others.
func (n *Node) mayLive(now Time, id MemberID, out *Output) bool {
	if n.reachesMember(id) {
		return false
	}
	n.noWay(id, out)
	if n.detours.vouched == 0 {
		n.detours.vouched = now
	}
	return now.Sub(n.detours.vouched) < vouchPatience*n.cfg.ProbeInterval
}

// askHelpers has some members ping another one, at addr, for us, with our number seq.
func (n *Node) askHelpers(now Time, id MemberID, addr netip.AddrPort, seq uint32, out *Output) {
	ip := addrBytes(addr.Addr())
	ask := wire.IndirectPing{
		Seq: seq, Target: ip.slice(), Port: addr.Port(), Node: n.roster.nameBytes(id),
		SourceAddr: n.ownAddr, SourcePort: n.cfg.Addr.Port(), SourceNode: n.roster.nameBytes(n.self),
	}
	var buf [maxPick]MemberID
	for _, helper := range n.pick(buf[:0], n.cfg.IndirectProbes, func(h MemberID, r record) bool {
		return r.state == Alive && h != id
	}) {
		out.scratch.msg = ask.Append(out.scratch.msg[:0])
		n.send(now, n.identity(helper).addr, helper, out, out.scratch.msg)
	}
}
