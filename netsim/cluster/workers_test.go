package cluster

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"serf/netsim"
	"serf/netsim/report"
	"serf/swim/serf"
)

// clusterRun is some seconds of a cluster with crashes, a partition, events and queries.
func clusterRun(t *testing.T, seed uint64, workers int, warm bool) (report.Report, *Cluster) {
	t.Helper()
	c := newCluster(t, 50, "lan", withSeed(seed), func(cfg *Config) { cfg.Workers, cfg.Link.Loss = workers, netsim.Probability(0.01) })
	if warm {
		if err := c.BootWarm(); err != nil {
			t.Fatal(err)
		}
	} else {
		c.Boot(bootTime / 4)
	}
	c.sim.After(time.Second, func() {
		for _, i := range c.Pick(4) {
			c.Crash(i)
		}
	})
	c.sim.After(3*time.Second, func() {
		if err := c.UserEvent(c.Pick(1)[0], "deploy", []byte("now")); err != nil {
			t.Error(err)
		}
	})
	c.sim.After(4*time.Second, func() {
		c.Leave(c.Pick(1)[0])
		if _, err := c.Query(c.Pick(1)[0], serf.QueryParams{Name: "who", WantAck: true}); err != nil {
			t.Error(err)
		}
	})
	c.Run(5 * time.Second)
	c.RunUntilSettled(8 * time.Second)
	return c.Report(), c
}

func TestNumberOfWorkersChangesNothingInAReport(t *testing.T) {
	t.Parallel()
	for _, warm := range []bool{false, true} {
		want, _ := clusterRun(t, 7, 1, warm)
		for _, workers := range []int{2, 3} {
			got, c := clusterRun(t, 7, workers, warm)
			if diff := cmp.Diff(want, got, cmp.AllowUnexported(report.Report{})); diff != "" {
				t.Errorf("%d workers, warm %v, report otherwise than one:\n%.2000s", workers, warm, diff)
			}
			if len(c.Violations()) > 0 {
				t.Error(c.Violations())
			}
		}
	}
}
