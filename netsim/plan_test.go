package netsim

import (
	"context"
	"strings"
	"testing"
	"time"
)

func examplePlan() Plan {
	return Plan{
		Members: 12, Profile: profiles[0], Link: profiles[0].Link, Seed: 4, For: 2 * time.Minute,
		Crashes:    []Crashes{{Count: 2, At: 10 * time.Second}},
		Partitions: []Split{{At: 30 * time.Second, For: 40 * time.Second, Share: 0.25}},
		Events:     4,
	}
}

func TestPlanIsCarriedOutAndMeasured(t *testing.T) {
	p := examplePlan()
	r, err := p.Run(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Detections) != 2 || r.AllNoticed.Count != 2 || r.Running != 10 || !r.Settled {
		t.Errorf("2 of 12 crashed: %d crashes, %d noticed by all, %d running, settled %v",
			len(r.Detections), r.AllNoticed.Count, r.Running, r.Settled)
	}
	if r.UserEvents != 4 || r.EventSpread.Count == 0 {
		t.Errorf("%d events, %d reached all", r.UserEvents, r.EventSpread.Count)
	}
	if r.FalseFailures.All == 0 || r.FalseFailures.OfHealthy != 0 || r.Network.Cut == 0 {
		t.Errorf("40s of partition: false failures %+v, %d packets cut", r.FalseFailures, r.Network.Cut)
	}
}

func TestSamePlanSameReport(t *testing.T) {
	report := func(seed uint64) string {
		p := examplePlan()
		p.Seed = seed
		r, err := p.Run(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		var b strings.Builder
		if _, err := r.WriteTo(&b); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	if a, b := report(1), report(1); a != b {
		t.Errorf("one seed, two reports:\n%s\n%s", a, b)
	}
	if report(1) == report(2) {
		t.Error("two seeds, one report")
	}
}

func TestWarmClusterIsMeasuredFromWhenItHasSettled(t *testing.T) {
	p := Plan{Members: 20, Profile: profiles[0], Link: profiles[0].Link, Seed: 1, For: 20 * time.Second, Warm: true}
	r, err := p.Run(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if r.Time != p.For || len(r.Episodes) != 0 || !r.Settled {
		t.Errorf("measured %v with %d episodes, settled %v", r.Time, len(r.Episodes), r.Settled)
	}
	// An idle member probes once a second, and is probed: a ping and an ack each.
	if perMember := float64(r.Network.Sent) / 20 / 20; perMember < 1.8 || perMember > 2.5 {
		t.Errorf("%.1f packets a second and member, want about 2", perMember)
	}
}

func TestInterruptedPlanReportsWhatIsDone(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	p := examplePlan()
	r, err := p.Run(ctx, func(c *Cluster, left time.Duration) {
		if left <= p.For/2 {
			stop()
		}
	})
	if err != nil || !r.Cut || r.Time != p.For/2 || len(r.Detections) != 2 {
		t.Errorf("error %v, cut %v after %v with %d crashes", err, r.Cut, r.Time, len(r.Detections))
	}
}

func TestPlanProblemsAreAllNamed(t *testing.T) {
	tests := []struct {
		change func(*Plan)
		want   string // "" for no problem
	}{
		{func(p *Plan) {}, ""},
		{func(p *Plan) { p.Members = 1; p.Crashes = nil }, ""},
		{func(p *Plan) { p.Members = 0; p.Crashes = nil }, "nodes 0: allowed 1 to 10000"},
		{func(p *Plan) { p.Members = MaxMembers + 1 }, "nodes 10001: allowed 1 to 10000"},
		{func(p *Plan) { p.For = 0; p.Crashes, p.Partitions = nil, nil }, "for 0s: allowed more than 0, up to 720h0m0s"},
		{func(p *Plan) { p.For = MaxTime + 1 }, "for 720h0m0.000000001s: allowed more than 0, up to 720h0m0s"},
		{func(p *Plan) { p.Events = maxEvents + 1 }, "events 10001: allowed 0 to 10000"},
		{func(p *Plan) { p.Crashes[0].Count = 12 }, ""},
		{func(p *Plan) { p.Crashes[0].Count = 0 }, "crash 0: allowed 1 to the 12 nodes"},
		{func(p *Plan) { p.Crashes = append(p.Crashes, Crashes{Count: 11}) }, "crash: 13 in all, but there are only 12 nodes"},
		{func(p *Plan) { p.Crashes[0].At = p.For + 1 }, "crash at 2m0.000000001s: allowed 0s to 2m0s, the length of the run"},
		{func(p *Plan) { p.Partitions[0].For = p.For }, "partition at 30s for 2m0s: must end by 2m0s, the end of the run, and not overlap the one before"},
		{func(p *Plan) { p.Partitions[0].Share = 1 }, "partition share 1: allowed more than 0 and less than 1"},
		{func(p *Plan) { p.Events, p.Partitions[0].Share = -1, 0 },
			"events -1: allowed 0 to 10000\npartition share 0: allowed more than 0 and less than 1"},
	}
	for _, tt := range tests {
		p := examplePlan()
		tt.change(&p)
		got := ""
		if err := p.Validate(); err != nil {
			got = err.Error()
		}
		if got != tt.want {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
}
