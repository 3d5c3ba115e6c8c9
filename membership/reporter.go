package membership

import (
	"context"
	"slices"
	"time"

	"serf/internal/std"
)

// reporter calls Config.OnEvent, on a goroutine of its own.
type reporter struct {
	call     func(Event)
	queue    *eventQueue
	progress progress // with the queue's events
}

// run calls the function until the reporter is closed.
func (r *reporter) run(t *table) {
	for {
		if _, closed := r.progress.now(); closed {
			return
		}
		e, read, ok := t.read(r.queue)
		if ok {
			r.call(e)
		}
		r.progress.advance(read)
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

// flush waits until the function has returned from what has happened until now, or ctx ends.
func (r *reporter) flush(ctx context.Context, t *table) {
	if r == nil {
		return
	}
	t.mu.RLock()
	until := r.queue.seq
	t.mu.RUnlock()
	r.progress.wait(ctx, until)
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
	done, closed := r.progress.now()
	if closed || done >= seen || done+1 == *hung {
		return
	}
	if !std.Await(r.progress.after(seen), orderWait) {
		done, _ = r.progress.now()
		*hung = done + 1
	}
}

// close ends run: the function isn't called again.
func (r *reporter) close() {
	if r == nil {
		return
	}
	r.progress.close()
	std.Wake(r.queue.wake)
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
	t.queues = slices.DeleteFunc(t.queues, func(other *eventQueue) bool { return other == q })
}
