package study

import (
	"context"
	"sync"

	"serf/netsim/scenario"
)

// collect does count runs, workers at a time, and returns the outcomes in the order of their
// numbers. After an error no further run begins; the outcomes of those that are done are returned
// with it. progress, if not nil, is called after each run, by one goroutine at a time.
func collect[T any](
	ctx context.Context, count, workers int, progress func(done, all int), run func(i int) (T, error),
) ([]T, error) {
	var lock sync.Mutex
	results, ready := make([]*T, count), 0
	err := scenario.Each(ctx, count, workers, func(i int) error {
		r, err := run(i)
		if err != nil {
			return err
		}
		lock.Lock()
		defer lock.Unlock()
		results[i] = &r
		if ready++; progress != nil {
			progress(ready, count)
		}
		return nil
	})
	var kept []T
	for _, r := range results {
		if r != nil {
			kept = append(kept, *r)
		}
	}
	return kept, err
}
