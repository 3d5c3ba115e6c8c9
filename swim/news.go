package swim

import (
	"errors"
	"net/netip"
	"time"

	"serf/internal/invariant"
	"serf/wire"
)

// claim is what an alive message or a push/pull entry says of a member. Slices are borrowed.
type claim struct {
	id       MemberID // of name, or NoMember if it isn't known here
	name     []byte
	addr     netip.AddrPort
	meta     []byte
	versions [6]byte
	inc      uint32

	vsn    int            // bytes of versions that came
	told   bool           // whoever we could tell this knows it
	from   netip.AddrPort // who says so
	met    bool           // in answer to our question
	packet bool           // in a packet: it can be answered there
}

const (
	// incMax is the greatest incarnation that is believed. Members raise theirs by one at a
	// time from 1: nobody honest comes near, and nothing can wrap (F3).
	incMax = 1 << 31
	// incJump is how far ahead of what is known of another member an incarnation may be. About
	// ourselves others may believe anything, and we must be able to out-bid it.
	incJump = 1 << 20
	// incSpare is how much less than that a claim about ourselves may be: what a return out-bids
	// it by. Others believe what we answer, then, and one forged accusation can't drive us
	// beyond what they do.
	incSpare = 3
)

// The messages about a member.

func (n *Node) handleAlive(now Time, from netip.AddrPort, body []byte, out *Output) bool {
	m, err := wire.ParseAlive(body)
	if err != nil {
		return false
	}
	c := claim{
		id: n.member(m.Node), name: m.Node, meta: m.Meta, inc: m.Inc, addr: addrPort(m.Addr, m.Port),
		vsn: len(m.Vsn), from: from, packet: true,
	}
	copy(c.versions[:], m.Vsn)
	if n.acceptable(&c, out) {
		n.applyAlive(now, &c, out)
	}
	return true
}

func (n *Node) handleSuspect(now Time, from netip.AddrPort, body []byte, out *Output) bool {
	m, err := wire.ParseSuspect(body)
	if err != nil || len(m.From) > NameMax {
		return false
	}
	n.correct(now, n.member(m.Node), m.Inc, out)
	n.accuse(now, Suspect, m.Node, m.Inc, m.From, out)
	return true
}

func (n *Node) handleDead(now Time, from netip.AddrPort, body []byte, out *Output) bool {
	m, err := wire.ParseDead(body)
	if err != nil || len(m.From) > NameMax {
		return false
	}
	s := Dead
	if string(m.From) == string(m.Node) {
		s = Left
	}
	n.correct(now, n.member(m.Node), m.Inc, out)
	n.accuse(now, s, m.Node, m.Inc, m.From, out)
	return true
}

// accuse handles news that a member is suspect, dead or left.
func (n *Node) accuse(now Time, s State, name []byte, inc uint32, from []byte, out *Output) {
	id := n.member(name)
	if id == NoMember {
		return // nothing but alive makes a member known
	}
	if !n.credible(id, inc, out) {
		return
	}
	switch {
	case id == n.self:
		n.maybeRefute(now, inc, from, out)
	case s == Suspect:
		n.applySuspect(now, id, inc, from, out)
	case s == Dead && n.doubtsDeath(now, id, inc, from, out):
	default:
		n.applyGone(now, id, s, inc, from, out)
	}
}

// acceptable checks what a claim says, whoever it is about.
func (n *Node) acceptable(c *claim, out *Output) bool {
	switch {
	case len(c.name) == 0 || len(c.name) > NameMax || len(c.meta) > MetaMax:
		n.counters.DroppedMessages++
		out.note(Note{Level: Warn, Code: NoteMessageDropped, From: c.from, N: int64(wire.TypeAlive), Text: ClipText(c.name)})
		return false
	case c.vsn != len(c.versions) || !compatible(n.cfg.Versions, c.versions):
		n.counters.DroppedVersions++
		out.note(Note{Level: Warn, Code: NoteBadVersions, From: c.from, Text: ClipText(c.name)})
		return false
	}
	if err := n.unreachable(c.addr); err != nil {
		n.counters.DroppedAddresses++
		out.note(Note{Level: Warn, Code: NoteBadAddress, From: c.addr, Text: ClipText(c.name), Err: err})
		return false
	}
	return n.credible(c.id, c.inc, out)
}

// compatible tells whether a member and this one speak versions that both know, in both
// layers. Of one that doesn't the original refuses a whole push/pull: it must not be passed on.
func compatible(own, v [6]byte) bool {
	if v[0] == 0 {
		return false
	}
	within := func(x, least, most byte) bool { return least <= x && x <= most }
	for _, at := range [...]int{0, 3} {
		least, most, now := at, at+1, at+2
		if !within(v[now], v[least], v[most]) || !within(v[now], own[least], own[most]) || !within(own[now], v[least], v[most]) {
			return false
		}
	}
	return true
}

// credible refuses incarnations that no honest member can have reached.
func (n *Node) credible(id MemberID, inc uint32, out *Output) bool {
	most := uint32(incJump)
	if id != NoMember {
		most = min(n.view.at(id).inc+incJump, incMax)
	}
	if id == n.self {
		most -= incSpare
	}
	if inc <= most {
		return true
	}
	n.counters.DroppedIncarnations++
	out.note(Note{Level: Warn, Code: NoteBadIncarnation, Member: id, N: int64(inc)})
	return false
}

// Why an address is no use (F6).
var (
	errNoIP        = errors.New("not an IP address")
	errNoPort      = errors.New("port 0")
	errUnspecified = errors.New("the unspecified address")
	errMulticast   = errors.New("a multicast address")
	errBroadcast   = errors.New("the broadcast address")
	errLoopback    = errors.New("a loopback address, which only its own host can reach")
)

// unusable says why no member can have the address a, if so.
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

// unreachable says why this node can't use a for another member, if so.
func (n *Node) unreachable(a netip.AddrPort) error {
	if a.Addr().IsLoopback() && !n.cfg.Addr.Addr().IsLoopback() {
		return errLoopback
	}
	return unusable(a)
}

func addrPort(ip []byte, port uint16) netip.AddrPort {
	a, _ := netip.AddrFromSlice(ip)
	return netip.AddrPortFrom(a.Unmap(), port)
}

// applyAlive merges an acceptable claim.
func (n *Node) applyAlive(now Time, c *claim, out *Output) {
	id := c.id
	if id == NoMember {
		n.meet(now, c, out)
		return
	}
	if id == n.self {
		n.applyOwnName(now, c, out)
		return
	}
	r := n.view.at(id)
	ident := &n.roster.idents[r.ident]
	if ident.addr != c.addr && r.state.live() {
		out.Events = append(out.Events, Event{Kind: EventClaimed, Member: id, Addr: c.addr})
	}
	if r.lacks(c.inc) && !ident.same(c.addr, c.meta, c.versions) {
		n.learnLate(now, id, c, out)
		return
	}
	if !r.yieldsTo(Alive, c.inc) {
		n.counters.DroppedStale++
		// Nothing new, unless a member that restarted doesn't know what it has to out-bid (F3), or
		// another that it has moved.
		if !r.state.live() || !ident.same(c.addr, c.meta, c.versions) {
			n.answerClaim(now, id, c, out)
		}
		if c.packet && c.addr != ident.addr && c.addr != c.from {
			n.correct(now, id, c.inc, out)
		}
		if r.state.live() && c.inc == r.inc && ident.addr != c.addr {
			// Nobody moves without a louder claim: these are two.
			out.note(Note{Level: Error, Code: NoteConflict, Member: id, From: c.addr})
		}
		return
	}
	if ident.addr != c.addr && r.state.live() {
		n.checkMove(now, id, c, out)
		return
	}
	if n.comebacks.waits(now, id) && n.CanReach(c.addr) {
		n.askClaimed(now, c, out)
		return
	}
	n.accept(now, id, c, out)
}

// learnLate handles what id said of itself at an incarnation at which it has been accused since, by
// one who had heard it. It's accused still, but at the address that it has.
func (n *Node) learnLate(now Time, id MemberID, c *claim, out *Output) {
	if n.identity(id).addr != c.addr && n.view.at(id).state.live() {
		n.checkMove(now, id, c, out)
		return
	}
	n.complete(id, c, out)
}

// complete notes what id, accused at the same incarnation, says of itself.
func (n *Node) complete(id MemberID, c *claim, out *Output) {
	e := Event{Kind: EventUpdated, Member: id}
	if n.identity(id).addr != c.addr {
		e.N = 1
	}
	n.identify(id, c.addr, c.meta, c.versions)
	n.view.heard(id)
	if n.view.at(id).state.live() {
		out.Events = append(out.Events, e)
	}
}

// meet takes a claim of somebody that has no record here.
func (n *Node) meet(now Time, c *claim, out *Output) {
	// What it says itself is no hearsay. Streams come from other ports.
	if c.from.Addr() != c.addr.Addr() && n.CanReach(c.addr) && n.comebacks.buried(now, c.name, c.inc) {
		n.askClaimed(now, c, out)
		return
	}
	n.admit(now, c, out)
}

// admit makes a record for a member first heard of.
func (n *Node) admit(now Time, c *claim, out *Output) {
	n.makeRoom(now, out)
	n.comebacks.exhume(c.name)
	id := n.roster.acquireMember(c.name)
	if id == NoMember {
		n.counters.DroppedMembers++
		out.note(Note{Level: Error, Code: NoteTableFull, Text: ClipText(c.name)})
		return
	}
	ident := n.roster.acquireIdent(id, c.addr, c.meta, c.versions)
	n.view.add(id, ident, Alive, c.inc, now)
	n.counters.AliveUpdates++
	n.view.size += n.roster.stateSize(id, ident)
	if !c.told {
		n.announceAlive(id, out)
	}
	n.noteArrival(now)
	out.Events = append(out.Events, Event{Kind: EventJoined, Member: id})
}

// accept replaces what is known of id, another member, by a newer claim.
func (n *Node) accept(now Time, id MemberID, c *claim, out *Output) {
	r := n.view.at(id)
	was := r.state
	moved := n.identity(id).addr != c.addr
	changed := n.identify(id, c.addr, c.meta, c.versions)
	n.view.set(id, Alive, c.inc, now)
	n.counters.AliveUpdates++
	n.suspicions.remove(id)
	n.announceAlive(id, out)
	if moved {
		n.noteArrival(now)
	}
	e := Event{Member: id}
	if moved {
		e.N = 1
	}
	switch {
	case !was.live():
		if was == Dead && n.has(RejoinCheck) {
			n.comebacks.watch(id)
		}
		e.Kind = EventJoined
		out.Events = append(out.Events, e)
		return
	case was == Suspect:
		out.Events = append(out.Events, Event{Kind: EventRefuted, Member: id})
	}
	if changed {
		e.Kind = EventUpdated
		out.Events = append(out.Events, e)
	}
}

// identify notes what id, who has a record, says of itself, and whether that is something else.
func (n *Node) identify(id MemberID, addr netip.AddrPort, meta []byte, versions [6]byte) (changed bool) {
	old, ident := n.view.at(id).ident, n.roster.acquireIdent(id, addr, meta, versions)
	if ident != old {
		n.view.setIdent(id, ident)
		n.view.size += n.roster.stateSize(id, ident) - n.roster.stateSize(id, old)
	}
	n.roster.releaseIdent(id, old)
	return ident != old
}

func (n *Node) announceAlive(id MemberID, out *Output) {
	out.scratch.msg = n.appendNews(out.scratch.msg[:0], id)
	n.gossip(id, out.scratch.msg)
}

// applySuspect merges the suspicion of another member, by a peer or by this node.
func (n *Node) applySuspect(now Time, id MemberID, inc uint32, from []byte, out *Output) {
	r := n.view.at(id)
	switch {
	case r.state == Suspect && inc == r.inc:
		if s := n.suspicions.lookup(id); s != nil && s.confirm(n.accuser(id, from)) {
			n.suspicions.moved(id)
			n.hearAccuser(now, id, from)
			n.gossipAccusation(id, Suspect, inc, from, out)
		}
		return
	case !r.yieldsTo(Suspect, inc):
		n.counters.DroppedStale++
		return
	}
	n.counters.Suspicions++
	if r.state != Suspect {
		n.counters.SuspectUpdates++
	}
	n.hearAccuser(now, id, from)
	n.suspicions.remove(id) // of a lower incarnation: it had refuted that one
	n.view.set(id, Suspect, inc, now)
	members := n.view.live
	least := suspicionMin(n.cfg.SuspicionMult, members, n.cfg.ProbeInterval)
	most := least * time.Duration(n.cfg.SuspicionMaxMult)
	hoped := 0
	if n.has(Confirmation) {
		hoped = confirmationsFor(n.cfg.SuspicionMult, members)
	}
	s := newSuspicion(id, now, n.accuser(id, from), hoped, least, most)
	if n.has(FinalProbe) {
		s.lead = min(n.cfg.ProbeTimeout, least/2)
		if string(from) != n.cfg.Name && n.has(Relay) {
			s.early = now.Add(least / 2)
		}
	}
	n.suspicions.add(s)
	n.gossipAccusation(id, Suspect, inc, from, out)
	out.Events = append(out.Events, Event{Kind: EventSuspected, Member: id})
}

// doubtsDeath tells whether the death of a member isn't believed yet. Another calls it dead whom nobody here suspected
// at that incarnation: who is cut off for longer than a suspicion lasts calls members dead that all others hear. It
// is asked at once, and has as long to answer as any suspect that is asked for the last time.
func (n *Node) doubtsDeath(now Time, id MemberID, inc uint32, from []byte, out *Output) bool {
	r := n.view.at(id)
	if !n.has(FinalProbe) || !r.state.live() || !r.yieldsTo(Dead, inc) {
		return false
	}
	if r.state != Suspect || r.inc != inc {
		n.applySuspect(now, id, inc, from, out)
	} else if s := n.suspicions.lookup(id); s.asked || s.from[0] != nobody {
		return s.doubted
	}
	s := n.suspicions.lookup(id)
	s.doubted, s.hoped, s.deadline = true, 0, now // its time is over, whoever else accuses it
	n.askOnceMore(now, id, out)
	return true
}

// accuser names who suspects id, as confirmations count it.
func (n *Node) accuser(id MemberID, from []byte) uint64 {
	if n.has(FirstHand) && string(from) == n.roster.members[id].name {
		return nobody
	}
	return hashName(from)
}

// applyGone merges the death of another member, or that it left.
func (n *Node) applyGone(now Time, id MemberID, s State, inc uint32, from []byte, out *Output) {
	r := n.view.at(id)
	if !r.yieldsTo(s, inc) {
		n.counters.DroppedStale++
		return
	}
	if s == Left && n.deferLeft(id, inc) {
		return
	}
	was := r.state
	if was == Left {
		s = Left // a higher death of one that left only moves its incarnation
	}
	n.view.set(id, s, inc, now)
	if was.live() {
		n.counters.DeadUpdates++
	}
	n.suspicions.remove(id)
	if q := n.inquiryOf(id); q != nil {
		n.endProbe(now, q) // others found out, or it left
	}
	if s == Dead {
		n.comebacks.failed(now, id)
		n.hearAccuser(now, id, from)
		n.graveOpen = max(n.graveOpen, now.Add(n.cfg.GossipToTheDead))
	}
	n.gossipAccusation(id, s, inc, from, out)
	switch {
	case s == Left && was != Left:
		out.Events = append(out.Events, Event{Kind: EventLeft, Member: id})
	case was.live():
		out.Events = append(out.Events, Event{Kind: EventFailed, Member: id})
	}
}

func (n *Node) gossipAccusation(id MemberID, s State, inc uint32, from []byte, out *Output) {
	name := n.roster.nameBytes(id)
	if s == Left {
		from = name
	}
	if s == Suspect {
		m := wire.Suspect{Inc: inc, Node: name, From: from}
		out.scratch.msg = m.Append(out.scratch.msg[:0])
	} else {
		m := wire.Dead{Inc: inc, Node: name, From: from}
		out.scratch.msg = m.Append(out.scratch.msg[:0])
	}
	n.gossip(id, out.scratch.msg)
}

// expireSuspicions gives up the suspects whose time is over.
func (n *Node) expireSuspicions(now Time, out *Output) {
	for n.suspicions.deadline() <= now {
		s := n.suspicions.heap[0]
		if !s.sure() {
			n.askAgain(now, &n.suspicions.heap[0], out)
			continue
		}
		if s.got < s.hoped {
			n.counters.FailuresUnconfirmed++
		}
		out.note(Note{Level: Info, Code: NoteFailing, Member: s.member, N: int64(s.got)})
		r := n.view.at(s.member)
		invariant.Check(r.state == Suspect, "swim: suspicion of a member that isn't suspect")
		n.applyGone(now, s.member, Dead, r.inc, n.roster.nameBytes(n.self), out)
	}
}

// maybeRefute out-bids an accusation against this node, unless it's outdated or true.
func (n *Node) maybeRefute(now Time, inc uint32, from []byte, out *Output) bool {
	if inc < n.inc || n.leaving.begun() {
		return false
	}
	n.counters.Refutations++
	n.raise(now, inc)
	n.adjustHealth(1, out)
	n.announceAlive(n.self, out)
	if n.unheard++; n.unheard == unheardMax {
		out.note(Note{Level: Warn, Code: NoteNotPinged, From: n.cfg.Addr, N: unheardMax})
	}
	if string(from) == n.cfg.Name {
		out.note(Note{Level: Info, Code: NoteOutbidding, N: int64(n.inc)})
	} else {
		out.note(Note{Level: Warn, Code: NoteRefuting, Text: ClipText(from), N: int64(n.inc)})
	}
	return true
}

// unheardMax: who has refuted so often, and meanwhile had no ping of any other, is told that nobody reaches it.
const unheardMax = 4

// raise lifts the own incarnation above inc.
func (n *Node) raise(now Time, inc uint32) {
	n.inc = min(max(n.inc, inc)+1, incMax)
	n.view.set(n.self, n.view.at(n.self).state, n.inc, now)
}

// applyOwnName handles a claim on this node's own name.
func (n *Node) applyOwnName(now Time, c *claim, out *Output) {
	ident := n.identity(n.self)
	switch {
	case n.leaving.begun():
	case c.addr != ident.addr:
		n.checkMove(now, n.self, c, out) // members of the original refuse us, whatever its incarnation
	case c.inc < n.inc:
	case c.inc > n.inc || !ident.same(c.addr, c.meta, c.versions):
		// What we said before a restart: say it anew, with what holds now.
		n.maybeRefute(now, c.inc, c.name, out)
	}
}

// tolls bounds answers to outdated news, which can be forged and cost a packet each.
type tolls struct {
	until Time
	n     int
}

const maxTolls = 8 // a gossip interval

// answerClaim lets a member know at its claimed address what this node believes of it, so that it can
// refute. Without keys, only if it claims itself or is known there: anybody can claim any address (F4).
func (n *Node) answerClaim(now Time, id MemberID, c *claim, out *Output) {
	if c.addr == c.from || n.memberAt(id, c.addr) || n.trusts() {
		n.tell(now, id, c.addr, out)
	}
}

// tell sends what this node believes of id, unless it has told others enough of late.
func (n *Node) tell(now Time, id MemberID, to netip.AddrPort, out *Output) {
	if !n.mayTell(now) {
		return
	}
	out.scratch.msg = n.appendNews(out.scratch.msg[:0], id)
	n.sendBare(to, id, out, out.scratch.msg)
}

// mayTell counts an answer to outdated news, if it may be given.
func (n *Node) mayTell(now Time) bool {
	if now >= n.told.until {
		n.told = tolls{until: now.Add(n.cfg.GossipInterval)}
	}
	if n.told.n >= maxTolls {
		return false
	}
	n.told.n++
	return true
}
