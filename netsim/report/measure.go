package report

import (
	"slices"
	"time"

	"serf/netsim"
	"serf/swim"
)

// Measure is a figure by which runs are compared.
type Measure struct {
	Name  string // stable, with the unit: programs read it
	Title string // for readers
	Head  string // of a narrow column, with the unit; empty if tables of text leave it out
	Unit  Unit

	of func(r *Report) Figure
}

// Unit is what a Measure counts.
type Unit uint8

const (
	UnitCount Unit = iota
	UnitSeconds
	UnitShare // from 0 to 1
	UnitBytes // a second
	UnitRate  // a second
)

// Figure is the value of a measure. There is false if there was nothing to measure, or if what it
// measures wasn't over by the end of the run.
type Figure struct {
	Value float64
	There bool
}

// measures are in the order of tables.
var measures = []Measure{
	{"agreed_worst_seconds", "views agree, worst", "agree s", UnitSeconds, agreedWorst},
	{"noticed_median_seconds", "crash noticed by one, median", "noticed s", UnitSeconds,
		median(func(r *Report) Durations { return r.FirstNoticed })},
	{"known_median_seconds", "crash known to all, median", "known s", UnitSeconds,
		median(func(r *Report) Durations { return r.AllNoticed })},
	{"known_worst_seconds", "crash known to all, worst", "", UnitSeconds,
		worst(func(r *Report) Durations { return r.AllNoticed })},
	{"pause_noticed_median_seconds", "pause noticed by one, median", "", UnitSeconds,
		median(func(r *Report) Durations { d, _ := TimesNoticed(r.Pauses); return d })},
	{"pause_known_median_seconds", "pause known to all, median", "", UnitSeconds,
		median(func(r *Report) Durations { _, d := TimesNoticed(r.Pauses); return d })},
	{"false_failures", "false failures", "false", UnitCount,
		counted(func(r *Report) uint64 { return r.FalseFailures.All })},
	{"false_failures_at_healthy", "false failures at healthy members", "", UnitCount,
		counted(func(r *Report) uint64 { return r.FalseFailures.AtHealthy })},
	{"false_failures_of_healthy", "false failures at and about healthy members", "", UnitCount,
		counted(func(r *Report) uint64 { return r.FalseFailures.OfHealthy })},
	{"false_failures_of_faultless", "false failures about members without a fault", "", UnitCount,
		counted(func(r *Report) uint64 { return r.FalseFailures.OfFaultless })},
	{"false_failures_among_faultless", "false failures among members without a fault", "",
		UnitCount, counted(func(r *Report) uint64 { return r.FalseFailures.AmongFaultless })},
	{"failures_across_faults", "failures told across faults of the network", "across", UnitCount,
		acrossFaults},
	{"events_median_seconds", "event delivered to all, median", "event s", UnitSeconds,
		median(func(r *Report) Durations { return r.EventSpread })},
	{"events_worst_seconds", "event delivered to all, worst", "", UnitSeconds,
		worst(func(r *Report) Durations { return r.EventSpread })},
	{"events_delivered", "events delivered", "delivered %", UnitShare,
		reachedOf(func(r *Report) []Spread { return r.Events })},
	{"queries_answered", "queries answered", "answered %", UnitShare,
		reachedOf(func(r *Report) []Spread { return r.Queries })},
	{"packets_per_member_second", "packets of a member", "packets/s", UnitRate,
		perMemberSecond(func(n *netsim.Stats) uint64 { return n.Sent })},
	{"bytes_per_member_second", "bytes of a member", "bytes/s", UnitBytes,
		perMemberSecond(func(n *netsim.Stats) uint64 { return n.SentBytes + n.StreamBytes })},
	{"gossip_queue_p99", "gossip queue, 99th", "", UnitCount,
		func(r *Report) Figure { return Figure{float64(r.Queue.P99), r.Queue.Count > 0} }},
	{"wrong_views_at_end", "wrong views at the end", "wrong", UnitCount,
		func(r *Report) Figure { return Figure{float64(r.Wrong), true} }},
}

// Measures lists the figures of runs, in the order of Report.Measured.
func Measures() []Measure { return slices.Clone(measures) }

// agreedWorst is the longest that views took to agree after a change. There is no figure if they
// didn't agree after one of them.
func agreedWorst(r *Report) Figure {
	worst := time.Duration(-1)
	for _, e := range r.Episodes {
		if e.Settled == swim.Never {
			return Figure{}
		}
		worst = max(worst, e.Settled.Sub(e.At))
	}
	return Figure{worst.Seconds(), worst >= 0}
}

// acrossFaults has no figure if the network had no faults.
func acrossFaults(r *Report) Figure {
	return Figure{float64(r.FalseFailures.AcrossFaults), r.Troubled}
}

func median(of func(*Report) Durations) func(*Report) Figure {
	return func(r *Report) Figure { d := of(r); return Figure{d.Median.Seconds(), d.Count > 0} }
}

func worst(of func(*Report) Durations) func(*Report) Figure {
	return func(r *Report) Figure { d := of(r); return Figure{d.Worst.Seconds(), d.Count > 0} }
}

func counted(of func(*Report) uint64) func(*Report) Figure {
	return func(r *Report) Figure { return Figure{float64(of(r)), true} }
}

func reachedOf(of func(*Report) []Spread) func(*Report) Figure {
	return func(r *Report) Figure { list := of(r); return Figure{Share(list), len(list) > 0} }
}

// perMemberSecond counts all members, running or not.
func perMemberSecond(of func(*netsim.Stats) uint64) func(*Report) Figure {
	return func(r *Report) Figure {
		seconds := r.Time.Seconds() * float64(r.Members)
		return Figure{float64(of(&r.Network)) / seconds, seconds > 0}
	}
}

// Measured returns the figures of r, in the order of Measures.
func (r *Report) Measured() []Figure {
	list := make([]Figure, len(measures))
	for i := range list {
		list[i] = measures[i].of(r)
	}
	return list
}
