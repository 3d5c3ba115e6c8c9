package netsim

import (
	"time"

	"serf/swim"
)

// Run simulates everything that is due up to until, inclusive.
func (s *Sim) Run(until swim.Time) { s.RunUntil(until, func() bool { return false }) }

// RunUntil is Run, but stops as soon as done returns true. done is called after each action and
// whenever observers were notified. RunUntil reports whether done stopped it.
func (s *Sim) RunUntil(until swim.Time, done func() bool) bool {
	defer s.dismiss()
	for s.advance(until) {
		if done() {
			return true
		}
	}
	return false
}

// dismiss stops the goroutines of the workers.
func (s *Sim) dismiss() {
	if s.pool != nil {
		s.pool.dismiss()
		s.pool = nil
	}
}

// advance simulates until an action was run or observers were notified, and reports true; or up to
// until, and reports false.
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
		if s.notifyObservers() {
			return true
		}
	}
}

// At runs fn at time t, before anything else that happens at t. Actions for one time run in the
// order of the calls. An observer's actions run no sooner than one minimum latency after the event
// that it is being shown.
func (s *Sim) At(t swim.Time, fn func()) {
	soonest := s.now
	if s.observing {
		soonest = s.now.Add(s.window())
	}
	s.actionSeq++
	s.actions.push(event{at: max(t, soonest), seq: s.actionSeq, ref: s.actionFuncs.put(fn)})
}

// After runs fn when d has passed.
func (s *Sim) After(d time.Duration, fn func()) { s.At(s.now.Add(d), fn) }

// nextAction is the time of the first action, or Never.
func (s *Sim) nextAction() swim.Time {
	if len(s.actions) == 0 {
		return swim.Never
	}
	return s.actions[0].at
}

// act runs the first action.
func (s *Sim) act() {
	e := s.actions.pop()
	s.now = e.at
	s.actionFuncs.take(e.ref)()
}
