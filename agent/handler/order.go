package handler

import "time"

const (
	// slowAfter is how long a script may run before it is logged as slow and no other handler waits
	// for it any more.
	slowAfter = time.Second
	// holdMax is how long an event waits at most for the handlers before this one when they are
	// quick but have much to do.
	holdMax = 10 * time.Second
)

// step is one event at one handler. The handlers of an event run in the order of the configuration,
// because one may prepare what the next uses. But none waits for a script that is slow, or while
// too many events wait already.
//
// Steps can't form a cycle, even though a reload may change the order: a handler takes its events
// in the order of arrival, so a step waits only for earlier events, or for earlier handlers of the
// same event. The runner's lock guards steps.
type step struct {
	before *step         // of the same event; nil for the first
	passed bool          // the next handler may run
	done   chan struct{} // closed when passed
	until  time.Time     // when it stops waiting for before
}

// newStep returns the step that follows before, which is nil for the first.
func newStep(before *step, until time.Time) *step {
	return &step{before: before, done: make(chan struct{}), until: until}
}

// mayRun reports whether no other handler has to be waited for. A nil step is that of an event with
// only one handler.
func (s *step) mayRun(now time.Time) bool {
	return s == nil || s.before == nil || s.before.passed || !now.Before(s.until)
}

// pass lets the next handler run. It may be called again.
func (s *step) pass() {
	if s != nil && !s.passed {
		s.passed = true
		close(s.done)
	}
}
