package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"serf/agent/rpc"
	"serf/agent/survey"
	"serf/internal/std"
)

const reachabilityHelp = `
Usage: serf reachability [options]

  Sends a query to all members and compares who acknowledges it with who is believed to
  be alive. Then it asks all agents of this program whether they agree on that, and says
  who disagrees about whom.

Options:

  -format=text
        text or json.

  -verbose
        Print each acknowledgement and the times, and what each agent says.
`

// pingQuery is acknowledged by all members and has no answer.
const pingQuery = "_serf_ping"

// Advice about a failed test.
const (
	duplicateAdvice = "Two members answer to one name: make sure that all names are different."
	extraAdvice     = "Members that are alive are considered dead: " +
		"the network or its configuration may cause false failures."
	missingAdvice = "Packets get lost: " +
		"the network or its configuration may not let gossip through."
	commonAdvice = `
Things to check:
* Every member can reach the bind address and port of every other.
* An advertised address leads to the address that the agent is bound to.
* No member is behind address translation that the others don't know of.
* Firewalls let both UDP and TCP through on the gossip port.`
)

func runReachability(ctx context.Context, args []string, e env) int {
	o := newOptions("reachability", reachabilityHelp, e)
	format := o.format()
	verbose := o.flag("verbose", false)
	return o.run(ctx, args, func(c *rpc.Client, _ []string) error {
		members, err := c.Members(ctx)
		if err != nil {
			return fmt.Errorf("getting members: %w", err)
		}
		live := make(map[string]bool)
		for _, m := range members {
			if m.Status == "alive" {
				live[m.Name] = true
			}
		}
		out := e
		if *format == formatJSON {
			out.Stdout = io.Discard
		}
		fmt.Fprintf(out.Stdout, "Total members: %d, live members: %d\n", len(members), len(live))
		acks, err := gatherAcks(ctx, c, out, *verbose)
		if err != nil {
			return err
		}
		r := judgeReachability(live, acks)
		r.Members = len(members)
		if err := r.askViews(ctx, c); err != nil {
			return err
		}
		if *format == formatJSON {
			err = writeJSON(e.Stdout, r)
		} else {
			r.write(e.Stdout)
			if r.Views != nil {
				writeViews(e.Stdout, r.Views, *verbose)
			}
		}
		if err == nil && !r.OK {
			return errReported
		}
		return err
	})
}

// gatherAcks queries all members and returns how often each acknowledged.
func gatherAcks(ctx context.Context, c *rpc.Client, e env, verbose bool) (map[string]int, error) {
	answers, err := c.Query(ctx, rpc.QueryParams{Name: pingQuery, WantAck: true})
	if err != nil {
		return nil, fmt.Errorf("sending query: %w", err)
	}
	fmt.Fprintln(e.Stdout, "Starting reachability test...")
	start := time.Now()
	last := start
	acks := make(map[string]int)
	err = eachAnswer(ctx, answers, func(a rpc.Answer) {
		if !a.Ack {
			return
		}
		if verbose {
			fmt.Fprintf(e.Stdout, "\tAck from '%s'\n", printable(a.From))
		}
		acks[a.From]++
		last = time.Now()
	})
	if err == nil && verbose {
		fmt.Fprintf(e.Stdout, "Query time: %.2f sec, time to last response: %.2f sec\n",
			time.Since(start).Seconds(), last.Sub(start).Seconds())
	}
	return acks, err
}

// reachability is how acknowledgements differ from the live members, with names in order.
type reachability struct {
	OK         bool     `json:"ok"`
	Members    int      `json:"members"`
	Live       int      `json:"live"`
	Acks       int      `json:"acks"`
	Duplicates []string `json:"duplicates"` // several acks from one name
	Extra      []string `json:"extra"`      // acks from names that aren't live
	Missing    []string `json:"missing"`    // live, but no ack
	// Views is what all agents say; nil if this one can't ask them.
	Views *survey.Views `json:"views,omitempty"`
}

// judgeReachability compares the acks by name with the live members.
func judgeReachability(live map[string]bool, acks map[string]int) reachability {
	r := reachability{Live: len(live), Duplicates: []string{}, Extra: []string{},
		Missing: []string{}}
	for _, name := range std.SortedKeys(acks) {
		r.Acks += acks[name]
		if acks[name] > 1 {
			r.Duplicates = append(r.Duplicates, name)
		}
		if !live[name] {
			r.Extra = append(r.Extra, name)
		}
	}
	for _, name := range std.SortedKeys(live) {
		if acks[name] == 0 {
			r.Missing = append(r.Missing, name)
		}
	}
	r.OK = len(r.Duplicates)+len(r.Extra)+len(r.Missing) == 0
	return r
}

func (r *reachability) write(w io.Writer) {
	tell := func(names []string, what, advice string) {
		if len(names) == 0 {
			return
		}
		fmt.Fprintln(w, what)
		for _, name := range names {
			fmt.Fprintf(w, "\t%s\n", printable(name))
		}
		fmt.Fprintln(w, advice)
	}
	tell(r.Duplicates, "Received several acks from:", duplicateAdvice)
	tell(r.Extra, "Received acks from nodes that are not live:", extraAdvice)
	tell(r.Missing, "Missing acks from:", missingAdvice)
	if len(r.Missing) == 0 && len(r.Extra) == 0 {
		fmt.Fprintln(w, "Successfully contacted all live nodes")
	} else {
		fmt.Fprintln(w, commonAdvice)
	}
}
