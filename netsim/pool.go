package netsim

import (
	"runtime"
	"sync"
	"sync/atomic"

	"serf/swim"
)

// workerPool has the goroutines of all workers but the first, which runs on the simulation's own
// goroutine. Windows take some tens of microseconds of real time, so a goroutine that waits polls
// for a while before it sleeps.
type workerPool struct {
	end     swim.Time // of the window; swim.Never: stop
	round   atomic.Uint64
	working atomic.Int32
	helpers []*helper
	done    sync.WaitGroup
}

type helper struct {
	pass   func(end swim.Time)
	asleep atomic.Bool
	wake   chan struct{} // capacity 1: whoever clears asleep sends once
}

// newWorkerPool starts one goroutine for each function, which simulates a window for one worker.
func newWorkerPool(passes []func(end swim.Time)) *workerPool {
	g := &workerPool{}
	for _, pass := range passes {
		h := &helper{pass: pass, wake: make(chan struct{}, 1)}
		g.helpers = append(g.helpers, h)
		g.done.Go(func() { g.run(h) })
	}
	return g
}

// begin starts the window up to end on all goroutines.
func (g *workerPool) begin(end swim.Time) {
	g.end = end
	g.working.Store(int32(len(g.helpers)))
	g.round.Add(1)
	for _, h := range g.helpers {
		if h.asleep.CompareAndSwap(true, false) {
			h.wake <- struct{}{}
		}
	}
}

// wait returns when all are done.
func (g *workerPool) wait() {
	for looks := 0; g.working.Load() > 0; looks++ {
		relax(looks)
	}
}

// dismiss stops the goroutines.
func (g *workerPool) dismiss() {
	g.begin(swim.Never)
	g.done.Wait()
}

func (g *workerPool) run(h *helper) {
	for round := uint64(1); ; round++ {
		h.await(g, round)
		if g.end == swim.Never {
			return
		}
		h.pass(g.end)
		g.working.Add(-1)
	}
}

const (
	// pollsAwake is how often a goroutine polls for the next window before it sleeps. That takes
	// long enough for the first worker to notify observers and run an action or two.
	pollsAwake = 2000
	// pollsHot is how often it polls before it yields the processor.
	pollsHot = 100
)

func relax(looks int) {
	if looks > pollsHot {
		runtime.Gosched()
	}
}

// await returns when the round has begun.
func (h *helper) await(g *workerPool, round uint64) {
	for looks := 0; g.round.Load() < round; looks++ {
		relax(looks)
		if looks < pollsAwake {
			continue
		}
		h.asleep.Store(true)
		if g.round.Load() >= round && h.asleep.CompareAndSwap(true, false) {
			return // no wake will come
		}
		<-h.wake
	}
}
