package cluster

import (
	"slices"
	"time"

	"serf/netsim"
)

// Faults of hosts: what is wrong with the machine that a member runs on, rather than with its
// network.

// endsOnce returns a function that calls end the first time, and has Heal call it.
func (c *Cluster) endsOnce(end func()) func() {
	over := false
	once := func() {
		if !over {
			over = true
			end()
		}
	}
	c.hostFaults = append(c.hostFaults, once)
	return once
}

// disturb calls begin for each of some members, with which something is wrong until the function
// that it returns, or Heal, is called. That calls end for each.
func (c *Cluster) disturb(members []int, begin, end func(i int)) func() {
	members = slices.Clone(members)
	each := func(by int, what func(i int)) {
		for _, i := range members {
			c.members[i].impairments += by
			c.noteFault(i)
			what(i)
		}
	}
	each(1, begin)
	return c.endsOnce(func() { each(-1, end) })
}

func nothing(int) {}

// Drift makes the clocks of members too fast by so much, or too slow.
func (c *Cluster) Drift(members []int, by netsim.Rate) (end func()) {
	return c.disturb(members, func(i int) { c.sim.Drift(i, by) },
		func(i int) { c.sim.Drift(i, -by) })
}

// Leap sets the clocks of members ahead. Back, they stand still for as long: monotonic clocks never
// go back.
func (c *Cluster) Leap(members []int, by time.Duration) {
	begin, end := func(i int) { c.sim.Leap(i, by) }, nothing
	if by < 0 {
		begin, end = c.sim.StopClock, c.sim.StartClock
	}
	c.sim.After(max(-by, 0), c.disturb(members, begin, end))
}

// Throttle has members run for quota of each period, see [netsim.Sim.Throttle].
func (c *Cluster) Throttle(members []int, quota, period time.Duration) (end func()) {
	ends := make(map[int]func())
	begin := func(i int) {
		phase := netsim.Uniform(0, period).Draw(c.random.Next())
		ends[i] = c.sim.Throttle(i, quota, period, phase)
	}
	return c.disturb(members, begin, func(i int) { ends[i]() })
}

// Suspension is how a machine is suspended.
type Suspension struct {
	// Buffer is how many bytes of packets its network card keeps; the others are lost.
	Buffer int
	// ClockStops has its monotonic clock stand still, as Linux's does in a sleep that it knows of.
	// Otherwise the time leaps, as when a virtual machine is stopped and runs on.
	ClockStops bool
	// First is what the member does first when it runs on.
	First netsim.First
}

// Suspend suspends the machine of member i for d. Unlike in a pause, its kernel stands still, too:
// nothing is acknowledged, and packets are lost.
func (c *Cluster) Suspend(i int, d time.Duration, how Suspension) {
	if !c.sim.Running(i) {
		return
	}
	connect := c.Impair([]int{i}, nil, netsim.WayIn, netsim.Impairment{
		Buffer: max(how.Buffer, 1), Streams: netsim.StreamsHang, // no packet fits 1 byte
	})
	stop, start := nothing, nothing
	if how.ClockStops {
		stop, start = c.sim.StopClock, c.sim.StartClock
	}
	clock := c.disturb([]int{i}, stop, start)
	c.sim.After(d, func() { // before it runs on
		clock()
		connect()
	})
	c.pause(i, d, c.sim.Pause, how.First)
}

// NameSelf has members find themselves under the names of those whom they join, as when the domain
// name system returns a host's own address: they do so now, and whenever they look for the seeds.
func (c *Cluster) NameSelf(members []int) (end func()) {
	members = slices.Clone(members)
	for _, i := range members {
		c.members[i].ownName++
		if c.sim.Running(i) {
			c.Join(i, i)
		}
	}
	return c.endsOnce(func() {
		for _, i := range members {
			c.members[i].ownName--
		}
	})
}
