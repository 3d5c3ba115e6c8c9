package scenario

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"serf/netsim/report"
)

// defaultSeeds is enough for each kind of fault to occur; a night has time for more.
const defaultSeeds = 30

var (
	seedFlag     = flag.Uint64("seed", 0, "play the scenario of this seed only")
	swarmSeeds   = flag.Uint64("swarm", defaultSeeds, "play the scenarios of so many seeds")
	swarmFrom    = flag.Uint64("from", 1, "the first of these seeds")
	swarmLargest = flag.Int("largest", smallSwarm, "how many members a drawn scenario may have")
	swarmShrink  = flag.Bool("shrink", true, "take out of a scenario that fails what isn't needed for that")
	swarmTwice   = flag.Bool("twice", false, "play each scenario twice: it must take the same course")
)

// repeatedSeeds are played twice in any case.
const repeatedSeeds = 2

// TestSwarm plays made-up scenarios under check. A scenario in which a rule is broken is written to
// a file that serf sim plays and plots. The long form takes half an hour of processor time:
//
//	go test ./netsim/scenario -run TestSwarm -swarm 1000 -largest 200 -twice -timeout 0
func TestSwarm(t *testing.T) {
	t.Parallel()
	first, count := *swarmFrom, *swarmSeeds
	switch {
	case *seedFlag != 0:
		first, count = *seedFlag, 1
	case testing.Short():
		count = min(count, 4)
	}
	var mu sync.Mutex
	played, traces := 0, make(map[uint64]bool)
	t.Cleanup(func() { // when all have ended
		if len(traces) != played {
			t.Errorf("%d seeds took %d different courses", played, len(traces))
		}
	})
	for seed := first; seed < first+count; seed++ {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			s := drawScenario(seed, *swarmLargest)
			r := play(t, s)
			mu.Lock()
			played++
			traces[r.Trace] = true
			mu.Unlock()
			if len(r.Violations) > 0 {
				t.Error(failure(t, s, &r))
			}
			if *swarmTwice || seed <= repeatedSeeds {
				if again := play(t, s); again.Trace != r.Trace {
					t.Errorf("another course the second time: trace %x, then %x", r.Trace, again.Trace)
				}
			}
		})
	}
}

func play(t *testing.T, s Scenario) report.Report {
	t.Helper()
	r, err := s.Run(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// failure writes a scenario in which a rule is broken to a file, as small as it gets, and says how
// to see it again.
func failure(t *testing.T, s Scenario, r *report.Report) string {
	broken := r.Violations[0].Check
	if *swarmShrink {
		s = shrunk(s, func(s Scenario) bool {
			r, err := s.Run(t.Context(), nil)
			return err == nil && len(r.Violations) > 0 && r.Violations[0].Check == broken
		})
	}
	path := filepath.Join(os.TempDir(), fmt.Sprintf("swarm-%d.json", s.Seed))
	f, err := os.Create(path)
	if err == nil {
		_, err = s.WriteTo(f)
		_ = f.Close() // read again below, if at all
	}
	if err != nil {
		return fmt.Sprintf("%v: %v", r.Violations, err)
	}
	return fmt.Sprintf("%v\nsee it again: go run ./cmd/serf sim -scenario %s -report run.html", r.Violations, path)
}

// shrunk takes out of a scenario what isn't needed for it to fail: faults and work, in ever smaller
// pieces.
func shrunk(s Scenario, fails func(Scenario) bool) Scenario {
	try := func(change func(s *Scenario)) bool {
		x := s.Clone()
		change(&x)
		if x.Validate() != nil || !fails(x) {
			return false
		}
		s = x
		return true
	}
	for size := max(len(s.Faults), len(s.Work)); size > 0; size /= 2 {
		for i := 0; i < len(s.Faults); {
			if end := min(i+size, len(s.Faults)); !try(func(s *Scenario) { s.Faults = append(s.Faults[:i], s.Faults[end:]...) }) {
				i += size
			}
		}
		for i := 0; i < len(s.Work); {
			if end := min(i+size, len(s.Work)); !try(func(s *Scenario) { s.Work = append(s.Work[:i], s.Work[end:]...) }) {
				i += size
			}
		}
	}
	return s
}

func TestSwarmHasEachKindOfFaultAndMakesSense(t *testing.T) {
	t.Parallel()
	drawn, used := make(map[string]int), make(map[string]int)
	for seed := range uint64(defaultSeeds) {
		g := newDrawing(seed+1, smallSwarm)
		s := drawScenario(seed+1, smallSwarm)
		if err := s.Validate(); err != nil {
			t.Errorf("seed %d: %v", seed+1, err)
		}
		for _, f := range s.Faults {
			used[f.Kind]++
		}
		for k, w := range g.weights {
			if w > 0 {
				drawn[swarmKinds[k].name]++
			}
		}
	}
	for _, k := range swarmKinds {
		if drawn[k.name] == 0 {
			t.Errorf("no seed has %s", k.name)
		}
	}
	for _, k := range faultKinds {
		if used[k.Name] == 0 {
			t.Errorf("no seed has a fault of kind %s", k.Name)
		}
	}
}
