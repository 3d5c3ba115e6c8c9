//go:build unix

package netsim

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"serf/internal/cputime"
	"serf/swim"
)

// prober pings one other a second and answers pings: the traffic of an idle member, and nothing of
// its thinking.
type prober struct {
	due    swim.Time
	others int
	own    uint32
	state  uint64
	data   [60]byte
}

func (m *prober) Packet(_ swim.Time, from netip.AddrPort, p []byte, out *swim.Output) {
	if p[0] == 0 {
		m.data[0] = 1
		out.Packets = append(out.Packets, swim.Packet{To: from, Data: m.data[:]})
	}
}

func (m *prober) Stream(swim.Time, swim.StreamIn, *swim.Output) {}

func (m *prober) Tick(now swim.Time, out *swim.Output) {
	if now < m.due {
		return
	}
	m.due = now.Add(time.Second)
	m.state = Mix(m.state, uint64(now))
	m.data[0] = 0
	binary.BigEndian.PutUint32(m.data[1:], m.own)
	to := crowdAddr(int(m.state % uint64(m.others)))
	out.Packets = append(out.Packets, swim.Packet{To: to, Data: m.data[:]})
}

func (m *prober) Deadline() swim.Time { return m.due }

// crowdAddr is where one of very many hosts lives.
func crowdAddr(h int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(h >> 16), byte(h >> 8), byte(h)}), 7946)
}

// BenchmarkEngine is what the simulation costs without the members: a packet out and in, an answer,
// a timer, once a second.
func BenchmarkEngine(b *testing.B) {
	for _, hosts := range []int{1000, 10_000, 100_000} {
		for _, workers := range []int{1, 2} {
			b.Run(fmt.Sprintf("%d/workers=%d", hosts, workers), func(b *testing.B) { benchmarkEngine(b, hosts, workers) })
		}
	}
}

func benchmarkEngine(b *testing.B, hosts, workers int) {
	s := New(Config{Seed: 1, Link: Link{Latency: Exponential(100*time.Microsecond, 500*time.Microsecond)}, Workers: workers})
	for h := range hosts {
		m := &prober{due: swim.Time(h) * swim.Time(time.Second) / swim.Time(hosts), others: hosts, own: uint32(h), state: uint64(h)}
		if err := s.Start(s.Add(), crowdAddr(h), func(swim.Time, *swim.Output) (swim.Machine, error) { return m, nil }); err != nil {
			b.Fatal(err)
		}
	}
	s.Run(swim.Time(2 * time.Second))
	from := cputime.Used()
	for b.Loop() {
		s.Run(s.Now().Add(time.Second))
	}
	seconds := float64(hosts) * float64(b.N)
	b.ReportMetric(seconds/(cputime.Used()-from).Seconds(), "host-s/cpu-s")
	b.ReportMetric(seconds/b.Elapsed().Seconds(), "host-s/s")
}

// BenchmarkCacheLines reads cache lines of 150 MB, the memory of 10,000 nodes, in random order: in
// chains, in which each read waits for the one before.
func BenchmarkCacheLines(b *testing.B) {
	type line struct {
		next uint32
		_    [60]byte
	}
	lines := make([]line, 150<<20/64)
	order := rand.New(rand.NewPCG(1, 2)).Perm(len(lines))
	for i, at := range order {
		lines[at].next = uint32(order[(i+1)%len(order)])
	}
	for _, chains := range []int{1, 4, 16} {
		b.Run(fmt.Sprintf("chains=%d", chains), func(b *testing.B) {
			at := make([]uint32, chains)
			for i := range at {
				at[i] = uint32(order[i*len(order)/chains])
			}
			reads := 0
			for b.Loop() {
				for i, now := range at {
					at[i] = lines[now].next
				}
				reads += chains
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(reads), "ns/line")
		})
	}
}
