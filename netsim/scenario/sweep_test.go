package scenario

import (
	"context"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"serf/netsim"
	"serf/netsim/report"
)

func sweepBase() Scenario {
	s := Default()
	s.For, s.Seed = Duration(15*time.Second), 7
	s.Faults = []Fault{{Kind: FaultCrash, Start: Duration(2 * time.Second), Who: Who{Count: 1}}}
	return s
}

func TestAxesAreReadWithTheValuesOfTheirOptions(t *testing.T) {
	t.Parallel()
	tests := []struct {
		text, want string
		values     []string
	}{
		{"loss=0,1,5", "", []string{"0%", "1%", "5%"}},
		{"loss=0.5%,5%", "", []string{"0.5%", "5%"}},
		{"loss=0,0.01,0.5", "", []string{"0%", "1%", "50%"}},
		{"loss=0.5,1,5", `loss "0.5": beside percentages, want one, too: 0.5%`, nil},
		{"loss=0.5,5%", `loss "0.5": beside percentages, want one, too: 0.5%`, nil},
		{"nodes=10, 100", "", []string{"10", "100"}},
		{"probe-timeout=100ms,1s", "", []string{"100ms", "1s"}},
		{"profile=lan,wan", "", []string{"lan", "wan"}},
		{"latency=1ms;exp:1ms,5ms", "", []string{"1ms", "exp:1ms,5ms"}},
		{"faults[0].count=1,2", "", []string{"1", "2"}},
		{"network.loss=5", "", []string{"5%"}},
		{"loss", "want NAME=VALUE", nil},
		{"=1", "want NAME=VALUE", nil},
		{"loss=", "want NAME=VALUE", nil},
		{"loss=1,1%", `loss "1%" is there twice`, nil},
		{"nodes=5,05", `nodes "05" is there twice`, nil},
		{"for=1m,60s", `for "60s" is there twice`, nil},
		{"faults[0].count=1,0", `faults[0].count "0": ` + unset, nil},
		{"loss=101", `loss "101": want a percentage`, nil},
		{"nodes=ten", `nodes "ten": `, nil},
		{"seed=1,2", "seed: every point has several", nil},
		{"speed=9", "speed doesn't exist; did you mean seed? allowed are nodes, for, ", nil},
		{"faults[1].count=2", "faults[1]", nil},
	}
	for _, tt := range tests {
		base := sweepBase()
		k, err := ParseAxis(tt.text, &base)
		switch {
		case tt.want == "":
			if err != nil || !cmp.Equal(k.Values, tt.values) {
				t.Errorf("%s: %q, error %v; want %q", tt.text, k.Values, err, tt.values)
			}
		case err == nil || !strings.Contains(err.Error(), tt.want):
			t.Errorf("%s: error %v, want %q", tt.text, err, tt.want)
		}
	}
}

// The seeds of a sweep follow each other, and don't begin anew.
func TestSeedsEndAtTheLargest(t *testing.T) {
	t.Parallel()
	s := Sweep{Base: sweepBase(), Seeds: 3}
	s.Base.Seed = math.MaxUint64 - 2
	if _, err := s.Points(); err != nil {
		t.Error(err)
	}
	s.Seeds++
	if _, err := s.Points(); err == nil || !strings.Contains(err.Error(), "seed 18446744073709551613: with 4 seeds") {
		t.Error(err)
	}
}

func TestPointsAreAllCombinationsTheLastAxisFastest(t *testing.T) {
	t.Parallel()
	s := Sweep{Base: sweepBase(), Seeds: 1, Axes: []Axis{{"loss", []string{"0%", "5%"}}, {"nodes", []string{"3", "4", "5"}}}}
	points, err := s.Points()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for i := range points {
		names = append(names, s.Name(&points[i]))
	}
	want := []string{"loss=0% nodes=3", "loss=0% nodes=4", "loss=0% nodes=5", "loss=5% nodes=3", "loss=5% nodes=4", "loss=5% nodes=5"}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Error(diff)
	}
	if p := points[4].Scenario; p.Members != 4 || p.Network.Loss != netsim.Probability(0.05) || p.Seed != 7 {
		t.Errorf("scenario of the fifth: %d members, loss %v, seed %d", p.Members, p.Network.Loss, p.Seed)
	}
}

func TestSweepsAreBounded(t *testing.T) {
	t.Parallel()
	ten := []string{"3", "4", "5", "6", "7", "8", "9", "10", "11", "12"}
	axis := func(name string) Axis { return Axis{name, ten} }
	four := []Axis{axis("nodes"), axis("events"), axis("gossip-nodes"), axis("suspicion-mult")}
	var two []Axis // values of each of the four
	for _, a := range four {
		two = append(two, Axis{a.Name, a.Values[:2]})
	}
	tests := []struct {
		axes  []Axis
		seeds int
		want  string
	}{
		{four[:3], 10, ""},
		{four[:3], 11, "seeds 11: allowed 1 to 10000"},
		{two, 1, ""},
		{four, 2, "seeds 2: "},
		{append(four, axis("retransmit-mult")), 1, "5 parameters, allowed are 4"},
		{nil, 0, "seeds 0: "},
		{nil, maxRuns, ""},
		{nil, maxRuns + 1, "seeds 10001: "},
		{[]Axis{{"nodes", []string{"5", "0"}}}, 1, "nodes=0: nodes 0: allowed"},
	}
	for i, tt := range tests {
		s := Sweep{Base: sweepBase(), Axes: tt.axes, Seeds: tt.seeds}
		_, err := s.Points()
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%d: error %v, want %q", i, err, tt.want)
		}
	}
}

// Run runs all points and seeds, so many at a time.
func (s *Sweep) Run(
	ctx context.Context, parallel int, progress func(done float64),
) ([]Point, error) {
	points, err := s.Points()
	if err != nil {
		return nil, err
	}
	runs := make([]*Run, len(points)*s.Seeds)
	all := Shard{1, 1}.Deal(len(runs), func(i int) float64 { return -float64(i) })
	_ = s.RunSome(ctx, points, all, parallel, progress, func(i int, r Run) { runs[i] = &r })
	s.Gather(points, runs) // an error is that of ctx: the points are valid
	return points, nil
}

// What comes of a sweep is the same on any number of cores, and the same as of each run by itself.
func TestSweepDoesntDependOnHowManyRunAtATime(t *testing.T) {
	t.Parallel()
	s := Sweep{Base: sweepBase(), Seeds: 3, Axes: []Axis{{"loss", []string{"0%", "10%"}}, {"nodes", []string{"4", "8"}}}}
	one, err := s.Run(t.Context(), 1, nil)
	if err != nil {
		t.Fatal(err)
	}
	several, err := s.Run(t.Context(), 4, func(float64) {})
	if err != nil {
		t.Fatal(err)
	}
	for i := range one {
		if diff := cmp.Diff(one[i].Runs, several[i].Runs); diff != "" || len(one[i].Runs) != 3 {
			t.Errorf("%s, %d runs (-one +several):\n%s", s.Name(&one[i]), len(one[i].Runs), diff)
		}
	}
	alone := one[3].Scenario.Clone()
	alone.Seed = one[3].Runs[1].Seed
	r, err := alone.Run(t.Context(), nil)
	if err != nil || r.Trace != one[3].Runs[1].Trace {
		t.Errorf("trace %x by itself, %x in the sweep, error %v", r.Trace, one[3].Runs[1].Trace, err)
	}
}

// An error ends all runs, and what was finished before has been handed over.
func TestErrorEndsAllRuns(t *testing.T) {
	t.Parallel()
	var got []int
	err := RunAll(t.Context(), 100, 1, func(i int) Scenario {
		s := sweepBase()
		if i == 2 {
			s.Members = 0
		}
		return s
	}, nil, func(i int, _ *report.Report) { got = append(got, i) })
	if len(Problems(err)) != 1 || !cmp.Equal(got, []int{0, 1}) {
		t.Errorf("%v after %v", err, got)
	}
}

func TestInterruptedSweepKeepsWhatIsDone(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(t.Context())
	s := Sweep{Base: sweepBase(), Seeds: 2, Axes: []Axis{{"nodes", []string{"4", "5"}}}}
	last := 0.0
	points, err := s.Run(ctx, 1, func(done float64) {
		if done < last || done > 1 {
			t.Errorf("progress went from %v to %v", last, done)
		}
		last = done
		if done > 0.8 { // in the last of four runs
			stop()
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(points[0].Runs) != 2 || len(points[0].Missing) != 0 {
		t.Errorf("first point: %d runs, missing %d", len(points[0].Runs), points[0].Missing)
	}
	if p := points[1]; len(p.Runs) != 1 || p.Runs[0].Seed != 7 || !cmp.Equal(p.Missing, []uint64{8}) {
		t.Errorf("second point: %d runs, missing %d", len(p.Runs), p.Missing)
	}
}

// Programs know these names.
func TestRangeIsOfTheRunsThatHaveTheFigure(t *testing.T) {
	t.Parallel()
	run := func(v float64, there bool) Run { return Run{Figures: []report.Figure{{Value: v, There: there}}} }
	p := Point{Runs: []Run{run(3, true), run(99, false), run(1, true), run(2, true)}}
	if got, want := p.Range(0), (Range{3, 2, 1, 3, 1, 3}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	p.Runs = p.Runs[1:2]
	if got := p.Range(0); got != (Range{}) {
		t.Errorf("no run has it: %+v", got)
	}
}
