package membership

import (
	"context"
	"slices"
	"sync"
	"time"
)

// reporter calls Config.OnEvent, on a goroutine of its own.
type reporter struct {
	call  func(Event)
	queue *eventQueue

	mu      sync.Mutex
	done    uint64 // how many events of the queue's OnEvent has returned from
	waiters []waiter
	closed  bool
}

// run calls the function until the reporter is closed.
func (r *reporter) run(t *table) {
	for !r.isClosed() {
		e, read, ok := t.read(r.queue)
		if ok {
			r.call(e)
		}
		r.finish(read)
		if !ok {
			<-r.queue.wake
		}
	}
}

// read takes the next event of a queue, and says how many were taken so far.
func (t *table) read(q *eventQueue) (e Event, read uint64, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	e, ok = q.next(t)
	return e, q.read, ok
}

func (r *reporter) isClosed() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.closed
}

func (r *reporter) finish(done uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.done = done
	r.release()
}

// release tells the waiters whose time has come; r.mu is held.
func (r *reporter) release() {
	r.waiters = slices.DeleteFunc(r.waiters, func(w waiter) bool {
		ready := r.closed || w.until <= r.done
		if ready {
			close(w.ready)
		}
		return ready
	})
}

// flush waits until the function has returned from what has happened until now, or ctx ends.
func (r *reporter) flush(ctx context.Context, t *table) {
	if r == nil {
		return
	}
	t.mu.RLock()
	w := waiter{until: r.queue.seq, ready: make(chan struct{})}
	t.mu.RUnlock()
	r.mu.Lock()
	r.waiters = append(r.waiters, w)
	r.release()
	r.mu.Unlock()
	select {
	case <-w.ready:
	case <-ctx.Done():
	}
}

// orderWait bounds how long a message or state waits for OnEvent to be told of what came before it.
const orderWait = 100 * time.Millisecond

// seen is how many events there were until now.
func (r *reporter) seen(t *table) uint64 {
	if r == nil {
		return 0
	}
	t.mu.RLock()
	defer t.mu.RUnlock()
	return r.queue.seq
}

// reach waits until the function has returned from the first events, so many as were seen before
// something else, but no longer than orderWait: once, while it hangs in the same event. hung notes
// in which, counted from 1.
func (r *reporter) reach(seen uint64, hung *uint64) {
	if r == nil {
		return
	}
	r.mu.Lock()
	if r.closed || r.done >= seen || r.done+1 == *hung {
		r.mu.Unlock()
		return
	}
	w := waiter{until: seen, ready: make(chan struct{})}
	r.waiters = append(r.waiters, w)
	r.mu.Unlock()
	timer := time.NewTimer(orderWait)
	defer timer.Stop()
	select {
	case <-w.ready:
	case <-timer.C:
		r.mu.Lock()
		defer r.mu.Unlock()
		*hung = r.done + 1
	}
}

// close ends run: the function isn't called again.
func (r *reporter) close() {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	r.release()
	select {
	case r.queue.wake <- struct{}{}:
	default:
	}
}

// subscribe adds a queue for one more reader, who knows nobody yet.
func (t *table) subscribe() *eventQueue {
	t.mu.Lock()
	defer t.mu.Unlock()
	q := newEventQueue()
	q.behind, q.seq = make(map[string]Member), uint64(len(t.members))
	t.queues = append(t.queues, q)
	return q
}

// unsubscribe removes a queue.
func (t *table) unsubscribe(q *eventQueue) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range t.queues {
		if t.queues[i] == q {
			t.queues = append(t.queues[:i:i], t.queues[i+1:]...)
			return
		}
	}
}
