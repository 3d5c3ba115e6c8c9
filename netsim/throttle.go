package netsim

import "time"

// runs reports whether the host's program runs, if perhaps not at this moment.
func (s hostState) runs() bool { return s == running || s == throttled || s == reading }

// ticks reports whether timers fire.
func (s hostState) ticks() bool { return s == running || s == stalling || s == reading }

// Throttle has host h run only in the first part of each period, as long as quota: what is left to
// a process that is always busy under a cgroup's quota. The first period begins when start has
// passed. In between, its timers don't fire, and packets and streams wait, as in a pause; calls of
// Do are let through. It ends with a call of the function that it returns.
func (s *Sim) Throttle(h int, quota, period, start time.Duration) (end func()) {
	over := false
	var begin func()
	begin = func() {
		s.runOn(h)
		if over {
			return
		}
		s.After(quota, func() {
			if p := &s.hosts[h]; !over && p.state == running {
				p.state = throttled
				s.mark(h, tracePause)
			}
		})
		s.After(period, begin)
	}
	s.After(start, begin)
	return func() {
		over = true
		s.runOn(h)
	}
}

// runOn resumes host h if it is throttled.
func (s *Sim) runOn(h int) {
	if s.hosts[h].state == throttled {
		s.Resume(h)
	}
}
