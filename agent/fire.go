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
	err := a.driver.DoWhenReady(wait, func(now swim.Time, out *swim.Output) {
		before()
		result = a.loop.node.UserEvent(now, name, payload, coalesce, out)
	})
	switch {
	case err == nil:
		return result
	case wait.Err() != nil && ctx.Err() == nil:
		return fmt.Errorf("no room for a user event within %v: %w", fireWait, serf.ErrBusy)
	}
	return stopped(err)
}
