package agent

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"serf/swim"
	"serf/swim/serf"
)

const (
	// fireWait is how long an event waits for room. The node sends some hundred a second.
	fireWait = 30 * time.Second
	// unfiredMax bounds the events that wait: clients wait with one each, and Go
	// programs may call from as many goroutines as they like.
	unfiredMax = 4096
)

// firing is a user event for which the node has no room yet.
type firing struct {
	name     string
	payload  []byte
	coalesce bool
	before   func()
	result   chan error // capacity 1
}

// fire hands an event to the node, or waits until the loop can.
func (a *Agent) fire(ctx context.Context, f *firing) error {
	err := a.try(ctx, func(now swim.Time) error {
		l := &a.loop
		err := l.node.CheckUserEvent(f.name, f.payload, f.coalesce)
		switch {
		case err != nil && !errors.Is(err, serf.ErrBusy):
			return err
		case err == nil && len(l.unfired) == 0:
			l.fire(now, f)
		case len(l.unfired) >= unfiredMax:
			return fmt.Errorf("%d user events wait for room: %w", unfiredMax, serf.ErrBusy)
		default:
			l.unfired = append(l.unfired, f)
		}
		return nil
	})
	if err != nil {
		return err
	}
	wait, cancel := context.WithTimeoutCause(ctx, fireWait, fmt.Errorf("no room for a user event within %v: %w", fireWait, serf.ErrBusy))
	defer cancel()
	select {
	case err := <-f.result:
		return err
	case <-a.ctx.Done():
		return ErrStopped
	case <-wait.Done():
		return a.withdraw(f, context.Cause(wait))
	}
}

// withdraw takes back an event that waits, and returns why; or what became of it, if it was fired meanwhile.
func (a *Agent) withdraw(f *firing, why error) error {
	err := a.do(context.Background(), func(swim.Time) {
		l := &a.loop
		if i := slices.Index(l.unfired, f); i >= 0 {
			l.unfired = slices.Delete(l.unfired, i, i+1)
			f.result <- why
		}
	})
	if err != nil {
		return err
	}
	return <-f.result
}

// fireMore fires events that wait, as many as there is room for now.
func (a *Agent) fireMore() {
	l := &a.loop
	for len(l.unfired) > 0 {
		f := l.unfired[0]
		if errors.Is(l.node.CheckUserEvent(f.name, f.payload, f.coalesce), serf.ErrBusy) {
			return
		}
		l.unfired[0] = nil
		l.unfired = l.unfired[1:]
		l.fire(a.now(), f)
		a.drain()
	}
}

// fire hands f to the node, and the outcome to who waits for it.
func (l *loop) fire(now swim.Time, f *firing) {
	f.before()
	f.result <- l.node.UserEvent(now, f.name, f.payload, f.coalesce, &l.out)
}
