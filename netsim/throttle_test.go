package netsim

import (
	"testing"
	"time"

	"serf/swim"
)

// tickToy writes down when it is called.
type tickToy struct{ toy }

func (m *tickToy) Tick(now swim.Time, out *swim.Output) {
	m.note(now, "tick")
	m.toy.Tick(now, out)
}

// In each period of 100 ticks, from tick 50 on, it runs for 30.
func TestThrottledHostRunsForItsQuota(t *testing.T) {
	c := fixed(0)
	c.TimersFirst = true
	s, _ := toys(t, 1, c)
	m := &tickToy{toy{every: 20 * tick, due: at(20 * tick), log: []string{}}}
	if err := s.Start(s.Add(), toyAddr(1), func(swim.Time, *swim.Output) (swim.Machine, error) { return m, nil }); err != nil {
		t.Fatal(err)
	}
	end := s.Throttle(1, 30*tick, 100*tick, 50*tick)
	s.At(at(90*tick), func() { say(s, 0, 1, 1) })
	s.At(at(160*tick), func() { say(s, 0, 1, 2) })
	s.Run(at(100 * tick))
	if !s.Running(1) {
		t.Error("it doesn't count as running between its slices")
	}
	s.At(at(240*tick), end)
	s.Run(at(270 * tick))
	wantLog(t, "timers and packets wait for the next slice", &m.toy,
		"20ms tick", "40ms tick", "60ms tick", // the first slice ends at 80
		"150ms tick", "150ms packet 1 from 10.0.0.1:7946", "160ms packet 2 from 10.0.0.1:7946", "170ms tick",
		"240ms tick", "260ms tick")
	s.Run(at(time.Second))
	if n := len(m.log); n < 30 {
		t.Errorf("%d ticks since the end, in 730 ms", n)
	}
}

func TestPauseOfAThrottledHostIsAPause(t *testing.T) {
	s, ms := toys(t, 2, fixed(0))
	s.Throttle(1, tick, 10*tick, 0)
	s.Run(at(5 * tick)) // between two slices
	s.Pause(1)
	say(s, 0, 1, 1)
	s.Run(at(100 * tick))
	if ms[1].count > 0 || s.Running(1) {
		t.Error("a paused host ran on with the next slice")
	}
	s.Resume(1)
	s.Run(at(109 * tick))
	s.Crash(1)
	if err := s.Start(1, toyAddr(1), func(swim.Time, *swim.Output) (swim.Machine, error) { return ms[1], nil }); err != nil {
		t.Fatal(err)
	}
	s.Run(at(115 * tick))
	say(s, 0, 1, 2)
	s.Run(at(119 * tick))
	if ms[1].count != 1 {
		t.Errorf("%d packets; it is throttled again after a restart, and read one before", ms[1].count)
	}
}

// Timers or reads first, whatever the seed.
func TestWhatComesFirstCanBeSaid(t *testing.T) {
	for seed := range uint64(16) {
		for first, want := range map[First][]string{
			TimersFirst: {"tick", "15ms packet 1 from 10.0.0.1:7946"}, ReadsFirst: {"15ms packet 1 from 10.0.0.1:7946", "tick"},
		} {
			c := fixed(tick)
			c.Seed = seed
			s, _ := toys(t, 1, c)
			m := &toy{every: 10 * tick, due: at(10 * tick), log: []string{}}
			m.ticked = func() { m.log = append(m.log, "tick") }
			addToy(t, s, toyAddr(1), m)
			s.Pause(1)
			say(s, 0, 1, 1)
			s.Run(at(15 * tick))
			s.ResumeWith(1, first)
			s.Run(at(15 * tick))
			wantLog(t, "on resuming", m, want...)
		}
	}
}
