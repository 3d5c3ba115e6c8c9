package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"serf/agent/rpc"
	"serf/agent/survey"
)

// askViews asks all agents whether they agree on who is alive. An agent of HashiCorp's can't tell.
func (r *reachability) askViews(ctx context.Context, c *rpc.Client) error {
	v, err := c.Views(ctx, 0)
	if errors.Is(err, rpc.ErrNoSurvey) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("asking for views: %w", err)
	}
	r.Views = &v
	r.OK = r.OK && v.Agree
	return nil
}

// writeViews prints who disagrees about whom, and with verbose what each agent says.
func writeViews(w io.Writer, v *survey.Views, verbose bool) {
	fmt.Fprintf(w, "Views compared with that of %s: %s\n", printable(v.AsSeenBy),
		printable(v.Summary))
	for i := range v.Disagreements {
		fmt.Fprintf(w, "\t%s\n", printable(v.Disagreements[i].String()))
	}
	for i := range v.Agents {
		if g := &v.Agents[i]; g.Incomplete {
			fmt.Fprintf(w, "\t%s sees more differences, or couldn't be asked for them\n",
				printable(g.Name))
		}
	}
	if verbose {
		writeAgents(w, v.Agents)
	}
}

func writeAgents(w io.Writer, agents []survey.Agent) {
	rows := [][]string{strings.Fields(
		"agent status answer digest health alive suspect leaving failed left ms")}
	for i := range agents {
		g := &agents[i]
		row := []string{printable(g.Name), printable(g.Status), printable(g.Answer)}
		if f := g.Figures; f != nil {
			row = append(row, printable(f.Digest))
			for _, n := range []int{f.Health, f.Alive, f.Suspect, f.Leaving, f.Failed, f.Left} {
				row = append(row, strconv.Itoa(n))
			}
			row = append(row, strconv.FormatFloat(f.Took, 'f', 1, 64))
		}
		rows = append(rows, row)
	}
	writeSection(w, rows)
}
