package netsim

import (
	"time"

	"serf/swim"
)

// Time is divided into windows as long as the least latency. A packet sent in one window arrives in
// a later one, so several workers can simulate their hosts through a window independently: each
// host gets the same events in the same order, whichever worker is ahead. After a window, one
// goroutine notifies observers in the order of time and host. They may ask for actions (At), but
// only after the window. Windows lie on a fixed grid, also with one worker, so that nothing visible
// from outside depends on the number of workers.

// window is the length of a window.
func (s *Sim) window() time.Duration { return max(1, s.quickest()) }

// windowEnd is the last instant of the window that contains t, but at most last.
func (s *Sim) windowEnd(t, last swim.Time) swim.Time {
	l := swim.Time(s.window())
	return min(t-t%l+(l-1), last)
}

// pass simulates from t, when the next event happens, to the end of the window, or further if there
// is nothing to show to observers, but at most to last. It returns how far it came.
func (s *Sim) pass(t, last swim.Time) swim.Time {
	if len(s.workers) == 1 {
		return s.passSingle(last)
	}
	end := s.windowEnd(t, last)
	before := s.steps()
	if s.eventsAverage >= eventsLeast && s.quickest() > 0 {
		s.passParallel(end)
	} else {
		s.passInTurn(end)
	}
	// A moving average in 1/16 events over some windows, as the next window resembles the last.
	s.eventsAverage += int(s.steps()-before) - s.eventsAverage/16
	return end
}

// eventsLeast is how many events, in 1/16, a window must have on average for several workers to
// share it. Waiting for each other costs about as much as a few events.
const eventsLeast = 16 * 16

// passSingle is pass for a single worker. It continues across windows until there is something to
// show.
func (s *Sim) passSingle(last swim.Time) swim.Time {
	w := s.workers[0]
	end := last
	for w.queue.next() <= end {
		w.step()
		if len(w.log.list) > 0 {
			end = s.windowEnd(w.log.list[0].at, last)
		}
	}
	return end
}

// passInTurn simulates a window for all workers on this goroutine, in the total order. It is used
// for windows with few events, and for networks where packets may take no time at all.
func (s *Sim) passInTurn(end swim.Time) {
	s.collect()
	for {
		first := s.workers[0]
		for _, w := range s.workers[1:] {
			if w.queue.before(&first.queue) {
				first = w
			}
		}
		if first.queue.next() > end {
			return
		}
		first.step()
	}
}

// passParallel has all workers simulate a window at the same time.
func (s *Sim) passParallel(end swim.Time) {
	if s.pool == nil {
		var others []func(end swim.Time)
		for _, w := range s.workers[1:] {
			others = append(others, w.passWindow)
		}
		s.pool = newWorkerPool(others)
	}
	s.side ^= 1 // what was sent in the last window is collected while this window's is sent
	s.parallel = true
	s.pool.begin(end)
	s.workers[0].passWindow(end)
	s.pool.wait()
	s.parallel = false
}

// passWindow is one worker's share.
func (w *worker) passWindow(end swim.Time) {
	w.collect(w.sim.side ^ 1)
	for w.queue.next() <= end {
		w.step()
	}
}

// nextEvent is the time of the first event of any host, or Never.
func (s *Sim) nextEvent() swim.Time {
	t := swim.Never
	for _, w := range s.workers {
		t = min(t, w.queue.next())
		for i := range w.outbox[s.side] {
			if box := &w.outbox[s.side][i]; len(box.events) > 0 {
				t = min(t, box.first)
			}
		}
	}
	return t
}

// steps is how many events there have been so far.
func (s *Sim) steps() uint64 {
	n := uint64(0)
	for _, w := range s.workers {
		n += w.steps
	}
	return n
}

// collect hands all workers what the others have sent them.
func (s *Sim) collect() {
	for _, w := range s.workers {
		w.collect(s.side)
	}
}
