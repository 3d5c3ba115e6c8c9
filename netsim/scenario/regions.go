package scenario

import (
	"serf/internal/invariant"
	"serf/netsim"
)

// RegionSizes is the number of members of each region. A region with a count has that many. Shares
// are rounded so that their sum is never off by a member. The others divide the rest evenly.
func (s *Scenario) RegionSizes() []int {
	sizes := make([]int, len(s.Regions))
	left, rest := s.Members, 0
	var share netsim.Chance
	upTo := func(c netsim.Chance) int {
		return int((uint64(c)*uint64(s.Members) + uint64(netsim.Always)/2) / uint64(netsim.Always))
	}
	for i, r := range s.Regions {
		switch {
		case r.Members > 0:
			sizes[i] = r.Members
		case r.Share > 0:
			sizes[i] = upTo(share+r.Share) - upTo(share)
			share += r.Share
		default:
			rest++
		}
		left -= sizes[i]
	}
	for i, r := range s.Regions {
		if r.Members == 0 && r.Share == 0 {
			sizes[i] = left / rest
			left -= sizes[i]
			rest--
		}
	}
	return sizes
}

// regionOf is the number of the region of each member.
func (s *Scenario) regionOf() []uint8 {
	of := make([]uint8, 0, s.Members)
	for r, n := range s.RegionSizes() {
		for range n {
			of = append(of, uint8(r))
		}
	}
	return of
}

// eligible are the members that w may mean, in order: those that it names, of its region. w must be
// valid.
func (s *Scenario) eligible(w *Who) []int {
	in := make([]bool, s.Members)
	for i := range in {
		in[i] = len(w.Names) == 0
	}
	for _, name := range w.Names {
		from, to, err := memberRange(name, s.Members)
		invariant.Check(err == nil, "scenario: members of a choice that wasn't validated")
		for i := from; i < to; i++ {
			in[i] = true
		}
	}
	if w.Region != "" {
		for i, r := range s.regionOf() {
			in[i] = in[i] && s.Regions[r].Name == w.Region
		}
	}
	var list []int
	for i, ok := range in {
		if ok {
			list = append(list, i)
		}
	}
	return list
}

// number is how many members w means at most.
func (s *Scenario) number(w *Who) int { return w.of(len(s.eligible(w))) }

// of is how many of the eligible members w means. A share is at least one member, and all only if
// it is 100%.
func (w *Who) of(eligible int) int {
	switch {
	case w.Count > 0:
		return min(w.Count, eligible)
	case w.Share == netsim.Always || w.Share == 0:
		return eligible
	}
	n := int((uint64(w.Share)*uint64(eligible) + uint64(netsim.Always)/2) / uint64(netsim.Always))
	return min(max(1, n), max(1, eligible-1))
}
