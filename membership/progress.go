package membership

import (
	"context"
	"slices"
	"sync"
)

// progress counts what a function of Config has returned from, for goroutines that wait until it
// has.
type progress struct {
	mu      sync.Mutex
	done    uint64
	waiters []waiter
	closed  bool
}

// waiter waits until the function has returned from so many.
type waiter struct {
	until uint64
	ready chan struct{}
}

// advance notes how many the function has returned from.
func (p *progress) advance(done uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done = done
	p.release()
}

// release tells the waiters whose time has come; p.mu is held.
func (p *progress) release() {
	p.waiters = slices.DeleteFunc(p.waiters, func(w waiter) bool {
		over := p.closed || w.until <= p.done
		if over {
			close(w.ready)
		}
		return over
	})
}

// after returns a channel that is closed when the function has returned from so many, or p is
// closed.
func (p *progress) after(until uint64) <-chan struct{} {
	w := waiter{until: until, ready: make(chan struct{})}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waiters = append(p.waiters, w)
	p.release()
	return w.ready
}

// wait waits for that, or until ctx ends.
func (p *progress) wait(ctx context.Context, until uint64) {
	select {
	case <-p.after(until):
	case <-ctx.Done():
	}
}

// close ends all waits: the function isn't called again.
func (p *progress) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	p.release()
}

// now is how many the function has returned from, and whether p is closed.
func (p *progress) now() (done uint64, closed bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.done, p.closed
}
