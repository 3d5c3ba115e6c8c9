package agent

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"serf/agent/handler"
	"serf/driver"
	"serf/swim"
	"serf/swim/serf"
)

// That a system doesn't count something isn't shown as if it had never happened.
func TestStatsShowWhatTheKernelDropped(t *testing.T) {
	for _, known := range []bool{true, false} {
		traffic := Traffic{Counters: driver.Counters{KernelDrops: 7, KernelDropsKnown: known}}
		got, shown := droppedStats(new(swim.Counters), new(serf.Counters), traffic)["packets_kernel"]
		if shown != known || known && got != "7" {
			t.Errorf("known %v: %q is shown: %v", known, got, shown)
		}
	}
}

func TestStatsShowTheBacklog(t *testing.T) {
	now := time.Unix(1e9, 0)
	s := handler.Stats{
		Handlers: []handler.HandlerStats{
			{Handler: "user=a", Waiting: 3, Began: now.Add(-1500 * time.Millisecond), Counts: handler.Counts{Runs: 4, Failed: 2, TimedOut: 1, Dropped: 5}},
			{Handler: "*=b"},
			{Handler: "*=b", Waiting: 1},
		},
		Waiting: 4, Running: 1,
		Total: handler.Counts{Runs: 14, Failed: 12, TimedOut: 11, Dropped: 15, Coalesced: 16},
	}
	want := map[string]string{
		"waiting": "4", "running": "1", "runs": "14", "failed": "12", "timed_out": "11", "dropped": "15", "merged": "16",
		"user=a":  "running for 1.5s, 3 waiting, 4 runs, 2 failed, 1 timed out, 5 dropped",
		"*=b":     "idle, 0 waiting, 0 runs, 0 failed, 0 timed out, 0 dropped",
		"*=b (2)": "idle, 1 waiting, 0 runs, 0 failed, 0 timed out, 0 dropped",
	}
	if d := cmp.Diff(want, handlerSection(s, now)); d != "" {
		t.Error("-want +got:\n", d)
	}
}
