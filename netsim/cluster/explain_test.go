package cluster

import (
	"slices"
	"strings"
	"testing"
	"time"

	"serf/swim/history"
)

// Members are paused for longer than a suspicion lasts. The history of who says so is told as it
// was at that moment, and nothing else changes by that.
func TestFalseFailuresAreExplained(t *testing.T) {
	run := func(explain, workers int) *Cluster {
		c := newCluster(t, 12, "lan", func(c *Config) { c.Explain, c.Workers, c.Check = explain, workers, false })
		c.Boot(bootTime)
		c.Run(20 * time.Second)
		c.Pause(4, 30*time.Second)
		c.Run(50 * time.Second)
		return c
	}
	without, with := run(0, 1), run(5, 1)
	if a, b := without.Sim().TraceHash(), with.Sim().TraceHash(); a != b {
		t.Errorf("trace %x with explanations, %x without", b, a)
	}
	if n := len(without.Report().Stories); n > 0 {
		t.Errorf("%d stories that nobody asked for", n)
	}
	r := with.Report()
	if len(r.Stories) != 5 || r.FalseFailures.All <= 5 {
		t.Fatalf("%d of %d false failures are explained, want 5", len(r.Stories), r.FalseFailures.All)
	}
	for _, s := range r.Stories {
		last := s.Changes[len(s.Changes)-1]
		if s.Name != "m5" || last.To != history.Failed || last.At != s.At {
			t.Errorf("%s at %v, the last change is %+v", s.Name, s.At, last)
		}
		if !slices.Contains(s.Truth, "m5 was paused") || !slices.ContainsFunc(s.Truth, func(l string) bool { return strings.HasPrefix(l, s.AsSeenBy+" ran") }) {
			t.Errorf("truth %q", s.Truth)
		}
	}
	var one, two strings.Builder
	several := run(5, 3).Report()
	if r.WriteStories(&one) != nil || several.WriteStories(&two) != nil || one.String() != two.String() {
		t.Errorf("one worker tells\n%s\nand three tell\n%s", one.String(), two.String())
	}
}

func TestExplanationsAreLimited(t *testing.T) {
	for _, tt := range []struct {
		members, explain int
		ok               bool
	}{
		{2, ExplainMax, true}, {2, ExplainMax + 1, false}, {2, -1, false}, {MaxChecked, 1, true}, {MaxChecked + 1, 1, false},
	} {
		if _, err := New(Config{Members: tt.members, Explain: tt.explain}); (err == nil) != tt.ok {
			t.Errorf("%d members, %d explained: %v", tt.members, tt.explain, err)
		}
	}
}
