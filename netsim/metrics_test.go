package netsim

import (
	"testing"
	"time"
)

// A fault that ends has views to put right only if it had members taken for failed.
func TestEndOfAFaultThatMadeFailuresIsAChange(t *testing.T) {
	for fault, want := range map[string]string{
		`"kind": "network", "loss": "100%", "length": "1m"`: "heal",
		`"kind": "network", "loss": "95%", "length": "1m"`:  "heal",
		`"kind": "network", "loss": "5%", "length": "1m"`:   "",
		`"kind": "pause", "length": "1m"`:                   "resume",
		`"kind": "pause", "length": "1s"`:                   "",
	} {
		p := playOut(t, `{"nodes": 10, "for": "3m", "faults": [{"members": ["m2"], "start": "10s", `+fault+`}]}`)
		p.c.Run(time.Duration(p.s.For))
		got := ""
		for _, e := range p.c.metrics.episodes {
			got += e.What
			if e.Settled <= e.At {
				t.Errorf("%s: settled at %v", fault, e.Settled)
			}
		}
		if got != want {
			t.Errorf("%s: changes %q, want %q", fault, got, want)
		}
	}
}
