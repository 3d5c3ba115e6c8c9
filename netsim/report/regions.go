package report

import (
	"time"

	"serf/netsim"
)

// Pair is what went from the members of one region to those of another, or to each other within
// one.
type Pair struct {
	From, To int // of Report.Regions
	Traffic  netsim.Traffic
	Events   Delivery // of events that members of From sent
	Crashes  Delivery // of the knowledge that a member of From crashed
}

// Delivery is how events, or the knowledge of crashes, from one region spread in another.
type Delivery struct {
	Due, Reached int       // members, over all events or crashes
	ToAll        Durations // until all of the region had it, leaving out what some of it never had
}

// Share is how much of what was due was delivered, from 0 to 1.
func (d *Delivery) Share() float64 {
	return (&Spread{Due: d.Due, Reached: d.Reached}).Share()
}

// Pairs lists all pairs of regions, by From and then by To. There are none without regions.
func (r *Report) Pairs() []Pair {
	var crashes []Spread
	for i := range r.Detections {
		if d := &r.Detections[i]; !d.Void {
			crashes = append(crashes, d.Spread)
		}
	}
	var list []Pair
	for from := range r.Regions {
		for to := range r.Regions {
			list = append(list, Pair{
				From: from, To: to, Traffic: r.Traffic[from*len(r.Regions)+to],
				Events: deliveryOf(r.Events, from, to), Crashes: deliveryOf(crashes, from, to),
			})
		}
	}
	return list
}

func deliveryOf(list []Spread, from, to int) Delivery {
	var d Delivery
	var took []time.Duration
	for i := range list {
		s := &list[i]
		if s.Region != from || s.Parts == nil {
			continue
		}
		p := &s.Parts[to]
		d.Due += p.Due
		d.Reached += p.Reached
		if p.Due > 0 && p.Reached == p.Due {
			took = append(took, p.Last.Sub(s.At))
		}
	}
	d.ToAll = QuantilesOf(took)
	return d
}
