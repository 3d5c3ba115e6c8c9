package main

import (
	"context"
	"fmt"
	"io"

	"serf/agent/rpc"
	"serf/swim/history"
)

const historyHelp = `
Usage: serf history [options] MEMBER

  Tells why the state of a member changed, as the agent saw it: who accused the member, what
  the agent's own probe tried, who confirmed it, how long there was to refute, and how healthy
  the agent itself was. The agent keeps the last 64 changes of each member since its start.

Options:

  -format=text
        text or json.
`

func runHistory(ctx context.Context, args []string, e env) int {
	o := newOptions("history", historyHelp, e)
	format := o.format()
	o.takes(1, 1, "a node name")
	return o.run(ctx, args, func(c *rpc.Client, names []string) error {
		h, ok, err := c.History(ctx, names[0])
		if err != nil {
			return fmt.Errorf("getting the history: %w", err)
		}
		if !ok {
			return fmt.Errorf("getting the history: nothing is known of a node %q", names[0])
		}
		if *format == formatJSON {
			return writeJSON(e.Stdout, h)
		}
		_, err = io.WriteString(e.Stdout, h.Story(func(c *history.Change) string {
			return c.Time.String()
		}))
		return err
	})
}
