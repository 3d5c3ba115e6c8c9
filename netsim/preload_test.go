package netsim

import (
	"slices"
	"testing"
	"time"

	"serf/swim"
)

// preloadToy is a toy that says what is done to it.
type preloadToy struct {
	*toy
	name string
	log  *[]string
}

func (m preloadToy) Preload() uint64 {
	*m.log = append(*m.log, "preload "+m.name)
	return 0
}

func (m preloadToy) Tick(now swim.Time, out *swim.Output) {
	*m.log = append(*m.log, "tick "+m.name)
	m.toy.Tick(now, out)
}

// The hosts that are about to be called are read together, before any of them is; neither one whose
// timer was postponed nor one that crashed is.
func TestNextHostsAreReadBeforeTheirEvents(t *testing.T) {
	s := New(Config{Seed: 1})
	var log []string
	start := func(h int, name string, due time.Duration) *toy {
		m := &toy{every: time.Second, due: swim.Time(due)}
		addToy(t, s, toyAddr(h), preloadToy{m, name, &log})
		return m
	}
	start(0, "a", 2*bucketWidth+10)
	start(1, "b", 2*bucketWidth+5)
	postponed := start(2, "c", 2*bucketWidth+7)
	start(3, "crashed", 2*bucketWidth+8)
	start(4, "later", 5*bucketWidth)
	postponed.due = swim.Never
	s.Do(2, func(swim.Machine, swim.Time, *swim.Output) {})
	s.Crash(3)
	s.Run(2*bucketWidth + 100)
	slices.Sort(log[:min(len(log), 2)])
	if want := []string{"preload a", "preload b", "tick b", "tick a"}; !slices.Equal(log, want) {
		t.Errorf("%q, want %q", log, want)
	}
}
