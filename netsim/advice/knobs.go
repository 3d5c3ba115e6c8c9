package advice

import (
	"math"
	"time"

	"serf/swim"
)

// knob changes one timing in some ways.
type knob struct {
	factors []float64 // of what it is
	set     func(t *swim.Timing, factor float64)
}

// knobs are the timings that decide how soon a crash is known and how easily somebody is wronged,
// those that matter most first. Exchanges of states, reconnects and what is remembered of the gone
// decide neither.
var knobs = []knob{
	// How often members are looked at. The time-out keeps its share.
	{[]float64{0.2, 0.3, 0.5, 0.7, 1.5, 2}, func(t *swim.Timing, f float64) {
		t.ProbeInterval, t.ProbeTimeout = times(t.ProbeInterval, f), times(t.ProbeTimeout, f)
	}},
	// How long a suspect has to refute, at least and at most.
	{[]float64{0.25, 0.5, 0.75, 1.25, 1.5, 2}, func(t *swim.Timing, f float64) {
		scale(&t.SuspicionMult, f)
	}},
	{[]float64{0.5, 1.5}, func(t *swim.Timing, f float64) { scale(&t.SuspicionMaxMult, f) }},
	// How soon others are asked, and how many.
	{[]float64{0.4, 0.7, 1.4}, func(t *swim.Timing, f float64) {
		t.ProbeTimeout = times(t.ProbeTimeout, f)
	}},
	{[]float64{0.67, 1.67}, func(t *swim.Timing, f float64) { scale(&t.IndirectProbes, f) }},
	// How soon accusations, refutations and failures are known.
	{[]float64{0.5, 2}, func(t *swim.Timing, f float64) {
		t.GossipInterval = times(t.GossipInterval, f)
	}},
	{[]float64{0.67, 1.34}, func(t *swim.Timing, f float64) { scale(&t.GossipNodes, f) }},
	{[]float64{0.5, 0.75, 1.5}, func(t *swim.Timing, f float64) { scale(&t.RetransmitMult, f) }},
}

// variants are timings that differ from t by the knob.
func (k *knob) variants(t swim.Timing) (list []swim.Timing) {
	for _, f := range k.factors {
		x := t
		if k.set(&x, f); x != t {
			list = append(list, x)
		}
	}
	return list
}

// times is a multiple of d in two digits, so that it can be read.
func times(d time.Duration, f float64) time.Duration {
	x := time.Duration(float64(d) * f)
	unit := time.Millisecond
	for x >= 100*unit {
		unit *= 10
	}
	return max(x.Round(unit), time.Millisecond)
}

// scale changes a count by one at least.
func scale(n *int, f float64) {
	x := int(math.Round(float64(*n) * f))
	if x == *n && f > 1 {
		x++
	} else if x == *n {
		x--
	}
	*n = max(x, 1)
}
