package main

import (
	"context"
	"errors"
	"fmt"

	"serf/agent/rpc"
)

const tagsHelp = `
Usage: serf tags [options]

  Changes the tags of the agent, and tells the cluster. At least one -set or -delete is
  needed.

Options:

  -format=text
        text or json.

  -set KEY=VALUE
        Set a tag. May be repeated.

  -delete KEY
        Delete a tag, if it's there. May be repeated.
`

func runTags(ctx context.Context, args []string, e env) int {
	o := newOptions("tags", tagsHelp, e)
	o.format()
	set := o.pairs("set")
	remove := o.list("delete")
	o.check = func() error {
		if len(set) == 0 && len(*remove) == 0 {
			return errors.New("nothing to do: give -set KEY=VALUE or -delete KEY")
		}
		return nil
	}
	return o.run(ctx, args, func(c *rpc.Client, _ []string) error {
		if err := warnOfMissingTags(ctx, o, c, *remove); err != nil {
			return err
		}
		if err := c.SetTags(ctx, set, *remove); err != nil {
			return fmt.Errorf("setting tags: %w", err)
		}
		return o.print(jsonTags{set, notNil(*remove)}, "Successfully updated agent tags\n")
	})
}

type jsonTags struct {
	Set     map[string]string `json:"set"`
	Deleted []string          `json:"deleted"`
}
