package cluster

import (
	"time"

	"serf/swim"
)

// outage is something wrong with the network between a member, on which it hangs, and others. It is kept for a
// while after its end, as what members say of each other lags behind. Which direction is bad doesn't matter: an
// answer needs both.
type outage struct {
	peers []uint64  // nil: all
	end   swim.Time // or Never
}

// within reports whether t is there, or was at any time of the last d.
func (t *outage) within(now swim.Time, d time.Duration) bool {
	return t.end == swim.Never || now.Sub(t.end) < d
}

// stop ends t, which may be over.
func (t *outage) stop(now swim.Time) { t.end = min(t.end, now) }
