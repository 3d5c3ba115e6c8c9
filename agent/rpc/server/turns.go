package server

import (
	"slices"
	"sync"
	"time"
)

// turnWait is how long records of a connection wait, at most, for the answer to a request on it.
const turnWait = time.Second

// turns sees to it that on one connection the answer to a request comes before the records of what
// the request causes: many clients take what comes next for their answer. While a request is being
// answered, records wait. They don't wait for ever: a join may take long, and what else happens is
// news in the meantime.
type turns struct {
	mu      sync.Mutex
	pending []*turn
}

// turn is that of one request.
type turn struct {
	answered chan struct{}
	lapsed   bool // records have waited for it long enough; guarded by turns.mu
}

// begin starts the turn of a request that was read.
func (t *turns) begin() *turn {
	x := &turn{answered: make(chan struct{})}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.pending = append(t.pending, x)
	return x
}

// renew has records wait for x once more: only now the request has an effect.
func (t *turns) renew(x *turn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	x.lapsed = false
}

// end is called when the request of x was answered, or won't be.
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

// lapse has nobody wait for what is pending any more.
func (t *turns) lapse() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, x := range t.pending {
		x.lapsed = true
	}
}

// wait returns when records that are at hand may be sent: at the latest after turnWait, or when
// stop is closed.
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
