package netsim

import (
	"strings"
	"testing"
	"time"

	"serf/swim"
)

// A machine that wants to be called every 100 ticks is, by its own clock.
func TestClockOfAHost(t *testing.T) {
	for _, tt := range []struct {
		why   string
		set   func(s *Sim)
		ticks uint32 // in 10,000 ticks
		shown time.Duration
	}{
		{"right", func(*Sim) {}, 100, 10 * time.Second},
		{"a tenth too fast", func(s *Sim) { s.Drift(0, RightRate/10) }, 110, 11 * time.Second},
		{"a tenth too slow", func(s *Sim) { s.Drift(0, -RightRate/10) }, 90, 9 * time.Second},
		{"both", func(s *Sim) { s.Drift(0, RightRate/10); s.Drift(0, -RightRate/10) }, 100, 10 * time.Second},
		{"slower than slow", func(s *Sim) { s.Drift(0, -2*RightRate) }, 1, 100 * time.Millisecond},
		{"stopped for good", func(s *Sim) { s.StopClock(0) }, 0, 0},
		{"stopped for a while, twice", func(s *Sim) {
			s.StopClock(0)
			s.StopClock(0)
			s.At(at(time.Second), func() { s.StartClock(0) })
			s.At(at(2*time.Second), func() { s.StartClock(0) })
		}, 80, 8 * time.Second},
		{"ahead", func(s *Sim) { s.At(at(1050*tick), func() { s.Leap(0, time.Hour) }) }, 100, time.Hour + 10*time.Second},
	} {
		s := New(fixed(tick))
		m := &toy{every: 100 * tick, due: at(100 * tick), log: []string{}}
		addToy(t, s, toyAddr(0), m)
		tt.set(s)
		s.Run(at(10 * time.Second))
		if got := time.Duration(s.Clock(0)); got != tt.shown {
			t.Errorf("%s: its clock shows %v, want %v", tt.why, got, tt.shown)
		}
		s.Run(at(10*time.Second + tick/2)) // a tick comes up to a nanosecond late
		if m.sent != tt.ticks {
			t.Errorf("%s: %d ticks, want %d", tt.why, m.sent, tt.ticks)
		}
		if s.Machine(0) != swim.Machine(m) {
			t.Errorf("%s: the machine is hidden behind its clock", tt.why)
		}
	}
}

// All that a machine is told is in its own time, and its deadlines are, too.
func TestMachineLivesByItsClock(t *testing.T) {
	s, ms := toys(t, 2, fixed(tick))
	s.Leap(0, time.Minute)
	s.Drift(0, RightRate) // twice as fast
	say(s, 1, 0, 1)
	s.Run(at(10 * tick))
	wantLog(t, "a packet after 1 ms", ms[0], "1m0.002s packet 1 from 10.0.0.2:7946")
	s.Crash(1)
	if err := s.Start(1, toyAddr(8), func(swim.Time, *swim.Output) (swim.Machine, error) { return ms[1], nil }); err != nil {
		t.Fatal(err)
	}
	s.Impair([]int{1}, nil, BothWays, Impairment{Streams: StreamsHang})
	s.Do(0, func(_ swim.Machine, now swim.Time, out *swim.Output) {
		out.Streams = append(out.Streams, swim.StreamOut{ID: 1, Kind: swim.StreamCall, To: toyAddr(8), Data: block("x"), Deadline: now.Add(10 * time.Second)})
	})
	s.Run(at(20 * time.Second))
	wantLog(t, "a deadline after 10 s is one after 5", ms[0], "1m10.02s failed 1: i/o timeout")
}

// A stream's deadline is one of its caller's clock, however that runs meanwhile, also when nothing
// else is left to happen.
func TestDeadlineOfAStreamIsThatOfTheClock(t *testing.T) {
	for _, tt := range []struct {
		why  string
		stop time.Duration // when the clock is stopped, for an hour
	}{{"before it begins", 0}, {"meanwhile", 5 * time.Second}} {
		s, ms := toys(t, 2, fixed(tick))
		s.Impair([]int{1}, nil, WayIn, Impairment{Streams: StreamsHang})
		s.At(at(tt.stop), func() { s.StopClock(0) })
		s.At(1, func() { callToy(s, 0, 1, swim.StreamCall, "hello") })
		s.At(at(tt.stop+time.Hour), func() { s.StartClock(0) })
		s.Run(at(time.Hour + 9*time.Second))
		wantLog(t, tt.why+": not yet", ms[0])
		s.Run(at(time.Hour + 10*time.Second + time.Second))
		if len(ms[0].log) != 1 || !strings.HasSuffix(ms[0].log[0], "s failed 1: i/o timeout") {
			t.Errorf("%s: %q", tt.why, ms[0].log)
		}
		if calls := &s.workers[0].calls; len(calls.slots) != len(calls.free) {
			t.Errorf("%s: the call is left", tt.why)
		}
	}
}

// The clock is the host's: a process that starts later sees it as well.
func TestClockOutlivesAProcess(t *testing.T) {
	s, ms := toys(t, 1, fixed(tick))
	s.Leap(0, time.Minute)
	s.Crash(0)
	s.Run(at(time.Second))
	var started swim.Time
	if err := s.Start(0, toyAddr(0), func(now swim.Time, _ *swim.Output) (swim.Machine, error) {
		started = now
		return ms[0], nil
	}); err != nil {
		t.Fatal(err)
	}
	if want := at(time.Minute + time.Second); started != want {
		t.Errorf("started at %v, want %v", time.Duration(started), time.Duration(want))
	}
}

// What a clock shows and when it does are each other's inverse, at any rate and any time.
func TestWhenAndAtAgree(t *testing.T) {
	d := NewDraws(1, 0, 0)
	for range 100_000 {
		c := &clock{since: swim.Time(d.Next() >> 10), shown: swim.Time(d.Next() >> 10), rate: slowest + Rate(d.Below(3e6))}
		want := c.shown + swim.Time(d.Next()>>(12+d.Below(50)))
		w := c.when(want)
		if c.at(w) < want || w > c.since && c.at(w-1) >= want {
			t.Fatalf("%+v: shows %d at %d, want %d first", c, c.at(w), w, want)
		}
	}
	for _, never := range []swim.Time{swim.Never, swim.Never - 1} {
		c := &clock{rate: slowest}
		if w := c.when(never); w != swim.Never {
			t.Errorf("%d comes at %d", never, w)
		}
	}
}
