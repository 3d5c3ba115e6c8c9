package cluster

import (
	"fmt"
	"strings"
	"time"
)

// Idle reports whether no running member has anything to gossip.
func (c *Cluster) Idle() bool {
	for i := range c.members {
		if n := c.Node(i); n != nil && n.Swim().Queued() > 0 {
			return false
		}
	}
	return true
}

// QuietTime is how long gossip and push/pull exchanges need to die down once views agree.
func (c *Cluster) QuietTime() time.Duration {
	return 4*c.cfg.Profile.pushPull(c.Len()) + c.cfg.Profile.suspicionMax(c.Len())
}

// Quiet reports whether nothing is left to happen: views agree, nobody has anything to gossip, and
// there was neither a fault nor a request of a user within QuietTime.
func (c *Cluster) Quiet() bool {
	d := c.QuietTime()
	return c.Settled() && c.Idle() && c.quietFor(d) && c.Now().Sub(c.requested) >= d
}

// quietFor reports whether all running members have been undisturbed for at least d.
func (c *Cluster) quietFor(d time.Duration) bool {
	for i := range c.members {
		if c.members[i].leaving || !c.sim.Down(i) && !c.undisturbed(i, d) {
			return false
		}
	}
	return true
}

// Disagreement names some of the members that are wrong, and about whom.
func (c *Cluster) Disagreement() string {
	const most = 5
	var out []string
	for o := range c.members {
		for s := range c.members {
			if o == s || !c.views.counts[o] || c.views.sees(o, s) == c.views.isAlive(s) {
				continue
			}
			if len(out) == most {
				return strings.Join(append(out, "and others"), ", ")
			}
			is := "gone"
			if c.views.isAlive(s) {
				is = "alive"
			}
			out = append(out,
				fmt.Sprintf("%s doesn't know that %s is %s", c.Name(o), c.Name(s), is))
		}
	}
	return strings.Join(out, ", ")
}

// Pick draws k of the running members, or all if there are fewer.
func (c *Cluster) Pick(k int) []int {
	var up []int
	for i := range c.members {
		if c.sim.Running(i) {
			up = append(up, i)
		}
	}
	return c.random.Some(up, min(k, len(up)))
}
