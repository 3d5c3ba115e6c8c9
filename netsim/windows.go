package netsim

import (
	"time"

	"serf/swim"
)

// Time is cut into windows as long as the quickest packet travels. What is sent in a
// window arrives in a later one, so that several workers can simulate their hosts through a
// window without hearing of each other: each host gets the same, in the same order,
// whichever worker is ahead. After a window observers are told, by one goroutine and in the
// order of time and host; they may ask for actions (At), but only for after the window.
//
// Windows lie on a fixed grid and are the same ones for one worker, so that
// nothing that can be seen from outside depends on the number of workers.

// window is the length of a window.
func (s *Sim) window() time.Duration { return max(1, s.quickest()) }

// windowEnd is the last instant of the window that t is in, but last at most.
func (s *Sim) windowEnd(t, last swim.Time) swim.Time {
	l := swim.Time(s.window())
	return min(t-t%l+(l-1), last)
}

// advance lets time pass until an action was run or observers were told something, and
// reports true; or to until.
func (s *Sim) advance(until swim.Time) bool {
	for {
		t, action := s.nextEvent(), s.nextAction()
		switch {
		case min(t, action) > until:
			s.now = max(s.now, until)
			return false
		case action <= t:
			s.act()
			return true
		}
		s.now = s.pass(t, min(until, action-1))
		if s.tellObservers() {
			return true
		}
	}
}

// pass simulates from t, when the next thing happens, to the end of the window or beyond if
// there is nothing to tell, but to last at most. It returns how far it came.
func (s *Sim) pass(t, last swim.Time) swim.Time {
	if len(s.workers) == 1 {
		return s.passAlone(last)
	}
	end := s.windowEnd(t, last)
	before := s.steps()
	if s.crowd >= crowdLeast && s.quickest() > 0 {
		s.passTogether(end)
	} else {
		s.passInTurn(end)
	}
	// A moving average over some windows, in 1/16 events: what happens next is like what happened.
	s.crowd += int(s.steps()-before) - s.crowd/16
	return end
}

// crowdLeast is how many events a window must have on average, in 1/16, for several
// workers to share it: waiting for each other takes them about as long as a few events.
const crowdLeast = 16 * 16

// passAlone is for one worker, who doesn't stop between windows unless there is something to tell.
func (s *Sim) passAlone(last swim.Time) swim.Time {
	w := s.workers[0]
	end := last
	for w.queue.next() <= end {
		w.step()
		if len(w.told.list) > 0 {
			end = s.windowEnd(w.told.list[0].at, last)
		}
	}
	return end
}

// passInTurn has this goroutine simulate a window for all workers, in the total order. It is for
// windows in which little happens, and for networks in which packets may take no time at all.
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

// passTogether has all workers simulate a window at the same time.
func (s *Sim) passTogether(end swim.Time) {
	if s.gang == nil {
		s.gang = newGang(s.workers[1:])
	}
	s.side ^= 1 // what was sent in the last window is collected while this one's is sent
	s.together = true
	s.gang.begin(end)
	s.workers[0].passWindow(end)
	s.gang.wait()
	s.together = false
}

// passWindow is one worker's share.
func (w *worker) passWindow(end swim.Time) {
	w.collect(w.sim.side ^ 1)
	for w.queue.next() <= end {
		w.step()
	}
}

// outbox is what one worker has for another at the end of a window.
type outbox struct {
	first   swim.Time // the earliest
	events  []event
	flights flights
	letters []letter
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

// steps is how many events there have been.
func (s *Sim) steps() uint64 {
	n := uint64(0)
	for _, w := range s.workers {
		n += w.steps
	}
	return n
}

// collect gives all workers what the others have for them.
func (s *Sim) collect() {
	for _, w := range s.workers {
		w.collect(s.side)
	}
}

func (w *worker) collect(side int) {
	for _, from := range w.sim.workers {
		if from != w {
			w.unpack(&from.outbox[side][w.id])
		}
	}
}

func (w *worker) unpack(box *outbox) {
	for _, e := range box.events {
		if e.kind == kindPacket {
			from, to, data := box.flights.at(e.ref)
			i := e.ref
			e.ref = w.flights.put(from, to, data)
			box.flights.drop(i)
		} else {
			e.ref = w.letters.put(box.letters[e.ref])
		}
		w.queue.push(e)
	}
	clear(box.letters)
	box.events, box.letters, box.first = box.events[:0], box.letters[:0], swim.Never
}

// sendFlight queues the arrival of a packet at host e.to, whoever simulates it.
func (w *worker) sendFlight(e event, from, to place, data []byte) {
	if other := w.sim.worker(e.to()); other == w || !w.sim.together {
		e.ref = other.flights.put(from, to, data)
		other.queue.push(e)
	} else {
		box := &w.outbox[w.sim.side][other.id]
		e.ref = box.flights.put(from, to, data)
		box.add(e)
	}
}

// sendLetter is the same for a letter.
func (w *worker) sendLetter(e event, x letter) {
	if other := w.sim.worker(e.to()); other == w || !w.sim.together {
		e.ref = other.letters.put(x)
		other.queue.push(e)
	} else {
		box := &w.outbox[w.sim.side][other.id]
		e.ref = uint32(len(box.letters))
		box.letters = append(box.letters, x)
		box.add(e)
	}
}

func (b *outbox) add(e event) {
	if len(b.events) == 0 {
		b.first = e.at
	}
	b.first = min(b.first, e.at)
	b.events = append(b.events, e)
}
