package swim

import (
	"net/netip"

	"serf/swim/history"
	"serf/wire"
)

func (n *Node) handleAlive(now Time, from netip.AddrPort, body []byte, out *Output) bool {
	m, err := wire.ParseAlive(body)
	if err != nil {
		return false
	}
	n.counters.Claims[Alive]++
	c := claim{
		id: n.member(m.Node), name: m.Node, inc: m.Inc, profile: profileOf(m.Addr, m.Port, m.Meta, m.Vsn),
		vsn: len(m.Vsn), from: from, packet: true,
	}
	if n.acceptable(&c, out) {
		n.applyAlive(now, &c, out)
	}
	return true
}

func (n *Node) handleSuspect(now Time, body []byte, out *Output) bool {
	m, err := wire.ParseSuspect(body)
	return err == nil && n.handleAccusation(now, Suspect, m.Node, m.Inc, m.From, out)
}

func (n *Node) handleDead(now Time, body []byte, out *Output) bool {
	m, err := wire.ParseDead(body)
	s := Dead
	if string(m.From) == string(m.Node) {
		s = Left
	}
	return err == nil && n.handleAccusation(now, s, m.Node, m.Inc, m.From, out)
}

// handleAccusation takes an accusation from a packet, whose sender is corrected if it is outdated.
func (n *Node) handleAccusation(
	now Time, s State, name []byte, inc uint32, from []byte, out *Output,
) bool {
	if len(from) > NameMax {
		return false
	}
	n.counters.Claims[s]++
	id, r := n.find(name)
	n.correct(now, id, r, inc, out)
	n.accuse(now, s, id, r, inc, from, out)
	return true
}

// accuse takes a message that a member, whose record is r, is suspect, dead or left. from is the
// accuser's name.
func (n *Node) accuse(
	now Time, s State, id MemberID, r record, inc uint32, from []byte, out *Output,
) {
	switch {
	case !r.known(): // only alive makes a member known
	case !n.credible(id, r, inc, out):
	case id == n.self:
		n.recordAccused(now, inc, from)
		n.maybeRefute(now, inc, from, out)
	case s == Suspect:
		n.applySuspect(now, id, r, accusation{inc: inc, from: from, cause: history.Accusation}, out)
	case s == Dead && n.checksDeath(now, id, r, inc, from, out):
	default:
		n.applyGone(now, id, r, s, inc, from, out)
	}
}

// applyAlive merges an acceptable claim.
func (n *Node) applyAlive(now Time, c *claim, out *Output) {
	id := c.id
	if id == n.self {
		n.applyOwnName(now, c, out)
		return
	}
	if n.refuses(c, out) {
		return
	}
	if id == NoMember {
		n.meet(now, c, out)
		return
	}
	r := n.view.at(id)
	ident := &n.roster.idents[r.ident]
	if ident.addr != c.addr && r.state.live() {
		e := Event{Kind: EventClaimed, Member: id, Addr: c.addr, Data: c.meta}
		if c.inc == r.inc && !r.unconfirmed {
			e.N = 1
		}
		out.event(e)
	}
	switch {
	case r.lacks(c.inc) && !ident.same(c.profile):
		n.learnLate(now, id, c, out)
	case !r.yieldsTo(Alive, c.inc):
		n.rejectAlive(now, r, ident, c, out)
	case ident.addr != c.addr && r.state.live():
		n.checkMove(now, id, c, out)
	case n.rejoins.wait(now, id) > 0 && n.CanReach(c.addr):
		n.checkRejoin(now, c, out)
	default:
		n.accept(now, id, c, out)
	}
}

// rejectAlive takes a claim that isn't newer than the record r of the member, with identity ident.
func (n *Node) rejectAlive(now Time, r record, ident *identity, c *claim, out *Output) {
	n.counters.DroppedStale++
	// It needs no answer, unless a restarted member doesn't know what it has to outbid (F3), or
	// another member that it has moved.
	if !r.state.live() || !ident.same(c.profile) {
		n.answerClaim(now, c.id, c, out)
	}
	if c.packet && c.addr != ident.addr && c.addr != c.from {
		n.correct(now, c.id, r, c.inc, out)
	}
	if r.state.live() && c.inc == r.inc && ident.addr != c.addr {
		// A member that moves raises its incarnation: these are two.
		out.note(Note{Level: Error, Code: NoteConflict, Member: c.id, From: c.addr})
	}
}

// learnLate takes what id said about itself at an incarnation at which another member, who had
// heard it, has accused it since. It is still accused, but at the address in the claim.
func (n *Node) learnLate(now Time, id MemberID, c *claim, out *Output) {
	if n.identity(id).addr != c.addr && n.view.at(id).state.live() {
		n.checkMove(now, id, c, out)
		return
	}
	n.complete(id, c, out)
}

// complete records the identity of id, which is accused at the same incarnation.
func (n *Node) complete(id MemberID, c *claim, out *Output) {
	e := Event{Kind: EventUpdated, Member: id}
	if n.identity(id).addr != c.addr {
		e.N = 1
	}
	n.identify(id, c.profile)
	n.view.confirm(id)
	if n.view.at(id).state.live() {
		out.event(e)
	}
}

// meet takes a claim about a member without a record.
func (n *Node) meet(now Time, c *claim, out *Output) {
	// What a member says itself needs no proof. Only IPs are compared: streams come from other
	// ports.
	if c.from.Addr() != c.addr.Addr() && n.CanReach(c.addr) &&
		n.rejoins.hasTombstone(now, c.name, c.inc) {
		n.checkRejoin(now, c, out)
		return
	}
	n.admit(now, c, out)
}

// admit makes a record for a new member.
func (n *Node) admit(now Time, c *claim, out *Output) {
	n.makeRoom(now, out)
	n.rejoins.removeTombstone(c.name)
	id := n.roster.acquireMember(c.name)
	if id == NoMember {
		n.counters.DroppedMembers++
		out.note(Note{Level: Error, Code: NoteTableFull, Text: ClipText(c.name)})
		return
	}
	ident := n.roster.acquireIdent(id, c.profile)
	n.view.add(id, ident, Alive, c.inc, now)
	n.place(id)
	n.recordAlive(now, id, record{}, false, c)
	n.counters.AliveUpdates++
	n.view.size += n.roster.stateSize(id, ident)
	if !c.skipGossip {
		n.announceAlive(id, out)
	}
	n.noteArrival(now)
	out.event(Event{Kind: EventJoined, Member: id})
}

// accept replaces the record of id, another member, by a newer claim.
func (n *Node) accept(now Time, id MemberID, c *claim, out *Output) {
	before := n.view.at(id)
	was := before.state
	moved := n.identity(id).addr != c.addr
	changed := n.identify(id, c.profile)
	n.view.set(id, Alive, c.inc, now)
	n.recordAlive(now, id, before, moved, c)
	n.counters.AliveUpdates++
	n.suspicions.remove(id)
	n.announceAlive(id, out)
	e := Event{Member: id}
	if moved {
		n.noteArrival(now)
		e.N = 1
	}
	if !was.live() {
		if was == Dead && n.has(RejoinCheck) {
			n.rejoins.watch(id)
		}
		e.Kind = EventJoined
		out.event(e)
		return
	}
	if was == Suspect {
		out.event(Event{Kind: EventRefuted, Member: id})
	}
	if changed {
		e.Kind = EventUpdated
		out.event(e)
	}
}

// identify records what id, which has a record, says about itself, and tells whether that is new.
func (n *Node) identify(id MemberID, p profile) (changed bool) {
	old, ident := n.view.at(id).ident, n.roster.acquireIdent(id, p)
	if ident != old {
		n.changes.Add(id)
		n.view.setIdent(id, ident)
		n.place(id)
		n.view.size += n.roster.stateSize(id, ident) - n.roster.stateSize(id, old)
	}
	n.roster.releaseIdent(id, old)
	return ident != old
}

func (n *Node) announceAlive(id MemberID, out *Output) {
	out.scratch.msg = n.appendUpdate(out.scratch.msg[:0], id)
	n.broadcast(id, out.scratch.msg)
}

// applyGone merges the death of another member, whose record is r, or that it left.
func (n *Node) applyGone(
	now Time, id MemberID, r record, s State, inc uint32, from []byte, out *Output,
) {
	if !r.yieldsTo(s, inc) {
		n.counters.DroppedStale++
		return
	}
	if s == Left && n.deferLeft(id, inc) {
		return
	}
	was := r.state
	if was == Left {
		s = Left // a higher death of one that left only raises its incarnation
	}
	if was != s {
		n.recordGone(now, id, s, inc, from)
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
		n.rejoins.failed(now, id)
		n.noteAccuser(now, id, from)
		n.gossip.toDeadUntil = max(n.gossip.toDeadUntil, now.Add(n.cfg.GossipToTheDead))
	}
	n.gossipAccusation(id, s, inc, from, out)
	switch {
	case s == Left && was != Left:
		out.event(Event{Kind: EventLeft, Member: id})
	case was.live():
		out.event(Event{Kind: EventFailed, Member: id})
	}
}

// gossipAccusation broadcasts that id is suspect, dead or left.
func (n *Node) gossipAccusation(id MemberID, s State, inc uint32, from []byte, out *Output) {
	out.scratch.msg = appendAccusation(out.scratch.msg[:0], n.roster.nameBytes(id), s, inc, from)
	n.broadcast(id, out.scratch.msg)
}

// appendAccusation appends a suspect or dead message. A member that left says so itself.
func appendAccusation(b, name []byte, s State, inc uint32, from []byte) []byte {
	switch s {
	case Suspect:
		m := wire.Suspect{Inc: inc, Node: name, From: from}
		return m.Append(b)
	case Left:
		from = name
	}
	m := wire.Dead{Inc: inc, Node: name, From: from}
	return m.Append(b)
}
