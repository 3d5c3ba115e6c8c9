package netsim

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"serf/swim"
)

// gossipToy answers packets, opens streams and tells events, so that all that can pass between
// hosts does.
type gossipToy struct {
	toy
	self, hosts int
	calls       swim.StreamID
}

func (m *gossipToy) Packet(now swim.Time, from netip.AddrPort, p []byte, out *swim.Output) {
	n := binary.BigEndian.Uint32(p)
	out.Events = append(out.Events, swim.Event{Kind: swim.EventUser, Addr: from, Data: p, Members: []swim.MemberID{swim.MemberID(m.self)}})
	switch {
	case n%7 == 0:
		m.calls++
		kind, text := swim.StreamCall, "call"
		if n%2 == 0 {
			kind, text = swim.StreamSend, "send"
		}
		out.Streams = append(out.Streams, swim.StreamOut{ID: m.calls, Kind: kind, To: from, Data: block(text), Deadline: now.Add(20 * tick)})
	case n%3 == 0:
		out.Packets = append(out.Packets, swim.Packet{To: from, Data: binary.BigEndian.AppendUint32(nil, n+1)})
	}
}

func (m *gossipToy) Stream(now swim.Time, in swim.StreamIn, out *swim.Output) {
	if in.Kind == swim.StreamRequest && text(in.Data) == "call" && m.self%2 == 0 {
		out.Streams = append(out.Streams, swim.StreamOut{ID: in.ID, Kind: swim.StreamAnswer, Data: block("re")})
	}
	out.Events = append(out.Events, swim.Event{Kind: swim.EventState, Op: swim.OpID(in.ID), Err: in.Err, Data: in.Data})
}

// diary is an observer that writes down what it is told, and asks for an action now and then.
type diary struct {
	sim  *Sim
	log  []string
	acts int
}

func (d *diary) Event(now swim.Time, h int, e *swim.Event) {
	d.log = append(d.log, fmt.Sprintf("%v %v host %d: %d %v %q %v %v", now, d.sim.Now(), h, e.Kind, e.Members, e.Data, e.Op, e.Err))
	if len(d.log)%50 == 0 {
		d.sim.At(now, func() {
			d.acts++
			d.log = append(d.log, fmt.Sprintf("action at %v", d.sim.Now()))
			d.sim.Do(h, func(m swim.Machine, now swim.Time, out *swim.Output) {
				out.Packets = append(out.Packets, swim.Packet{To: toyAddr((h + 1) % len(d.sim.hosts)), Data: []byte{0, 0, 0, 3}})
				out.Events = append(out.Events, swim.Event{Kind: swim.EventAcked})
			})
		})
	}
}

// crowd is a busy simulation with faults of all kinds.
func crowd(t *testing.T, seed uint64, latency Dist, workers int) (*Sim, *diary) {
	t.Helper()
	const hosts = 24
	d := &diary{}
	s := New(Config{Seed: seed, Workers: workers, Link: Link{
		Latency: latency, Loss: Probability(0.05), Duplicate: Probability(0.05), Reorder: Probability(0.1), HoldBack: Uniform(0, 9*tick),
	}})
	d.sim = s
	s.Observe(d)
	for h := range hosts {
		m := &gossipToy{toy: toy{every: time.Duration(h+5) * tick / 2}, self: h, hosts: hosts}
		for to := range hosts {
			m.targets = append(m.targets, toyAddr(to)) // itself, too
		}
		if err := s.Start(s.Add(), toyAddr(h), func(_ swim.Time, out *swim.Output) (swim.Machine, error) { return m, nil }); err != nil {
			t.Fatal(err)
		}
	}
	s.At(at(10*tick), func() {
		s.Pause(1)
		cut(s, 2, 3)
		s.Impair([]int{4}, nil, BothWays, Impairment{Delay: Uniform(0, tick)})
		s.Impair([]int{8, 9}, nil, BothWays, Impairment{Flows: Flows{Max: 9, Idle: 5 * tick}})
		s.Impair([]int{10, 11}, nil, BothWays, Impairment{Flows: Flows{Ports: true}})
		s.Impair([]int{12}, nil, BothWays, Impairment{Streams: StreamsSilent})
		s.Impair([]int{13}, nil, WayOut, Impairment{Reject: true})
		s.Drift(14, RightRate/3)
		s.StopClock(15)
		s.Throttle(16, tick, 4*tick, 2*tick)
	})
	s.At(at(20*tick), func() { s.StartClock(15); s.Leap(14, 7*tick) })
	s.At(at(25*tick), func() { s.Crash(5); s.Impair([]int{6, 7}, []int{0, 1, 2, 3, 4, 5}, BothWays, Impairment{Cut: true}) })
	s.At(at(40*tick), func() {
		s.Resume(1)
		s.Heal()
		if err := s.Start(5, toyAddr(hosts), func(swim.Time, *swim.Output) (swim.Machine, error) {
			return &gossipToy{toy: toy{every: tick, due: s.Now(), targets: []netip.AddrPort{toyAddr(0)}}, self: 5, hosts: hosts}, nil
		}); err != nil {
			t.Error(err)
		}
	})
	return s, d
}

func TestNumberOfWorkersChangesNothing(t *testing.T) {
	if testing.Short() {
		t.Skip("a large simulation, several times")
	}
	latencies := map[string]Dist{
		"constant": Constant(tick), "spread": Exponential(tick/2, tick), "none at all": {}, "next to none": Uniform(0, tick),
	}
	for name, latency := range latencies {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(2) {
				var want []string
				var trace uint64
				for _, workers := range []int{1, 2, 3} {
					s, d := crowd(t, seed, latency, workers)
					s.Run(at(30 * tick))
					s.Run(at(50 * tick))
					if shares := latency.Min() > 0 && workers > 1; shares && s.eventsAverage < eventsLeast {
						t.Errorf("%d workers: windows have %d events, too few to be shared", workers, s.eventsAverage/16)
					}
					d.log = append(d.log, fmt.Sprint(s.Stats(), s.Now(), d.acts))
					if workers == 1 {
						want, trace = d.log, s.TraceHash()
						continue
					}
					if s.TraceHash() != trace {
						t.Errorf("seed %d: %d workers have another trace than one", seed, workers)
					}
					if diff := cmp.Diff(want, d.log); diff != "" {
						t.Fatalf("seed %d: %d workers told otherwise than one:\n%.2000s", seed, workers, diff)
					}
				}
			}
		})
	}
}

func TestRunUntilStopsAtTheSameTimeForAnyNumberOfWorkers(t *testing.T) {
	for _, workers := range []int{1, 2, 3} {
		s, d := crowd(t, 1, Constant(tick), workers)
		if !s.RunUntil(at(time.Second), func() bool { return len(d.log) > 1000 }) {
			t.Fatal("ran to the end")
		}
		// The window in which it came to be is simulated to its end.
		if want := at(9*tick) - 1; s.Now() != want {
			t.Errorf("%d workers: stopped at %v, want %v", workers, time.Duration(s.Now()), time.Duration(want))
		}
	}
}

func TestObserversAreToldInOrderAndActAfterTheWindow(t *testing.T) {
	for _, workers := range []int{1, 2} {
		s, _ := crowd(t, 2, Constant(2*tick), workers)
		last, acted := swim.Time(0), 0
		s.observers = []Observer{observerFunc(func(now swim.Time, h int) {
			if now < last {
				t.Errorf("told of %v after %v", now, last)
			}
			last = now
			s.At(now, func() {
				acted++
				if s.Now() < now+at(2*tick) {
					t.Errorf("action at %v, asked for at %v: other hosts may be that far ahead", s.Now(), now)
				}
			})
		})}
		s.Run(at(20 * tick))
		if acted == 0 {
			t.Error("no action was run")
		}
	}
}

func TestCallFromAnObserverIsABug(t *testing.T) {
	s, _ := crowd(t, 1, Constant(tick), 1)
	s.observers = []Observer{observerFunc(func(_ swim.Time, h int) { s.Do(h, func(swim.Machine, swim.Time, *swim.Output) {}) })}
	defer func() {
		if recover() == nil {
			t.Error("an observer called into a machine, whose effects would come too late")
		}
	}()
	s.Run(at(20 * tick))
}

type observerFunc func(now swim.Time, h int)

func (f observerFunc) Event(now swim.Time, h int, _ *swim.Event) { f(now, h) }

func TestWorkersGoHome(t *testing.T) {
	s, _ := crowd(t, 1, Constant(tick), 3)
	s.Run(at(20 * tick))
	if s.pool != nil {
		t.Error("goroutines are left when Run has returned")
	}
}
