package cluster

import (
	"serf/netsim"
	"serf/netsim/report"
	"serf/swim"
)

// pause is a stop of a member's process.
type pause struct {
	since   swim.Time
	first   netsim.First // what it does when it runs on
	noticed int          // number of its entry in metrics.pauses, from 1; 0: nobody noticed it
	by      []uint64     // members without a fault that reported the member as failed, a bit for each
	count   int          // of them
}

// noticePause records that observer, which has had no fault, reports the paused member as failed.
func (c *Cluster) noticePause(p *pause, observer int) {
	if p.by == nil {
		p.by = make([]uint64, c.views.words)
		c.metrics.pauses = append(c.metrics.pauses, report.Pause{First: c.Now().Sub(p.since)})
		p.noticed = len(c.metrics.pauses)
	}
	if bit(p.by, observer) {
		return
	}
	setBit(p.by, observer, true)
	if p.count++; p.count == c.faultless {
		c.metrics.pauses[p.noticed-1].All = c.Now().Sub(p.since)
	}
}
