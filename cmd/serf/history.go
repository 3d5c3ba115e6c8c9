package main

import (
	"context"
	"fmt"

	"serf/agent/rpc"
	"serf/swim/history"
)

const historyHelp = `
Usage: serf history [options] MEMBER

  Tells why the state of a member changed, as the agent saw it: who accused the member, what
  the agent's own probe tried, who confirmed it, how long there was to refute, and how healthy
  the agent itself was. The agent keeps the last 64 changes of each member since its start.

Options:

  -all
        Ask all agents of this program, and tell in one order what they saw. They say how
        long ago it was, so clocks of hosts needn't agree.

  -format=text
        text or json.
`

func runHistory(ctx context.Context, args []string, e env) int {
	o := newOptions("history", historyHelp, e)
	all := o.flag("all", false)
	o.format()
	o.takes(1, 1, "a node name")
	return o.run(ctx, args, func(c *rpc.Client, names []string) error {
		if *all {
			return o.historyOfAll(ctx, c, names[0])
		}
		h, ok, err := c.History(ctx, names[0])
		if err != nil {
			return fmt.Errorf("getting the history: %w", err)
		}
		if !ok {
			return fmt.Errorf("getting the history: nothing is known of a node %q", names[0])
		}
		return o.print(h, h.Story(timeOf))
	})
}

func timeOf(c *history.Change) string { return c.Time.String() }

// historyOfAll prints what all agents know of a member.
func (o *options) historyOfAll(ctx context.Context, c *rpc.Client, name string) error {
	m, ok, err := c.HistoryOfAll(ctx, name, 0)
	if err != nil {
		return fmt.Errorf("getting the history: %w", err)
	}
	if !ok {
		return fmt.Errorf("getting the history: no agent knows anything of a node %q", name)
	}
	return o.print(m, m.Story(timeOf))
}
