package scenario

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"serf/internal/systest"
	"serf/netsim/report"
)

// A scenario with all that can go on at once.
const allAtOnce = `{
	"nodes": 60, "for": "25s", "seed": 3, "profile": "lan", "encrypt": true, "compress": true, "events": 5,
	"network": {"bandwidth": "2Mbit", "jitter": "1ms"},
	"regions": [{"name": "eu", "share": "50%"}, {"name": "us", "share": "50%"}],
	"paths": [{"from": "eu", "to": "us", "latency": "20ms..30ms", "loss": "1%"}],
	"faults": [
		{"kind": "churn", "joins": 30, "leaves": 20, "crashes": 30, "start": "1s", "length": "15s"},
		{"kind": "pause", "count": 5, "start": "3s", "length": "4s"},
		{"kind": "block-udp", "count": 5, "start": "4s", "length": "5s"},
		{"kind": "partition", "share": "30%", "start": "10s", "length": "4s"},
		{"kind": "network", "loss": "10%", "duplicate": "5%", "start": "5s", "length": "5s"},
		{"kind": "clock", "rate": 1.2, "jump": "3s", "start": "2s", "count": 5},
		{"kind": "suspend", "buffer": 5000, "start": "5s", "length": "6s", "count": 5},
		{"kind": "throttle", "quota": "10ms", "start": "3s", "length": "9s", "count": 5},
		{"kind": "conntrack", "entries": 30, "idle": "4s", "start": "2s", "count": 9},
		{"kind": "nat-ports", "start": "2s", "count": 9},
		{"kind": "own-name", "start": "2s", "length": "9s", "count": 9}
	],
	"work": [
		{"kind": "event", "every": "1s", "size": 100}, {"kind": "query", "every": "3s"},
		{"kind": "tags", "every": "2s"}, {"kind": "rotate-key", "start": "8s", "every": "4s"}
	]
}`

func TestNumberOfWorkersChangesNothingInAScenario(t *testing.T) {
	t.Parallel()
	systest.Long(t, "a large cluster, twice")
	reports := make([]report.Report, 2)
	for i := range reports {
		s, _, err := Parse([]byte(allAtOnce))
		if err != nil {
			t.Fatal(err)
		}
		s.Workers = i + 1
		if reports[i], err = s.Run(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(reports[0], reports[1], cmp.AllowUnexported(report.Report{})); diff != "" {
		t.Errorf("two workers report otherwise than one:\n%.2000s", diff)
	}
}
