package scenario

import (
	"context"

	"golang.org/x/sync/errgroup"
)

// Each calls run with every number below n, in order, so many at a time. After an error, or when
// ctx has ended, no further call begins. It returns the first error, or else that of ctx.
func Each(ctx context.Context, n, workers int, run func(i int) error) error {
	g, stop := errgroup.WithContext(ctx)
	g.SetLimit(max(workers, 1))
	for i := range n {
		g.Go(func() error {
			if stop.Err() != nil {
				return nil
			}
			return run(i)
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	return ctx.Err()
}
