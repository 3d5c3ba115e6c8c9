package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"

	"serf/agent/rpc"
)

const monitorHelp = `
Usage: serf monitor [options]

  Prints the agent's last log lines and then further ones as they come, and the events of the
  cluster. Ends when the agent does, or when interrupted.

Options:

  -format=text
        text or json: a JSON object for each line of the log and each event, on a line of its own.

  -log-level=info
        Lowest level to print: trace, debug, info, warn or err. It may be
        lower than the one at which the agent itself logs.
`

func runMonitor(ctx context.Context, args []string, e env) int {
	o := newOptions("monitor", monitorHelp, e)
	format := o.format()
	level := o.oneOf("log-level", "info", "trace", "debug", "warn", "err")
	return o.run(ctx, args, func(c *rpc.Client, _ []string) error {
		events, err := c.Stream(ctx, "*")
		if err != nil {
			return fmt.Errorf("starting stream: %w", err)
		}
		lines, err := c.Monitor(ctx, *level)
		if err != nil {
			return fmt.Errorf("starting monitor: %w", err)
		}
		if *format == formatJSON {
			return follow(ctx, e.Stdout, lines, events, lineJSON, eventJSON)
		}
		return follow(ctx, e.Stdout, lines, events, lineText, eventText)
	})
}

// follow prints both streams until ctx ends, which is no error, or one of the streams does. The
// last two arguments format their records.
func follow(ctx context.Context, w io.Writer, lines *rpc.Stream[string],
	events *rpc.Stream[rpc.Event], ofLine func(string) string,
	ofEvent func(rpc.Event) string) error {
	stop, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var printing sync.Mutex
	var printers sync.WaitGroup
	print := func(text string) error {
		printing.Lock()
		defer printing.Unlock()
		_, err := io.WriteString(w, text)
		return err
	}
	printers.Go(func() {
		cancel(each(stop, lines, func(line string) error { return print(ofLine(line)) }))
	})
	printers.Go(func() {
		cancel(each(stop, events, func(ev rpc.Event) error { return print(ofEvent(ev)) }))
	})
	printers.Wait()
	if ctx.Err() != nil {
		return nil
	}
	return fmt.Errorf("following the agent: %w", context.Cause(stop))
}

// each calls f for the records of a stream until one of them fails, and returns why.
func each[T any](ctx context.Context, s *rpc.Stream[T], f func(T) error) error {
	for {
		v, err := s.Next(ctx)
		if err != nil {
			return err
		}
		if err := f(v); err != nil {
			return err
		}
	}
}

func lineText(line string) string { return line + "\n" }

func eventText(ev rpc.Event) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Event Info:\n\tEvent: %q\n", ev.Type)
	switch ev.Type {
	case rpc.UserEvent:
		fmt.Fprintf(&b, "\tName: %q\n\tPayload: %q\n\tLTime: %d\n\tCoalesce: %t\n", ev.Name,
			ev.Payload, ev.LTime, ev.Coalesce)
	case rpc.QueryEvent:
		fmt.Fprintf(&b, "\tName: %q\n\tPayload: %q\n\tLTime: %d\n\tID: %d\n", ev.Name, ev.Payload,
			ev.LTime, ev.ID)
	}
	for _, m := range ev.Members {
		fmt.Fprintf(&b, "\tMember: %s %s %s %s\n", printable(m.Name), memberAddr(m), m.Status,
			tagList(m.Tags))
	}
	return b.String()
}
