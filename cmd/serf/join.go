package main

import (
	"context"
	"fmt"

	"serf/agent/rpc"
)

const joinHelp = `
Usage: serf join [options] ADDRESS ...

  Makes the agent join a cluster by contacting one or more of its members. An
  address is an IP or a name, with a port if it isn't the usual one.

Options:

  -format=text
        text or json.

  -replay
        Deliver the user events of the past too.
`

func runJoin(ctx context.Context, args []string, e env) int {
	o := newOptions("join", joinHelp, e)
	o.takes(1, anyNumber, "at least one address")
	o.format()
	replay := o.flag("replay", false)
	return o.run(ctx, args, func(c *rpc.Client, addrs []string) error {
		n, err := c.Join(ctx, addrs, *replay)
		if err != nil {
			return fmt.Errorf("joining the cluster: %w", err)
		}
		return o.print(jsonJoin{n},
			fmt.Sprintf("Successfully joined cluster by contacting %d nodes.\n", n))
	})
}

type jsonJoin struct {
	Contacted int `json:"contacted"`
}
