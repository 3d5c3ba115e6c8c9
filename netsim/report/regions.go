package report

import "time"

// Pairs lists all pairs of regions, by the sender's and then by the receiver's. There are none
// without regions.
func (r *Report) Pairs() []PairFigures {
	var crashes []Spread
	for i := range r.Detections {
		if d := &r.Detections[i]; !d.Void {
			crashes = append(crashes, d.Spread)
		}
	}
	var list []PairFigures
	for from := range r.Regions {
		for to := range r.Regions {
			t := &r.Traffic[from*len(r.Regions)+to]
			list = append(list, PairFigures{
				From: r.Regions[from], To: r.Regions[to], Packets: t.Packets,
				PacketBytes: t.PacketBytes, StreamBytes: t.StreamBytes,
				Events: deliveryOf(r.Events, from, to), Crashes: deliveryOf(crashes, from, to),
			})
		}
	}
	return list
}

func deliveryOf(list []Spread, from, to int) DeliveryFigures {
	var d DeliveryFigures
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
	d.AllSeconds = inSeconds(QuantilesOf(took))
	return d
}
