package serf

import (
	"slices"
	"time"

	"serf/lamport"
	"serf/swim"
	"serf/swim/history"
	"serf/wire"
)

// Intents about an unknown member are kept for when it appears: its alive message may take longer
// than its intent.
const (
	// intentKeep is for how long: as long as in the original.
	intentKeep = 5 * time.Minute
	// intentsMax bounds the intents that are kept: one per member of the largest cluster that joins
	// at once. Beyond it the oldest go.
	intentsMax = 4096
)

// refuteGap is the least time between two refutations of join intents in this node's name that it
// never sent. Two nodes of one name would otherwise outbid each other for ever.
const refuteGap = 10 * time.Second

// pendingIntents are the newest intents about members that aren't known yet.
type pendingIntents struct {
	byName map[string]intent
	queue  []queuedIntent // in the order of queuing; some were taken since
}

type queuedIntent struct {
	name string
	at   swim.Time
}

type intent struct {
	time  lamport.Time
	at    swim.Time
	leave bool
	prune bool
}

func (i intent) marks() marks {
	if i.prune {
		return markPrune
	}
	return 0
}

// add keeps it if it is newer than the kept intent about name, and says whether it was fresh.
// dropped is how many others had to go.
func (s *pendingIntents) add(now swim.Time, name []byte, it intent) (fresh bool, dropped int) {
	s.expire(now)
	old, ok := s.byName[string(name)]
	if ok && it.time <= old.time {
		return false, 0
	}
	if was := len(s.byName); !ok {
		for len(s.byName) >= intentsMax {
			s.dropOldest()
		}
		dropped = was - len(s.byName)
		if s.byName == nil {
			s.byName = make(map[string]intent)
		}
		s.queue = append(s.queue, queuedIntent{string(name), now})
	}
	it.at = now
	s.byName[string(name)] = it
	return true, dropped
}

// take removes and returns the intent about a member that has become known, whose record holds the
// time from now on. When many members start together, intents about most of them come first.
func (s *pendingIntents) take(now swim.Time, name string) (intent, bool) {
	s.expire(now)
	it, ok := s.byName[name]
	if !ok {
		return intent{}, false
	}
	delete(s.byName, name)
	const slack = 64 // queued intents that were taken
	switch {
	case len(s.byName) == 0:
		*s = pendingIntents{}
	case len(s.queue) > 2*len(s.byName)+slack:
		s.queue = slices.DeleteFunc(s.queue, func(q queuedIntent) bool {
			_, waits := s.byName[q.name]
			return !waits
		})
	}
	return it, true
}

// expire drops the intents that are too old. One that was renewed since it was queued moves to the
// end instead.
func (s *pendingIntents) expire(now swim.Time) {
	for len(s.queue) > 0 && now >= s.queue[0].at.Add(intentKeep) {
		q := s.queue[0]
		if at := s.byName[q.name].at; at > q.at {
			s.pop()
			s.queue = append(s.queue, queuedIntent{q.name, at})
			continue
		}
		s.dropOldest()
	}
}

func (s *pendingIntents) dropOldest() {
	delete(s.byName, s.queue[0].name)
	s.pop()
}

func (s *pendingIntents) pop() {
	s.queue[0] = queuedIntent{}
	s.queue = s.queue[1:]
	if len(s.queue) == 0 {
		s.queue = nil
	}
}

// intentEffect is what a leave intent does to a member of some status.
type intentEffect uint8

const (
	intentStale   intentEffect = iota // not newer than the status time: ignored, not passed on
	intentNoted                       // only the status time moves
	intentLeaving                     // alive becomes leaving
	intentForced                      // failed becomes left
)

// leaveEffect decides what a leave intent of time t does.
func (r record) leaveEffect(t lamport.Time) intentEffect {
	switch {
	case t <= r.statusTime:
		return intentStale
	case !r.known():
		return intentNoted
	case r.status == StatusAlive:
		return intentLeaving
	case r.status == StatusFailed:
		return intentForced
	}
	return intentNoted
}

func (n *Node) handleLeaveMessage(now swim.Time, msg, body []byte, out *swim.Output) error {
	m, err := wire.ParseLeaveIntent(body)
	if err != nil {
		return err
	}
	if n.applyLeaveIntent(now, m.Node, lamport.Time(m.LTime), m.Prune, out) {
		n.broadcastLeave(&m, msg)
	}
	return nil
}

// broadcastLeave queues msg, a leave intent. One with Prune goes with the events, which are sent some
// more times than intents: no exchange of states brings it to whom it misses.
func (n *Node) broadcastLeave(m *wire.LeaveIntent, msg []byte) {
	if m.Prune {
		n.broadcast(&n.gossip.events, 0, msg)
		return
	}
	n.broadcastIntent(m.Node, msg)
}

func (n *Node) handleJoinMessage(now swim.Time, msg, body []byte, out *swim.Output) error {
	m, err := wire.ParseJoinIntent(body)
	if err != nil {
		return err
	}
	if n.applyJoinIntent(now, m.Node, lamport.Time(m.LTime), out) {
		n.broadcastIntent(m.Node, msg)
	}
	return nil
}

// applyLeaveIntent handles the claim that a member leaves, and says whether it was fresh, to be
// passed on.
func (n *Node) applyLeaveIntent(
	now swim.Time, name []byte, t lamport.Time, prune bool, out *swim.Output,
) bool {
	if !n.witness(&n.memberClock, t, out) {
		return false
	}
	id := n.lookup(name)
	if id == swim.NoMember {
		return n.keepIntent(now, name, intent{time: t, leave: true, prune: prune}, out)
	}
	r := n.table.at(id)
	effect := r.leaveEffect(t)
	if effect == intentStale {
		if prune && t == r.statusTime && r.known() && r.status == StatusLeft {
			// Forced from two places at the same time: with prune wins, whichever comes first.
			n.reapMember(now, id, NoteMemberReapForced, out)
			return true
		}
		return false
	}
	if id == n.self && n.leave.phase == leaveNone {
		n.refuteLeave(now, out)
		return false // only the refutation is passed on
	}
	n.table.setTime(id, n.roster.Name(id), t)
	if prune {
		n.table.edit(id).marks |= markPrune
	}
	switch effect {
	case intentLeaving:
		n.table.set(id, n.roster.Name(id), StatusLeaving, now)
		n.swim.Record(now, id, history.Leaving, history.Leave)
	case intentForced:
		n.forceLeft(now, id, out)
	}
	if prune && n.table.at(id).known() && n.table.at(id).status == StatusLeft {
		n.reapMember(now, id, NoteMemberReapForced, out)
	}
	return true
}

// forceLeft makes a failed member one that left, so that nobody tries to reconnect.
func (n *Node) forceLeft(now swim.Time, id swim.MemberID, out *swim.Output) {
	since := n.table.at(id).changed
	n.table.set(id, n.roster.Name(id), StatusLeft, now)
	n.swim.Record(now, id, history.Left, history.ForceLeave)
	n.table.edit(id).changed = since // the tombstone timeout runs from the failure
	n.emitMember(now, EventMemberLeave, id, false, out)
}

// refuteLeave tells everybody that this node stays: the intent that says otherwise is about an
// earlier run, or a force-leave by mistake.
func (n *Node) refuteLeave(now swim.Time, out *swim.Output) {
	n.count.LeavesRefuted++
	n.note(out, swim.Debug, NoteLeaveRefuted, swim.Note{Member: n.self})
	n.sendJoinIntent()
}

// sendJoinIntent tells everybody that this node is here, at a time later than any it knows.
func (n *Node) sendJoinIntent() {
	t := n.memberClock.Next()
	n.table.setTime(n.self, n.cfg.Name, t)
	m := wire.JoinIntent{LTime: uint64(t), Node: []byte(n.cfg.Name)}
	n.buf = m.Append(n.buf[:0])
	n.broadcastIntent(m.Node, n.buf)
}

// applyJoinIntent handles the claim that a member is here, and says whether it was fresh, to be
// passed on.
func (n *Node) applyJoinIntent(now swim.Time, name []byte, t lamport.Time, out *swim.Output) bool {
	if !n.witness(&n.memberClock, t, out) {
		return false
	}
	id := n.lookup(name)
	if id == swim.NoMember {
		return n.keepIntent(now, name, intent{time: t}, out)
	}
	r := n.table.at(id)
	if t <= r.statusTime {
		return false
	}
	n.table.setTime(id, n.roster.Name(id), t)
	if id == n.self && n.leave.phase == leaveNone && now >= n.leave.nextRefute {
		// This run didn't send it. It may be what is left of a leave intent that never got here: a
		// stock node alone with this one keeps it to itself, and its push/pull carries the time but
		// not whether it was a join or a leave.
		n.leave.nextRefute = now.Add(refuteGap)
		n.refuteLeave(now, out)
		return false
	}
	if r.known() && r.status == StatusAlive {
		n.maybeRestarted(now, id, out)
	}
	n.stopLeaving(now, id)
	return true
}

// keepIntent keeps an intent about an unknown member, and says whether it was fresh.
func (n *Node) keepIntent(now swim.Time, name []byte, it intent, out *swim.Output) bool {
	if len(name) == 0 || len(name) > swim.NameMax {
		n.count.BadMessages++
		return false
	}
	fresh, dropped := n.intents.add(now, name, it)
	if dropped > 0 {
		n.count.IntentsDropped += uint64(dropped)
		n.note(out, swim.Warn, NoteIntentsFull, swim.Note{N: intentsMax})
	}
	return fresh
}

// witness moves a clock past a time that was received. A time too far ahead is refused: if the
// clock followed it, all honest messages would be too old for ever.
func (n *Node) witness(c *lamport.Clock, t lamport.Time, out *swim.Output) bool {
	return c.Witness(t) || n.refuseTime(t, out)
}

// refuseTime accounts for a time that a clock refused. It returns false.
func (n *Node) refuseTime(t lamport.Time, out *swim.Output) bool {
	n.count.TimesRefused++
	n.note(out, swim.Warn, NoteTimeRefused, swim.Note{N: noteN(uint64(t))})
	return false
}

// ForceLeave makes everybody list a failed member as left, or with prune not at all. A member that
// is alive refutes it. The member may be unknown here: others may know it. The error is ErrSelf or
// a *SizeError.
func (n *Node) ForceLeave(now swim.Time, name string, prune bool, out *swim.Output) error {
	if name == n.cfg.Name {
		return ErrSelf
	}
	if len(name) == 0 || len(name) > swim.NameMax {
		return &SizeError{What: "member name", Size: len(name), Limit: swim.NameMax}
	}
	n.call.begin(out)
	if r := n.table.at(n.lookup([]byte(name))); r.known() && r.status == StatusLeft {
		// Members of the original that learn by push/pull that it left assume a time one later than
		// its status time. An intent must be newer than that to be fresh for them.
		n.memberClock.Witness(r.statusTime + 1)
	}
	t := n.memberClock.Next()
	m := wire.LeaveIntent{LTime: uint64(t), Node: []byte(name), Prune: prune}
	n.applyLeaveIntent(now, m.Node, t, prune, out)
	n.buf = m.Append(n.buf[:0])
	n.broadcastLeave(&m, n.buf)
	n.finish(now, out)
	return nil
}
