package main

import (
	"context"
	"fmt"
	"strings"

	"serf/agent/rpc"
	"serf/internal/std"
)

const infoHelp = `
Usage: serf info [options]

  Shows what the agent says about itself: its name, event handlers and what waits for
  them, runtime, tags, and counters of the Serf protocol.

Options:

  -format=text
        text or json.
`

func runInfo(ctx context.Context, args []string, e env) int {
	o := newOptions("info", infoHelp, e)
	o.format()
	return o.run(ctx, args, func(c *rpc.Client, _ []string) error {
		sections, err := c.Stats(ctx)
		if err != nil {
			return fmt.Errorf("querying agent: %w", err)
		}
		return o.print(sections, infoText(sections))
	})
}

func infoText(sections map[string]map[string]string) string {
	var b strings.Builder
	for _, section := range std.SortedKeys(sections) {
		fmt.Fprintf(&b, "%s:\n", section)
		values := sections[section]
		for _, key := range std.SortedKeys(values) {
			fmt.Fprintf(&b, "\t%s = %s\n", printable(key), printable(values[key]))
		}
	}
	return b.String()
}
