package interop

import (
	"fmt"
	"io"
	"runtime"
	"testing"
	"time"

	"github.com/hashicorp/memberlist"
	"github.com/hashicorp/serf/serf"

	sim "serf/netsim/cluster"
)

// Many members in one process: the original on memberlist's in-memory network, in real time because
// it has no other; ours in the simulator, as fast as it runs. Both are full Serf nodes that idle in
// a cluster in which all know each other, with the local profile's timing.

const (
	crowdMembers = 60               // of the original: on a busy machine 200 don't converge within minutes
	crowdTime    = 20 * time.Second // for which they idle
)

// BenchmarkSimulation prints the processor time and heap that an idle member takes on both sides.
//
//	go test -run '^$' -bench Simulation -benchtime 1x .
func BenchmarkSimulation(b *testing.B) {
	b.Run("original", benchmarkOriginalCrowd)
	b.Run("ours", benchmarkOwnCrowd)
}

func benchmarkOriginalCrowd(b *testing.B) {
	for b.Loop() {
		before, routines := liveHeap(), runtime.NumGoroutine()
		nodes := originalCrowd(b)
		cpu, begun := processorTime(), time.Now()
		time.Sleep(crowdTime)
		took, passed := processorTime()-cpu, time.Since(begun)
		reportCrowd(b, took, passed, liveHeap()-before)
		b.ReportMetric(float64(runtime.NumGoroutine()-routines)/crowdMembers, "goroutines/node")
		for _, n := range nodes {
			must(b, n.Shutdown())
		}
	}
}

func benchmarkOwnCrowd(b *testing.B) {
	for b.Loop() {
		before := liveHeap()
		lan, err := sim.ProfileByName("lan")
		must(b, err)
		c, err := sim.New(sim.Config{Members: crowdMembers, Profile: lan, Link: lan.Link, Seed: 1})
		must(b, err)
		must(b, c.BootWarm())
		c.Run(crowdTime) // in the middle of their lifetime
		cpu := processorTime()
		c.Run(crowdTime)
		took := processorTime() - cpu
		reportCrowd(b, took, crowdTime, liveHeap()-before)
		b.ReportMetric(0, "goroutines/node")
		runtime.KeepAlive(c)
	}
}

// reportCrowd reports the processor time per member and second, and the reverse.
func reportCrowd(b *testing.B, took, passed time.Duration, heap uint64) {
	perNode := took.Seconds() / passed.Seconds() / crowdMembers
	b.ReportMetric(perNode*1e6, "cpu-µs/node-s")
	b.ReportMetric(1/perNode, "node-s/cpu-s")
	b.ReportMetric(float64(heap)/crowdMembers, "heap-B/node")
	b.ReportMetric(0, "ns/op")
}

// originalCrowd starts members that join the first one, and waits until all know each other.
func originalCrowd(b *testing.B) []*serf.Serf {
	b.Helper()
	network := &memberlist.MockNetwork{}
	var nodes []*serf.Serf
	for i := range crowdMembers {
		name := fmt.Sprintf("m%d", i+1)
		transport := network.NewTransport(name)
		ip, port, err := transport.FinalAdvertiseAddr("", 0)
		must(b, err)
		c := serf.DefaultConfig()
		c.NodeName, c.LogOutput = name, io.Discard
		c.MemberlistConfig = memberlist.DefaultLANConfig()
		c.MemberlistConfig.Transport, c.MemberlistConfig.LogOutput = transport, io.Discard
		c.MemberlistConfig.AdvertiseAddr, c.MemberlistConfig.AdvertisePort = ip.String(), port
		n, err := serf.Create(c)
		must(b, err)
		if i > 0 {
			_, err = n.Join([]string{"m1/127.0.0.1:1"}, true)
			must(b, err)
		}
		nodes = append(nodes, n)
	}
	const patience = 3 * time.Minute // stragglers learn the rest by full exchanges, half a minute apart
	for begun := time.Now(); known(nodes) < len(nodes); time.Sleep(time.Second) {
		if time.Since(begun) > patience {
			b.Fatalf("after %v one knows %d of %d", patience, known(nodes), len(nodes))
		}
	}
	return nodes
}

// known returns how many members are known to the member that knows fewest.
func known(nodes []*serf.Serf) int {
	least := len(nodes)
	for _, n := range nodes {
		least = min(least, n.NumNodes())
	}
	return least
}

func liveHeap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
