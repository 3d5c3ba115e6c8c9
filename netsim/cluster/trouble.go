package cluster

import (
	"slices"
	"time"

	"serf/swim"
)

// trouble is something wrong with the network between a member, on which it hangs, and others. It is kept for a
// while after its end, as what members say of each other lags behind. Which direction is bad doesn't matter: an
// answer needs both.
type trouble struct {
	peers []uint64  // nil: all
	end   swim.Time // or Never
}

// trouble has the network between the members and peers, nil for all, be faulty until it is stopped.
func (c *Cluster) trouble(members, peers []int) *trouble {
	c.troubled = true
	t := &trouble{end: swim.Never}
	if peers != nil {
		t.peers = make([]uint64, c.beliefs.words)
		for _, i := range peers {
			setBit(t.peers, i, true)
		}
	}
	lag := c.lag()
	for _, i := range members {
		m := &c.members[i]
		m.troubles = slices.DeleteFunc(m.troubles, func(t *trouble) bool { return !t.within(c.Now(), lag) })
		m.troubles = append(m.troubles, t)
	}
	return t
}

// within reports whether t is there, or was at any time of the last d.
func (t *trouble) within(now swim.Time, d time.Duration) bool {
	return t.end == swim.Never || now.Sub(t.end) < d
}

// stop ends t, which may be over.
func (t *trouble) stop(now swim.Time) { t.end = min(t.end, now) }

// lag is how long after a fault members may still say what comes of it: as long as a suspicion and its gossip take.
func (c *Cluster) lag() time.Duration {
	return c.cfg.Profile.SuspicionMax(len(c.members)) + c.cfg.Profile.Spread(len(c.members))
}

// parted reports whether a fault of the network is between two members, or was at any time of the last d, which is
// lag at most.
func (c *Cluster) parted(a, b int, d time.Duration) bool {
	from := func(a, b int) bool {
		return slices.ContainsFunc(c.members[a].troubles, func(t *trouble) bool {
			return (t.peers == nil || bit(t.peers, b)) && t.within(c.Now(), d)
		})
	}
	return from(a, b) || from(b, a)
}
