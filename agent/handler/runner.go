// Package handler runs scripts for events. A script that is slow or hangs delays nothing but
// itself: events wait for it in a queue of limited size, and it is killed with all its children
// when its time is up.
package handler

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"serf/internal/eventfilter"
	"serf/internal/histogram"
	"serf/internal/std"
)

// Defaults of Config.
const (
	// DefaultTimeout is long because some handlers deploy software; it is meant for those that
	// hang.
	DefaultTimeout = time.Hour
	// DefaultWorkers allows for handlers that start compilers, not for the usual few.
	DefaultWorkers = 16
	// DefaultQueue has room for the restarts of a large cluster.
	DefaultQueue = 1024
)

const (
	// outputGrace is how long the output stays open after the script ended or was killed: children
	// may have inherited it, and daemons never close it.
	outputGrace = time.Second
	// slowMax is how many slow scripts run besides Config.Workers. Most of them sleep or hang, and
	// must not keep others from running; but those of former handlers may add up.
	slowMax = 256
)

// Config of a Runner. Zero values are defaults, except for the functions.
type Config struct {
	// Self returns this member's name and tags (shared, read-only), for the environment of a
	// script. It is called on any goroutine and must not block.
	Self func() (name string, tags map[string]string)
	// Log receives log lines, without a newline. It is called on any goroutine and must not block.
	Log func(level slog.Level, format string, args ...any)
	// Observe, if set, is called with the duration of each run.
	Observe func(script string, took time.Duration)
	// RPC is how a script reaches this agent.
	RPC RPC
	// Timeout is when scripts without a time-out of their own are killed; negative means never.
	Timeout time.Duration
	// Workers is how many scripts run at the same time, besides slow ones. Each handler runs one at
	// a time.
	Workers int
	// Queue is how many events may wait for one handler, besides the limit of about 4 MiB.
	Queue int
}

// RPC is the address of an agent's RPC port, and the key that it wants, empty for none.
type RPC struct{ Addr, Auth string }

// Stats are the counts of a runner.
type Stats struct {
	Handlers []HandlerStats // those of the last Set, in its order
	Waiting  int            // events queued for all handlers, former ones too
	Running  int            // scripts
	Total    Counts         // of all handlers there have been
}

// HandlerStats are the counts of one handler.
type HandlerStats struct {
	Handler string              // its specification
	Waiting int                 // events queued
	Began   time.Time           // of the script that runs; zero if none does
	Took    histogram.Histogram // of the scripts that ended, by TookBounds
	Counts
}

// TookBounds are the buckets of HandlerStats.Took: a shell that does nothing takes some
// milliseconds, a deployment minutes.
var TookBounds = histogram.Bounds{
	5 * time.Millisecond, 10 * time.Millisecond, 25 * time.Millisecond,
	50 * time.Millisecond, 100 * time.Millisecond, 250 * time.Millisecond,
	500 * time.Millisecond, time.Second, 2500 * time.Millisecond,
	5 * time.Second, 10 * time.Second, 30 * time.Second,
	time.Minute, 5 * time.Minute,
}

// Counts only grow.
type Counts struct {
	Runs      uint64 // scripts that ended, however they did
	Failed    uint64 // of these: could not be started, were killed, or exit code not 0
	TimedOut  uint64 // of those: killed when their time was over
	Killed    uint64 // and killed because the runner was closed
	Dropped   uint64 // events that the script never saw because too many waited
	Lost      uint64 // events that still waited when the runner was closed
	Coalesced uint64 // member events whose members were added to another's
}

// Add adds other counts.
func (c *Counts) Add(d Counts) {
	c.Runs += d.Runs
	c.Failed += d.Failed
	c.TimedOut += d.TimedOut
	c.Killed += d.Killed
	c.Dropped += d.Dropped
	c.Lost += d.Lost
	c.Coalesced += d.Coalesced
}

// Runner runs scripts for events: those of one handler one after the other, in the order of the
// events; those for one event in the order of the handlers, each as soon as the one before has
// ended or become slow. Its methods may be called concurrently. Make it with New.
type Runner struct {
	cfg               Config
	slow, grace, hold time.Duration // slowAfter, outputGrace, holdMax
	workers           chan struct{} // holds an item per running script that isn't slow
	life              context.Context
	kill              context.CancelCauseFunc // ends life and with it all scripts
	draining          sync.WaitGroup          // a goroutine per busy queue

	mu        sync.Mutex
	queues    []*queue // of the present handlers, in their order
	retired   []*queue // of former handlers, still busy
	past      Counts   // of former handlers that are done
	timeout   time.Duration
	slowRun   int // slow scripts that have given their worker back
	closed    bool
	unordered bool // it was, and no handler waits for another any more
}

// New returns a runner without handlers. It must be closed.
func New(cfg Config) *Runner {
	cfg.Timeout = cmp.Or(cfg.Timeout, DefaultTimeout)
	cfg.Workers = cmp.Or(cfg.Workers, DefaultWorkers)
	cfg.Queue = cmp.Or(cfg.Queue, DefaultQueue)
	r := &Runner{
		cfg: cfg, timeout: cfg.Timeout, slow: slowAfter, grace: outputGrace, hold: holdMax,
		workers: make(chan struct{}, cfg.Workers),
	}
	r.life, r.kill = context.WithCancelCause(context.Background())
	return r
}

// Set replaces the handlers. A handler that stays keeps its queue. One that is removed still gets
// the events that came before.
func (r *Runner) Set(handlers []Handler) {
	r.mu.Lock()
	defer r.mu.Unlock()
	former := r.queues
	r.queues = make([]*queue, len(handlers))
	for i, h := range handlers {
		same := slices.IndexFunc(former, func(q *queue) bool { return q.handler.same(h) })
		if same < 0 {
			r.queues[i] = newQueue(h)
			continue
		}
		r.queues[i] = former[same]
		r.queues[i].handler = h
		former = slices.Delete(former, same, same+1)
	}
	for _, q := range former {
		r.retire(q)
	}
}

// SetTimeout changes the time-out of scripts that have none of their own and start from now on;
// negative means never.
func (r *Runner) SetTimeout(d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.timeout = d
}

// Handle passes the event to the handlers whose filters let it through. It never blocks; when
// scripts don't keep up, events are merged or dropped, and counted. After Close it does nothing.
func (r *Runner) Handle(e Event) {
	for _, q := range r.enqueue(e) {
		r.cfg.Log(slog.LevelWarn, "Event handler '%s' doesn't keep up, %d events dropped so far",
			q.Handler, q.Dropped)
	}
}

// enqueue queues the event, and returns the handlers that don't keep up.
func (r *Runner) enqueue(e Event) (behind []HandlerStats) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil
	}
	cost := e.cost()
	queues := r.matching(&e)
	if e.Kind == eventfilter.Query {
		e.open = new(atomic.Int32)
		e.open.Store(int32(len(queues)))
	}
	now := time.Now()
	var last *step
	for _, q := range queues {
		w := waiting{Event: e, cost: cost}
		if len(queues) > 1 {
			last = newStep(last, now.Add(r.hold))
			w.step = last
		}
		if q.add(w, r.cfg.Queue) && q.maybeComplain(now) {
			behind = append(behind, q.stats())
		}
		if !q.busy {
			q.busy = true
			r.draining.Go(func() { r.drain(q) })
		}
	}
	return behind
}

// matching returns the queues of the handlers that e is for.
func (r *Runner) matching(e *Event) (queues []*queue) {
	for _, q := range r.queues {
		if q.handler.Filters.Match(e.Kind, e.Name) {
			queues = append(queues, q)
		}
	}
	return queues
}

// Stats returns the figures so far.
func (r *Runner) Stats() Stats {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := Stats{Total: r.past}
	for _, q := range r.queues {
		s.Handlers = append(s.Handlers, q.stats())
		s.add(q)
	}
	for _, q := range r.retired {
		s.add(q)
	}
	return s
}

func (s *Stats) add(q *queue) {
	s.Waiting += len(q.events)
	if !q.began.IsZero() {
		s.Running++
	}
	s.Total.Add(q.counts)
}

// Close accepts no more events, lets the scripts handle those that wait, kills what still runs when
// ctx ends, and returns when nothing of the runner is left. It returns ctx's error if it came to
// that. From half of ctx's time on no handler waits for another. A second call waits, too.
func (r *Runner) Close(ctx context.Context) error {
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
	if deadline, ok := ctx.Deadline(); ok {
		defer time.AfterFunc(time.Until(deadline)/2, r.waitNoMore).Stop()
	}
	stop := context.AfterFunc(ctx, func() { r.kill(errClosed) })
	r.draining.Wait()
	r.kill(errClosed)
	if !stop() {
		return context.Cause(ctx)
	}
	return nil
}

// waitNoMore lets the handlers of one event run side by side.
func (r *Runner) waitNoMore() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.unordered = true
	for _, q := range slices.Concat(r.queues, r.retired) {
		std.Wake(q.wake)
	}
}

// drain runs a queue's handler until the queue is empty.
func (r *Runner) drain(q *queue) {
	for r.await(q) {
		select {
		case r.workers <- struct{}{}:
		case <-r.life.Done():
			continue // await drops the rest
		}
		r.runOne(q, r.pop(q))
	}
}

// runOne runs a queue's handler for one event, and gives the worker back.
func (r *Runner) runOne(q *queue, w waiting) {
	began := time.Now()
	worker := true // still held
	err := r.run(q, &w, func() { worker = !r.noteSlow(q, w.step) })
	r.account(q, &w, err, worker)
	if worker {
		<-r.workers
	}
	if r.cfg.Observe != nil {
		r.cfg.Observe(q.handler.Script, time.Since(began))
	}
}

// await waits until the queue's next event may be handled. It reports false if there is none: then
// the queue's goroutine has to end, and the next event starts another.
func (r *Runner) await(q *queue) bool {
	for {
		head, ok := r.pending(q)
		if !ok || head == nil {
			return ok
		}
		left := time.NewTimer(time.Until(head.until))
		select {
		case <-head.before.done:
		case <-left.C:
		case <-q.wake:
		case <-r.life.Done():
		}
		left.Stop()
	}
}

// pending reports whether the queue's goroutine has an event, and the step that it has to wait for,
// if any.
func (r *Runner) pending(q *queue) (head *step, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.life.Err() != nil {
		q.lose()
	}
	if len(q.events) > 0 {
		if r.mayRun(q) {
			return nil, true
		}
		return q.events[0].step, true
	}
	q.busy = false
	if i := slices.Index(r.retired, q); i >= 0 {
		r.retired = slices.Delete(r.retired, i, i+1)
		r.past.Add(q.counts)
	}
	return nil, false
}

// mayRun reports whether a queue's next event can be handled now.
func (r *Runner) mayRun(q *queue) bool {
	return r.unordered || q.crowded(r.cfg.Queue) || q.events[0].step.mayRun(time.Now())
}

// pop takes a queue's next event. There is one, since await said so: where events are dropped
// others wait, more than could be dropped meanwhile.
func (r *Runner) pop(q *queue) waiting {
	r.mu.Lock()
	defer r.mu.Unlock()
	q.began = time.Now()
	return q.pop()
}

// noteSlow notes that a queue's script is slow, so that nothing waits for it any more. It reports
// whether its worker is free for another script.
func (r *Runner) noteSlow(q *queue, running *step) (free bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	q.noteSlow(running)
	if r.slowRun >= slowMax {
		return false
	}
	r.slowRun++
	<-r.workers
	return true
}

// retire puts aside a queue whose handler was removed.
func (r *Runner) retire(q *queue) {
	if q.busy {
		r.retired = append(r.retired, q)
		return
	}
	r.past.Add(q.counts)
}

// account counts the end of a script; worker says whether it still held its worker.
func (r *Runner) account(q *queue, w *waiting, err error, worker bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	q.took.Add(&TookBounds, time.Since(q.began))
	q.began, q.slow = time.Time{}, false
	w.step.pass()
	if !worker {
		r.slowRun--
	}
	q.counts.Runs++
	if err != nil {
		q.counts.Failed++
	}
	if errors.Is(err, errTimeout) {
		q.counts.TimedOut++
	}
	if errors.Is(err, errClosed) {
		q.counts.Killed++
	}
}
