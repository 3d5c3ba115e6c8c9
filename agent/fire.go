package agent

import (
	"context"
	"fmt"
	"time"

	"serf/swim"
	"serf/swim/serf"
)

const (
	// fireWait is how long an event waits for room. The node sends some hundred a second.
	fireWait = 30 * time.Second
	// firingMax bounds the events that wait: clients wait with one each, and Go programs may call
	// from as many goroutines as they like.
	firingMax = 4096
)

// fire has the loop hand an event to the node as soon as the node has room for it, in the order of
// the calls. before is called on the loop when that is about to happen.
func (a *Agent) fire(ctx context.Context, name string, payload []byte, coalesce bool,
	before func()) error {
	size := len(name) + len(payload)
	if err := serf.CheckEventSize(size, a.conf.EventSizeMax); err != nil {
		return err
	}
	defer a.firing.Add(-1)
	if a.firing.Add(1) > firingMax {
		return fmt.Errorf("%d user events wait for room: %w", firingMax, serf.ErrBusy)
	}
	wait, cancel := context.WithTimeout(ctx, fireWait)
	defer cancel()
	var result error
	err := a.doBy(wait, a.fires, func(now swim.Time) {
		before()
		result = a.loop.node.UserEvent(now, name, payload, coalesce, &a.loop.out)
	})
	switch {
	case err == nil:
		return result
	case wait.Err() != nil && ctx.Err() == nil:
		return fmt.Errorf("no room for a user event within %v: %w", fireWait, serf.ErrBusy)
	}
	return err
}

// fireable is where events to fire come from: nil, which nothing comes from, while the node has no
// room.
func (a *Agent) fireable() <-chan func(swim.Time) {
	if a.loop.node.EventRoom() {
		return a.fires
	}
	return nil
}
