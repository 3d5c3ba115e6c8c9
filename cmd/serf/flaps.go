package main

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"serf/agent/rpc"
	"serf/swim/history"
)

const flapsHelp = `
Usage: serf flaps [options]

  Lists the members whose state changed more than once lately, and who accused members of not
  answering, as the agent saw it. If one accuser stands out, that one is likely the culprit: it
  may be slow or cut off itself. Members that answer over TCP after their packets got lost are
  accused by nobody; they are listed last.

Options:

  -since=1h
        How far to look back.

  -format=text
        text or json.
`

func runFlaps(ctx context.Context, args []string, e env) int {
	o := newOptions("flaps", flapsHelp, e)
	since := o.patience("since")
	*since = time.Hour
	o.format()
	return o.run(ctx, args, func(c *rpc.Client, _ []string) error {
		f, err := c.Flaps(ctx, *since)
		if err != nil {
			return fmt.Errorf("getting the changes: %w", err)
		}
		var text strings.Builder
		writeFlaps(&text, &f)
		return o.print(f, text.String())
	})
}

func writeFlaps(w io.Writer, f *history.Flaps) {
	fmt.Fprintf(w, "As %s sees it: %s.\n", printable(f.AsSeenBy), printable(f.Summary))
	rows := [][]string{{"member", "changes", "accused", "failed", "refuted", "last change"}}
	for _, m := range f.Members {
		rows = append(rows, []string{printable(m.Name), strconv.Itoa(m.Changes),
			strconv.Itoa(m.Accused), strconv.Itoa(m.Failed), strconv.Itoa(m.Refuted),
			m.Last.String()})
	}
	writeSection(w, rows)
	if f.More > 0 {
		fmt.Fprintf(w, "and %d more\n", f.More)
	}
	rows = [][]string{{"accuser", "accusations", "refuted", "health"}}
	for _, a := range f.Accusers {
		rows = append(rows, []string{printable(a.Name), strconv.Itoa(a.Accusations),
			strconv.Itoa(a.Refuted), healthText(a.Health)})
	}
	writeSection(w, rows)
	rows = [][]string{{"over TCP only", "probes", "last"}}
	for _, t := range f.TCPOnly {
		rows = append(rows, []string{printable(t.Name), strconv.Itoa(t.Times), t.Last.String()})
	}
	writeSection(w, rows)
}

func healthText(score *int) string {
	if score == nil {
		return "not known"
	}
	return strconv.Itoa(*score)
}
