package serf

import (
	"cmp"
	"slices"

	"serf/lamport"
	"serf/swim"
	"serf/swim/internal/paged"
	"serf/wire"
)

// state returns what a push/pull carries of this layer (spec 1.6).
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
	for p := 0; p < n.table.recs.Pages(); {
		if run := n.table.recs.SharedRun(p); run > 0 {
			w.ShareStatusLTimes(n.cfg.Warm.times.Run(p, p+run), n.cfg.Warm.inPages(p, p+run))
			p += run
			continue
		}
		first := swim.MemberID(p * paged.PageLen)
		for i, r := range n.table.recs.Page(p) {
			if r.known() {
				w.StatusLTime(n.roster.Name(first+swim.MemberID(i)), uint64(r.joinTime()))
			}
		}
		p++
	}
	return w.Rope()
}

// joinTime is the status time as push/pull carries it for a member that hasn't left: others take
// it for a join at that time. Of one that is leaving, told as it stands, it would hide
// the leave itself, which has the same time.
func (r record) joinTime() lamport.Time {
	if r.status == StatusLeaving && r.statusTime > 0 {
		return r.statusTime - 1
	}
	return r.statusTime
}

// handleState merges the state of another member. Nothing of it is gossiped: it is
// no news to the one that sent it, and others push and pull by themselves.
func (n *Node) handleState(now swim.Time, e *swim.Event, out *swim.Output) {
	if len(e.Data) == 0 || wire.SerfType(e.Data[0]) != wire.SerfPushPull {
		n.refuse(e.Addr, errNotState, out)
		return
	}
	s, err := wire.ParseSerfStatePieces(e.Data[1:], e.More, n.cfg.Warm.inPiece)
	if err != nil {
		n.refuse(e.Addr, err, out)
		return
	}
	n.sync(&n.memberClock, s.LTime, out)
	eventsOK := n.sync(&n.eventClock, s.EventLTime, out)
	n.sync(&n.queryClock, s.QueryLTime, out)
	n.mergeStatuses(now, &s, out)
	if e.N == 1 && n.joins.ignoreOld() && eventsOK {
		n.events.window.SetMin(lamport.Time(s.EventLTime))
	}
	n.replay(now, s.Events, out)
}

// sync moves a clock up to that of another member.
func (n *Node) sync(c *lamport.Clock, other uint64, out *swim.Output) bool {
	if other == 0 || c.Sync(lamport.Time(other)) {
		return true
	}
	n.count.TimesRefused++
	n.note(out, swim.Note{Level: swim.Warn, Code: NoteTimeRefused, N: int64(min(other, 1<<63-1))})
	return false
}

// mergeStatuses takes the status times as intents: members that left first, so that
// the times of the others can't hide it. When a member left isn't said; one
// later than its status time is the least that is newer than its joining.
//
// Of a member that is alive here, left is outdated: had it really left, the membership's part of
// the same exchange would have said so. Believed, it would hide a quick restart,
// whose join intent may have that very time (F17).
func (n *Node) mergeStatuses(now swim.Time, s *wire.SerfState, out *swim.Output) {
	left := leftAt(s)
	for it := s.LeftMembers.Iter(); it.Next(); {
		id := n.lookup(it.Elem)
		if r := n.table.at(id); id != n.self && r.known() && (r.status == StatusAlive || r.status == StatusLeaving) {
			continue
		}
		// One more than a time that no clock takes is such a time too, but for the last.
		t := min(left[string(it.Elem)], lamport.Max)
		n.applyLeaveIntent(now, it.Elem, t+1, false, out)
	}
	s.StatusLTimes.Pieces(func(piece []byte) {
		from, to, ok := n.cfg.Warm.find(piece)
		if !ok {
			n.mergeJoins(now, piece, left, out)
		}
		for page := from; page < to; page++ {
			// Of a page that is still as in the base each time is known already.
			if !n.table.recs.Shares(page) {
				n.mergeJoins(now, n.cfg.Warm.times.Page(page), left, out)
			}
		}
	})
}

// leftAt returns the status times of those who left.
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

// mergeJoins takes the status times of one piece as join intents, but for those who left.
func (n *Node) mergeJoins(now swim.Time, piece []byte, left map[string]lamport.Time, out *swim.Output) {
	for it := wire.IterStatusLTimes(piece); it.Next(); {
		if len(left) > 0 {
			if _, ok := left[string(it.Name)]; ok {
				continue
			}
		}
		n.applyJoinIntent(now, it.Name, lamport.Time(it.LTime), out)
	}
}

// replay delivers the events of another member that this one has missed, in the
// order of their times.
func (n *Node) replay(now swim.Time, slots wire.EventSlots, out *swim.Output) {
	var sorted []wire.EventSlot
	for it := slots.Iter(); it.Next(); {
		sorted = append(sorted, it.Slot)
	}
	slices.SortStableFunc(sorted, func(a, b wire.EventSlot) int { return cmp.Compare(a.LTime, b.LTime) })
	for _, slot := range sorted {
		for it := slot.Iter(); it.Next(); {
			n.applyEvent(now, lamport.Time(slot.LTime), it.Event.Name, it.Event.Payload, false, out)
		}
	}
}
