package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"serf/netsim/scenario"
	"serf/netsim/twin"
)

// likeOptions are the options about an agent whose cluster is simulated.
type likeOptions struct {
	addr      string
	regionTag string
	length    *time.Duration // of the time in which it is watched; 0: by default
	to        *connection
}

// noVariables is an environment without any.
func noVariables(string) (string, bool) { return "", false }

// likeAnswer is how long an agent may take to answer by default. In a large cluster it asks the others
// for round trips for half a minute.
const likeAnswer = 2 * time.Minute

// likeWatch is how long an agent is watched that doesn't count events.
const likeWatch = 10 * time.Second

// secretOptions aren't repeated where a command line is shown.
var secretOptions = []string{"rpc-auth"}

// addLike adds the options.
func (o *simOptions) addLike() {
	l := &o.like
	o.textVar(&l.addr, "like")
	o.textVar(&l.regionTag, "region-tag")
	l.length = o.patience("like-for")
	l.to = &connection{o: o.options, option: "like", addr: &l.addr, answer: likeAnswer}
	l.to.access()
}

// checkLike checks the options that only mean something together.
func (o *simOptions) checkLike() error {
	if o.like.addr == "" {
		for _, name := range append([]string{"region-tag", "like-for"}, accessOptions...) {
			if o.given(name) {
				return fmt.Errorf("-%s: only together with -like", name)
			}
		}
		return nil
	}
	if o.given("shard") {
		return errors.New("-shard and -like exclude each other: each part would ask the agent anew. " +
			"Keep its scenario in a file with -print-scenario, and give that with -scenario")
	}
	if o.file != "" {
		return errors.New("-like and -scenario exclude each other: both say what the cluster is")
	}
	if err := dialable(o.like.addr); err != nil {
		return fmt.Errorf("-like %q: %w", o.like.addr, err)
	}
	return o.like.to.check()
}

// twin makes a scenario of an agent's cluster. If ok is false the command ends with code.
func (o *simOptions) twin(ctx context.Context) (tw twin.Twin, code int, ok bool) {
	c, err := o.like.to.dial(ctx)
	if err != nil {
		fmt.Fprintf(o.e.Stderr, "Error connecting to Serf agent: %v\n", err)
		o.hint(err, "Is an agent running there? Its address is given by -like.")
		return tw, exitError, false
	}
	defer c.Close()
	w := watcher{c: c, length: *o.like.length, tell: o.e.Stderr}
	seen, err := w.watch(ctx)
	if err != nil {
		fmt.Fprintf(o.e.Stderr, "Error asking the agent: %v\n", err)
		o.hint(err, "")
		return tw, exitError, false
	}
	tw, err = twin.Make(seen, twin.Options{
		RegionTag: o.like.regionTag, Timings: o.timings(), For: o.runLength(),
	})
	if err != nil {
		return tw, o.misused("-like %s: %v", o.like.addr, err), false
	}
	writeFindings(o.e.Stderr, tw.Findings)
	tw.Scenario.About = fmt.Sprintf("Twin of the cluster of %s, seen at %s.", seen.Agent,
		time.Now().UTC().Format(time.RFC3339))
	return tw, exitOK, true
}

// runLength is what the option -for says, 0 without it. A wrong one is found when it is applied.
func (o *simOptions) runLength() time.Duration {
	var s scenario.Scenario
	for _, x := range o.settings {
		if x.name == "for" && x.apply(&s) != nil {
			return 0
		}
	}
	return time.Duration(s.For)
}

// timings names the options that say what timings agents have.
func (o *simOptions) timings() string {
	var given []string
	for _, name := range []string{"profile", "agent-config"} {
		if o.given(name) {
			given = append(given, "-"+name)
		}
	}
	return strings.Join(given, " and ")
}

// writeFindings says what each part of a twin was made from.
func writeFindings(w io.Writer, findings []twin.Finding) {
	var rows [][]string
	for _, f := range findings {
		rows = append(rows, []string{printable(f.Subject), printable(f.Text)})
	}
	writeColumns(w, rows)
}
