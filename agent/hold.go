package agent

import (
	"sync/atomic"
	"time"

	"serf/swim"
)

// Journal keeps the lines of the snapshot.
type Journal interface {
	// Append is given one line, newline included, on the loop: it must return at once and copy what
	// it keeps.
	Append(line []byte)
	// Notify is called once, before the first line. From then on f is to be told, from any
	// goroutine, how many lines so far have been taken care of: those that a killed process leaves
	// behind.
	Notify(f func(lines uint64))
}

const (
	// holdTime is how long an event waits for the journal: a disk that hangs may make it be
	// delivered twice, but not late.
	holdTime = 100 * time.Millisecond
	// holdMax bounds the events that wait; beyond it the oldest doesn't any more.
	holdMax = 4096
)

// hold is the user events and queries that wait until the journal has the times they came with. An
// agent that is killed would else deliver once more, after its restart, what its handlers have
// seen.
type hold struct {
	events []heldEvent // oldest first
	lines  uint64      // given to the journal
	marked int         // of events, how many know their line

	written atomic.Uint64
	wake    chan struct{} // capacity 1: written has grown
}

type heldEvent struct {
	event Event
	line  uint64 // to be written before
	until swim.Time
}

// init starts to listen to the journal.
func (h *hold) init(j Journal) {
	h.wake = make(chan struct{}, 1)
	if j == nil {
		return
	}
	j.Notify(func(lines uint64) {
		h.written.Store(lines)
		select {
		case h.wake <- struct{}{}:
		default:
		}
	})
}

// deliver publishes an event, or lets it wait for the journal.
func (a *Agent) deliver(e Event) {
	if a.conf.Journal == nil {
		a.publish(e)
		return
	}
	h := &a.loop.hold
	if len(h.events) >= holdMax {
		a.release(1)
	}
	h.events = append(h.events, heldEvent{event: e, until: a.now().Add(holdTime)})
}

// journal hands a line on.
func (a *Agent) journal(line []byte) {
	if a.conf.Journal != nil {
		a.loop.hold.lines++
		a.conf.Journal.Append(line)
	}
}

// markHeld tells the events of a call which line they wait for: the last one of that call.
func (h *hold) markHeld() {
	for ; h.marked < len(h.events); h.marked++ {
		h.events[h.marked].line = h.lines
	}
}

// releaseWritten delivers the events that needn't wait any more.
func (a *Agent) releaseWritten() {
	h := &a.loop.hold
	written, now := h.written.Load(), a.now()
	n := 0
	for n < len(h.events) && (h.events[n].line <= written || h.events[n].until <= now) {
		n++
	}
	a.release(n)
}

// release delivers the n oldest.
func (a *Agent) release(n int) {
	h := &a.loop.hold
	for i := range n {
		a.publish(h.events[i].event)
	}
	rest := copy(h.events, h.events[n:])
	clear(h.events[rest:])
	h.events, h.marked = h.events[:rest], max(h.marked-n, 0)
}

// deadline is when the oldest has waited long enough.
func (h *hold) deadline() swim.Time {
	if len(h.events) == 0 {
		return swim.Never
	}
	return h.events[0].until
}
