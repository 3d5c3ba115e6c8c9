package main

import (
	"context"
	"fmt"

	"serf/agent/rpc"
)

const leaveHelp = `
Usage: serf leave [options]

  Makes the agent leave its cluster and stop. The other members see it as left,
  not as failed.

Options:

  -format=text
        text or json.
`

func runLeave(ctx context.Context, args []string, e env) int {
	o := newOptions("leave", leaveHelp, e)
	o.format()
	return o.run(ctx, args, func(c *rpc.Client, _ []string) error {
		if err := c.Leave(ctx); err != nil {
			return fmt.Errorf("leaving: %w", err)
		}
		return o.print(jsonLeave{true}, "Graceful leave complete\n")
	})
}

type jsonLeave struct {
	Left bool `json:"left"`
}
