package cluster

import (
	"flag"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"serf/netsim/report"
	"serf/swim"
)

// defaultSeeds is enough for each kind of mishap to occur; a night has time for more.
const defaultSeeds = 25

var (
	seedFlag     = flag.Uint64("seed", 0, "play the story of this seed only")
	storySeeds   = flag.Uint64("stories", defaultSeeds, "play the stories of so many seeds, from 1 upwards")
	storyLargest = flag.Int("largest", SmallStories, "how many members a story may have")
	storyTwice   = flag.Bool("twice", false, "play each story twice: it must take the same course")
)

// TestStories plays made-up stories under check, as many at a time as there are processors (-cpu). The long form takes half an
// hour of processor time:
//
//	go test ./netsim/cluster -run TestStories -stories 1000 -largest 200 -twice -timeout 0 -v
func TestStories(t *testing.T) {
	first, count := uint64(1), *storySeeds
	if *seedFlag != 0 {
		first, count = *seedFlag, 1
	}
	var mishaps [mishapKinds]int
	var mu sync.Mutex
	var group sync.WaitGroup
	seeds := make(chan uint64)
	for range runtime.GOMAXPROCS(0) {
		group.Go(func() {
			for seed := range seeds {
				o := playStory(t, seed)
				mu.Lock()
				for f, n := range o.Faults {
					mishaps[f] += n
				}
				mu.Unlock()
			}
		})
	}
	for seed := first; seed < first+count; seed++ {
		seeds <- seed
	}
	close(seeds)
	group.Wait()
	t.Logf("mishaps in all: %v", mishaps)
	for f, n := range mishaps {
		if n == 0 && count >= defaultSeeds {
			t.Errorf("no seed has a %v", Mishap(f))
		}
	}
}

// playStory plays one, and reports what goes wrong.
func playStory(t *testing.T, seed uint64) Outcome {
	o := DrawStory(seed, *storyLargest).Run()
	if o.Failed() {
		t.Errorf("%v", &o)
	}
	if *storyTwice {
		if again := DrawStory(seed, *storyLargest).Run(); again.Trace != o.Trace {
			t.Errorf("%v\n  took another course the second time: trace %x, then %x", &o, o.Trace, again.Trace)
		}
	}
	t.Logf("%v; mishaps %v, healed after %v", o.Story, o.Faults, o.Healed)
	return o
}

func TestStoryIsTheSameEachTime(t *testing.T) {
	t.Parallel()
	traces := make(map[uint64]bool)
	const seeds = 5
	for seed := range uint64(seeds) {
		s := DrawStory(seed+1, SmallStories)
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
	t.Parallel()
	o := Outcome{Story: DrawStory(7, SmallStories), Violations: []report.Violation{{At: swim.Time(time.Millisecond), Check: "clock", Text: "went back"}}}
	got := o.String()
	for _, want := range []string{"seed 7: ", "1ms clock: went back", "-run TestStories -seed 7"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q isn't in\n%s", want, got)
		}
	}
}
