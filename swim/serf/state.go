package serf

import (
	"sort"

	"serf/lamport"
	"serf/swim"
	"serf/swim/internal/paged"
	"serf/wire"
)

// state returns this layer's part of a push/pull: clocks, the events of the window, members that
// left, and the status times of all.
func (n *Node) state() *wire.Rope {
	w := wire.AppendSerfState(nil, uint64(n.eventClock.Now()), n.events.window.Times())
	for t, events := range n.events.window.All() {
		w.Slot(uint64(t), len(events))
		for _, e := range events {
			w.Event(e.Name, e.Payload)
		}
	}
	w.LeftMembers(uint64(n.memberClock.Now()), n.table.count[StatusLeft])
	if n.table.count[StatusLeft] > 0 {
		for id, r := range n.table.own {
			if r.known() && r.status == StatusLeft {
				w.LeftMember(n.roster.Name(id))
			}
		}
	}
	w.StatusLTimes(uint64(n.queryClock.Now()), n.table.len())
	recs := &n.table.recs
	for run, shared := range recs.Runs {
		if shared {
			w.ShareStatusLTimes(recs.Bytes(run), recs.Encoded(run))
			continue
		}
		for id, r := range recs.In(run) {
			if r.known() {
				w.StatusLTime(n.roster.Name(swim.MemberID(id)), uint64(r.joinTime()))
			}
		}
	}
	return w.Rope()
}

// part returns this layer's part of a push/pull about the members for which in holds (nil: none),
// with the events that a node lacks which has these sums (nil: none).
func (n *Node) part(in func(swim.MemberID) bool, theirs []byte) *wire.Rope {
	var events eventsPart
	if theirs != nil {
		events = n.eventsBeyond(theirs)
	}
	w := wire.AppendSerfState(nil, uint64(n.eventClock.Now()), len(events.times))
	for i, t := range events.times {
		w.Slot(uint64(t), len(events.of[i]))
		for _, e := range events.of[i] {
			w.Event(e.Name, e.Payload)
		}
	}
	var members, left []swim.MemberID
	if in != nil {
		for id := range swim.MemberID(n.table.recs.Len()) {
			if r := n.table.at(id); r.known() && in(id) {
				members = append(members, id)
				if r.status == StatusLeft {
					left = append(left, id)
				}
			}
		}
	}
	w.LeftMembers(uint64(n.memberClock.Now()), len(left))
	for _, id := range left {
		w.LeftMember(n.roster.Name(id))
	}
	w.StatusLTimes(uint64(n.queryClock.Now()), len(members))
	for _, id := range members {
		w.StatusLTime(n.roster.Name(id), uint64(n.table.at(id).joinTime()))
	}
	return w.Rope()
}

// joinTime is the status time as a push/pull carries it for a member that hasn't left: the receiver
// treats it as a join at that time. For a leaving member it is one less, or it would mask the leave
// intent, which has the same time.
func (r record) joinTime() lamport.Time {
	if r.status == StatusLeaving && r.statusTime > 0 {
		return r.statusTime - 1
	}
	return r.statusTime
}

// handleState merges the state of another member. None of it is gossiped: its sender knows it, and
// the others have push/pulls of their own.
func (n *Node) handleState(now swim.Time, e *swim.Event, out *swim.Output) {
	if len(e.Data) == 0 || wire.SerfType(e.Data[0]) != wire.SerfPushPull {
		n.refuse(e.Addr, messageType(e.Data), errNotState, out)
		return
	}
	s, err := wire.ParseSerfStatePieces(e.Data[1:], e.More, n.table.recs.EncodedIn)
	if err != nil {
		n.refuse(e.Addr, messageType(e.Data), err, out)
		return
	}
	n.sync(&n.memberClock, s.LTime, out)
	eventsOK := n.sync(&n.eventClock, s.EventLTime, out)
	n.sync(&n.queryClock, s.QueryLTime, out)
	n.mergeStatuses(now, &s, out)
	if e.N == 1 && n.joins.ignoresOldEvents() && eventsOK {
		n.events.window.SetMin(lamport.Time(s.EventLTime))
	}
	n.replay(now, s.Events, out)
}

// sync moves a clock up to that of another member.
func (n *Node) sync(c *lamport.Clock, other uint64, out *swim.Output) bool {
	t := lamport.Time(other)
	return t == 0 || c.Sync(t) || n.refuseTime(t, out)
}

// mergeStatuses applies the status times as intents: first leaves of the members that left, so that
// the times can't mask them. A push/pull doesn't say when a member left; one more than its status
// time is the least time that is newer than its join.
//
// That a member left is outdated if it is alive here: had it really left, the membership's part of
// the same push/pull would say so. Applied, it would mask a quick restart, whose join intent may
// have that very time.
func (n *Node) mergeStatuses(now swim.Time, s *wire.SerfState, out *swim.Output) {
	left := leftAt(s)
	for it := s.LeftMembers.Iter(); it.Next(); {
		id := n.lookup(it.Elem)
		if id != n.self && n.table.at(id).here() {
			continue
		}
		// Above lamport.Max clocks refuse all times, but t+1 must not wrap.
		t := min(left[string(it.Elem)], lamport.Max)
		n.applyLeaveIntent(now, it.Elem, t+1, false, out)
	}
	s.StatusLTimes.Pieces(func(piece []byte) {
		recs := &n.table.recs
		run, ok := recs.Find(piece)
		if !ok {
			n.mergeJoins(now, piece, left, out)
		}
		for p := run.From; p < run.To; p++ {
			// A page that is still the base's holds these very times already.
			if !recs.Shares(p) {
				n.mergeJoins(now, recs.Bytes(paged.Run{From: p, To: p + 1}), left, out)
			}
		}
	})
}

// leftAt returns the status times of the members that left.
func leftAt(s *wire.SerfState) map[string]lamport.Time {
	if s.LeftMembers.Len() == 0 {
		return nil
	}
	left := make(map[string]lamport.Time, s.LeftMembers.Len())
	for it := s.LeftMembers.Iter(); it.Next(); {
		left[string(it.Elem)] = 0
	}
	for it := s.StatusLTimes.Iter(); it.Next(); {
		if _, ok := left[string(it.Name)]; ok {
			left[string(it.Name)] = lamport.Time(it.LTime)
		}
	}
	return left
}

// mergeJoins applies the status times in one piece as join intents, except for members that left.
func (n *Node) mergeJoins(
	now swim.Time, piece []byte, left map[string]lamport.Time, out *swim.Output,
) {
	for it := wire.IterStatusLTimes(piece); it.Next(); {
		if len(left) > 0 {
			if _, ok := left[string(it.Name)]; ok {
				continue
			}
		}
		n.applyJoinIntent(now, it.Name, lamport.Time(it.LTime), out)
	}
}

// replay delivers the events of another member's window that this node missed, in the order of
// their times.
func (n *Node) replay(now swim.Time, slots wire.EventSlots, out *swim.Output) {
	var sorted []wire.EventSlot
	for it := slots.Iter(); it.Next(); {
		sorted = append(sorted, it.Slot)
	}
	sort.SliceStable(sorted, func(i, j int) bool { return sorted[i].LTime < sorted[j].LTime })
	for _, slot := range sorted {
		for it := slot.Iter(); it.Next(); {
			e := userEvent{name: it.Event.Name, payload: it.Event.Payload}
			n.applyEvent(now, lamport.Time(slot.LTime), &e, out)
		}
	}
}
