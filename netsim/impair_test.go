package netsim

import (
	"testing"
	"time"

	"serf/swim"
)

// sayAll has each of n hosts send one packet to each other, and returns who got how many from whom
// by the time that nothing is on its way.
func sayAll(s *Sim, n int) {
	for from := range n {
		for to := range n {
			if from != to {
				say(s, from, to, uint32(10*from+to))
			}
		}
	}
	s.Run(s.Now().Add(time.Second))
}

// counts is how many packets each toy got since the last time.
func counts(ms []*toy) []int {
	out := make([]int, len(ms))
	for i, m := range ms {
		out[i], m.count = m.count, 0
	}
	return out
}

func wantCounts(t *testing.T, why string, ms []*toy, want ...int) {
	t.Helper()
	for i, n := range counts(ms) {
		if n != want[i] {
			t.Errorf("%s: host %d got %d packets, want %d", why, i, n, want[i])
		}
	}
}

func TestImpairmentIsForThoseItIsAboutInItsDirectionUntilItEnds(t *testing.T) {
	tests := []struct {
		why          string
		hosts, peers []int
		way          Way
		want         []int // packets got, of 3 sent to each of 4 hosts
	}{
		{"0 and 1 with all", []int{0, 1}, nil, BothWays, []int{0, 0, 1, 1}},
		{"what 0 sends", []int{0}, nil, WayOut, []int{3, 2, 2, 2}},
		{"what is sent to 0", []int{0}, nil, WayIn, []int{0, 3, 3, 3}},
		{"0 with 1 and 2", []int{0}, []int{1, 2}, BothWays, []int{1, 2, 2, 3}},
		{"what 0 and 3 send to 1", []int{0, 3}, []int{1}, WayOut, []int{3, 1, 3, 3}},
		{"what 1 sends to 0 and 3", []int{0, 3}, []int{1}, WayIn, []int{2, 3, 3, 2}},
		{"nobody", nil, nil, BothWays, []int{3, 3, 3, 3}},
	}
	for _, tt := range tests {
		for _, what := range []Impairment{{Cut: true}, {BlockUDP: true}, {Loss: Always}} {
			s, ms := toys(t, 4, Config{Link: Link{Latency: Constant(tick)}})
			id := s.Impair(tt.hosts, tt.peers, tt.way, what)
			sayAll(s, 4)
			wantCounts(t, tt.why, ms, tt.want...)
			s.Repair(id)
			sayAll(s, 4)
			wantCounts(t, tt.why+", ended", ms, 3, 3, 3, 3)
		}
	}
}

// cut stops all traffic from one host to another, in that direction, and returns what Repair takes.
func cut(s *Sim, from, to int) (id int) {
	return s.Impair([]int{from}, []int{to}, WayOut, Impairment{Cut: true})
}

func TestImpairmentsAddUp(t *testing.T) {
	s, ms := toys(t, 2, Config{Link: Link{Latency: Constant(tick)}})
	first := s.Impair([]int{0}, nil, WayOut, Impairment{Delay: Constant(10 * tick)})
	s.Impair([]int{1}, nil, WayIn, Impairment{Delay: Constant(5 * tick), Duplicate: Always})
	say(s, 0, 1, 1)
	s.Run(at(100 * tick))
	wantLog(t, "both delays, and a duplicate", ms[1], "16ms packet 1 from 10.0.0.1:7946", "16ms packet 1 from 10.0.0.1:7946")
	s.Repair(first)
	say(s, 0, 1, 2)
	s.Run(at(200 * tick))
	wantLog(t, "the second goes on", ms[1], "106ms packet 2 from 10.0.0.1:7946", "106ms packet 2 from 10.0.0.1:7946")
	s.Heal()
	say(s, 0, 1, 3)
	s.Run(at(300 * tick))
	wantLog(t, "healed", ms[1], "201ms packet 3 from 10.0.0.1:7946")
}

func TestImpairmentOfBothEndsAppliesOnce(t *testing.T) {
	s, ms := toys(t, 2, Config{Link: Link{Latency: Constant(tick)}})
	s.Impair([]int{0, 1}, nil, BothWays, Impairment{Delay: Constant(10 * tick)})
	say(s, 0, 1, 1)
	s.Run(at(100 * tick))
	wantLog(t, "one delay", ms[1], "11ms packet 1 from 10.0.0.1:7946")
}

func TestBlockedUDPLetsStreamsThroughAndACutDoesNot(t *testing.T) {
	for _, tt := range []struct {
		what Impairment
		want string
	}{
		{Impairment{BlockUDP: true}, `4ms reply 1 "re: hello"`},
		{Impairment{Cut: true}, "10s failed 1: i/o timeout"},
	} {
		s, ms := toys(t, 2, Config{Link: Link{Latency: Constant(tick)}})
		s.Impair([]int{1}, nil, WayIn, tt.what)
		callToy(s, 0, 1, swim.StreamCall, "hello")
		s.Run(at(20 * time.Second))
		wantLog(t, "a call", ms[0], tt.want)
	}
}

func TestReorderingHoldsBack(t *testing.T) {
	s, ms := toys(t, 2, Config{Link: Link{Latency: Constant(tick)}})
	id := s.Impair([]int{0}, nil, BothWays, Impairment{Reorder: Always, HoldBack: Constant(3 * tick)})
	say(s, 0, 1, 1)
	s.Repair(id)
	say(s, 0, 1, 2)
	s.Run(at(100 * tick))
	wantLog(t, "the later one is first", ms[1], "1ms packet 2 from 10.0.0.1:7946", "4ms packet 1 from 10.0.0.1:7946")
}

// TestTrafficIsCountedByRegions, whether it arrives or not; what goes to nobody is nobody's.
func TestTrafficIsCountedByRegions(t *testing.T) {
	for _, workers := range []int{1, 3} {
		s, _ := toys(t, 4, Config{Link: Link{Latency: Constant(tick)}, Workers: workers})
		s.SetRegions([]uint8{0, 0, 1, 1}, nil)
		say(s, 0, 1, 1) // 4 bytes each
		say(s, 0, 2, 2)
		say(s, 1, 3, 3)
		cut(s, 2, 0)
		say(s, 2, 0, 4)
		s.Crash(3)
		say(s, 2, 3, 5)
		s.Run(at(100 * tick))
		want := [][]Traffic{{{1, 4, 0}, {2, 8, 0}}, {{1, 4, 0}, {}}}
		for from := range want {
			for to := range want[from] {
				if got := s.Between(from, to); got != want[from][to] {
					t.Errorf("%d workers, region %d to %d: %+v, want %+v", workers, from, to, got, want[from][to])
				}
			}
		}
	}
}

func TestPathsBetweenRegions(t *testing.T) {
	s, ms := toys(t, 3, Config{Link: Link{Latency: Constant(time.Hour)}})
	near, far, back := Link{Latency: Constant(tick)}, Link{Latency: Constant(50 * tick), Jitter: Constant(tick)}, Link{Latency: Constant(70 * tick)}
	s.SetRegions([]uint8{0, 0, 1}, []Link{near, far, back, near})
	say(s, 0, 1, 1)
	say(s, 0, 2, 2)
	say(s, 2, 0, 3)
	s.Run(at(100 * tick))
	wantLog(t, "within", ms[1], "1ms packet 1 from 10.0.0.1:7946")
	wantLog(t, "out", ms[2], "51ms packet 2 from 10.0.0.1:7946")
	wantLog(t, "back", ms[0], "70ms packet 3 from 10.0.0.3:7946")
	if s.quickest() != tick {
		t.Errorf("quickest %v, want %v", s.quickest(), tick)
	}
}

// A packet of 4 bytes takes 32 with its headers: 32 ms at 8 kbit/s.
func TestBandwidthQueuesAndThenDrops(t *testing.T) {
	const packetTime = 32 * tick
	s, ms := toys(t, 2, Config{Link: Link{Latency: Constant(tick)}})
	s.SetUplink(0, 8_000, 2*packetTime)
	for n := range uint32(5) {
		say(s, 0, 1, n)
	}
	s.Run(at(time.Second))
	wantLog(t, "two wait, and one that waits just as long as the queue", ms[1],
		"33ms packet 0 from 10.0.0.1:7946", "65ms packet 1 from 10.0.0.1:7946", "97ms packet 2 from 10.0.0.1:7946")
	if s.Stats().Choked != 2 {
		t.Errorf("%d dropped, want 2", s.Stats().Choked)
	}
	id := s.Impair([]int{0}, nil, BothWays, Impairment{Bandwidth: 4_000})
	say(s, 0, 1, 9)
	s.Run(at(2 * time.Second))
	wantLog(t, "the narrower one counts", ms[1], "1.065s packet 9 from 10.0.0.1:7946")
	s.Repair(id)
	s.SetUplink(0, 0, 0)
	say(s, 0, 1, 10)
	s.Run(at(3 * time.Second))
	wantLog(t, "no limit", ms[1], "2.001s packet 10 from 10.0.0.1:7946")
}

func TestBandwidthDelaysStreams(t *testing.T) {
	s, ms := toys(t, 2, Config{Link: Link{Latency: Constant(tick)}})
	s.SetUplink(0, 8_000, time.Millisecond)
	callToy(s, 0, 1, swim.StreamCall, "hello")
	s.Run(at(time.Second))
	size := len(block("hello")) + ipHeader
	want := 3*tick + time.Duration(size)*tick
	if len(ms[1].log) != 1 || ms[1].log[0] != want.String()+` request "hello"` {
		t.Errorf("got %q, want it at %v", ms[1].log, want)
	}
}
