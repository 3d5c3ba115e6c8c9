package cluster

import (
	"math/bits"

	"serf/netsim"
	"serf/netsim/report"
)

// regions says which region each member is in, for the figures by region.
type regions struct {
	names []string
	of    []uint8 // by member
}

// at is the region of a member, or 0.
func (r *regions) at(member int) int {
	if r.of == nil {
		return 0
	}
	return int(r.of[member])
}

// count is how many members of a set, a bit for each, each region has; nil without regions.
func (r *regions) count(set []uint64) []int {
	if r.names == nil {
		return nil
	}
	counts := make([]int, len(r.names))
	for w, rest := range set {
		for ; rest != 0; rest &= rest - 1 {
			counts[r.at(w*64+bits.TrailingZeros64(rest))]++
		}
	}
	return counts
}

// spread is a new spread of news from a member to those in due.
func (c *Cluster) spread(from int, due []uint64) report.Spread {
	n := 0
	for _, w := range due {
		n += bits.OnesCount64(w)
	}
	s := report.NewSpread(c.Now(), n)
	s.Region = c.regions.at(from)
	if parts := c.regions.count(due); parts != nil {
		s.Split(parts)
	}
	return s
}

// SetRegions divides the members into regions, by number, for figures by region; paths are the
// networks between them, see [netsim.Sim.SetRegions].
func (c *Cluster) SetRegions(names []string, of []uint8, paths []netsim.Link) {
	c.regions = regions{names, of}
	c.sim.SetRegions(of, paths)
}

// traffic is the traffic between all pairs of regions.
func (c *Cluster) traffic() []netsim.Traffic {
	var list []netsim.Traffic
	for from := range c.regions.names {
		for to := range c.regions.names {
			list = append(list, c.sim.Between(from, to))
		}
	}
	return list
}
