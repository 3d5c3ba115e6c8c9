package study

import (
	"context"
	"slices"
	"time"

	"serf/netsim/report"
	"serf/netsim/scenario"
	"serf/swim"
)

// Seeds runs a scenario with several seeds, its own and those that follow: see [scenario.RunAll].
func Seeds(
	ctx context.Context, s *scenario.Scenario, seeds, parallel int, progress func(done float64),
	take func(i int, r *report.Report),
) error {
	return scenario.RunAll(ctx, seeds, parallel, func(i int) scenario.Scenario {
		x := s.Clone()
		x.Seed += uint64(i)
		return x
	}, progress, take)
}

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
	// Took is the time from the first start until all views agreed, ascending. In Open runs they
	// didn't by the limit, which stands in for it.
	Took []time.Duration
	Open int
}

// Converge runs a Convergence with several seeds. If ctx ends, it is about the runs that are done.
func Converge(
	ctx context.Context, s scenario.Scenario, seeds, parallel int, progress func(done float64),
) (x Converged, err error) {
	var open []uint64 // seeds of runs that take longer
	err = Seeds(ctx, &s, seeds, parallel, progress, func(i int, r *report.Report) {
		x.Runs++
		x.PacketBytes += r.Network.SentBytes
		x.StreamBytes += r.Network.StreamBytes
		if !x.agreed(r) {
			open = append(open, s.Seed+uint64(i))
		}
	})
	s.For, s.UntilSettled = scenario.Duration(agreementLimit), true
	longer := func(i int) scenario.Scenario { c := s.Clone(); c.Seed = open[i]; return c }
	if err == nil {
		err = scenario.RunAll(ctx, len(open), parallel, longer, progress,
			func(_ int, r *report.Report) {
				if !x.agreed(r) {
					x.Took = append(x.Took, agreementLimit)
					x.Open++
				}
			})
	}
	slices.Sort(x.Took)
	return x, err
}

// agreed adds the time until views agreed, and reports whether they did.
func (x *Converged) agreed(r *report.Report) bool {
	start := &r.Episodes[0]
	if start.Settled == swim.Never {
		return false
	}
	x.Took = append(x.Took, start.Settled.Sub(start.At))
	return true
}

// Share is the least time that so many percent of the runs didn't exceed; 0 without runs.
func (x *Converged) Share(percent int) time.Duration {
	if len(x.Took) == 0 {
		return 0
	}
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

// Add adds a run.
func (x *Disseminated) Add(_ int, r *report.Report) {
	x.Runs++
	x.Events += len(r.Events)
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
	x.PacketBytes += r.Network.SentBytes
	x.StreamBytes += r.Network.StreamBytes
	x.Seconds += r.Time.Seconds()
}
