// Command serf runs a Serf agent and talks to one.
//
// Every subcommand but agent, sim, keygen and version is a small client of a running agent's RPC
// port: it parses its options, makes one or two calls, prints, and exits 0, or 1 on any error.
// Results go to standard output; complaints go to standard error.
package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"serf/internal/nearest"
)

// env is the world as a command sees it, apart from its arguments; tests replace it.
type env struct {
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	LookupEnv      func(string) (string, bool)
}

// Exit codes of all commands. That of an unknown command is the one that shells use.
const (
	exitOK        = 0
	exitError     = 1
	exitNoCommand = 127
)

// fail reports what went wrong, while doing what if that isn't "", and returns the exit code.
func (e env) fail(doing string, err error) int {
	fmt.Fprintf(e.Stderr, "%s: %v\n", strings.TrimSpace("Error "+doing), err)
	return exitError
}

// A command is one word of the command line.
type command struct {
	name     string
	synopsis string
	// run gets what follows the command's name. It answers -h itself.
	run func(ctx context.Context, args []string, e env) int
	// ownSignals means that the command handles interrupts itself. For all others an interrupt
	// cancels ctx.
	ownSignals bool
	// grace is how long the command may take to end after an interrupt; 0 means interruptGrace.
	grace time.Duration
	// help is the help text, of a command that does more than print it when it is run with -h.
	help func() string
	// parts are words after the name that are commands of their own, with their own help.
	parts []string
}

// commands lists the commands in the order of the help text. It is a function because help refers
// to it.
func commands() []command {
	return []command{
		{name: "agent", synopsis: "Run a Serf agent", run: runAgent, ownSignals: true,
			help: agentUsage},
		{name: "check", synopsis: "Judge the health of a cluster, or check a configuration",
			run: runCheck},
		{name: "completion", synopsis: "Print a script that completes commands in a shell",
			run: runCompletion},
		{name: "event", synopsis: "Send a user event to the cluster", run: runEvent},
		{name: "flaps", synopsis: "List who changed most lately, and who accused",
			run: runFlaps},
		{name: "force-leave", synopsis: "Turn a failed member into one that left",
			run: runForceLeave},
		{name: "history", synopsis: "Tell why a member's state changed", run: runHistory},
		{name: "info", synopsis: "Show counters and settings of an agent", run: runInfo},
		{name: "join", synopsis: "Make an agent join a cluster", run: runJoin},
		{name: "keygen", synopsis: "Print a new encryption key", run: runKeygen},
		{name: "keys", synopsis: "Install, use, remove or list encryption keys", run: runKeys},
		{name: "leave", synopsis: "Make an agent leave its cluster and stop", run: runLeave},
		{name: "members", synopsis: "List the members of the cluster", run: runMembers},
		{name: "monitor", synopsis: "Follow an agent's log and events", run: runMonitor},
		{name: "query", synopsis: "Ask the cluster and print the answers", run: runQuery},
		{name: "reachability", synopsis: "Test whether all live members answer",
			run: runReachability},
		{name: "replay", synopsis: "Run what an agent recorded again, and tell what happened",
			run: runReplay},
		{name: "rtt", synopsis: "Estimate the round trip between two members", run: runRTT},
		{name: "sim", synopsis: "Simulate a cluster in virtual time", run: runSim, grace: simGrace,
			parts: []string{"lifeguard", "convergence", "events", "merge"}},
		{name: "tags", synopsis: "Change the tags of an agent", run: runTags},
		{name: "version", synopsis: "Print the version", run: runVersion},
		{name: "watch", synopsis: "Show members and events as they change", run: runWatch,
			ownSignals: true},
	}
}

func main() {
	os.Exit(dispatch(context.Background(), os.Args[1:], env{
		Stdin:     os.Stdin,
		Stdout:    os.Stdout,
		Stderr:    os.Stderr,
		LookupEnv: os.LookupEnv,
	}))
}

// dispatch runs the command named by args and returns the exit code.
func dispatch(ctx context.Context, args []string, e env) int {
	if len(args) == 0 {
		writeUsage(e.Stderr)
		return exitNoCommand
	}
	if len(args) == 2 && (args[1] == "-v" || args[1] == "--version") {
		return runVersion(ctx, nil, e)
	}
	switch args[0] {
	case "-h", "-help", "--help", "help":
		return help(ctx, args[1:], e)
	case "-v", "-version", "--version":
		return runVersion(ctx, nil, e)
	case completeCommand:
		return runComplete(ctx, args[1:], e)
	}
	c, ok := findCommand(args[0])
	if !ok {
		unknownCommand(args[0], e)
		return exitNoCommand
	}
	if c.ownSignals {
		return c.run(ctx, args[1:], e)
	}
	signals := []os.Signal{os.Interrupt}
	if c.grace > 0 { // a scheduler ends what it runs by this one
		signals = append(signals, syscall.SIGTERM)
	}
	ctx, stop := signal.NotifyContext(ctx, signals...)
	defer stop()
	return interruptible(ctx, stop, e, &c, func() int { return c.run(ctx, args[1:], e) })
}

// interruptible runs a command. When ctx ends, it calls stop, so that another interrupt ends the
// program immediately.
func interruptible(ctx context.Context, stop func(), e env, c *command, run func() int) int {
	code := make(chan int, 1)
	go func() { code <- run() }()
	select {
	case n := <-code:
		return n
	case <-ctx.Done():
		stop()
	}
	select {
	case n := <-code:
		return n
	case <-time.After(cmp.Or(c.grace, interruptGrace)):
		fmt.Fprintf(e.Stderr, "serf %s: interrupted\n", c.name)
		return exitError
	}
}

// How long commands may take to end after an interrupt. A command that waits for input, or for a
// file that never comes, doesn't notice one; a simulation finishes its report.
const (
	interruptGrace = 200 * time.Millisecond
	simGrace       = 3 * time.Second
)

// help is `serf help [command]`, `serf help sim lifeguard`, or `serf help -man DIR`.
func help(ctx context.Context, args []string, e env) int {
	if len(args) == 0 {
		writeUsage(e.Stdout)
		return exitOK
	}
	if args[0] == "-man" || args[0] == "--man" {
		return writeManual(ctx, args[1:], e)
	}
	c, ok := findCommand(args[0])
	if !ok {
		unknownCommand(args[0], e)
		return exitNoCommand
	}
	if len(args) > 1 && len(c.parts) > 0 {
		if !slices.Contains(c.parts, args[1]) {
			fmt.Fprintf(e.Stderr, "serf help %s: %s\n", c.name, unknownPart(c.name, args[1]))
			return exitNoCommand
		}
		return c.run(ctx, []string{args[1], "-h"}, e)
	}
	return c.run(ctx, []string{"-h"}, e)
}

func findCommand(name string) (command, bool) {
	all := commands()
	i := slices.IndexFunc(all, func(c command) bool { return c.name == name })
	if i < 0 {
		return command{}, false
	}
	return all[i], true
}

func writeUsage(w io.Writer) {
	var b strings.Builder
	b.WriteString("Usage: serf [-v] [-h] COMMAND [options] [arguments]\n\n" +
		"Available commands are:\n")
	for _, c := range commands() {
		fmt.Fprintf(&b, "    %-13s %s\n", c.name, c.synopsis)
	}
	b.WriteString("\n'serf COMMAND -h' tells more about one of them; 'serf help -man DIR' writes " +
		"manual pages.\nExit codes: 0 done, 1 an error, 127 no such command; 'serf check' has its own.\n")
	io.WriteString(w, b.String())
}

// unknownCommand reports an unknown command, with a suggestion.
func unknownCommand(name string, e env) {
	writeUsage(e.Stderr)
	var all []string
	for _, c := range commands() {
		all = append(all, c.name)
	}
	text := fmt.Sprintf("\nserf: unknown command %q", name)
	if near := nearest.Of(name, all); near != "" {
		text += fmt.Sprintf(". Did you mean 'serf %s'?", near)
	}
	fmt.Fprintln(e.Stderr, text)
}

// unknownPart describes an unknown word after a command, with a suggestion.
func unknownPart(name, word string) string {
	c, _ := findCommand(name)
	text := fmt.Sprintf("unknown argument %q", word)
	if near := nearest.Of(word, c.parts); near != "" {
		return text + fmt.Sprintf(". Did you mean 'serf %s %s'?", name, near)
	}
	return text + "; there are " + strings.Join(c.parts, ", ")
}
