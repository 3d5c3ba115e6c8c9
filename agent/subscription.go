package agent

import (
	"errors"
	"slices"
	"sync"
	"sync/atomic"
)

// ErrSlow ends a subscription whose reader didn't keep up.
var ErrSlow = errors.New("subscription cut off: events came faster than they were read")

// Limits of subscriptions.
const (
	// subscriptionsMax bounds the time that one event takes, some milliseconds of the loop: beyond
	// it Subscribe returns a subscription that has already ended.
	subscriptionsMax = 1 << 16
	// subscriptionMax bounds the events that a slow reader can pin.
	subscriptionMax = 1 << 16
	// backlogsMax bounds the events that all slow readers of backlogs can pin together: 64 MB,
	// besides the events themselves.
	backlogsMax = 1 << 22
)

// Subscription is a stream of events. Nothing waits for its reader: when the channel is full the
// subscription is cut off, which closes the channel.
type Subscription struct {
	// C delivers the events in order. It is closed by Close, at the end of the agent, and when the
	// reader was too slow; Err says which.
	C <-chan Event

	c      chan Event
	filter func(Event) bool

	mu    sync.Mutex // held for one channel operation at most
	owner *fanout    // nil before Start
	ended bool
	err   error
}

// NewSubscription makes a subscription for [Config.Subscriptions], which gets all events from the
// start on. It is otherwise like one of [Agent.Subscribe]; its reader may begin before the agent
// does.
func NewSubscription(capacity int, filter func(Event) bool) *Subscription {
	c := make(chan Event, min(max(capacity, 1), subscriptionMax))
	return &Subscription{C: c, c: c, filter: filter}
}

// Err is why the subscription ended: ErrSlow, ErrStopped, or nil after Close. It is nil while the
// subscription is open.
func (s *Subscription) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// Close ends the subscription and closes C. It may be called at any time, and more than once.
func (s *Subscription) Close() {
	if owner := s.end(nil); owner != nil {
		owner.remove(s)
	}
}

// subscriber is a reader of events as the fanout sees it.
type subscriber interface {
	wants(e Event) bool
	// offer hands over an event. It reports false if there is no room: then the subscriber has
	// ended, with ErrSlow.
	offer(e Event) bool
	// end ends the subscriber unless it has ended, and returns its fanout.
	end(err error) *fanout
}

func (s *Subscription) wants(e Event) bool { return s.filter == nil || s.filter(e) }

func (s *Subscription) offer(e Event) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return true // it is being closed
	}
	select {
	case s.c <- e:
		return true
	default:
		s.endLocked(ErrSlow)
		return false
	}
}

func (s *Subscription) end(err error) *fanout {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.ended {
		s.endLocked(err)
	}
	return s.owner
}

func (s *Subscription) endLocked(err error) {
	s.ended, s.err = true, err
	close(s.c)
}

// fanout hands events to any number of subscribers. A mutex guards it rather than the loop, so that
// subscribing needs no turn of the loop and works at any time; it is held for a few channel
// operations.
type fanout struct {
	mu     sync.Mutex
	subs   []subscriber // in order of subscription
	closed error        // why nobody can subscribe any more

	cut    atomic.Uint64 // subscribers ended for slowness
	untold atomic.Uint64 // events that found no room at tellers
	queued atomic.Int64  // events that wait in backlogs
}

// subscribe adds a subscription with room for capacity events. filter, if not nil, runs on the
// loop: it must be quick and must not call the agent.
func (f *fanout) subscribe(capacity int, filter func(Event) bool) *Subscription {
	s := NewSubscription(capacity, filter)
	f.adopt(s)
	return s
}

// adopt adds a new subscription, and reports whether it was new.
func (f *fanout) adopt(s *Subscription) bool {
	s.mu.Lock()
	fresh := s.owner == nil
	if fresh {
		s.owner = f
	}
	s.mu.Unlock()
	if fresh {
		f.add(s)
	}
	return fresh
}

func (f *fanout) add(s subscriber) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.closed != nil:
		s.end(f.closed)
	case len(f.subs) >= subscriptionsMax:
		s.end(errTooManySubscriptions)
	default:
		f.subs = append(f.subs, s)
	}
}

var errTooManySubscriptions = errors.New("too many subscriptions")

// publish offers e to all and returns how many were cut off.
func (f *fanout) publish(e Event) (cut int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	kept := f.subs[:0]
	for _, s := range f.subs {
		if !s.wants(e) || s.offer(e) {
			kept = append(kept, s)
			continue
		}
		cut++
	}
	clear(f.subs[len(kept):])
	f.subs = kept
	f.cut.Add(uint64(cut))
	return cut
}

// wants reports whether a subscriber lets e through. Whether its reader would answer a query can't
// be known, so assume that it would.
func (f *fanout) wants(e Event) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.ContainsFunc(f.subs, func(s subscriber) bool { return s.wants(e) })
}

func (f *fanout) remove(s subscriber) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if i := slices.Index(f.subs, s); i >= 0 {
		f.subs = slices.Delete(f.subs, i, i+1)
	}
}

// close ends all subscribers, and future ones, with err.
func (f *fanout) close(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, s := range f.subs {
		s.end(err)
	}
	f.subs, f.closed = nil, err
}
