package advice

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"serf/netsim"
	"serf/netsim/scenario"
	"serf/swim"
)

// lossy is a scenario of n members with a network that loses some packets.
func lossy(n int, faults ...scenario.Fault) scenario.Scenario {
	s := scenario.Default()
	s.Members, s.Faults = n, faults
	s.Network.Loss = netsim.Probability(0.01)
	return s
}

// search makes about so many runs at most.
func search(t *testing.T, s scenario.Scenario, cost float64, parallel, most int) Advice {
	t.Helper()
	x := Search{Base: Prepare(&s), Cost: cost, Parallel: parallel, most: most}
	a, err := x.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestAdviceIsQuickerAndSound(t *testing.T) {
	t.Parallel()
	a := search(t, lossy(10), 2, 2, 100)
	if a.Then == nil || a.Config == nil {
		t.Fatalf("nothing is better: %+v", a)
	}
	now, then := &a.Now, a.Then
	if then.Known > 0.7*now.Known || then.False > 0 || then.Missed > 0 || then.Bytes > 2*now.Bytes || then.Crashes != now.Crashes || then.Runs != a.Again {
		t.Errorf("now %+v, then %+v", now, then)
	}
	if first := a.Tried[0]; len(first.Changes.Texts()) > 0 || first.Result.Runs != a.Seeds {
		t.Errorf("the present setting comes first: %+v", first)
	}
	// It holds what it promises with seeds that nobody has seen.
	s := lossy(10)
	x := Prepare(&s)
	x.Timing.Take(a.Config)
	var m sum
	for seed := range uint64(5) {
		x.Seed = 1000 + seed
		r, err := x.Run(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		m.add(&r)
	}
	if r := m.result(); r.unsound() > 0 || r.Known > 0.8*now.Known {
		t.Errorf("with other seeds: %+v", r)
	}
}

// A search repeats, however many runs there are at a time.
func TestAdviceRepeats(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("two searches")
	}
	alone := search(t, lossy(6), 1.5, 1, 20)
	one, err := json.Marshal(alone)
	if err != nil || len(alone.Tried) < 5 {
		t.Fatalf("%d settings tried, %v", len(alone.Tried), err)
	}
	if two, err := json.Marshal(search(t, lossy(6), 1.5, 3, 20)); err != nil || string(two) != string(one) {
		t.Errorf("%v: with three at a time\n%s\nwith one\n%s", err, two, one)
	}
}

// Members that pause for longer than anybody is given to refute are called failed: what is advised
// is more patient, though slower.
func TestAdviceIsPatientWhereItMustBe(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("a search")
	}
	s := lossy(10, scenario.Fault{Kind: scenario.FaultPause, Who: scenario.Who{Share: netsim.Probability(0.3)},
		Start: scenario.Duration(10 * time.Second), Length: scenario.Duration(8 * time.Second), Every: scenario.Duration(9 * time.Second)})
	a := search(t, s, 2, 2, 100)
	if a.Now.False == 0 {
		t.Fatal("the present setting has no false failures: the test shows nothing")
	}
	if a.Then == nil || a.Then.unsound() > 0 {
		t.Errorf("now %+v, then %+v", a.Now, a.Then)
	}
}

// Where every setting fails, none is advised.
func TestNoAdviceIsBetterThanAWrongOne(t *testing.T) {
	t.Parallel()
	s := lossy(5, scenario.Fault{Kind: scenario.FaultPause, Who: scenario.Who{Count: 1},
		Start: scenario.Duration(5 * time.Second), Length: scenario.Duration(50 * time.Second)})
	x := Search{Base: Prepare(&s), Cost: 2, Parallel: 2, most: 40}
	a, err := x.Run(t.Context())
	if err != nil || a.Then != nil || a.Config != nil || a.Now.False == 0 || len(a.Tried) < 5 {
		t.Errorf("%v: %+v", err, a)
	}
}

func TestPrepare(t *testing.T) {
	kinds := func(s *scenario.Scenario) (list []string) {
		for _, f := range s.Faults {
			list = append(list, f.Kind)
		}
		return list
	}
	for _, tc := range []struct {
		have, want []string
	}{
		{nil, []string{"crash", "pause"}},
		{[]string{"pause"}, []string{"pause", "crash"}},
		{[]string{"crash"}, []string{"crash", "pause"}},
		{[]string{"block-udp"}, []string{"block-udp", "crash", "pause"}},
	} {
		s := lossy(50)
		s.Check, s.Settle, s.UntilSettled = true, true, true
		for _, k := range tc.have {
			s.Faults = append(s.Faults, scenario.Fault{Kind: k, Start: 1, Length: 1, Who: scenario.Who{Count: 1}})
		}
		x := Prepare(&s)
		if err := x.Validate(); err != nil || !slices.Equal(kinds(&x), tc.want) || !x.Start.Warm || x.Check || x.Settle || x.UntilSettled {
			t.Errorf("%v: %v, %+v", tc.have, err, x)
		}
		if len(s.Faults) != len(tc.have) {
			t.Error("it changed the scenario that it was given")
		}
	}
	for _, n := range []int{1, 2, 3, 1000} {
		s := lossy(n)
		x := Prepare(&s)
		if err := x.Validate(); err != nil {
			t.Errorf("%d nodes: %v", n, err)
		}
	}
}

func TestClustersThatAreTooLarge(t *testing.T) {
	s := lossy(100_000)
	x := Search{Base: Prepare(&s), Cost: 2, Parallel: 1}
	if _, err := x.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "100000 nodes for 1m") || !strings.Contains(err.Error(), "would do") {
		t.Error(err)
	}
	x.Base = Prepare(new(lossy(3)))
	x.Base.Seed = math.MaxUint64 - 35
	if _, err := x.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "seed 18446744073709551580: allowed are those up to 18446744073709551579") {
		t.Error(err)
	}
}

func TestInterruptedSearch(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	s := lossy(5)
	x := Search{Base: Prepare(&s), Cost: 2, Parallel: 1, most: 100}
	x.Progress = func(_ float64, tried int) {
		if tried == 3 {
			cancel()
		}
	}
	if a, err := x.Run(ctx); !errors.Is(err, context.Canceled) || len(a.Tried) != 3 || a.Then != nil {
		t.Errorf("%v, %d settings tried, %+v", err, len(a.Tried), a.Then)
	}
}

func TestBeats(t *testing.T) {
	s, now := Search{Cost: 2}, Result{Known: 10.2, KnownP9: 12, Bytes: 100}
	for _, tc := range []struct {
		name string
		x, y Result
		want bool
	}{
		{"quicker", Result{Known: 9, Bytes: 200}, Result{Known: 10, Bytes: 100}, true},
		{"hardly quicker", Result{Known: 9.9, Bytes: 200}, Result{Known: 10, Bytes: 100}, false},
		{"too dear", Result{Known: 1, Bytes: 201}, Result{Known: 10, Bytes: 100}, false},
		{"wrong", Result{Known: 1, False: 1, Bytes: 100}, Result{Known: 10, Bytes: 100}, false},
		{"misses a crash", Result{Known: 1, Missed: 1, Bytes: 100}, Result{Known: 10, Bytes: 100}, false},
		{"less wrong", Result{Known: 20, False: 1, Bytes: 100}, Result{Known: 10, False: 2, Bytes: 100}, true},
		{"quicker, but not the slowest", Result{Known: 5, KnownP9: 13, Bytes: 100}, Result{Known: 10, Bytes: 100}, false},
		{"known sooner, but noticed later", Result{Known: 5, Noticed: 1, Bytes: 100}, Result{Known: 10, Bytes: 100}, false},
		{"as quick and cheaper", Result{Known: 10.1, Bytes: 80}, Result{Known: 10, Bytes: 100}, true},
		{"as quick and hardly cheaper", Result{Known: 10, Bytes: 98}, Result{Known: 10, Bytes: 100}, false},
		{"slower and cheaper", Result{Known: 11, Bytes: 10}, Result{Known: 10, Bytes: 100}, false},
		{"itself", Result{Known: 10, Bytes: 100}, Result{Known: 10, Bytes: 100}, false},
	} {
		if got := s.beats(&tc.x, &tc.y, &now); got != tc.want {
			t.Errorf("%s: %v, want %v", tc.name, got, tc.want)
		}
	}
}

// Each knob changes the timings of every profile, in a way that can be read.
func TestKnobs(t *testing.T) {
	for _, base := range []swim.Timing{swim.LAN(), swim.WAN(), swim.Local()} {
		for i := range knobs {
			list := knobs[i].variants(base)
			if len(list) == 0 || slices.Contains(list, base) {
				t.Errorf("knob %d makes %v", i, list)
			}
		}
	}
	for in, want := range map[time.Duration]time.Duration{
		time.Second: 300 * time.Millisecond, 10 * time.Millisecond: 3 * time.Millisecond, time.Millisecond: time.Millisecond,
		777 * time.Millisecond: 230 * time.Millisecond,
	} {
		if got := times(in, 0.3); got != want {
			t.Errorf("0.3 times %v is %v, want %v", in, got, want)
		}
	}
	for _, tc := range [][2]int{{1, 1}, {2, 1}, {3, 2}} {
		if n := tc[0]; true {
			if scale(&n, 0.75); n != tc[1] {
				t.Errorf("0.75 times %d is %d, want %d", tc[0], n, tc[1])
			}
		}
	}
}
