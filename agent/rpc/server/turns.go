package server

import (
	"slices"
	"sync"
	"time"
)

// turnWait is how long records of a connection wait at most for the answer to a request on it.
const turnWait = time.Second

// turns makes records wait while a request on their connection is being answered, so that an answer
// comes before the records of what the request caused: many clients read whatever comes next as
// their answer. Records don't wait for ever: a join may take long, and clients want to know what
// else happens in the meantime.
type turns struct {
	mu      sync.Mutex
	pending []*turn
}

// turn is that of one request.
type turn struct {
	answered chan struct{}
	lapsed   bool // records have waited long enough for it; guarded by turns.mu
}

// begin starts the turn of a request that was read.
func (t *turns) begin() *turn {
	x := &turn{answered: make(chan struct{})}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.pending = append(t.pending, x)
	return x
}

// renew makes records wait for x again: the request has its effect only now.
func (t *turns) renew(x *turn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	x.lapsed = false
}

// end is called when the request of x was answered, or isn't going to be.
func (t *turns) end(x *turn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.pending = slices.DeleteFunc(t.pending, func(y *turn) bool { return x == y })
	close(x.answered)
}

// next returns a turn that records have to wait for, or nil.
func (t *turns) next() *turn {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, x := range t.pending {
		if !x.lapsed {
			return x
		}
	}
	return nil
}

// lapse ends the waiting for all pending turns.
func (t *turns) lapse() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, x := range t.pending {
		x.lapsed = true
	}
}

// wait returns when records may be sent: at the latest after turnWait, or when stop is closed.
func (t *turns) wait(stop <-chan struct{}) {
	var timeout *time.Timer
	for {
		x := t.next()
		if x == nil {
			return
		}
		if timeout == nil {
			timeout = time.NewTimer(turnWait)
			defer timeout.Stop()
		}
		select {
		case <-x.answered:
		case <-stop:
			return
		case <-timeout.C:
			t.lapse()
			return
		}
	}
}
