package swim

import (
	"encoding/binary"
	"net/netip"
	"time"

	"serf/swim/history"
)

// recorder writes down why members change their state, for whoever asks later. A nil one writes
// nothing.
type recorder struct {
	log *history.Log
	// The input that is being handled:
	learned history.Learned
	from    netip.AddrPort
	member  MemberID // at from, if known already
	nobody  bool     // no single member has the IP of from, when it was last looked for

	// senders are members that were found at an address, by a hash of it. They may have moved since.
	senders [64]MemberID
}

// TrackHistory records in h, from now on, the changes of all members, beginning with this node's
// start.
func (n *Node) TrackHistory(now Time, h *history.Log) {
	n.history = &recorder{log: h}
	n.record(now, n.self, history.Change{To: history.Alive, Cause: history.Join})
}

// History is where changes are recorded; nil if nobody wants to know.
func (n *Node) History() *history.Log {
	if n.history == nil {
		return nil
	}
	return n.history.log
}

// input notes what the next changes will come from.
func (r *recorder) input(l history.Learned, from netip.AddrPort, member MemberID) {
	if r != nil {
		r.learned, r.from, r.member, r.nobody = l, from, member, false
	}
}

// EndInput ends an input for the history: what is recorded next is this node's own doing.
func (n *Node) EndInput() { n.history.input(history.Here, netip.AddrPort{}, NoMember) }

// Record records, for the layer above, that a member's state is now to, unless it was. The layer
// below may have recorded what led to it.
func (n *Node) Record(now Time, id MemberID, to history.State, cause history.Cause) {
	if n.history == nil {
		return
	}
	was := n.history.log.State(n.roster.Name(id))
	if was == to || cause == history.Stayed && was != history.Leaving {
		return
	}
	n.record(now, id, history.Change{To: to, Cause: cause})
}

// record records a change of id. What all changes have is filled in.
func (n *Node) record(now Time, id MemberID, c history.Change) {
	h := n.history
	if h == nil {
		return
	}
	if h.nobody && n.identity(id).addr.Addr() == h.from.Addr() {
		h.nobody = false
	}
	r := n.view.at(id)
	c.At, c.Health = time.Duration(now), n.health
	if c.Learned == history.Here {
		c.Learned = h.learned
	}
	if c.From == history.None && r.known() && c.Cause != history.Join {
		c.From = stateOf(r.state)
	}
	if c.Incarnation == 0 {
		c.Incarnation = r.inc
	}
	if c.Learned != history.Here {
		c.Via = n.roster.Name(n.sender())
	}
	h.log.Add(n.roster.Name(id), &c)
}

// stateOf is a state as the history has it.
func stateOf(s State) history.State {
	switch s {
	case Suspect:
		return history.Suspect
	case Dead:
		return history.Failed
	case Left:
		return history.Left
	}
	return history.Alive
}

// sender is the member whose packet or exchange is being handled, or NoMember. A stream comes from
// any port of its sender: if several members have that IP it isn't known which.
func (n *Node) sender() MemberID {
	h := n.history
	if h.member != NoMember || !h.from.IsValid() {
		return n.stillKnown(h.member)
	}
	if h.learned == history.ByExchange {
		if !h.nobody { // once, not for each member that the exchange brings
			h.member = n.onlyMemberAt(h.from.Addr())
			h.nobody = h.member == NoMember
		}
		return h.member
	}
	ip := h.from.Addr().As16()
	hash := mix(binary.BigEndian.Uint64(ip[8:]) ^ uint64(h.from.Port()))
	known := &h.senders[hash%uint64(len(h.senders))]
	if !n.view.has(*known) || !n.memberAt(*known, h.from) {
		*known = n.memberWith(h.from)
	}
	h.member = *known
	return h.member
}

// memberWith returns the member at an address, or NoMember.
func (n *Node) memberWith(addr netip.AddrPort) MemberID {
	for id := range n.view.all {
		if n.memberAt(id, addr) {
			return id
		}
	}
	return NoMember
}

// onlyMemberAt returns the member with this IP if there is only one.
func (n *Node) onlyMemberAt(ip netip.Addr) MemberID {
	found := NoMember
	for id := range n.view.all {
		if id == n.self || n.identity(id).addr.Addr() != ip {
			continue
		}
		if found != NoMember {
			return NoMember
		}
		found = id
	}
	return found
}

// recordSuspicion records an accusation that made id a suspect.
func (n *Node) recordSuspicion(now Time, id MemberID, a *accusation) {
	if n.history == nil {
		return
	}
	c := history.Change{
		To: history.Suspect, Cause: a.cause, Incarnation: a.inc, Accuser: n.accuserName(id, a.from),
	}
	if s := n.suspicions.lookup(id); s != nil {
		c.Refute, c.Hoped = s.deadline.Sub(s.start).Milliseconds(), int(s.hoped)
		if a.cause == history.Death { // it is asked at once
			c.Refute, c.Hoped = s.lead.Milliseconds(), 0
		}
	}
	c.Probe = n.steps(a.probe)
	n.record(now, id, c)
}

// recordProbe records that this node's own probe of a suspect failed, too.
func (n *Node) recordProbe(id MemberID, q *inquiry) {
	if n.history != nil && q != nil {
		n.history.log.Probed(n.roster.Name(id), n.steps(q))
	}
}

// recordConfirmation records a further accuser of the suspect of s.
func (n *Node) recordConfirmation(s *suspicion, from []byte) {
	if n.history != nil {
		accuser := n.accuserName(s.member, from)
		n.history.log.Confirm(n.roster.Name(s.member), accuser, s.deadline.Sub(s.start))
	}
}

// recordGone records that id is dead or left, while its suspicion is still there.
func (n *Node) recordGone(now Time, id MemberID, to State, inc uint32, from []byte) {
	h := n.history
	if h == nil {
		return
	}
	c := history.Change{To: stateOf(to), Incarnation: inc, From: stateOf(n.view.at(id).state)}
	switch {
	case to == Left:
		c.Cause = history.Leave
	case h.learned == history.Here:
		c.Cause = history.Timeout
	default:
		c.Cause, c.Accuser = history.Death, n.accuserName(id, from)
	}
	if s := n.suspicions.lookup(id); s != nil {
		c.LastPing = s.asked
	}
	n.record(now, id, c)
}

// recordAlive records what made id alive, or moved it.
func (n *Node) recordAlive(now Time, id MemberID, was record, moved bool, c *claim) {
	if n.history == nil || was.state == Alive && was.known() && !moved {
		return
	}
	x := history.Change{To: history.Alive, Cause: history.Join, Incarnation: c.inc}
	if c.answered {
		x.Learned = history.ByAnswer
	}
	if was.known() {
		x.From = stateOf(was.state)
	}
	switch {
	case moved && was.state.live() && was.known():
		x.Cause, x.Addr = history.Moved, c.addr.String()
	case was.known() && was.state == Suspect:
		x.Cause = history.Refutation
	}
	n.record(now, id, x)
}

// recordConflict records that a claim to a name was refused.
func (n *Node) recordConflict(now Time, m *move) {
	if n.history != nil {
		s := stateOf(n.view.at(m.member).state)
		n.record(now, m.member, history.Change{
			From: s, To: s, Cause: history.Conflict, Addr: m.addr.String(),
		})
	}
}

// recordAccused records that this node was accused, at incarnation inc, and will refute it.
func (n *Node) recordAccused(now Time, inc uint32, from []byte) {
	if n.history != nil && n.refutes(inc) {
		n.record(now, n.self, history.Change{
			To: history.Suspect, Cause: history.Accusation, Incarnation: inc,
			Accuser: n.accuserName(n.self, from),
		})
	}
}

// recordPause records that this node stood still for gap, until now.
func (n *Node) recordPause(now Time, gap time.Duration) {
	if n.history != nil {
		s := stateOf(n.view.at(n.self).state)
		n.record(now, n.self, history.Change{
			From: s, To: s, Cause: history.Pause, Paused: gap.Milliseconds(),
		})
	}
}

// accuserName is the name of who accuses id; none if nobody in particular does.
func (n *Node) accuserName(id MemberID, from []byte) string {
	if n.accuser(id, from) == nobody {
		return ""
	}
	if m := n.member(from); m != NoMember {
		return n.roster.Name(m)
	}
	return string(from)
}

// steps describes a probe that failed; nil if there is none.
func (n *Node) steps(q *inquiry) *history.Steps {
	if q == nil {
		return nil
	}
	p := &history.Steps{Nacks: q.nacks, NacksHoped: q.nacksHoped, TCP: q.tcp}
	for _, id := range q.helpers {
		if id != NoMember && n.view.has(id) {
			p.Relays = append(p.Relays, n.roster.Name(id))
		}
	}
	return p
}
