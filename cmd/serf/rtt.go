package main

import (
	"context"
	"fmt"
	"math"

	"serf/agent/rpc"
	"serf/swim/serf/coord"
)

const rttHelp = `
Usage: serf rtt [options] MEMBER [MEMBER]

  Estimates the round trip time between two members from their network coordinates. If only
  one is given, the other is the agent itself.

Options:

  -format=text
        text or json.
`

func runRTT(ctx context.Context, args []string, e env) int {
	o := newOptions("rtt", rttHelp, e)
	o.takes(1, 2, "a node name")
	o.format()
	return o.run(ctx, args, func(c *rpc.Client, names []string) error {
		if len(names) == 1 {
			self, err := agentName(ctx, c)
			if err != nil {
				return err
			}
			names = append(names, self)
		}
		var at [2]coord.Coordinate
		for i, name := range names {
			var err error
			if at[i], err = coordinateOf(ctx, c, name); err != nil {
				return err
			}
		}
		ms := coord.Distance(&at[0], &at[1]).Seconds() * 1000
		return o.print(jsonRTT{names[0], names[1], math.Round(ms*1000) / 1000},
			fmt.Sprintf("Estimated %s <-> %s rtt: %.3f ms\n", names[0], names[1], ms))
	})
}

type jsonRTT struct {
	From string  `json:"from"`
	To   string  `json:"to"`
	RTT  float64 `json:"rtt_ms"`
}

func agentName(ctx context.Context, c *rpc.Client) (string, error) {
	stats, err := c.Stats(ctx)
	if err != nil {
		return "", fmt.Errorf("querying agent: %w", err)
	}
	return stats["agent"]["name"], nil
}

func coordinateOf(ctx context.Context, c *rpc.Client, name string) (coord.Coordinate, error) {
	at, ok, err := c.Coordinate(ctx, name)
	switch {
	case err != nil:
		return at, fmt.Errorf("getting coordinates: %w", err)
	case !ok:
		return at, fmt.Errorf("getting coordinates: could not find a coordinate for node %q", name)
	}
	return at, nil
}
