package study

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"serf/internal/systest"
	"serf/netsim/cluster"
	"serf/netsim/scenario"
	"serf/swim"
)

// smallStudy is what shows most in the least time.
func smallStudy() Lifeguard {
	s := ReducedStudy()
	s.Stopped, s.Stops, s.Runs = []int{16}, millis(16384), millis(1)
	s.Variants = []Variant{{"swim", swim.WithoutAny}, {"lifeguard", swim.WithoutOurs}, {"ours", 0}}
	return s
}

// TestLifeguardStudy is a part of `serf sim lifeguard`: the order of the variants is that of the
// paper, and ours is no worse.
func TestLifeguardStudy(t *testing.T) {
	t.Parallel()
	systest.Long(t, "128 members in three variants")
	s := smallStudy()
	r, err := s.Run(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	swim, lifeguard, ours := r.Variants[0], r.Variants[1], r.Variants[2]
	if swim.False < 50 || lifeguard.False > swim.False/10 || ours.False > 0 || ours.FalseHealthy > 0 {
		t.Errorf("false positives: SWIM %d, Lifeguard %d, ours %d", swim.False, lifeguard.False, ours.False)
	}
	if ours.First.Count < ours.Once/2 || ours.First.Median > lifeguard.First.Median+time.Second {
		t.Errorf("true failures found: %+v, by Lifeguard %+v", ours.First, lifeguard.First)
	}
	for _, want := range []string{"2 of 2 combinations\n", "\nlifeguard ", " 1.53 %", "\nours "} {
		if text := r.String(); !strings.Contains(text, want) {
			t.Errorf("%q isn't in\n%s", want, text)
		}
	}
}

// quickStudy takes no time.
func quickStudy() Lifeguard {
	s := smallStudy()
	s.Variants, s.Stops, s.Runs, s.Stopped = s.Variants[2:], millis(128), millis(16384), []int{1}
	return s
}

func TestStudyDoesNotDependOnWorkers(t *testing.T) {
	t.Parallel()
	systest.Long(t, "128 members in six runs")
	text := func(workers int) string {
		s := quickStudy()
		s.Workers = workers
		r, err := s.Run(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		return r.String()
	}
	if one, three := text(1), text(3); one != three {
		t.Errorf("with one worker\n%s\nand with three\n%s", one, three)
	}
}

func TestInterruptedStudyKeepsWhatIsDone(t *testing.T) {
	t.Parallel()
	s := quickStudy()
	ctx, cancel := context.WithCancel(t.Context())
	r, err := s.Run(ctx, func(done, all int) {
		cancel()
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	if r.Combinations != 1 || r.Of != 2 || r.Variants[0].Once != 1 {
		t.Errorf("%d of %d combinations, %d members stopped once; want 1 of 2, that with a single stop", r.Combinations, r.Of, r.Variants[0].Once)
	}
}

func TestAnomalyRefusesNonsense(t *testing.T) {
	t.Parallel()
	for _, a := range []Anomaly{
		{Members: 8, Stopped: 0, Stop: time.Second},
		{Members: 8, Stopped: 8, Stop: time.Second},
		{Members: 8, Stopped: 1},
		{Members: 8, Stopped: 1, Stop: time.Second, Run: -1},
		{Members: 8, Stopped: 1, Stop: scenario.MaxTime + 1},
		{Members: cluster.MaxMembers + 1, Stopped: 1, Stop: time.Second},
	} {
		if _, err := a.Simulate(); err == nil {
			t.Errorf("%+v: no error", a)
		}
	}
}
