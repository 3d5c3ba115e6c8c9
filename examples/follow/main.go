// Command follow prints what happens in a cluster, which it learns from a running agent by RPC. When
// the agent stops or can't be reached, it connects again. It has missed the events of meanwhile, so
// it compares all members with those that it knows, and prints those whose status has changed.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"

	"serf/agent/rpc"
)

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

// run shows what happens until ctx ends, or an error that trying again doesn't mend.
func (f *follower) run(ctx context.Context) error {
	for e, err := range rpc.Follow(ctx, f.addr, f.filter, f.options) {
		switch {
		case rpc.IsFinal(err):
			return err
		case err != nil:
			f.show(fmt.Sprintf("trying again: %v", err))
		case e.Type == rpc.MemberList:
			f.forget(e.Members)
			f.update("", e.Members)
		case e.Type == rpc.UserEvent || e.Type == rpc.QueryEvent:
			f.show(fmt.Sprintf("%s: %s %q", e.Type, e.Name, e.Payload))
		default:
			f.update(e.Type+": ", e.Members)
		}
	}
	return nil
}

// forget shows which members aren't listed any more.
func (f *follower) forget(listed []rpc.Member) {
	there := make(map[string]bool)
	for _, m := range listed {
		there[m.Name] = true
	}
	for name := range f.statuses {
		if !there[name] {
			delete(f.statuses, name)
			f.show(name + " is gone")
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
