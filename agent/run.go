package agent

import (
	"context"
	"errors"
)

// Run starts an agent and calls f, which may be nil. When f has returned, or without f when ctx
// ends, the agent leaves and is closed: Run returns when all of it has ended. The context of f ends
// with ctx, and when the agent stops by itself.
//
// The error is that of the start, or of f, or why the agent stopped by itself; one of f that says
// only that its context has ended is left out. A leave that nobody heard is none: the others notice
// that this member is gone.
func Run(ctx context.Context, c Config, f func(ctx context.Context, a *Agent) error) error {
	a, err := Start(ctx, c)
	if err != nil {
		return err
	}
	inner, cancel := context.WithCancel(ctx)
	defer cancel()
	context.AfterFunc(a.ctx, cancel)
	if f == nil {
		<-inner.Done()
	} else if err = f(inner, a); inner.Err() != nil && errors.Is(err, inner.Err()) {
		err = nil
	}
	a.Leave(context.WithoutCancel(ctx)) // its time is bounded
	if stopped := a.Close(); err == nil {
		err = stopped
	}
	return err
}

// Wait waits until the agent has stopped, and returns why if it did so by itself. If ctx ends
// before, it returns that error, and the agent runs on.
func (a *Agent) Wait(ctx context.Context) error {
	select {
	case <-a.done:
		return a.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Close stops the agent at once, and returns when everything is released: all goroutines have
// ended, and the ports are free. It doesn't tell the cluster: see Leave. It may be called again,
// also concurrently. The error is why the agent had stopped by itself, if it had.
func (a *Agent) Close() error {
	a.driver.Stop(nil)
	<-a.done
	return a.err
}
