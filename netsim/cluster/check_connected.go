package cluster

import (
	"time"

	"serf/netsim"
)

// connectedCheck: no member considers another failed when both have been running and well connected
// for longer than a bound. The bound is how far views may lag behind the truth.
type connectedCheck struct {
	passive
	bound    time.Duration
	reported []bool // pairs that have been reported
}

func newConnectedCheck(p passive) *connectedCheck {
	return &connectedCheck{p, p.c.HealBound(), make([]bool, p.c.Len()*p.c.Len())}
}

func (k *connectedCheck) sweep() {
	if k.c.Settled() || !k.c.sound() {
		return
	}
	for o := range k.c.members {
		if !k.c.undisturbed(o, k.bound) || !k.c.Alive(o) {
			continue
		}
		for s := range k.c.members {
			pair := o*k.c.Len() + s
			if s != o && k.c.Alive(s) && k.c.undisturbed(s, k.bound) && !k.c.views.sees(o, s) &&
				!k.reported[pair] {
				k.reported[pair] = true
				k.c.Violate("connected",
					"%s still doesn't take %s for alive: both have run and been connected for %v",
					k.c.Name(o), k.c.Name(s), k.bound)
			}
		}
	}
}

// soundLoss is the greatest loss of a sound network. With more, three probes in a row get lost now
// and then, and so does a refutation: then false failures are the network's fault.
const soundLoss = netsim.Always / 10

// sound reports whether the network between hosts without faults delivers nearly everything.
func (c *Cluster) sound() bool { return c.sim.MaxLoss() <= soundLoss && !c.sim.Choking() }

// reconnectInterval is how often a Serf node tries one of the members that it considers failed.
const reconnectInterval = 30 * time.Second

// HealBound is the time after the last fault within which all views must be right again. Members
// that consider each other failed meet by reconnecting: each tries every 30 s, with a probability
// of failed/alive members. With one failed member of many, the others together try once in 30 s on
// average; that they don't in ten times that has a probability of e^-10.
func (c *Cluster) HealBound() time.Duration {
	const tries = 10
	_, latest := c.cfg.Profile.DetectionBounds(c.Len())
	return tries*reconnectInterval + latest + c.cfg.Profile.Spread(c.Len())
}
