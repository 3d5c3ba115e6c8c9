package agent

import (
	"sync/atomic"
	"time"

	"serf/swim"
)

// Snapshot keeps over a restart what an agent knows. Package snapshot has one in a file.
type Snapshot interface {
	// Previous is what the last run knew. It is called before Append.
	Previous() SnapshotState
	// Append is given one line, with its newline, on the loop. It must return at once and copy what
	// it keeps.
	Append(line []byte)
	// Notify is called once, before the first line. From then on the snapshot calls f, from any
	// goroutine, with the number of lines so far that would survive if the process were killed.
	Notify(f func(lines uint64))
}

const (
	// holdTime is how long an event waits for the journal: if the disk hangs, an event may be
	// delivered again after a crash, but never late.
	holdTime = 100 * time.Millisecond
	// holdMax bounds the events that wait; beyond it the oldest is delivered.
	holdMax = 4096
)

// hold keeps user events and queries back until the journal has stored their Lamport times.
// Otherwise an agent that is killed would deliver them again after its restart, although its
// handlers have seen them.
type hold struct {
	events []heldEvent // oldest first
	lines  uint64      // passed to the journal
	marked int         // number of events whose line is known

	written atomic.Uint64
}

type heldEvent struct {
	event Event
	line  uint64 // the journal line that has to be stored first
	until swim.Time
}

// init subscribes to the journal's progress, which wake is called for.
func (h *hold) init(j Snapshot, wake func()) {
	if j == nil {
		return
	}
	j.Notify(func(lines uint64) {
		h.written.Store(lines)
		wake()
	})
}

// deliver publishes an event, once the journal has its time.
func (a *Agent) deliver(e Event) {
	if a.conf.Snapshot == nil {
		a.publish(e)
		return
	}
	h := &a.loop.hold
	if len(h.events) >= holdMax {
		a.release(1)
	}
	h.events = append(h.events, heldEvent{event: e, until: a.driver.Now().Add(holdTime)})
}

// journal passes a line to the journal.
func (a *Agent) journal(line []byte) {
	if a.conf.Snapshot != nil {
		a.loop.hold.lines++
		a.conf.Snapshot.Append(line)
	}
}

// markHeld notes which line the events of a call wait for: the last one of that call.
func (h *hold) markHeld() {
	for ; h.marked < len(h.events); h.marked++ {
		h.events[h.marked].line = h.lines
	}
}

// releaseWritten delivers the events that need not wait any longer.
func (a *Agent) releaseWritten(now swim.Time) {
	h := &a.loop.hold
	written := h.written.Load()
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

// deadline is when the oldest event has waited long enough.
func (h *hold) deadline() swim.Time {
	if len(h.events) == 0 {
		return swim.Never
	}
	return h.events[0].until
}
