package membership

import (
	"context"
	"sync"
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
	for len(r.waiters) > 0 && (r.closed || r.waiters[0].until <= r.done) {
		close(r.waiters[0].ready)
		r.waiters = r.waiters[1:]
	}
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
