package scenario

import (
	"context"
	"time"

	"serf/netsim/cluster"
)

// pacer lets time pass in slices. In between it takes samples, looks at ctx and reports progress.
type pacer struct {
	ctx      context.Context
	c        *cluster.Cluster
	rec      *cluster.Recorder
	progress func(c *cluster.Cluster, left time.Duration) // may be nil
	left     time.Duration                                // until the end of Scenario.For
}

// slice is the simulated time between two looks at ctx.
const slice = 20 * time.Millisecond

func never() bool { return false }

// pass lets d pass, or less if done returns true or ctx ends. It reports whether done did.
func (t *pacer) pass(d time.Duration, done func() bool) bool {
	for end := t.c.Now().Add(d); t.c.Now() < end && t.ctx.Err() == nil; {
		if done() {
			return true
		}
		before := t.c.Now()
		t.c.Run(min(slice, t.rec.Due(), end.Sub(before)))
		t.rec.MaybeSample()
		if t.left = max(0, t.left-t.c.Now().Sub(before)); t.progress != nil {
			t.progress(t.c, t.left)
		}
	}
	return done()
}
