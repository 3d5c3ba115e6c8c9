//go:build unix

package netsim

import (
	"fmt"
	"testing"
	"time"
)

// warmCluster is a large cluster, a while after its start.
func warmCluster(b *testing.B, members, workers int) *Cluster {
	b.Helper()
	c, err := NewCluster(ClusterConfig{Members: members, Profile: profiles[0], Link: profiles[0].Link, Seed: 1, Workers: workers})
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
				from := cpuTime()
				for b.Loop() {
					c.Run(time.Second)
				}
				seconds := float64(members) * float64(b.N)
				b.ReportMetric(seconds/(cpuTime()-from).Seconds(), "node-s/cpu-s")
				b.ReportMetric(seconds/b.Elapsed().Seconds(), "node-s/s")
			})
		}
	}
}
