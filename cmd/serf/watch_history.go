package main

import (
	"context"
	"errors"
	"slices"
	"time"

	"serf/agent/rpc"
)

// ask asks the agent for the history of a member, by a connection of its own: an agent that doesn't
// know the command hangs up.
func (s *watchSession) ask(ctx context.Context, name string) {
	asking, cancel := context.WithTimeout(ctx, watchAnswer)
	defer cancel()
	lines, err := s.historyOf(asking, name)
	h := &watchHistory{name: name, lines: lines}
	switch {
	case errors.Is(err, rpc.ErrNoHistory):
		h.instead = "this agent keeps none"
	case err != nil:
		h.instead = err.Error()
	case len(lines) == 0:
		h.instead = "no change since the agent was started"
	}
	s.send(ctx, watchUpdate{history: h})
}

// historyOf is the history of a member, the newest change first.
func (s *watchSession) historyOf(ctx context.Context, name string) (lines []string, err error) {
	c, err := s.to.dial(ctx)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	h, _, err := c.History(ctx, name)
	if err != nil {
		return nil, err
	}
	for i := range slices.Backward(h.Changes) {
		change := &h.Changes[i]
		title := change.Time.Local().Format(time.DateTime) + "  "
		if change.From != change.To {
			title += change.From.String() + " -> "
		}
		lines = append(lines, title+change.To.String(), "    "+change.Words(h.Name, h.AsSeenBy))
	}
	return lines, nil
}
