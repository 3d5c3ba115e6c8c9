package serf

import (
	"slices"
	"time"

	"serf/lamport"
	"serf/swim"
	"serf/wire"
)

// Intents about somebody unknown are kept for when it appears: its alive
// message may take longer than its intent.
const (
	intentKeep = 5 * time.Minute // spec 3.2
	// intentsMax bounds them. One per member of the largest cluster that joins at once;
	// beyond it the oldest go.
	intentsMax = 4096
)

// echoGap is how soon a second join intent of ours that we never sent is answered with a newer
// one. Two nodes of one name would otherwise outdo each other for ever.
const echoGap = 10 * time.Second

// intents are the newest intents about members that aren't known.
type intents struct {
	byName map[string]intent
	queue  []queuedIntent // by when they were queued; some have been taken since
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

// add remembers it if it's newer than what is known of name, and says whether it was.
// dropped is how many others had to go.
func (s *intents) add(now swim.Time, name []byte, it intent) (news bool, dropped int) {
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

// take returns the intent about name, which has become known, and forgets it: from now on the member's
// record has its time. When many start together, intents about most of them come first.
func (s *intents) take(now swim.Time, name string) (intent, bool) {
	s.expire(now)
	it, ok := s.byName[name]
	if !ok {
		return intent{}, false
	}
	delete(s.byName, name)
	const slack = 64 // entries of the queue whose intents were taken
	switch {
	case len(s.byName) == 0:
		*s = intents{}
	case len(s.queue) > 2*len(s.byName)+slack:
		s.queue = slices.DeleteFunc(s.queue, func(q queuedIntent) bool {
			_, waits := s.byName[q.name]
			return !waits
		})
	}
	return it, true
}

// expire forgets the intents that are too old. One that has been renewed since it
// was queued goes to the end instead.
func (s *intents) expire(now swim.Time) {
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

func (s *intents) dropOldest() {
	delete(s.byName, s.queue[0].name)
	s.pop()
}

func (s *intents) pop() {
	s.queue[0] = queuedIntent{}
	s.queue = s.queue[1:]
	if len(s.queue) == 0 {
		s.queue = nil
	}
}

// intentEffect is what a leave intent does to a member of some status.
type intentEffect uint8

const (
	intentStale   intentEffect = iota // not newer than what is known: ignored, not passed on
	intentNoted                       // only its time counts
	intentLeaving                     // alive becomes leaving
	intentForced                      // failed becomes left
)

// onLeave decides what a leave intent of time t does.
func (r record) onLeave(t lamport.Time) intentEffect {
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
		n.spreadIntent(m.Node, msg)
	}
	return nil
}

func (n *Node) handleJoinMessage(now swim.Time, msg, body []byte, out *swim.Output) error {
	m, err := wire.ParseJoinIntent(body)
	if err != nil {
		return err
	}
	if n.applyJoinIntent(now, m.Node, lamport.Time(m.LTime), out) {
		n.spreadIntent(m.Node, msg)
	}
	return nil
}

// applyLeaveIntent takes somebody's word that a member leaves, and says
// whether that was news, to be passed on.
func (n *Node) applyLeaveIntent(now swim.Time, name []byte, t lamport.Time, prune bool, out *swim.Output) bool {
	if !n.witness(&n.memberClock, t, out) {
		return false
	}
	id := n.lookup(name)
	if id == swim.NoMember {
		return n.keepIntent(now, name, intent{time: t, leave: true, prune: prune}, out)
	}
	r := n.table.at(id)
	effect := r.onLeave(t)
	if effect == intentStale {
		if prune && t == r.statusTime && r.known() && r.status == StatusLeft {
			// Forced from two places at one time: whichever comes first, the one that removes wins.
			n.reapMember(now, id, NoteMemberReapForced, out)
			return true
		}
		return false
	}
	if id == n.self && n.leave.phase == leaveNot {
		n.refuteLeave(now, out)
		return false // the refutation is the news
	}
	e := n.table.edit(id)
	e.statusTime = t
	if prune {
		e.marks |= markPrune
	}
	switch effect {
	case intentLeaving:
		n.table.set(id, StatusLeaving, now)
	case intentForced:
		n.forceLeft(now, id, out)
	}
	if prune && n.table.at(id).known() && n.table.at(id).status == StatusLeft {
		n.reapMember(now, id, NoteMemberReapForced, out)
	}
	return true
}

// forceLeft makes a failed member one that left: nobody tries to reconnect any more.
func (n *Node) forceLeft(now swim.Time, id swim.MemberID, out *swim.Output) {
	failed := n.table.at(id).changed
	n.table.set(id, StatusLeft, now)
	n.table.edit(id).changed = failed // reaped as long after it was last seen as others
	n.tellMember(now, EventMemberLeave, id, false, out)
}

// refuteLeave tells everybody that this node stays: what says otherwise is about an
// earlier run, or was forced from elsewhere.
func (n *Node) refuteLeave(now swim.Time, out *swim.Output) {
	n.count.LeavesRefuted++
	n.note(out, swim.Note{Level: swim.Debug, Code: NoteLeaveRefuted, Member: n.self})
	n.sendJoinIntent()
}

// sendJoinIntent tells everybody that this node is here, later than all that it knows of.
func (n *Node) sendJoinIntent() {
	t := n.memberClock.Next()
	n.table.edit(n.self).statusTime = t
	m := wire.JoinIntent{LTime: uint64(t), Node: []byte(n.cfg.Name)}
	n.buf = m.Append(n.buf[:0])
	n.spreadIntent(m.Node, n.buf)
}

// applyJoinIntent takes a member's word that it is here, and says whether
// that was news, to be passed on.
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
	e := n.table.edit(id)
	e.statusTime = t
	if id == n.self && n.leave.phase == leaveNot && now >= n.nextEcho {
		// Not of this run. It may be the trace of a leave that never reached us: a stock
		// node among two tells nobody but itself, and in a push/pull doesn't say which
		// of both it was.
		n.nextEcho = now.Add(echoGap)
		n.refuteLeave(now, out)
		return false
	}
	if r.status == StatusLeaving && id != n.self {
		e.marks &^= markPrune
		n.table.set(id, StatusAlive, now)
	} else if r.status == StatusAlive && r.known() {
		n.maybeRestarted(now, id, out)
	}
	return true
}

func (n *Node) keepIntent(now swim.Time, name []byte, it intent, out *swim.Output) bool {
	if len(name) == 0 || len(name) > swim.NameMax {
		n.count.BadMessages++
		return false
	}
	news, dropped := n.intents.add(now, name, it)
	if dropped > 0 {
		n.count.IntentsDropped += uint64(dropped)
		n.note(out, swim.Note{Level: swim.Warn, Code: NoteIntentsFull, N: intentsMax})
	}
	return news
}

// witness moves a clock past a time that was received. A time too far ahead is
// refused: followed, it would make all honest messages old for ever (F2).
func (n *Node) witness(c *lamport.Clock, t lamport.Time, out *swim.Output) bool {
	if c.Witness(t) {
		return true
	}
	n.count.TimesRefused++
	n.note(out, swim.Note{Level: swim.Warn, Code: NoteTimeRefused, N: int64(min(t, 1<<63-1))})
	return false
}

// ForceLeave makes everybody list a failed member as left, or with prune not at all. A
// member that is alive refutes it. Somebody unknown is fine: others may know more.
func (n *Node) ForceLeave(now swim.Time, name string, prune bool, out *swim.Output) error {
	if name == n.cfg.Name {
		return ErrSelf
	}
	if len(name) == 0 || len(name) > swim.NameMax {
		return &SizeError{What: "member name", Size: len(name), Limit: swim.NameMax}
	}
	n.begin(out)
	if r := n.table.at(n.lookup([]byte(name))); r.known() && r.status == StatusLeft {
		// Members of the original that hear of one that left by push/pull take one later than
		// its status time: what is to be news for them has to be newer than that.
		n.memberClock.Witness(r.statusTime + 1)
	}
	t := n.memberClock.Next()
	m := wire.LeaveIntent{LTime: uint64(t), Node: []byte(name), Prune: prune}
	n.applyLeaveIntent(now, m.Node, t, prune, out)
	n.buf = m.Append(n.buf[:0])
	n.spreadIntent(m.Node, n.buf)
	n.finish(now, out)
	return nil
}
