package cluster

import (
	"slices"
	"time"

	"serf/netsim"
	"serf/swim"
)

// Cut stops all packets and streams from one member to another, in that direction.
func (c *Cluster) Cut(from, to int) {
	for _, i := range []int{from, to} {
		c.members[i].cut = true
		c.noteFault(i)
	}
	c.beginOutage([]int{from}, []int{to})
	c.sim.Cut(from, to)
}

// Partition splits the cluster into groups. Members that aren't named belong to the first group.
func (c *Cluster) Partition(groups ...[]int) {
	group := make(map[int]int)
	for g, members := range groups {
		for _, i := range members {
			group[i] = g
		}
	}
	for i := range group {
		c.noteFault(i)
	}
	for _, t := range c.sides {
		t.stop(c.Now())
	}
	c.sides = c.sides[:0]
	for g := 1; g < len(groups); g++ {
		var others []int
		for i := range c.members {
			if group[i] != g {
				others = append(others, i)
			}
		}
		c.sides = append(c.sides, c.beginOutage(groups[g], others))
	}
	c.split = true
	c.sim.Partition(group)
}

// SetFaults sets the faults of member i's connection; the zero value ends them.
func (c *Cluster) SetFaults(i int, f netsim.HostFaults) {
	m := &c.members[i]
	m.bad = f.Any()
	c.noteFault(i)
	if m.hostOutage != nil {
		m.hostOutage.stop(c.Now())
	}
	if m.bad {
		m.hostOutage = c.beginOutage([]int{i}, nil)
	}
	c.sim.SetFaults(i, f)
}

// Impair impairs what passes between members and peers, in the given direction, until Heal or a
// call of the function that it returns. Nil peers means all members.
func (c *Cluster) Impair(
	members, peers []int, way netsim.Way, what netsim.Impairment,
) (end func()) {
	concerned := append(slices.Clone(members), peers...)
	if peers == nil || what.Cut && len(peers)+len(members) == c.Len() {
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
		if what.Cut || what.BlockUDP || what.NAT || c.livingMisjudged() {
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

// Heal ends all faults of the network, but leaves the link as it is. Paused and crashed members
// stay so.
func (c *Cluster) Heal() {
	c.sim.Heal()
	c.split = false
	c.healed++
	c.metrics.begin(c.Now(), "heal", nobody)
	for i := range c.members {
		m := &c.members[i]
		m.cut, m.bad, m.impairments, m.changed = false, false, 0, c.Now()
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

// undisturbed reports whether member i has run without a fault of its connection for at least d. In
// a partition, only members of the side that was cut off have a fault.
func (c *Cluster) undisturbed(i int, d time.Duration) bool {
	m := &c.members[i]
	return !c.split && !m.cut && !m.bad && m.impairments == 0 && c.sim.Running(i) &&
		c.Now().Sub(m.changed) >= d
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
