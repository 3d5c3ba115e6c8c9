package netsim

import (
	"flag"
	"strings"
	"testing"
)

var seedFlag = flag.Uint64("seed", 0, "play the scenario of this seed only")

// defaultSeeds is enough for each kind of fault to occur; a night has time for more.
const defaultSeeds = 25

var scenarioSeeds = flag.Uint64("scenarios", defaultSeeds, "play the scenarios of so many seeds, from 1 upwards")

// TestScenarios plays made-up stories under check.
func TestScenarios(t *testing.T) {
	first, count := uint64(1), *scenarioSeeds
	if *seedFlag != 0 {
		first, count = *seedFlag, 1
	}
	var faults [faultKinds]int
	for seed := first; seed < first+count; seed++ {
		o := DrawScenario(seed).Run()
		if o.Failed() {
			t.Errorf("%v", &o)
		}
		t.Logf("%v; faults %v, healed after %v", o.Scenario, o.Faults, o.Healed)
		for f, n := range o.Faults {
			faults[f] += n
		}
	}
	for f, n := range faults {
		if n == 0 && count >= defaultSeeds {
			t.Errorf("no seed has a %v", Fault(f))
		}
	}
}

func TestScenarioIsTheSameEachTime(t *testing.T) {
	traces := make(map[uint64]bool)
	const seeds = 5
	for seed := range uint64(seeds) {
		s := DrawScenario(seed + 1)
		first, second := s.Run(), s.Run()
		if first.Trace != second.Trace {
			t.Errorf("seed %d: trace %x, then %x", s.Seed, first.Trace, second.Trace)
		}
		traces[first.Trace] = true
	}
	if len(traces) != seeds {
		t.Errorf("%d seeds gave %d different runs", seeds, len(traces))
	}
}

func TestFailedScenarioSaysHowToRunItAgain(t *testing.T) {
	o := Outcome{Scenario: DrawScenario(7), Violations: []Violation{{at(tick), "clock", "went back"}}}
	got := o.String()
	for _, want := range []string{"seed 7: ", "1ms clock: went back", "-run TestScenarios -seed 7"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q isn't in\n%s", want, got)
		}
	}
}
