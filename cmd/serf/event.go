package main

import (
	"context"
	"fmt"

	"serf/agent/rpc"
)

var eventHelp = `
Usage: serf event [options] NAME [PAYLOAD]

  Sends a user event to all members.
` + payloadHelp("event") + `
Options:

  -coalesce=true
        Whether members may act on only the last of several events with this
        name that arrive within a short time.

  -format=text
        text or json.
`

func runEvent(ctx context.Context, args []string, e env) int {
	o := newOptions("event", eventHelp, e)
	o.takesPayload("an event name")
	coalesce := o.flag("coalesce", true)
	o.format()
	return o.run(ctx, args, func(c *rpc.Client, args []string) error {
		if err := c.UserEvent(ctx, args[0], o.sent, *coalesce); err != nil {
			return fmt.Errorf("sending event: %w", err)
		}
		return o.print(jsonEvent{args[0], len(o.sent), *coalesce},
			fmt.Sprintf("Event '%s' dispatched! Coalescing enabled: %t\n", args[0], *coalesce))
	})
}

type jsonEvent struct {
	Name        string `json:"name"`
	PayloadSize int    `json:"payload_size"` // bytes
	Coalesce    bool   `json:"coalesce"`
}
