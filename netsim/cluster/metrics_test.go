package cluster

import (
	"testing"
	"time"

	"serf/netsim"
)

// A fault that ends has views to put right only if members were considered failed because of it.
func TestEndOfAFaultThatMadeFailuresIsAChange(t *testing.T) {
	t.Parallel()
	lossy := func(p float64) func(c *Cluster) {
		return func(c *Cluster) {
			end := c.Impair([]int{1}, nil, netsim.BothWays, netsim.Impairment{Loss: netsim.Probability(p)})
			c.sim.After(time.Minute, end)
		}
	}
	paused := func(d time.Duration) func(c *Cluster) { return func(c *Cluster) { c.Pause(1, d) } }
	for name, test := range map[string]struct {
		fault func(c *Cluster)
		want  string
	}{
		"all is lost":         {lossy(1), "heal"},
		"nearly all is lost":  {lossy(0.95), "heal"},
		"little is lost":      {lossy(0.05), ""},
		"paused for long":     {paused(time.Minute), "resume"},
		"paused for a moment": {paused(time.Second), ""},
	} {
		c := newCluster(t, 10, "lan")
		if err := c.BootWarm(); err != nil {
			t.Fatal(err)
		}
		c.Run(10 * time.Second)
		test.fault(c)
		c.Run(3 * time.Minute)
		got := ""
		for _, e := range c.Episodes() {
			got += e.What
			if e.Settled <= e.At {
				t.Errorf("%s: settled at %v", name, e.Settled)
			}
		}
		if got != test.want {
			t.Errorf("%s: changes %q, want %q", name, got, test.want)
		}
	}
}

func TestCrashSpreadsToEachWhoTookItForAlive(t *testing.T) {
	t.Parallel()
	c := bootCluster(t, 20, "lan")
	c.Crash(3)
	c.Run(time.Second)
	c.Crash(4) // before it can learn of the first
	wantSettled(t, c, "two crashed", c.HealBound())
	d := c.Report().Detections
	for i, due := range []int{18, 18} {
		s := d[i].Spread
		if took, all := s.ToAll(); s.Due != due || !all || took != d[i].All.Sub(d[i].At) {
			t.Errorf("crash %d: %d of %d know, all %v after %v", i, s.Reached, s.Due, all, took)
		}
	}
}
