package main

import (
	"context"
	"os"
	"os/signal"

	"golang.org/x/term"
)

const watchHelp = `
Usage: serf watch [options]

  Shows the members and events of a cluster as they change, until q is pressed. The list can be
  scrolled, sorted and filtered; ? lists the keys. When the agent is restarted, the connection is
  made again. It works with agents of Serf, too. Colours are left out if the environment variable
  NO_COLOR is set.

  If standard output isn't a terminal, it prints a line for each change instead, beginning with
  those members that there are:

      2026-11-30T12:00:05Z member-failed web-3 127.0.0.13:7946 role=web

Options:

  -format=text
        text or json: a JSON object for each change, on a line of its own. json is never drawn.

  -plain
        Print lines on a terminal, too.
`

// runWatch is `serf watch`. It handles signals itself, because the terminal has to be restored.
func runWatch(ctx context.Context, args []string, e env) int {
	o := newOptions("watch", watchHelp, e)
	o.help += rpcHelp
	format := o.format()
	plain := o.flag("plain", false)
	to := o.connection()
	if _, code, ok := o.parse(args); !ok {
		return code
	}
	if err := to.check(); err != nil {
		return o.misused("%v", err)
	}
	ctx, stop := signal.NotifyContext(ctx, endSignals...)
	defer stop()
	first, err := to.dial(ctx) // later it is tried again, but what never worked may be a slip
	if err != nil {
		return o.unconnected(err)
	}
	s := newWatchSession(to, first)
	in, out := terminals(e)
	if *plain || *format == formatJSON || in == nil {
		return s.printLines(ctx, *format, e)
	}
	return s.draw(ctx, in, out, e)
}

// terminals returns standard input and output if both are a terminal that can be drawn on.
func terminals(e env) (in, out *os.File) {
	in, isFile := e.Stdin.(*os.File)
	out, alsoFile := e.Stdout.(*os.File)
	if kind, _ := e.LookupEnv("TERM"); kind == "dumb" || !isFile || !alsoFile {
		return nil, nil
	}
	if !term.IsTerminal(int(in.Fd())) || !term.IsTerminal(int(out.Fd())) {
		return nil, nil
	}
	return in, out
}
