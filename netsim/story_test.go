package netsim

import (
	"flag"
	"strings"
	"testing"
)

var seedFlag = flag.Uint64("seed", 0, "play the story of this seed only")

// defaultSeeds is enough for each kind of fault to occur; a night has time for more.
const defaultSeeds = 25

var storySeeds = flag.Uint64("stories", defaultSeeds, "play the stories of so many seeds, from 1 upwards")

// TestStories plays made-up stories under check.
func TestStories(t *testing.T) {
	first, count := uint64(1), *storySeeds
	if *seedFlag != 0 {
		first, count = *seedFlag, 1
	}
	var faults [mishapKinds]int
	for seed := first; seed < first+count; seed++ {
		o := DrawStory(seed).Run()
		if o.Failed() {
			t.Errorf("%v", &o)
		}
		t.Logf("%v; faults %v, healed after %v", o.Story, o.Faults, o.Healed)
		for f, n := range o.Faults {
			faults[f] += n
		}
	}
	for f, n := range faults {
		if n == 0 && count >= defaultSeeds {
			t.Errorf("no seed has a %v", Mishap(f))
		}
	}
}

func TestStoryIsTheSameEachTime(t *testing.T) {
	traces := make(map[uint64]bool)
	const seeds = 5
	for seed := range uint64(seeds) {
		s := DrawStory(seed + 1)
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

func TestFailedStorySaysHowToRunItAgain(t *testing.T) {
	o := Outcome{Story: DrawStory(7), Violations: []Violation{{at(tick), "clock", "went back"}}}
	got := o.String()
	for _, want := range []string{"seed 7: ", "1ms clock: went back", "-run TestStories -seed 7"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q isn't in\n%s", want, got)
		}
	}
}
