//go:build unix

package cluster

import (
	"fmt"
	"runtime"
	"syscall"
	"testing"
	"time"

	"serf/internal/cputime"
)

// warmCluster is a large cluster, a while after its start.
func warmCluster(b *testing.B, members, workers int) *Cluster {
	b.Helper()
	c, err := New(Config{Members: members, Profile: profiles[0], Link: profiles[0].Link, Seed: 1, Workers: workers})
	if err != nil {
		b.Fatal(err)
	}
	if err := c.BootWarm(); err != nil {
		b.Fatal(err)
	}
	c.Run(3 * time.Second)
	return c
}

// BenchmarkSteady is a cluster in which nothing happens.
func BenchmarkSteady(b *testing.B) {
	for _, members := range []int{1000, 10_000, 100_000} {
		for _, workers := range []int{1, 2} {
			b.Run(fmt.Sprintf("%d/workers=%d", members, workers), func(b *testing.B) {
				c := warmCluster(b, members, workers)
				from := cputime.Used()
				for b.Loop() {
					c.Run(time.Second)
				}
				seconds := float64(members) * float64(b.N)
				b.ReportMetric(seconds/(cputime.Used()-from).Seconds(), "node-s/cpu-s")
				b.ReportMetric(seconds/b.Elapsed().Seconds(), "node-s/s")
			})
		}
	}
}

// BenchmarkCrashes is a large cluster in which ten members crash, until every view agrees.
func BenchmarkCrashes(b *testing.B) {
	for _, members := range []int{1000, 10_000} {
		for _, workers := range []int{1, 2} {
			b.Run(fmt.Sprintf("%d/workers=%d", members, workers), func(b *testing.B) {
				c := warmCluster(b, members, workers)
				cpu, begun := cputime.Used(), c.Now()
				for b.Loop() {
					for _, i := range c.Pick(10) {
						c.Crash(i)
					}
					if !c.RunUntilSettled(5 * time.Minute) {
						b.Fatal(c.Disagreement())
					}
				}
				took := c.Now().Sub(begun).Seconds()
				b.ReportMetric(took/float64(b.N), "virtual-s/op")
				b.ReportMetric(took/(cputime.Used()-cpu).Seconds(), "virtual-s/cpu-s")
				b.ReportMetric(took/b.Elapsed().Seconds(), "virtual-s/s")
			})
		}
	}
}

// BenchmarkColdJoin is a cluster whose members start within a second and join one, until all know
// all.
func BenchmarkColdJoin(b *testing.B) {
	const members = 1000
	for _, workers := range []int{1, 2} {
		b.Run(fmt.Sprintf("%d/workers=%d", members, workers), func(b *testing.B) {
			cpu := cputime.Used()
			for b.Loop() {
				c, err := New(Config{Members: members, Profile: profiles[0], Link: profiles[0].Link, Seed: 1, Workers: workers})
				if err != nil {
					b.Fatal(err)
				}
				c.Boot(bootTime)
				c.Run(bootTime)
				if !c.RunUntilSettled(5 * time.Minute) {
					b.Fatal(c.Disagreement())
				}
				b.ReportMetric(time.Duration(c.Now()).Seconds(), "virtual-s/op")
			}
			b.ReportMetric((cputime.Used()-cpu).Seconds()/float64(b.N), "cpu-s/op")
			b.ReportMetric(float64(peakMemory())/(members*members), "peak-B/pair")
		})
	}
}

// BenchmarkMemory is what a large cluster takes that started warm and has run for a while: on the
// heap, and at most of the machine's memory, which is that of the largest run so far.
func BenchmarkMemory(b *testing.B) {
	for _, members := range []int{1000, 10_000, 100_000} {
		b.Run(fmt.Sprint(members), func(b *testing.B) {
			for b.Loop() {
				c := warmCluster(b, members, 1)
				c.Run(memoryTime)
				var m runtime.MemStats
				runtime.GC()
				runtime.ReadMemStats(&m)
				b.ReportMetric(float64(m.HeapAlloc)/float64(members), "B/node")
				b.ReportMetric(float64(peakMemory())/(1<<20), "peak-MiB")
				runtime.KeepAlive(c)
			}
		})
	}
}

// memoryTime is long enough that a tenth of the members have exchanged their states, and most know
// where some others are.
const memoryTime = 30 * time.Second

// peakMemory is the most that this process had in memory so far, in bytes.
func peakMemory() int64 {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	if runtime.GOOS == "darwin" {
		return int64(u.Maxrss)
	}
	return int64(u.Maxrss) << 10
}
