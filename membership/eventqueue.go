package membership

import (
	"bytes"
	"slices"

	"serf/internal/std"
)

// eventQueueMax bounds the events that wait for one reader. Beyond it they are summed up.
const eventQueueMax = 1024

// eventQueue has the events that one reader hasn't read yet. The lock of its table guards it.
//
// A reader that falls behind loses nothing: what was known when the queue became full is kept, and
// once the queue is empty, the difference to what is known then becomes events.
type eventQueue struct {
	events ring[Event]
	behind map[string]Member // what was known after the last event in the queue; nil: it has all
	seq    uint64            // events so far, those summed up included
	read   uint64            // how many of them the reader has taken
	wake   chan struct{}     // capacity 1
}

func newEventQueue() *eventQueue { return &eventQueue{wake: make(chan struct{}, 1)} }

// add adds an event, or reports that there is no room, or that the reader is behind already.
func (q *eventQueue) add(e Event) bool {
	q.seq++
	if q.behind != nil || q.events.n >= eventQueueMax {
		return false
	}
	*q.events.push() = e
	std.Wake(q.wake)
	return true
}

// fallBehind notes what was known before the event that found no room, which is about the member of
// this name: before is what was known of that one, or nil.
func (q *eventQueue) fallBehind(t *table, name string, before *Member) {
	if q.behind != nil {
		return
	}
	q.behind = make(map[string]Member, len(t.members))
	for _, m := range t.members {
		q.behind[m.Name] = *m
	}
	if delete(q.behind, name); before != nil {
		q.behind[name] = *before
	}
}

// next takes the next event; false if there is none. The table's lock is held.
func (q *eventQueue) next(t *table) (Event, bool) {
	if q.events.n == 0 && q.behind != nil {
		q.catchUp(t)
	}
	if q.events.n == 0 {
		return Event{}, false
	}
	q.read++
	first := q.events.first()
	e := *first
	*first = Event{}
	q.events.drop(eventQueueKeep)
	return e, true
}

// eventQueueKeep is for how many events an empty queue keeps memory.
const eventQueueKeep = 64

// catchUp makes events of the difference between what the reader knows and what is known now.
func (q *eventQueue) catchUp(t *table) {
	was := q.behind
	q.behind = nil
	for _, m := range t.members {
		before, known := was[m.Name]
		delete(was, m.Name)
		if kind := difference(&before, known, m); kind != 0 {
			*q.events.push() = Event{Kind: kind, Member: *m}
		}
	}
	var gone []Member // and forgotten
	for _, m := range was {
		if m.State.Living() {
			m.State = StateFailed
			gone = append(gone, m)
		}
	}
	slices.SortFunc(gone, func(a, b Member) int { return byName(&a, b.Name) })
	for _, m := range gone {
		*q.events.push() = Event{Kind: Failed, Member: m}
	}
	q.read = q.seq - uint64(q.events.n) // what becomes of a member is one event, out of one or more
}

// difference is what became of a member.
func difference(before *Member, known bool, now *Member) EventKind {
	was := known && before.State.Living()
	switch {
	case !was && now.State.Living():
		return Joined
	case was && now.State == StateLeft:
		return Left
	case was && now.State == StateFailed:
		return Failed
	case was && (before.Addr != now.Addr || !bytes.Equal(before.Meta, now.Meta) ||
		before.Protocol != now.Protocol || before.Layer != now.Layer):
		return Updated
	}
	return 0
}
