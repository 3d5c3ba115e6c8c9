package handler

import (
	"slices"
	"time"

	"serf/internal/histogram"
	"serf/internal/std"
)

const (
	// queueBytes limits what waits for one handler, besides the number of events: one event may be
	// about thousands of members.
	queueBytes = 4 << 20
	// mergeMax is the most members that a merged event may have.
	mergeMax = 1024
	// complainEvery is how often a handler that doesn't keep up is logged.
	complainEvery = 30 * time.Second
)

// queue holds the events that wait for one handler. The runner's lock guards it.
//
// When there is no room, a member event is merged into the last one if that reports the same of
// other members. Otherwise the oldest event is dropped: for a member only the latest event counts,
// and the asker of an old query has gone.
type queue struct {
	handler Handler
	events  []waiting
	bytes   int           // cost of the events
	busy    bool          // a goroutine is draining it
	wake    chan struct{} // capacity 1: the goroutine has to look again
	counts  Counts

	took  histogram.Histogram
	began time.Time // of the script that runs; zero if none does
	slow  bool      // it has run for slowAfter

	complained time.Time
}

// waiting is an event in a queue.
type waiting struct {
	Event
	cost   int
	merged bool // Members belongs to the queue
	step   *step
}

func newQueue(h Handler) *queue { return &queue{handler: h, wake: make(chan struct{}, 1)} }

// add queues an event. It reports whether others were dropped to make room.
func (q *queue) add(w waiting, limit int) (dropped bool) {
	if len(q.events) < limit || !q.maybeMerge(w) {
		q.events = append(q.events, w)
	} else {
		w.step.pass()
	}
	if q.slow {
		w.step.pass()
	}
	q.bytes += w.cost
	for len(q.events) > limit || q.bytes > queueBytes && len(q.events) > 1 {
		q.pop().step.pass()
		q.counts.Dropped++
		dropped = true
	}
	if dropped || q.crowded(limit) {
		std.Wake(q.wake)
	}
	return dropped
}

// crowded reports whether so much waits that some of it will be lost unless the handler goes on.
func (q *queue) crowded(limit int) bool { return len(q.events) > limit/2 || q.bytes > queueBytes/2 }

// noteSlow lets other handlers run ahead of everything that this one still has to do.
func (q *queue) noteSlow(running *step) {
	q.slow = true
	running.pass()
	for i := range q.events {
		q.events[i].step.pass()
	}
}

// maybeMerge adds the members of w to the last event.
func (q *queue) maybeMerge(w waiting) bool {
	if len(q.events) == 0 || w.named() {
		return false
	}
	last := &q.events[len(q.events)-1]
	if last.Kind != w.Kind || len(last.Members)+len(w.Members) > mergeMax {
		return false
	}
	if !last.merged {
		last.Members, last.merged = slices.Clone(last.Members), true
	}
	last.Members = append(last.Members, w.Members...)
	last.cost += w.cost
	q.counts.Coalesced++
	return true
}

// pop takes the oldest event, of which there must be one.
func (q *queue) pop() waiting {
	w := q.events[0]
	q.events[0] = waiting{} // don't pin it
	q.events = q.events[1:]
	q.bytes -= w.cost
	return w
}

// lose empties the queue of a closed runner.
func (q *queue) lose() {
	for len(q.events) > 0 {
		q.pop().step.pass()
		q.counts.Lost++
	}
}

func (q *queue) stats() HandlerStats {
	return HandlerStats{Handler: q.handler.String(), Waiting: len(q.events), Began: q.began,
		Took: q.took, Counts: q.counts}
}

// maybeComplain reports whether it is time to log that events were dropped.
func (q *queue) maybeComplain(now time.Time) bool {
	if !q.complained.IsZero() && now.Sub(q.complained) < complainEvery {
		return false
	}
	q.complained = now
	return true
}
