// Package report has what a simulation measured, as values: a [Report] with its spreads, quantiles
// and samples. [Report.WriteTo] writes it for people, [Report.Figures] gives it to programs as
// JSON, and [Measures] are the figures by which runs are compared. Reports are filled by package
// cluster; package page makes web pages of them.
package report

import (
	"fmt"
	"time"

	"serf/netsim"
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
	Pauses           []Pause          // those that were noticed
	Returned         int              // crashed members that ran again before all knew of the crash
	FirstNoticed     Durations        // of crashes, by the first other member
	AllNoticed       Durations        // by the last
	Bounds           [2]time.Duration // of FirstNoticed, with healthy members around
	FalseFailures    FalseFailures
	Stories          []Story // of the first of them, if they are to be explained
	Troubled         bool    // the network had faults
	Suspicions       uint64
	Refutations      uint64
	UserEvents       int    // fired
	EventDeliveries  uint64 // of all of them, to anybody
	// Events is how each spread to the members that ran when it was sent; of the first
	// cluster.MaxEvents.
	Events         []Spread
	EventSpread    Durations
	Queries        []Spread // the answers to each, from the members that ran when it was asked
	QuerySpread    Durations
	Packets, Bytes Quantiles[float64] // sent in packets a second, by member that runs at the end
	Queue          Quantiles[int]     // messages that wait to be gossiped, by member and sample
	Network        netsim.Stats
	Regions        []string         // their names
	Traffic        []netsim.Traffic // from region a to b at a*len(Regions)+b
	Series         Series
	Bands          []Band
	Trace          uint64
	Violations     []Violation
	Cut            bool // interrupted before its time
}

// Band is a time in which something was wrong, or, if it has no length, a moment at which something
// happened. Times count from the start.
type Band struct {
	What     string
	From, To time.Duration
}

// Violation is a rule that was broken.
type Violation struct {
	At    swim.Time
	Check string
	Text  string
}

func (v Violation) String() string {
	return fmt.Sprintf("%v %s: %s", time.Duration(v.At), v.Check, v.Text)
}

// TimesToAll is how long each of list took to reach all members it was for, leaving out those that
// haven't.
func TimesToAll(list []Spread) Durations {
	var d []time.Duration
	for i := range list {
		if took, ok := list[i].ToAll(); ok {
			d = append(d, took)
		}
	}
	return QuantilesOf(d)
}

// Share is the part of the members that list was for, all together, that it reached: from 0 to 1.
func Share(list []Spread) float64 {
	var total Spread
	for i := range list {
		total.Due += list[i].Due
		total.Reached += list[i].Reached
	}
	return total.Share()
}

// StreamRate is the bytes that streams carried, a second and member.
func (r *Report) StreamRate() float64 {
	seconds := r.Time.Seconds() * float64(r.Members)
	if seconds == 0 {
		return 0
	}
	return float64(r.Network.StreamBytes) / seconds
}
