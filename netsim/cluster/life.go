package cluster

import (
	"time"

	"serf/netsim"
	"serf/swim"
	"serf/swim/serf"
)

// Crash stops member i at once; the others have to detect it.
func (c *Cluster) Crash(i int) {
	if c.sim.Down(i) {
		return
	}
	n := c.Node(i)
	c.noteFault(i)
	c.members[i].pause = nil
	region := c.regions.at(i)
	c.metrics.observerGone(c.Now(), region,
		func(subject int) bool { return c.views.sees(i, subject) })
	c.deliveries.observerGone(i, region)
	c.sim.Crash(i)
	c.up--
	c.views.end(i)
	if c.views.isAlive(i) {
		c.metrics.crashed(c.Now(), i, c.Name(i), c.spread(i, c.views.believing(i)))
		c.views.setTruth(i, false)
	}
	n.Swim().Release()
	c.settle()
}

// Leave has member i leave the cluster. It stops when it has left.
func (c *Cluster) Leave(i int) {
	m := &c.members[i]
	if m.leaving || !c.sim.Running(i) {
		return
	}
	m.leaving = true
	c.views.setTruth(i, false)
	c.metrics.begin(c.Now(), "leave", i)
	c.do(i, func(n *serf.Node, now swim.Time, out *swim.Output) { n.Leave(now, out) })
}

// Pause stops the process of member i for d, while its host stays up.
func (c *Cluster) Pause(i int, d time.Duration) { c.pause(i, d, c.sim.Pause, netsim.Either) }

// Stall is Pause for a process that stops when it next sends: see [netsim.Sim.Stall].
func (c *Cluster) Stall(i int, d time.Duration) { c.pause(i, d, c.sim.Stall, netsim.Either) }

func (c *Cluster) pause(i int, d time.Duration, stop func(i int), first netsim.First) {
	if !c.sim.Running(i) {
		return
	}
	life := c.members[i].starts
	c.noteFault(i)
	c.members[i].pause = &pause{since: c.Now(), first: first}
	stop(i)
	c.sim.After(d, func() {
		if c.members[i].starts == life {
			c.Resume(i)
		}
	})
}

// Resume continues a paused member. It does nothing for any other.
func (c *Cluster) Resume(i int) {
	if c.sim.Down(i) || c.sim.Running(i) {
		return
	}
	c.noteFault(i)
	first := netsim.Either
	if p := c.members[i].pause; p != nil {
		first, c.members[i].pause = p.first, nil
	}
	if c.Alive(i) && c.views.wrongAbout(i) > 0 {
		c.metrics.begin(c.Now(), "resume", i)
	}
	c.sim.ResumeWith(i, first)
}
