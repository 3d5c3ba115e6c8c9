package study

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"serf/netsim"
	"serf/netsim/cluster"
	"serf/swim"
)

// Convergence is an experiment: members start together, and how long does it take until each knows
// all others? docs/figures/convergence.md tells what came of it.
type Convergence struct {
	Members int
	Seeds   int           // how many members, the first ones, the others join through; 0 means 1
	Over    time.Duration // members start at random times within it; 0: all at one instant
	Profile cluster.Profile
	Link    netsim.Link
	Limit   time.Duration // how long to wait for agreement; what is more than TrafficTime counts
}

// TrafficTime is for how long after the first start of a member its traffic is counted: more than
// what the start causes takes.
const TrafficTime = 30 * time.Second

// Converged is the outcome of one run.
type Converged struct {
	Agreed bool
	Took   time.Duration // from the first start until all views agreed; if they didn't, the limit
	Sent   netsim.Stats  // within TrafficTime
}

// Validate reports every problem of x, joined, or nil.
func (x *Convergence) Validate() error {
	var errs []error
	if x.Members < 2 || x.Members > cluster.MaxCold {
		errs = append(errs, fmt.Errorf("nodes %d: allowed 2 to %d", x.Members, cluster.MaxCold))
	}
	if x.Seeds < 0 || x.Seeds > x.Members {
		errs = append(errs, fmt.Errorf("join %d: allowed 1 to the %d nodes", x.Seeds, x.Members))
	}
	if x.Over < 0 || x.Over > TrafficTime {
		errs = append(errs, fmt.Errorf("over %v: allowed 0s to %v", x.Over, TrafficTime))
	}
	return errors.Join(errs...)
}

// Run carries the experiment out once. It ends early, with an error, when ctx does.
func (x *Convergence) Run(ctx context.Context, seed uint64) (Converged, error) {
	if err := x.Validate(); err != nil {
		return Converged{}, err
	}
	c, err := cluster.New(cluster.Config{Members: x.Members, Profile: x.Profile, Link: x.Link, Seed: seed, Seeds: x.Seeds})
	if err != nil {
		return Converged{}, err
	}
	c.Boot(x.Over)
	if err := c.RunContext(ctx, TrafficTime); err != nil {
		return Converged{}, err
	}
	r := Converged{Sent: c.Sim().Stats(), Took: x.Limit}
	for c.Episodes()[0].Settled == swim.Never && c.Now() < swim.Time(x.Limit) {
		if err := c.RunContext(ctx, look); err != nil {
			return Converged{}, err
		}
	}
	if start := c.Episodes()[0]; start.Settled != swim.Never {
		r.Agreed, r.Took = true, start.Settled.Sub(start.At)
	}
	return r, nil
}

// Convergences sums up some runs of one experiment.
type Convergences struct {
	Runs                     int
	Median, P90, P99, Worst  time.Duration
	Late                     int     // runs that took more than twice the median
	Open                     int     // runs in which the views didn't agree by the limit
	PacketBytes, StreamBytes float64 // a member, within TrafficTime
}

// Study runs the experiment with count seeds from first on, as many at a time as there are workers.
// The outcome doesn't depend on workers. If ctx ends, it is about the runs that are done, and the
// error is that of ctx. progress, if not nil, is called after each run.
func (x *Convergence) Study(ctx context.Context, first uint64, count, workers int, progress func(done, all int)) (Convergences, error) {
	runs, err := collect(ctx, count, workers, progress, func(i int) (Converged, error) { return x.Run(ctx, first+uint64(i)) })
	return x.sum(runs), err
}

func (x *Convergence) sum(runs []Converged) Convergences {
	s := Convergences{Runs: len(runs)}
	if s.Runs == 0 {
		return s
	}
	var took []time.Duration
	for i := range runs {
		r := &runs[i]
		took = append(took, r.Took)
		if !r.Agreed {
			s.Open++
		}
		s.PacketBytes += float64(r.Sent.SentBytes)
		s.StreamBytes += float64(r.Sent.StreamBytes)
	}
	slices.Sort(took)
	s.Median, s.P90, s.P99, s.Worst = share(took, 50), share(took, 90), share(took, 99), share(took, 100)
	for _, d := range took {
		if d > 2*s.Median {
			s.Late++
		}
	}
	all := float64(s.Runs) * float64(x.Members)
	s.PacketBytes /= all
	s.StreamBytes /= all
	return s
}

// share returns the least value of sorted that percent of the values don't exceed.
func share(sorted []time.Duration, percent int) time.Duration {
	return sorted[max((len(sorted)*percent+99)/100-1, 0)]
}
