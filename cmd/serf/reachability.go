package main

import (
	"context"
	"fmt"
	"time"

	"serf/agent/rpc"
)

const reachabilityHelp = `
Usage: serf reachability [options]

  Sends a query to all members and compares who acknowledges it with who is believed to
  be alive.

Options:

  -verbose
        Print each acknowledgement and the times.
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
		fmt.Fprintf(e.Stdout, "Total members: %d, live members: %d\n", len(members), len(live))
		acks, err := gatherAcks(ctx, c, e, *verbose)
		if err != nil {
			return err
		}
		return judgeReachability(e, live, acks)
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

// judgeReachability prints how the acks differ from the live members, and returns errReported if
// they do.
func judgeReachability(e env, live map[string]bool, acks map[string]int) error {
	var duplicates, extra, missing []string
	for _, name := range sortedKeys(acks) {
		if acks[name] > 1 {
			duplicates = append(duplicates, name)
		}
		if !live[name] {
			extra = append(extra, name)
		}
	}
	for _, name := range sortedKeys(live) {
		if acks[name] == 0 {
			missing = append(missing, name)
		}
	}
	tell := func(names []string, what, advice string) {
		if len(names) == 0 {
			return
		}
		fmt.Fprintln(e.Stdout, what)
		for _, name := range names {
			fmt.Fprintf(e.Stdout, "\t%s\n", printable(name))
		}
		fmt.Fprintln(e.Stdout, advice)
	}
	tell(duplicates, "Received several acks from:", duplicateAdvice)
	tell(extra, "Received acks from nodes that are not live:", extraAdvice)
	tell(missing, "Missing acks from:", missingAdvice)
	if len(missing) == 0 && len(extra) == 0 {
		fmt.Fprintln(e.Stdout, "Successfully contacted all live nodes")
	} else {
		fmt.Fprintln(e.Stdout, commonAdvice)
	}
	if len(duplicates)+len(extra)+len(missing) > 0 {
		return errReported
	}
	return nil
}
