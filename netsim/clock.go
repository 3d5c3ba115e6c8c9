package netsim

import (
	"math/bits"
	"net/netip"
	"time"

	"serf/internal/invariant"
	"serf/swim"
)

// A host has a monotonic clock of its own as soon as something is wrong with it. Such a clock may
// run at a rate of its own, as an oscillator or a correction by NTP makes it, leap ahead, as when a
// virtual machine runs on after a stop that it didn't notice, or stand still, which is all that is
// left of a step back. It never goes back, and what it showed at first means nothing to anybody
// else. Wall clocks may: machines don't see them.

// Rate is how fast a clock runs, in millionths of the simulation's.
type Rate int64

// RightRate is the rate of a clock without a fault.
const RightRate Rate = 1e6

// clock is the clock of a host. It is changed only between windows.
type clock struct {
	since swim.Time // when it was changed last
	shown swim.Time // what it showed then
	rate  Rate      // since then
	drift Rate      // sum of what makes it too fast
	stops int       // reasons to stand still
}

// at is what the clock shows at a time, no earlier than since. A nil clock shows that time.
func (c *clock) at(t swim.Time) swim.Time {
	if c == nil {
		return t
	}
	hi, lo := bits.Mul64(uint64(t-c.since), uint64(c.rate))
	passed, _ := bits.Div64(hi, lo, uint64(RightRate))
	return c.shown + swim.Time(passed)
}

// when is the first time at which the clock shows at least t, as it runs now.
func (c *clock) when(t swim.Time) swim.Time {
	switch {
	case c == nil || t == swim.Never:
		return t
	case t <= c.shown:
		return c.since
	case c.rate == 0 || t-c.shown > swim.Never/swim.Time(RightRate/slowest):
		return swim.Never
	}
	hi, lo := bits.Mul64(uint64(t-c.shown), uint64(RightRate))
	lo, carry := bits.Add64(lo, uint64(c.rate)-1, 0)
	passed, _ := bits.Div64(hi+carry, lo, uint64(c.rate))
	return c.since.Add(time.Duration(passed))
}

// clocked is a machine that lives by the clock of its host.
type clocked struct {
	swim.Machine
	clock *clock
}

func (m *clocked) Packet(now swim.Time, from netip.AddrPort, p []byte, out *swim.Output) {
	m.Machine.Packet(m.clock.at(now), from, p, out)
}

func (m *clocked) Stream(now swim.Time, in swim.StreamIn, out *swim.Output) {
	m.Machine.Stream(m.clock.at(now), in, out)
}

func (m *clocked) Tick(now swim.Time, out *swim.Output) { m.Machine.Tick(m.clock.at(now), out) }

func (m *clocked) Deadline() swim.Time { return m.clock.when(m.Machine.Deadline()) }

// clocked is machine m as it runs on host h.
func (s *Sim) clocked(h int, m swim.Machine) swim.Machine {
	if c := s.cold[h].clock; c != nil {
		return &clocked{m, c}
	}
	return m
}

// Clock is what the clock of host h shows.
func (s *Sim) Clock(h int) swim.Time { return s.cold[h].clock.at(s.now) }

// Drift makes the clock of host h run faster by so much, or slower, until that is taken back by
// another call. Several add up.
func (s *Sim) Drift(h int, by Rate) {
	s.setClock(h, func(c *clock) { c.drift += by })
}

// StopClock has the clock of host h stand still, as it does while the system is suspended, until a
// call of StartClock for each of StopClock.
func (s *Sim) StopClock(h int) { s.setClock(h, func(c *clock) { c.stops++ }) }

// StartClock undoes StopClock.
func (s *Sim) StartClock(h int) {
	s.setClock(h, func(c *clock) {
		c.stops--
		invariant.Check(c.stops >= 0, "netsim: clock started more often than stopped")
	})
}

// Leap sets the clock of host h ahead. Streams under way don't fail any sooner for it.
func (s *Sim) Leap(h int, by time.Duration) {
	s.setClock(h, func(c *clock) { c.shown = c.shown.Add(by) })
}

// clockCheck is how often a deadline is looked at that doesn't come while a clock stands still.
const clockCheck = time.Second

// expireAt schedules the end of call i of host h.
func (w *worker) expireAt(t swim.Time, i uint32, h int32) {
	if t == swim.Never {
		t = w.now.Add(clockCheck)
	}
	w.schedule(kindExpired, i, h, t)
}

// postpone reports whether the deadline of call i of host h hasn't come, as its clock ran otherwise
// than it did when that was scheduled, and schedules it anew.
func (w *worker) postpone(i uint32, h int32) bool {
	t := w.sim.cold[h].clock.when(w.calls.slots[i].due)
	if t <= w.now {
		return false
	}
	w.expireAt(t, i, h)
	return true
}

// slowest is the least rate of a clock that doesn't stand still: a hundredth.
const slowest = RightRate / 100

func (s *Sim) setClock(h int, change func(c *clock)) {
	w, p := s.enter(h), &s.cold[h]
	if p.clock == nil {
		p.clock = &clock{since: s.now, shown: s.now, rate: RightRate}
		if m := s.hosts[h].machine; m != nil {
			s.hosts[h].machine = s.clocked(h, m)
		}
	}
	c := p.clock
	c.since, c.shown = s.now, c.at(s.now)
	change(c)
	c.rate = max(RightRate+c.drift, slowest)
	if c.stops > 0 {
		c.rate = 0
	}
	s.mark(h, traceClock)
	w.rearm(int32(h))
}
