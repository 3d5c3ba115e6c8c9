package cluster

import (
	"slices"
	"time"

	"serf/netsim"
	"serf/swim"
)

// Impair impairs what passes between members and peers, in the given direction, until Heal or a
// call of the function that it returns. Nil peers means all members.
func (c *Cluster) Impair(
	members, peers []int, way netsim.Way, what netsim.Impairment,
) (end func()) {
	concerned := append(slices.Clone(members), peers...)
	apart := what.Cut || what.Reject
	if peers == nil || apart && len(peers)+len(members) == c.Len() {
		concerned = members // each pair that is concerned includes one of them
	}
	count := func(by int) {
		for _, i := range concerned {
			c.members[i].impairments += by
			c.noteFault(i)
		}
	}
	count(1)
	t := c.beginOutage(members, peers)
	id, healed := c.sim.Impair(members, peers, way, what), c.healed
	return func() {
		if c.healed != healed {
			return
		}
		c.sim.Repair(id)
		count(-1)
		t.stop(c.Now())
		if apart || what.BlockUDP || what.NAT || c.livingMisjudged() {
			c.metrics.begin(c.Now(), "heal", nobody)
			c.settle()
		}
	}
}

// livingMisjudged reports whether anybody is wrong about a living member.
func (c *Cluster) livingMisjudged() bool {
	if c.Settled() {
		return false
	}
	for i := range c.members {
		if c.Alive(i) && c.views.wrongAbout(i) > 0 {
			return true
		}
	}
	return false
}

// SetLink changes the link between all members.
func (c *Cluster) SetLink(l netsim.Link) { c.sim.SetLink(l) }

// Heal ends all faults of the network and of hosts, but leaves the link as it is. Paused and
// crashed members stay so.
func (c *Cluster) Heal() {
	for _, end := range c.hostFaults {
		end()
	}
	c.hostFaults = nil
	c.sim.Heal()
	c.healed++
	c.metrics.begin(c.Now(), "heal", nobody)
	for i := range c.members {
		m := &c.members[i]
		m.impairments, m.changed = 0, c.Now()
		for _, t := range m.outages {
			t.stop(c.Now())
		}
	}
	c.settle()
}

// noteFault records that a fault of member i begins or ends.
func (c *Cluster) noteFault(i int) {
	m := &c.members[i]
	m.changed = c.Now()
	if !m.faulted && m.starts > 0 {
		c.faultless--
	}
	m.faulted = true
}

// undisturbed reports whether member i has run without a fault of its connection for at least d.
func (c *Cluster) undisturbed(i int, d time.Duration) bool {
	m := &c.members[i]
	return m.impairments == 0 && c.sim.Running(i) && c.Now().Sub(m.changed) >= d
}

// beginOutage records that the network between members and peers, nil for all, is faulty until the
// outage is stopped.
func (c *Cluster) beginOutage(members, peers []int) *outage {
	c.hadFaults = true
	t := &outage{end: swim.Never}
	if peers != nil {
		t.peers = make([]uint64, c.views.words)
		for _, i := range peers {
			setBit(t.peers, i, true)
		}
	}
	lag := c.lag()
	for _, i := range members {
		m := &c.members[i]
		m.outages = slices.DeleteFunc(m.outages,
			func(t *outage) bool { return !t.within(c.Now(), lag) })
		m.outages = append(m.outages, t)
	}
	return t
}

// lag is how long after a fault members may still report its effects: as long as a suspicion and
// its gossip take.
func (c *Cluster) lag() time.Duration {
	return c.cfg.Profile.suspicionMax(len(c.members)) + c.cfg.Profile.Spread(len(c.members))
}

// faultBetween reports whether a fault of the network is between two members, or has been within
// the last d, at most lag.
func (c *Cluster) faultBetween(a, b int, d time.Duration) bool {
	from := func(a, b int) bool {
		return slices.ContainsFunc(c.members[a].outages, func(t *outage) bool {
			return (t.peers == nil || bit(t.peers, b)) && t.within(c.Now(), d)
		})
	}
	return from(a, b) || from(b, a)
}
