package scenario

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"serf/netsim/cluster"
	"serf/netsim/report"
)

// RunAll runs n scenarios in order, so many at a time, and calls take with the number and the
// report of each that was finished. After an error, or when ctx has ended, no further one begins
// and the others are given up. It returns the first error, or else that of ctx. progress, unless
// nil, is called often, with the share of the work that is done, from 0 to 1. Both are called by
// one goroutine at a time.
func RunAll(
	ctx context.Context, n, parallel int, scenario func(i int) Scenario,
	progress func(done float64), take func(i int, r *report.Report),
) error {
	var lock sync.Mutex
	var done, total float64 // in member-seconds
	work := func(s *Scenario, d time.Duration) float64 { return float64(s.Members) * d.Seconds() }
	for i := range n {
		s := scenario(i)
		total += work(&s, time.Duration(s.For))
	}
	advance := func(by float64) {
		if done += by; progress != nil {
			progress(done / total)
		}
	}
	g, runs := errgroup.WithContext(ctx)
	g.SetLimit(max(parallel, 1))
	for i := range n {
		g.Go(func() error {
			if runs.Err() != nil {
				return nil
			}
			s := scenario(i)
			left := time.Duration(s.For)
			r, err := s.Run(runs, func(_ *cluster.Cluster, now time.Duration) {
				lock.Lock()
				defer lock.Unlock()
				advance(work(&s, left-now))
				left = now
			})
			lock.Lock()
			defer lock.Unlock()
			if err == nil && !r.Cut {
				take(i, &r)
				advance(work(&s, left)) // what it didn't need
			}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	return ctx.Err()
}
