// Package handler runs scripts for events. A script that is slow or hangs delays
// nobody but itself: events wait for it in a queue of limited size, and it is killed
// with all its children when its time is up.
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
)

// Defaults of Config.
const (
	// DefaultTimeout is long, because there are people whose handlers deploy
	// software; it is there for those that hang.
	DefaultTimeout = time.Hour
	// DefaultWorkers is for event handlers that start compilers, not for the usual few.
	DefaultWorkers = 16
	// DefaultQueue is a large cluster's worth of restarts.
	DefaultQueue = 1024
)

const (
	slowAfter = time.Second // of running; then we warn
	// outputGrace is how long the output stays open after the script ended or was
	// killed: children may have inherited it, and daemons never close it.
	outputGrace = time.Second
)

// Config of a Runner. Zero values are defaults, except for the functions.
type Config struct {
	// Self returns this member's name and tags (shared, read-only), for
	// the environment of a script. It is called on any goroutine and must not block.
	Self func() (name string, tags map[string]string)
	// Log takes log lines, without a newline. It is called on any goroutine and must not block.
	Log func(level slog.Level, format string, args ...any)
	// Observe, if set, is told how long each run took.
	Observe func(script string, took time.Duration)
	// Timeout is when a script is killed; negative means never.
	Timeout time.Duration
	// Workers is how many scripts run at the same time. Each handler runs one.
	Workers int
	// Queue is how many events wait for one handler. (So do 4 MiB at most, about.)
	Queue int
}

// Stats are the figures of a runner.
type Stats struct {
	Handlers []HandlerStats // those of the last Set, in its order
	Total    Counts         // of all handlers there have been
}

// HandlerStats are the figures of one handler.
type HandlerStats struct {
	Handler string // its specification
	Waiting int    // events queued
	Busy    bool   // a script runs, or waits for a worker
	Counts
}

// Counts only grow.
type Counts struct {
	Runs      uint64 // scripts that ended, however they did
	Failed    uint64 // of these: could not be started, were killed, or exit code not 0
	Killed    uint64 // of those: ran out of time, or the runner was closed
	Dropped   uint64 // events that the script never saw: queue full, or runner closed
	Coalesced uint64 // member events whose members were added to another's
}

func (c *Counts) add(d Counts) {
	c.Runs += d.Runs
	c.Failed += d.Failed
	c.Killed += d.Killed
	c.Dropped += d.Dropped
	c.Coalesced += d.Coalesced
}

// Runner runs scripts for events: those of one handler one after the other, in
// the order of the events; different handlers side by side. All methods may be
// called at the same time. Make it with New.
type Runner struct {
	cfg         Config
	slow, grace time.Duration // slowAfter, outputGrace
	workers     chan struct{} // holds an item per running script
	life        context.Context
	kill        context.CancelCauseFunc // ends life and with it all scripts
	draining    sync.WaitGroup          // a goroutine per busy queue

	mu      sync.Mutex
	queues  []*queue // of the present handlers, in their order
	retired []*queue // of former handlers, still busy
	past    Counts   // of former handlers that are done
	closed  bool
}

// New returns a runner without handlers. It must be closed.
func New(cfg Config) *Runner {
	cfg.Timeout = cmp.Or(cfg.Timeout, DefaultTimeout)
	cfg.Workers = cmp.Or(cfg.Workers, DefaultWorkers)
	cfg.Queue = cmp.Or(cfg.Queue, DefaultQueue)
	r := &Runner{cfg: cfg, slow: slowAfter, grace: outputGrace, workers: make(chan struct{}, cfg.Workers)}
	r.life, r.kill = context.WithCancelCause(context.Background())
	return r
}

// Set replaces the handlers. A handler that stays keeps its queue. One that goes
// still gets the events that came before.
func (r *Runner) Set(handlers []Handler) {
	r.mu.Lock()
	defer r.mu.Unlock()
	former := r.queues
	r.queues = make([]*queue, len(handlers))
	for i, h := range handlers {
		same := slices.IndexFunc(former, func(q *queue) bool { return q.handler.String() == h.String() })
		if same < 0 {
			r.queues[i] = &queue{handler: h}
			continue
		}
		r.queues[i] = former[same]
		former = slices.Delete(former, same, same+1)
	}
	for _, q := range former {
		r.retire(q)
	}
}

// Handle gives the event to the handlers whose filters it passes. It never
// blocks; when scripts don't keep up, events are merged or dropped, and counted. After
// Close it does nothing.
func (r *Runner) Handle(e Event) {
	for _, q := range r.enqueue(e) {
		r.cfg.Log(slog.LevelWarn, "Event handler '%s' doesn't keep up, %d events dropped so far", q.Handler, q.Dropped)
	}
}

// enqueue queues the event, and returns the handlers to complain about.
func (r *Runner) enqueue(e Event) (behind []HandlerStats) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil
	}
	cost := e.cost()
	queues := r.matching(&e)
	if e.Kind == Query {
		e.open = new(atomic.Int32)
		e.open.Store(int32(len(queues)))
	}
	for _, q := range queues {
		if q.add(waiting{Event: e, cost: cost}, r.cfg.Queue) && q.maybeComplain(time.Now()) {
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
		s.Total.add(q.counts)
	}
	for _, q := range r.retired {
		s.Total.add(q.counts)
	}
	return s
}

// Close takes no more events, lets the scripts deal with those that wait, kills
// what still runs when ctx ends, and returns when nothing of the runner is left. It
// returns ctx's error if it came to that. Calling it again waits too.
func (r *Runner) Close(ctx context.Context) error {
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
	stop := context.AfterFunc(ctx, func() { r.kill(errClosed) })
	r.draining.Wait()
	r.kill(errClosed)
	if !stop() {
		return context.Cause(ctx)
	}
	return nil
}

// drain runs a queue's handler until there is nothing left to do.
func (r *Runner) drain(q *queue) {
	for r.pending(q) {
		select {
		case r.workers <- struct{}{}:
		case <-r.life.Done():
			continue // pending drops the rest
		}
		e := r.pop(q)
		began := time.Now()
		err := r.run(q.handler.Script, &e)
		<-r.workers
		r.account(q, err)
		if r.cfg.Observe != nil {
			r.cfg.Observe(q.handler.Script, time.Since(began))
		}
	}
}

// pending says whether there is an event for the queue's goroutine, which has to
// end if not: the next event starts another.
func (r *Runner) pending(q *queue) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.life.Err() != nil {
		q.drop()
	}
	if len(q.events) > 0 {
		return true
	}
	q.busy = false
	if i := slices.Index(r.retired, q); i >= 0 {
		r.retired = slices.Delete(r.retired, i, i+1)
		r.past.add(q.counts)
	}
	return false
}

func (r *Runner) pop(q *queue) Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	return q.pop()
}

// retire puts a queue aside whose handler is gone.
func (r *Runner) retire(q *queue) {
	if q.busy {
		r.retired = append(r.retired, q)
		return
	}
	r.past.add(q.counts)
}

// account counts the end of a script.
func (r *Runner) account(q *queue, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	q.counts.Runs++
	if err != nil {
		q.counts.Failed++
	}
	if errors.Is(err, errKilled) {
		q.counts.Killed++
	}
}
