package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"serf/agent/rpc"
)

// viewsWait is how long a check waits for agents that don't answer the question about their views.
const viewsWait = 3 * time.Second

// askViews adds whether agents agree on who is alive. It is the last question: an agent of
// HashiCorp's, which doesn't know it, hangs up.
func (r *checkResult) askViews(ctx context.Context, c *rpc.Client) error {
	v, err := c.Views(ctx, viewsWait)
	switch {
	case errors.Is(err, rpc.ErrNoSurvey):
		r.add("views", verdictOK, "views not compared: this agent can't ask the others")
		return nil
	case err != nil:
		return err
	}
	verdict, text := verdictOK, v.Summary
	if n := len(v.Disagreements); n > 0 {
		text = "views disagree: " + v.Disagreements[0].String()
		if n > 1 {
			text += fmt.Sprintf(" and %d more", n-1)
		}
	}
	if !v.Agree {
		verdict = verdictWarning
	}
	r.add("views", verdict, text)
	r.figure("disagreements", len(v.Disagreements), atMost(0), "")
	return nil
}
