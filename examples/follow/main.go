// Command follow prints what happens in a cluster, which it learns from a running agent by RPC. When
// the agent stops or can't be reached, it connects again. It has missed the events of meanwhile, so
// it reads all members, and prints those whose status has changed.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"slices"
	"time"

	"serf/agent/rpc"
)

// The pause before connecting again doubles from pauseMin up to pauseMax.
const pauseMin, pauseMax = 100 * time.Millisecond, 10 * time.Second

// final are the errors that don't go away by trying again.
var final = []error{
	rpc.ErrAuthRequired, rpc.ErrInvalidToken, rpc.ErrNeedlessKey, rpc.ErrInvalidFilter,
}

func main() {
	addr := flag.String("rpc-addr", "127.0.0.1:7373", "RPC `address` of the agent")
	filter := flag.String("events", "*", "`filter`, such as member-failed,user:deploy")
	flag.Parse()
	f := follower{
		addr: *addr, filter: *filter, options: rpc.Options{AuthKey: os.Getenv("SERF_RPC_AUTH")},
		statuses: make(map[string]string), show: func(line string) { fmt.Println(line) },
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := f.run(ctx); err != nil {
		log.Fatal(err)
	}
}

// follower follows the events of one agent.
type follower struct {
	addr, filter string
	options      rpc.Options
	statuses     map[string]string // by member, as they were shown last
	show         func(line string)
}

// run connects again and again until ctx ends. The error is one of final.
func (f *follower) run(ctx context.Context) error {
	pause := pauseMin
	for {
		connected, err := f.follow(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case slices.ContainsFunc(final, func(e error) bool { return errors.Is(err, e) }):
			return err
		case connected:
			pause = pauseMin
		}
		f.show(fmt.Sprintf("again in %v: %v", pause, err))
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
		pause = min(2*pause, pauseMax)
	}
}

// follow shows what happens until the connection breaks.
func (f *follower) follow(ctx context.Context) (connected bool, err error) {
	c, err := rpc.Dial(ctx, f.addr, f.options)
	if err != nil {
		return false, err
	}
	defer c.Close()
	events, err := c.Stream(ctx, f.filter) // before the members: nothing gets lost in between
	if err != nil {
		return true, err
	}
	members, err := c.Members(ctx)
	if err != nil {
		return true, err
	}
	f.update("", members)
	for {
		e, err := events.Next(ctx)
		if err != nil {
			return true, err
		}
		f.update(e.Type+": ", e.Members)
		if e.Type == rpc.UserEvent || e.Type == rpc.QueryEvent {
			f.show(fmt.Sprintf("%s: %s %q", e.Type, e.Name, e.Payload))
		}
	}
}

// update shows the members whose status is another than before.
func (f *follower) update(why string, members []rpc.Member) {
	for _, m := range members {
		if f.statuses[m.Name] != m.Status {
			f.statuses[m.Name] = m.Status
			f.show(fmt.Sprintf("%s%s is %s", why, m.Name, m.Status))
		}
	}
}
