package study

import (
	"context"
	"slices"
	"time"

	"serf/netsim/report"
	"serf/netsim/scenario"
	"serf/swim"
)

// TrafficTime is for how long after the first start of a member its traffic is counted: more than
// what the start causes takes.
const TrafficTime = 30 * time.Second

// agreementLimit is how long agreement is waited for: longer than any usual full exchange takes to
// come.
const agreementLimit = 10 * time.Minute

// Convergence is an experiment: members start together, within that time or all at one instant, and
// join through the first ones. How long does it take until each knows all others?
// docs/figures/convergence.md tells what came of it.
func Convergence(join int, over time.Duration) scenario.Scenario {
	s := scenario.Default()
	s.For, s.Events = scenario.Duration(TrafficTime), 0
	s.Start = scenario.Start{Over: new(scenario.Duration(over)), Seeds: join}
	return s
}

// Converged is what came of a Convergence.
type Converged struct {
	Runs                     int
	PacketBytes, StreamBytes uint64 // of all members and runs, within TrafficTime
	// Took is the time from the first start until all views agreed. In Open runs they didn't by the
	// limit, which stands in for it.
	Took []time.Duration
	Open int
}

// Agreement is what came of one run of a Convergence.
type Agreement struct {
	Took                     time.Duration // agreementLimit if Open
	Open                     bool
	PacketBytes, StreamBytes uint64
}

// Converge runs n Convergences, so many at a time, and calls take with the number and what came of
// each that was finished. For progress see [scenario.RunAll].
func Converge(
	ctx context.Context, n int, of func(i int) scenario.Scenario, parallel int,
	progress func(done float64), take func(i int, a Agreement),
) error {
	traffic := make(map[int]Agreement) // of runs that take longer than that is measured
	var open []int
	err := scenario.RunAll(ctx, n, parallel, of, progress, func(i int, r *report.Report) {
		a := Agreement{PacketBytes: r.Network.SentBytes, StreamBytes: r.Network.StreamBytes}
		if a.takes(r); a.Open {
			traffic[i] = a
			open = append(open, i)
		} else {
			take(i, a)
		}
	})
	if err != nil {
		return err
	}
	return scenario.RunAll(ctx, len(open), parallel, func(k int) scenario.Scenario {
		s := of(open[k])
		s.For, s.UntilSettled = scenario.Duration(agreementLimit), true
		return s
	}, progress, func(k int, r *report.Report) {
		a := traffic[open[k]]
		a.takes(r)
		take(open[k], a)
	})
}

// takes sets how long it took until views agreed.
func (a *Agreement) takes(r *report.Report) {
	start := &r.Episodes[0]
	if a.Open = start.Settled == swim.Never; a.Open {
		a.Took = agreementLimit
	} else {
		a.Took = start.Settled.Sub(start.At)
	}
}

// Add adds a run.
func (x *Converged) Add(a *Agreement) {
	x.Runs++
	x.PacketBytes += a.PacketBytes
	x.StreamBytes += a.StreamBytes
	if a.Open {
		x.Open++
	}
	x.Took = append(x.Took, a.Took)
}

// Share is the least time that so many percent of the runs didn't exceed; 0 without runs.
func (x *Converged) Share(percent int) time.Duration {
	if len(x.Took) == 0 {
		return 0
	}
	slices.Sort(x.Took)
	return x.Took[max((len(x.Took)*percent+99)/100-1, 0)]
}

// Late is how many runs took more than twice the median.
func (x *Converged) Late() (n int) {
	median := x.Share(50)
	for _, d := range x.Took {
		if d > 2*median {
			n++
		}
	}
	return n
}

// followed is how long the last event is followed.
const followed = time.Minute

// Dissemination is an experiment: bursts of user events in a cluster that has been together for
// long, each event fired by a random member. A burst takes the time over, and the next one begins
// after every. What share of the members has an event after which time? docs/figures/convergence.md
// tells what came of it.
func Dissemination(bursts, events int, over, every time.Duration) scenario.Scenario {
	s := scenario.Default()
	s.For = scenario.Duration(time.Duration(bursts-1)*every + over + followed)
	s.Start.Warm, s.Events = true, 0
	for k := range events {
		s.Work = append(s.Work, scenario.Work{
			Kind: scenario.WorkEvent, Every: scenario.Duration(every),
			Start:  scenario.Duration(over * time.Duration(k) / time.Duration(events)),
			Length: scenario.Duration(time.Duration(bursts) * every),
		})
	}
	return s
}

// Disseminated sums up runs of a Dissemination.
type Disseminated struct {
	Runs, Events int
	Reached      [len(report.Marks)]uint64 // pairs of an event and a member that had it by then
	Pairs        uint64                    // of an event and a member
	ToAll        []time.Duration           // of each event that all had within a minute
	Late         int                       // other events
	// What all members sent in packets and on streams, in Seconds of all runs together.
	PacketBytes, StreamBytes uint64
	Seconds                  float64
}

// Disseminate runs n Disseminations, so many at a time, and calls take with the number and what
// came of each that was finished. For progress see [scenario.RunAll].
func Disseminate(
	ctx context.Context, n int, of func(i int) scenario.Scenario, parallel int,
	progress func(done float64), take func(i int, x Disseminated),
) error {
	return scenario.RunAll(ctx, n, parallel, of, progress,
		func(i int, r *report.Report) { take(i, disseminated(r)) })
}

// disseminated is what came of a run.
func disseminated(r *report.Report) Disseminated {
	x := Disseminated{Runs: 1, Events: len(r.Events), PacketBytes: r.Network.SentBytes,
		StreamBytes: r.Network.StreamBytes, Seconds: r.Time.Seconds()}
	for i := range r.Events {
		s := &r.Events[i]
		x.Pairs += uint64(s.Due)
		for k, n := range s.By {
			x.Reached[k] += uint64(n)
		}
		if took, ok := s.ToAll(); ok && took <= followed {
			x.ToAll = append(x.ToAll, took)
		} else {
			x.Late++
		}
	}
	return x
}

// Add adds other runs.
func (x *Disseminated) Add(o *Disseminated) {
	x.Runs += o.Runs
	x.Events += o.Events
	for k, n := range o.Reached {
		x.Reached[k] += n
	}
	x.Pairs += o.Pairs
	x.ToAll = append(x.ToAll, o.ToAll...)
	x.Late += o.Late
	x.PacketBytes += o.PacketBytes
	x.StreamBytes += o.StreamBytes
	x.Seconds += o.Seconds
}
