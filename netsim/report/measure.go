package report

import (
	"time"

	"serf/swim"
)

// Measure is a figure by which runs are compared.
type Measure struct {
	Name  string // stable, with the unit: programs read it
	Title string // for readers
	Head  string // of a narrow column, with the unit; empty if tables of text leave it out
	Unit  Unit

	figure Figure // of one report
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

// measures are the figures of r, in the order of tables.
func (r *Report) measures() []Measure {
	f, n := &r.FalseFailures, &r.Network
	paused, pausedAll := TimesNoticed(r.Pauses)
	return []Measure{
		{"agreed_worst_seconds", "views agree, worst", "agree s", UnitSeconds, r.agreedWorst()},
		{"noticed_median_seconds", "crash noticed by one, median", "noticed s", UnitSeconds,
			median(r.FirstNoticed)},
		{"known_median_seconds", "crash known to all, median", "known s", UnitSeconds,
			median(r.AllNoticed)},
		{"known_worst_seconds", "crash known to all, worst", "", UnitSeconds, worst(r.AllNoticed)},
		{"pause_noticed_median_seconds", "pause noticed by one, median", "", UnitSeconds,
			median(paused)},
		{"pause_known_median_seconds", "pause known to all, median", "", UnitSeconds,
			median(pausedAll)},
		{"false_failures", "false failures", "false", UnitCount, counted(f.All)},
		{"false_failures_at_healthy", "false failures at healthy members", "", UnitCount,
			counted(f.AtHealthy)},
		{"false_failures_of_healthy", "false failures at and about healthy members", "", UnitCount,
			counted(f.OfHealthy)},
		{"false_failures_of_faultless", "false failures about members without a fault", "",
			UnitCount, counted(f.OfFaultless)},
		{"false_failures_among_faultless", "false failures among members without a fault", "",
			UnitCount, counted(f.AmongFaultless)},
		{"failures_across_faults", "failures told across faults of the network", "across",
			UnitCount, Figure{float64(f.AcrossFaults), r.Troubled}},
		{"events_median_seconds", "event delivered to all, median", "event s", UnitSeconds,
			median(r.EventSpread)},
		{"events_worst_seconds", "event delivered to all, worst", "", UnitSeconds,
			worst(r.EventSpread)},
		{"events_half_median_seconds", "event delivered to half, median", "", UnitSeconds,
			medianTo(r.Events, 0.5)},
		{"events_99_median_seconds", "event delivered to 99%, median", "", UnitSeconds,
			medianTo(r.Events, 0.99)},
		{"events_all_99_seconds", "event delivered to all, 99th", "", UnitSeconds,
			Figure{r.EventSpread.P99.Seconds(), r.EventSpread.Count > 0}},
		{"events_delivered", "events delivered", "delivered %", UnitShare,
			Figure{Share(r.Events), len(r.Events) > 0}},
		{"queries_answered", "queries answered", "answered %", UnitShare,
			Figure{Share(r.Queries), len(r.Queries) > 0}},
		{"packets_per_member_second", "packets of a member", "packets/s", UnitRate,
			r.perMemberSecond(n.Sent)},
		{"bytes_per_member_second", "bytes of a member", "bytes/s", UnitBytes,
			r.perMemberSecond(n.SentBytes + n.StreamBytes)},
		{"region_bytes_per_member_second", "bytes of a member to other regions", "between B/s",
			UnitBytes, r.betweenRegions()},
		{"gossip_queue_p99", "gossip queue, 99th", "", UnitCount,
			Figure{float64(r.Queue.P99), r.Queue.Count > 0}},
		{"wrong_views_at_end", "wrong views at the end", "wrong", UnitCount,
			counted(uint64(r.Wrong))},
	}
}

// Measures lists the figures of runs, in the order of Report.Measured.
func Measures() []Measure { return new(Report).measures() }

// Measured returns the figures of r, in the order of Measures.
func (r *Report) Measured() []Figure {
	var list []Figure
	for _, m := range r.measures() {
		list = append(list, m.figure)
	}
	return list
}

// agreedWorst is the longest that views took to agree after a change. There is no figure if they
// didn't agree after one of them.
func (r *Report) agreedWorst() Figure {
	worst := time.Duration(-1)
	for _, e := range r.Episodes {
		if e.Settled == swim.Never {
			return Figure{}
		}
		worst = max(worst, e.Settled.Sub(e.At))
	}
	return Figure{worst.Seconds(), worst >= 0}
}

// medianTo is the median of how long it took to reach a share of those that were due.
func medianTo(list []Spread, share float64) Figure {
	var took []time.Duration
	for i := range list {
		if d, ok := list[i].To(share); ok {
			took = append(took, d)
		}
	}
	return median(QuantilesOf(took))
}

// betweenRegions is what a member sends to other regions a second.
func (r *Report) betweenRegions() Figure {
	sum := uint64(0)
	for i, t := range r.Traffic {
		if n := len(r.Regions); i/n != i%n {
			sum += t.PacketBytes + t.StreamBytes
		}
	}
	f := r.perMemberSecond(sum)
	f.There = f.There && len(r.Regions) > 1
	return f
}

func median(d Durations) Figure { return Figure{d.Median.Seconds(), d.Count > 0} }

func worst(d Durations) Figure { return Figure{d.Worst.Seconds(), d.Count > 0} }
func counted(n uint64) Figure  { return Figure{float64(n), true} }

// perMemberSecond counts all members, running or not.
func (r *Report) perMemberSecond(n uint64) Figure {
	seconds := r.Time.Seconds() * float64(r.Members)
	return Figure{float64(n) / seconds, seconds > 0}
}
