package agent

import (
	"sync"

	"serf/internal/std"
)

// Backlog is a subscription for programs that need many: its memory grows with the events that
// wait, not with those that might. Nothing waits for its reader; it is cut off when too many events
// wait.
type Backlog struct {
	filter func(Event) bool
	most   int
	owner  *fanout
	ready  chan struct{} // capacity 1: there is something for Next to see

	mu     sync.Mutex
	events []Event // oldest first
	ended  bool
	err    error
}

// SubscribeBacklog is Subscribe with a Backlog, in which at most `most` events may wait.
func (a *Agent) SubscribeBacklog(most int, filter func(Event) bool) *Backlog {
	b := &Backlog{
		filter: filter, most: min(max(most, 1), subscriptionMax),
		owner: &a.events, ready: make(chan struct{}, 1),
	}
	a.events.add(b)
	return b
}

// Next waits for the next event. It returns false once the backlog has ended and all events have
// been read. One goroutine at a time may call it.
func (b *Backlog) Next() (Event, bool) {
	for {
		e, ok, ended := b.take()
		if ok || ended {
			return e, ok
		}
		<-b.ready
	}
}

func (b *Backlog) take() (e Event, ok, ended bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.events) == 0 {
		return nil, false, b.ended
	}
	e = b.events[0]
	b.events[0] = nil // don't pin it
	b.events = b.events[1:]
	if len(b.events) == 0 {
		b.events = nil
	}
	b.owner.queued.Add(-1)
	return e, true, false
}

// Len is how many events Next returns without waiting.
func (b *Backlog) Len() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.events)
}

// Err is why the backlog ended, as for [Subscription.Err].
func (b *Backlog) Err() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.err
}

// Close ends the backlog. Events that wait may still be read, and should be: they count against the
// limit of all backlogs until then. Close may be called at any time, and more than once.
func (b *Backlog) Close() {
	b.end(nil)
	b.owner.remove(b)
}

func (b *Backlog) wants(e Event) bool { return b.filter == nil || b.filter(e) }

func (b *Backlog) offer(e Event) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ended {
		return true // it is being closed
	}
	// At the limit of all backlogs, readers that keep up aren't cut off.
	if n := len(b.events); n >= b.most || n > 0 && b.owner.queued.Load() >= backlogsMax {
		b.endLocked(ErrSlow)
		return false
	}
	b.events = append(b.events, e)
	b.owner.queued.Add(1)
	std.Wake(b.ready)
	return true
}

func (b *Backlog) end(err error) *fanout {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.ended {
		b.endLocked(err)
	}
	return b.owner
}

func (b *Backlog) endLocked(err error) {
	b.ended, b.err = true, err
	std.Wake(b.ready)
}
