package netsim

import (
	"runtime"
	"sync"
	"sync/atomic"

	"serf/swim"
)

// workerPool is the goroutines of all workers but the first, who has the simulation's own.
// Windows are short, some tens of microseconds of real time: who waits for the
// others looks again and again for a while before it goes to sleep.
type workerPool struct {
	end     swim.Time // of the window; swim.Never: go home
	round   atomic.Uint64
	working atomic.Int32
	helpers []*helper
	done    sync.WaitGroup
}

type helper struct {
	pass   func(end swim.Time)
	asleep atomic.Bool
	wake   chan struct{} // capacity 1: who finds asleep set sends once
}

// newWorkerPool starts a goroutine for each pass, which simulates a window for one worker.
func newWorkerPool(passes []func(end swim.Time)) *workerPool {
	g := &workerPool{}
	for _, pass := range passes {
		h := &helper{pass: pass, wake: make(chan struct{}, 1)}
		g.helpers = append(g.helpers, h)
		g.done.Go(func() { g.run(h) })
	}
	return g
}

// begin has all helpers simulate the window up to end.
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

// dismiss ends the goroutines.
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
	// pollsAwake is how often a helper looks for the next window before it sleeps, which
	// is long enough for the first worker to tell observers and to run an action or two.
	pollsAwake = 2000
	// pollsHot is how often one looks before it lets other goroutines have the processor.
	pollsHot = 100
)

func relax(looks int) {
	if looks > pollsHot {
		runtime.Gosched()
	}
}

// await returns when a round has begun.
func (h *helper) await(g *workerPool, round uint64) {
	for looks := 0; g.round.Load() < round; looks++ {
		relax(looks)
		if looks < pollsAwake {
			continue
		}
		h.asleep.Store(true)
		if g.round.Load() >= round && h.asleep.CompareAndSwap(true, false) {
			return // nobody is going to wake us
		}
		<-h.wake
	}
}
