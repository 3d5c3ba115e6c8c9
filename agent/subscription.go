package agent

import (
	"errors"
	"slices"
	"sync"
	"sync/atomic"
)

// ErrSlow is why a subscription ended whose reader didn't keep up.
var ErrSlow = errors.New("subscription cut off: events came faster than they were read")

// Limits of subscriptions.
const (
	// subscriptionsMax bounds the cost of one event: beyond it Subscribe returns
	// a subscription that has ended already.
	subscriptionsMax = 4096
	// subscriptionMax bounds what a slow reader can pin.
	subscriptionMax = 1 << 16
)

// Subscription is a stream of events. Nobody waits for its reader: when the
// channel is full the subscription is cut off, which closes the channel.
type Subscription struct {
	// C carries the events in order. It is closed by Close, by the end of the
	// agent, and when the reader was too slow; Err says which.
	C <-chan Event

	c      chan Event
	filter func(Event) bool
	owner  *fanout
	err    error // guarded by owner.mu until C is closed
}

// Err is why the subscription ended: ErrSlow, ErrStopped or, after Close, nil.
// It is nil while the subscription lives.
func (s *Subscription) Err() error {
	s.owner.mu.Lock()
	defer s.owner.mu.Unlock()
	return s.err
}

// Close ends the subscription and closes C. It may be called at any time, again too.
func (s *Subscription) Close() { s.owner.end(s, nil) }

// fanout hands events to any number of subscriptions. A mutex rather than the
// loop guards it, so that subscribing needs no turn of the loop and works at
// any time; it is held for as long as a few channel operations take.
type fanout struct {
	mu     sync.Mutex
	subs   []*Subscription // in order of subscription
	closed error           // why no more can subscribe

	cut atomic.Uint64 // subscriptions ended for slowness
}

// subscribe adds a subscription with room for capacity events. filter, if not
// nil, runs on the loop: it must be quick and must not call the agent.
func (f *fanout) subscribe(capacity int, filter func(Event) bool) *Subscription {
	c := make(chan Event, min(max(capacity, 1), subscriptionMax))
	s := &Subscription{C: c, c: c, filter: filter, owner: f}
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.closed != nil:
		s.err = f.closed
		close(c)
	case len(f.subs) >= subscriptionsMax:
		s.err = errTooManySubscriptions
		close(c)
	default:
		f.subs = append(f.subs, s)
	}
	return s
}

var errTooManySubscriptions = errors.New("too many subscriptions")

// publish offers e to all and returns how many were cut off.
func (f *fanout) publish(e Event) (cut int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	kept := f.subs[:0]
	for _, s := range f.subs {
		if s.offer(e) {
			kept = append(kept, s)
			continue
		}
		s.err = ErrSlow
		close(s.c)
		cut++
	}
	clear(f.subs[len(kept):])
	f.subs = kept
	f.cut.Add(uint64(cut))
	return cut
}

// offer reports whether s could take e, or doesn't want it.
func (s *Subscription) offer(e Event) bool {
	if s.filter != nil && !s.filter(e) {
		return true
	}
	select {
	case s.c <- e:
		return true
	default:
		return false
	}
}

// wants says whether a subscription lets e through. Whether its reader would answer a query
// can't be known: for all that is known it would.
func (f *fanout) wants(e Event) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.ContainsFunc(f.subs, func(s *Subscription) bool { return s.filter == nil || s.filter(e) })
}

func (f *fanout) end(s *Subscription, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, other := range f.subs {
		if other == s {
			f.subs = append(f.subs[:i], f.subs[i+1:]...)
			s.err = err
			close(s.c)
			return
		}
	}
}

// close ends all subscriptions, and those to come, with err.
func (f *fanout) close(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, s := range f.subs {
		s.err = err
		close(s.c)
	}
	f.subs, f.closed = nil, err
}
