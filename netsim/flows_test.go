package netsim

import (
	"net/netip"
	"testing"
	"time"

	"serf/swim"
)

// fullTable is host 0 with a table of two flows that are forgotten after 10 ticks, and others.
func fullTable(t *testing.T) (*Sim, []*toy, int) {
	t.Helper()
	s, ms := toys(t, 5, fixed(tick))
	id := s.Impair([]int{0}, nil, BothWays, Impairment{Flows: Flows{Max: 2, Idle: 10 * tick}})
	return s, ms, id
}

func TestFullTableDropsNewFlowsBothWaysAndPassesKnownOnes(t *testing.T) {
	s, ms, id := fullTable(t)
	say(s, 0, 1, 1) // 0 begins one, 2 the other
	say(s, 2, 0, 1)
	s.Run(at(2 * tick))
	wantCounts(t, "both fit", ms, 1, 1, 0, 0, 0)
	sayAll(s, 5)
	wantCounts(t, "two of four ways are known, both ways", ms, 2, 4, 4, 3, 3)
	if n := s.Stats().NoFlow; n != 4 {
		t.Errorf("%d dropped, want 4", n)
	}
	s.Repair(id)
	sayAll(s, 5)
	wantCounts(t, "ended", ms, 4, 4, 4, 4, 4)
}

func TestFlowsExpireWhenIdle(t *testing.T) {
	s, ms, _ := fullTable(t)
	say(s, 0, 1, 1)
	say(s, 0, 2, 1)
	s.At(at(8*tick), func() { say(s, 0, 2, 2) }) // is kept by it
	s.At(at(10*tick), func() { say(s, 0, 3, 1) })
	s.Run(at(10 * tick))
	wantCounts(t, "idle just long enough to be known", ms, 0, 1, 2, 0, 0)
	s.At(at(11*tick), func() { say(s, 0, 3, 2) })
	s.At(at(12*tick), func() { say(s, 0, 1, 2); say(s, 0, 2, 3) })
	s.Run(at(15 * tick))
	wantCounts(t, "3 has the place of 1", ms, 0, 0, 1, 1, 0)
}

func TestStreamsAreFlowsThatEndByThemselves(t *testing.T) {
	s, ms, _ := fullTable(t)
	say(s, 0, 1, 1)
	callToy(s, 0, 1, swim.StreamCall, "a")
	callToy(s, 0, 4, swim.StreamCall, "b")
	callToy(s, 2, 0, swim.StreamCall, "c")
	s.Run(at(20 * time.Second))
	wantLog(t, "the second tries again, and finds room", ms[0], `4ms reply 1 "re: a"`, `1.004s reply 1 "re: b"`)
	wantLog(t, "nobody tells another host", ms[2], "10s failed 1: i/o timeout")
	callToy(s, 2, 0, swim.StreamCall, "d")
	s.Run(at(30 * time.Second))
	wantLog(t, "there is room again", ms[2], `20.004s reply 1 "re: d"`)
}

// Answers to the port of the last packet arrive, others don't, nor what strangers send there.
func TestPortsOfANATChange(t *testing.T) {
	for _, tt := range []struct {
		idle        time.Duration
		wait        time.Duration
		again, last bool
	}{
		{0, tick, false, true},
		{10 * tick, 8 * tick, true, true},
		{10 * tick, 11 * tick, false, true},
	} {
		s, ms := toys(t, 3, fixed(tick))
		id := s.Impair([]int{0}, nil, BothWays, Impairment{Flows: Flows{Ports: true, Idle: tt.idle}})
		heard := func() string { // as 1 hears 0
			s.Run(s.Now().Add(tick))
			at := ms[1].log[len(ms[1].log)-1]
			return at[len(at)-len("10.0.0.1:40000"):]
		}
		answer := func(port string) bool {
			counts(ms)
			say2 := func(from int) {
				s.Do(from, func(_ swim.Machine, _ swim.Time, out *swim.Output) {
					out.Packets = append(out.Packets, swim.Packet{To: netip.MustParseAddrPort(port), Data: make([]byte, 4)})
				})
			}
			say2(1)
			say2(2) // a stranger
			s.Run(s.Now().Add(tick))
			return counts(ms)[0] == 1
		}
		say(s, 0, 1, 1)
		first := heard()
		s.Run(s.Now().Add(tt.wait - 2*tick + tick))
		say(s, 0, 1, 2)
		second := heard()
		if (first == second) != tt.again {
			t.Errorf("idle %v, %v between: ports %s and %s", tt.idle, tt.wait, first, second)
		}
		if got := answer(first); got != tt.again {
			t.Errorf("idle %v: an answer to the first port arrives: %v", tt.idle, got)
		}
		if got := answer(second); got != tt.last {
			t.Errorf("idle %v: an answer to the last port arrives: %v", tt.idle, got)
		}
		say(s, 2, 0, 3)
		s.Run(s.Now().Add(tick))
		wantCounts(t, "its own address is forwarded", ms, 1, 0, 0)
		s.Repair(id)
		if answer(second) || s.places.host(netip.MustParseAddrPort(second)) != none {
			t.Error("the NAT's ports are left when it is gone")
		}
		say(s, 0, 1, 3)
		if last := heard(); last != "  10.0.0.1:7946"[1:] && last != toyAddr(0).String() {
			t.Errorf("without a NAT it sends from %q", last)
		}
	}
}

// A host that lives elsewhere has a NAT with ports there.
func TestNATMovesWithItsHost(t *testing.T) {
	s, ms := toys(t, 2, fixed(tick))
	s.Impair([]int{0}, nil, BothWays, Impairment{Flows: Flows{Ports: true}})
	if err := s.Start(0, toyAddr(7), func(swim.Time, *swim.Output) (swim.Machine, error) { return ms[0], nil }); err != nil {
		t.Fatal(err)
	}
	say(s, 0, 1, 1)
	s.Run(at(10 * tick))
	wantLog(t, "heard", ms[1], "1ms packet 1 from 10.0.0.8:40000")
}
