package handler

import "time"

const (
	// slowAfter is how long a script may run until we warn, and nobody waits for it any more.
	slowAfter = time.Second
	// holdMax is how long an event waits at most for its handlers before this one, if they are
	// quick but have much to do.
	holdMax = 10 * time.Second
)

// step is one event at one handler. The handlers of an event run in the order of the configuration,
// as what one prepares the next may use. But none waits for a script that is slow, or when more
// events than it should have wait already.
//
// No cycle is possible, though a reload may change the order: a handler takes its events as they
// came, so a step waits for earlier events, or for earlier handlers of the same event. The runner's
// lock guards it.
type step struct {
	before *step         // of the same event; nil for the first
	passed bool          // the next handler may run
	done   chan struct{} // closed when passed
	until  time.Time     // when waiting for before ends
}

// newStep returns the step after before, which is nil for the first.
func newStep(before *step, until time.Time) *step {
	return &step{before: before, done: make(chan struct{}), until: until}
}

// mayRun tells whether no other handler has to be waited for. A nil step is that of an event's only
// handler.
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
