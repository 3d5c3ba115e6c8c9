package cluster

import (
	"time"

	"serf/netsim"
)

// connectedCheck: no member takes another for failed when both have been
// running, and been well connected, for longer than the bound. Views lag behind the truth;
// the bound says by how much.
type connectedCheck struct {
	passive
	bound    time.Duration
	reported []bool // pairs that have been reported
}

func newConnectedCheck(p passive) *connectedCheck {
	return &connectedCheck{p, p.HealBound(), make([]bool, p.Len()*p.Len())}
}

func (k *connectedCheck) sweep() {
	if k.Settled() || !k.sound() {
		return
	}
	for o := range k.members {
		if !k.undisturbed(o, k.bound) || !k.Alive(o) {
			continue
		}
		for s := range k.members {
			pair := o*k.Len() + s
			if s != o && k.Alive(s) && k.undisturbed(s, k.bound) && !k.views.sees(o, s) && !k.reported[pair] {
				k.reported[pair] = true
				k.Violate("connected", "%s still doesn't take %s for alive: both have run and been connected for %v",
					k.Name(o), k.Name(s), k.bound)
			}
		}
	}
}

// soundLoss is the loss up to which a network is a sound one. With more, three probes in a row get lost now and then, and
// a refutation: failures that aren't true are the network's doing.
const soundLoss = netsim.Always / 10

// sound reports whether the network between hosts that have no faults carries nearly all that it's given.
func (c *Cluster) sound() bool { return c.sim.MaxLoss() <= soundLoss && !c.sim.Choking() }

// reconnectInterval is how often a Serf node tries to reconnect to one of the members that it considers
// failed (docs/protocol.md, Joining and leaving).
const reconnectInterval = 30 * time.Second

// HealBound is the time after the last fault in which all views must be right
// again. Members that take each other for failed meet by reconnecting: each tries, every
// 30 s, with a chance of failed/alive members. With one failed member of many, all others
// together make one try in 30 s on average, and none in ten times that with chance e^-10.
func (c *Cluster) HealBound() time.Duration {
	const tries = 10
	_, latest := c.cfg.Profile.DetectionBounds(c.Len())
	return tries*reconnectInterval + latest + c.cfg.Profile.Spread(c.Len())
}
