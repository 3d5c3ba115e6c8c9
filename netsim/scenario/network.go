package scenario

import (
	"time"

	"serf/netsim"
)

// links returns the link between members where no path says otherwise, the links between regions,
// if there are any, as [netsim.Sim.SetRegions] takes them, and what a member can send.
func (s *Scenario) links() (base netsim.Link, paths []netsim.Link, bandwidth netsim.Bandwidth) {
	n := &s.Network
	base = netsim.Link{
		Latency: n.Latency, Loss: n.Loss, Duplicate: n.Duplicate,
		Reorder: n.Reorder, HoldBack: n.HoldBack,
	}
	if base.Latency.IsZero() {
		p := s.Tuned()
		base.Latency = p.Link.Latency
	}
	base.Jitter = upTo(n.Jitter)
	if len(s.Paths) == 0 {
		return base, nil, n.Bandwidth
	}
	r := len(s.Regions)
	paths = make([]netsim.Link, r*r)
	for i := range paths {
		paths[i] = base
	}
	number := make(map[string]int)
	for i := range s.Regions {
		number[s.Regions[i].Name] = i
	}
	for i := range s.Paths {
		p := &s.Paths[i]
		from, to := number[p.From], number[p.To]
		paths[from*r+to] = p.on(base, n.Jitter)
		if !p.OneWay {
			paths[to*r+from] = paths[from*r+to]
		}
	}
	return base, paths, n.Bandwidth
}

// on is the link of a path, applied on top of the base link and its jitter.
func (p *Path) on(base netsim.Link, jitter Duration) netsim.Link {
	l := base
	if !p.Latency.IsZero() {
		l.Latency = p.Latency
	}
	if !p.HoldBack.IsZero() {
		l.HoldBack = p.HoldBack
	}
	l.Jitter = upTo(jitter + p.Jitter)
	l.Loss, l.Duplicate = base.Loss.Or(p.Loss), base.Duplicate.Or(p.Duplicate)
	l.Reorder = base.Reorder.Or(p.Reorder)
	return l
}

// upTo is a jitter of at most so much. The zero Dist takes no random draw.
func upTo(most Duration) netsim.Dist {
	if most == 0 {
		return netsim.Dist{}
	}
	return netsim.Uniform(0, time.Duration(most))
}
