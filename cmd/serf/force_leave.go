package main

import (
	"context"
	"fmt"

	"serf/agent/rpc"
)

const forceLeaveHelp = `
Usage: serf force-leave [options] MEMBER

  Turns a failed member into one that left, so that the cluster stops trying to
  reach it. A member that is in fact alive soon shows up again. A name that the agent
  doesn't know is passed on all the same, with a warning.

Options:

  -format=text
        text or json.

  -prune
        Remove the member from the list altogether.
`

func runForceLeave(ctx context.Context, args []string, e env) int {
	o := newOptions("force-leave", forceLeaveHelp, e)
	o.takes(1, 1, "a node name")
	o.format()
	prune := o.flag("prune", false)
	return o.run(ctx, args, func(c *rpc.Client, args []string) error {
		if err := warnOfStrangers(ctx, o, c, args); err != nil {
			return err
		}
		if err := c.ForceLeave(ctx, args[0], *prune); err != nil {
			return fmt.Errorf("force leaving: %w", err)
		}
		return o.print(jsonForceLeave{args[0], *prune}, "")
	})
}

type jsonForceLeave struct {
	Name  string `json:"name"`
	Prune bool   `json:"prune"`
}
