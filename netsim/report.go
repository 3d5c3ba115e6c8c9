package netsim

import (
	"slices"
	"time"

	"serf/swim"
)

// Report is the figures of a run so far.
type Report struct {
	Members, Running int
	Time             time.Duration // simulated
	Settled          bool
	Wrong            int // pairs of a running member and another that it is wrong about
	Episodes         []Episode
	Detections       []Detection
	Returned         int              // crashed members that were back before all knew
	FirstNoticed     Durations        // of crashes, by the first other member
	AllNoticed       Durations        // by the last
	Bounds           [2]time.Duration // of FirstNoticed, with healthy members around
	FalseFailures    FalseFailures
	Troubled         bool // the network had faults
	Suspicions       uint64
	Refutations      uint64
	UserEvents       int      // fired
	EventDeliveries  uint64   // of all of them, to anybody
	Events           []Spread // how each got to those who ran when it was fired, for the first of very many
	EventSpread      Durations
	Queries          []Spread // the answers to each, of those who ran when it was asked
	QuerySpread      Durations
	Packets, Bytes   Quantiles[float64] // sent in packets a second, by member that runs at the end
	Queue            Quantiles[int]     // messages that wait to be gossiped, by member and sample
	Network          Stats
	Series           Series
	Bands            []Band
	Trace            uint64
	Violations       []Violation
	Cut              bool // interrupted before its time
}

// Band is a time in which something was wrong, or, if it has no length, a moment at which something
// happened. Times count from the start.
type Band struct {
	What     string
	From, To time.Duration
}

// Report returns the figures so far. Only [Scenario.Run] takes samples: else Series and Queue are empty.
func (c *Cluster) Report() Report {
	m := &c.metrics
	r := Report{
		Members: c.Len(), Running: c.up, Time: time.Duration(c.Now()), Settled: c.Settled(), Wrong: c.beliefs.wrong,
		Episodes: slices.Clone(m.episodes), Detections: slices.Clone(m.detections),
		FalseFailures: m.falseFailures, Troubled: c.troubled, Suspicions: m.suspicions, Refutations: m.refutations,
		UserEvents: c.events.fired, EventDeliveries: c.events.total, Events: c.events.spreads(), Queries: slices.Clone(c.asked),
		Network: c.sim.Stats(), Trace: c.sim.TraceHash(), Violations: slices.Clone(c.broken),
	}
	r.FirstNoticed, r.AllNoticed = m.detectionTimes()
	for i := range m.detections {
		if m.detections[i].Void {
			r.Returned++
		}
	}
	r.EventSpread, r.QuerySpread = toAll(r.Events), toAll(r.Queries)
	r.Bounds[0], r.Bounds[1] = c.cfg.Profile.DetectionBounds(c.Len())
	r.Packets, r.Bytes = c.rates(r.Time)
	return r
}

// rates is what the members that run have sent a second since the start, d ago.
func (c *Cluster) rates(d time.Duration) (packets, bytes Quantiles[float64]) {
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
	return quantilesOf(p), quantilesOf(b)
}

// toAll is how long news took that has reached all whom it was for.
func toAll(list []Spread) Durations {
	var d []time.Duration
	for i := range list {
		if took, ok := list[i].ToAll(); ok {
			d = append(d, took)
		}
	}
	return quantilesOf(d)
}

// Share is how many of those it was for each of list has reached, together, from 0 to 1.
func Share(list []Spread) float64 {
	var total Spread
	for i := range list {
		total.Due += list[i].Due
		total.Reached += list[i].Reached
	}
	return total.Share()
}

// A Change is the episodes of one kind: what happened, and how long it took until all views agreed.
type Change struct {
	What   string
	Count  int
	Agreed Durations // of those after which they did
}

// Changes sums up Episodes by kind, in the order in which they first happened.
func (r *Report) Changes() []Change {
	var list []Change
	var took [][]time.Duration
	for _, e := range r.Episodes {
		k := slices.IndexFunc(list, func(c Change) bool { return c.What == e.What })
		if k < 0 {
			k = len(list)
			list, took = append(list, Change{What: e.What}), append(took, nil)
		}
		list[k].Count++
		if e.Settled != swim.Never {
			took[k] = append(took[k], e.Settled.Sub(e.At))
		}
	}
	for k := range list {
		list[k].Agreed = quantilesOf(took[k])
	}
	return list
}
