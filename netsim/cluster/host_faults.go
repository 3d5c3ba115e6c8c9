package cluster

import (
	"slices"
	"sync"
	"time"

	"serf/netsim"
)

// Faults of hosts: what is wrong with the machine that a member runs on, rather than with its
// network.

// disturb notes that something is wrong with members until the function that it returns, or Heal,
// is called. begin makes it so for one of them, and returns what ends it.
func (c *Cluster) disturb(members []int, begin func(i int) (end func())) (end func()) {
	ends := make([]func(), len(members))
	for k, i := range members {
		c.members[i].impairments++
		c.noteFault(i)
		ends[k] = begin(i)
	}
	members = slices.Clone(members)
	end = sync.OnceFunc(func() {
		for k, i := range members {
			ends[k]()
			c.members[i].impairments--
			c.noteFault(i)
		}
	})
	c.hostFaults = append(c.hostFaults, end)
	return end
}

// Drift makes the clocks of members too fast by so much, or too slow.
func (c *Cluster) Drift(members []int, by netsim.Rate) (end func()) {
	return c.disturb(members, func(i int) func() {
		c.sim.Drift(i, by)
		return func() { c.sim.Drift(i, -by) }
	})
}

// Leap sets the clocks of members ahead. Back, they stand still for as long: monotonic clocks never
// go back.
func (c *Cluster) Leap(members []int, by time.Duration) {
	end := c.disturb(members, func(i int) func() {
		if by < 0 {
			return c.stopClock(i)
		}
		c.sim.Leap(i, by)
		return func() {}
	})
	c.sim.After(max(-by, 0), end)
}

func (c *Cluster) stopClock(i int) (start func()) {
	c.sim.StopClock(i)
	return func() { c.sim.StartClock(i) }
}

// Throttle has members run for quota of each period, see [netsim.Sim.Throttle].
func (c *Cluster) Throttle(members []int, quota, period time.Duration) (end func()) {
	return c.disturb(members, func(i int) func() {
		return c.sim.Throttle(i, quota, period, netsim.Uniform(0, period).Draw(c.random.Next()))
	})
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
	clock := c.disturb([]int{i}, func(i int) func() {
		if how.ClockStops {
			return c.stopClock(i)
		}
		return func() {}
	})
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
	end = sync.OnceFunc(func() {
		for _, i := range members {
			c.members[i].ownName--
		}
	})
	c.hostFaults = append(c.hostFaults, end)
	return end
}
