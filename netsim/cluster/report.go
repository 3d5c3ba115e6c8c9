package cluster

import (
	"slices"
	"time"

	"serf/netsim/report"
)

// Report returns the figures so far. Series and Queue are empty: only a [Recorder] has them.
func (c *Cluster) Report() report.Report {
	m := &c.metrics
	r := report.Report{
		Members: c.Len(), Running: c.up, Time: time.Duration(c.Now()),
		Settled: c.Settled(), Wrong: c.views.wrong,
		Episodes: slices.Clone(m.episodes), Detections: slices.Clone(m.detections),
		Pauses: slices.Clone(m.pauses), Stories: slices.Clone(c.stories),
		FalseFailures: m.falseFailures, Troubled: c.hadFaults,
		Suspicions: m.suspicions, Refutations: m.refutations,
		UserEvents: c.deliveries.fired, EventDeliveries: c.deliveries.total,
		Events: c.deliveries.spreads(c.Name), Queries: slices.Clone(c.querySpreads),
		Network: c.sim.Stats(), Trace: c.sim.TraceHash(), Violations: slices.Clone(c.broken),
	}
	r.Regions, r.Traffic = c.regions.names, c.traffic()
	r.FirstNoticed, r.AllNoticed = m.detectionTimes()
	for i := range m.detections {
		if m.detections[i].Void {
			r.Returned++
		}
	}
	r.EventSpread, r.QuerySpread = report.TimesToAll(r.Events), report.TimesToAll(r.Queries)
	r.Bounds[0], r.Bounds[1] = c.cfg.Profile.DetectionBounds(c.Len())
	r.Packets, r.Bytes = c.rates(r.Time)
	return r
}

// rates is how much the members that are up have sent a second since the start, d ago.
func (c *Cluster) rates(d time.Duration) (packets, bytes report.Quantiles[float64]) {
	if d <= 0 {
		return packets, bytes
	}
	var p, b []float64
	for i := range c.members {
		if c.sim.Down(i) {
			continue
		}
		packets, bytes := c.sim.Sent(i)
		p = append(p, float64(packets)/d.Seconds())
		b = append(b, float64(bytes)/d.Seconds())
	}
	return report.QuantilesOf(p), report.QuantilesOf(b)
}
