package serf

import (
	"fmt"
	"iter"
	"net/netip"
	"testing"
	"time"

	"serf/swim"
)

// steady is a cluster in which nothing happens, in the simplest possible simulator: time advances
// by milliseconds, packets take one and streams none. Nearly all of its cost is that of the nodes.
type steady struct {
	nodes  []*Node
	out    swim.Output
	step   int
	ticks  [wheelSteps][]int32 // nodes due, by step; postponed ones are still there
	due    []int               // of each node
	flying [2][]flyingPacket   // of this step and of the next
	arena  [2][]byte
	events int
}

type flyingPacket struct {
	from, to int32
	data     [2]int // in the arena
}

const (
	stepTime   = time.Millisecond
	wheelSteps = 1 << 11 // more than a probe interval
)

func (s *steady) now() swim.Time { return swim.Time(s.step) * swim.Time(stepTime) }

func steadyConfig(i int, c *Config) {
	*c = DefaultConfig(swim.LAN())
	c.Name, c.Seed = fmt.Sprintf("m%d", i+1), uint64(i)
	c.Addr = netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}),
		7946)
}

func steadyConfigs(members int) iter.Seq[*Config] {
	return func(yield func(*Config) bool) {
		for i := range members {
			var c Config
			if steadyConfig(i, &c); !yield(&c) {
				return
			}
		}
	}
}

func newSteady(tb testing.TB, members int) *steady {
	base, err := NewBase(0, "", steadyConfigs(members))
	if err != nil {
		tb.Fatal(err)
	}
	s := &steady{due: make([]int, members)}
	roster := base.NewRoster()
	for i := range members {
		var c Config
		steadyConfig(i, &c)
		c.sim.Warm, c.sim.Roster = base, roster
		n, err := New(0, c, &s.out)
		if err != nil {
			tb.Fatal(err)
		}
		s.nodes = append(s.nodes, n)
		s.arm(i)
	}
	return s
}

// arm puts node i under its deadline, or as far ahead as the wheel goes.
func (s *steady) arm(i int) {
	at := int((s.nodes[i].Deadline() + swim.Time(stepTime) - 1) / swim.Time(stepTime))
	at = min(max(at, s.step+1), s.step+wheelSteps-1)
	if at != s.due[i] {
		s.due[i] = at
		s.ticks[at%wheelSteps] = append(s.ticks[at%wheelSteps], int32(i))
	}
}

// run lets a second pass.
func (s *steady) run() {
	for range time.Second / stepTime {
		s.step++
		mine := s.step % 2
		s.flying[1-mine], s.arena[1-mine] = s.flying[1-mine][:0], s.arena[1-mine][:0]
		for _, p := range s.flying[mine] {
			s.nodes[p.to].Packet(s.now(), s.nodes[p.from].cfg.Addr,
				s.arena[mine][p.data[0]:p.data[1]], &s.out)
			s.flush(int(p.to))
		}
		at := &s.ticks[s.step%wheelSteps]
		for _, i := range *at {
			if s.due[i] == s.step {
				s.nodes[i].Tick(s.now(), &s.out)
				s.flush(int(i))
			}
		}
		*at = (*at)[:0]
	}
}

// flush carries out the effects of node i.
func (s *steady) flush(i int) {
	next := (s.step + 1) % 2
	for _, p := range s.out.Packets {
		start := len(s.arena[next])
		s.arena[next] = append(s.arena[next], p.Data...)
		s.flying[next] = append(s.flying[next],
			flyingPacket{int32(i), s.at(p.To), [2]int{start, len(s.arena[next])}})
	}
	s.events += len(s.out.Events)
	calls := s.out.Streams
	s.out.Streams = nil
	s.out.Reset()
	s.arm(i)
	for _, o := range calls {
		if o.Kind == swim.StreamCall {
			s.exchange(i, &o)
		}
	}
}

func (s *steady) at(a netip.AddrPort) int32 {
	b := a.Addr().As4()
	return int32(b[1])<<16 | int32(b[2])<<8 | int32(b[3])
}

// exchange carries out one push/pull.
func (s *steady) exchange(i int, o *swim.StreamOut) {
	other := int(s.at(o.To))
	in := swim.StreamIn{ID: swim.Inbound | 1, Kind: swim.StreamRequest, From: s.nodes[i].cfg.Addr,
		Data: o.Data, More: o.More}
	s.nodes[other].Stream(s.now(), in, &s.out)
	answer := s.out.Streams[0]
	s.flush(other)
	s.nodes[i].Stream(s.now(), swim.StreamIn{ID: o.ID, Kind: swim.StreamReply, From: o.To,
		Data: answer.Data, More: answer.More}, &s.out)
	s.flush(i)
}

// BenchmarkSteadyState measures member-seconds per second in a cluster in which nothing happens.
func BenchmarkSteadyState(b *testing.B) {
	for _, members := range []int{100, 1000, 10_000} {
		b.Run(fmt.Sprint(members), func(b *testing.B) {
			s := newSteady(b, members)
			s.run()
			b.ResetTimer()
			for b.Loop() {
				s.run()
			}
			if s.events > 0 {
				b.Fatalf("%d events: something happens", s.events)
			}
			b.ReportMetric(float64(members*b.N)/b.Elapsed().Seconds(), "member-seconds/s")
		})
	}
}
