package cluster

import (
	"time"

	"serf/swim"
)

// outage is a fault of the network between the member that it is attached to and others. It is kept
// for a while after its end, as reports of members lag behind. Its direction doesn't matter: an
// answer needs both.
type outage struct {
	peers []uint64  // nil: all
	end   swim.Time // or Never
}

// within reports whether t is going on, or has been within the last d.
func (t *outage) within(now swim.Time, d time.Duration) bool {
	return t.end == swim.Never || now.Sub(t.end) < d
}

// stop ends t, unless it has ended.
func (t *outage) stop(now swim.Time) { t.end = min(t.end, now) }
