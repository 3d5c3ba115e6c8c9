// Command deploy is both sides of a deployment. Members wait for the event deploy, whose payload is
// a version, install that, and answer the query version. With -release=VERSION it is the operator:
// it fires the event, asks until all members have that version, and says who hasn't. An event may
// find a member down: so the answers count, and a member that comes back gets the events of before.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"net/netip"
	"os"
	"os/signal"
	"time"

	"serf/agent"
)

func main() {
	var conf agent.Config
	flag.StringVar(&conf.Name, "name", "app-1", "`name` of this member, which no other has")
	flag.TextVar(&conf.Bind, "bind", netip.MustParseAddrPort("127.0.0.1:7946"), "gossip `IP:port`")
	join := flag.String("join", "127.0.0.1:7946", "`address` of a member")
	version := flag.String("release", "", "deploy this `version`, then say who lacks it")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	var err error
	if *version == "" {
		err = serve(ctx, conf, *join)
	} else {
		err = release(ctx, conf, *join, *version)
	}
	if err != nil {
		log.Fatal(err)
	}
}

// serve runs a member on which versions are installed, until ctx or the agent ends.
func serve(ctx context.Context, conf agent.Config, seed string) error {
	events := agent.NewSubscription(1024, agent.MustParseFilter("user:deploy,query:version"))
	conf.Subscriptions = []*agent.Subscription{events} // from the start on
	conf.Tags = map[string]string{"role": "app"}
	conf.Join = agent.JoinConfig{Retry: []string{seed}, Replay: true}
	return agent.Run(ctx, conf, func(ctx context.Context, a *agent.Agent) error {
		version, newest := "", uint64(0)
		for e := range events.All(ctx) {
			switch e := e.(type) {
			case agent.UserEvent: // maybe late, or by two operators at one time
				if v := string(e.Payload); e.LTime > newest || e.LTime == newest && v > version {
					version, newest = v, e.LTime // here it would be installed
				}
			case agent.QueryEvent:
				a.Respond(ctx, e.ID, []byte(version)) // if it fails, the operator asks again
			}
		}
		return events.Err()
	})
}

// release deploys a version. The error says who hasn't got it when ctx ends.
func release(ctx context.Context, conf agent.Config, seed, version string) error {
	return agent.Run(ctx, conf, func(ctx context.Context, a *agent.Agent) error {
		_, err := a.Join(ctx, []string{seed}, false)
		if err == nil {
			err = a.UserEvent(ctx, "deploy", []byte(version), false)
		}
		if err != nil {
			return err
		}
		for pause := 100 * time.Millisecond; ; pause = min(2*pause, time.Second) {
			missing, err := ask(a, version)
			switch {
			case err != nil:
				return err
			case len(missing) == 0:
				log.Printf("%s is everywhere", version)
				return nil
			}
			select {
			case <-time.After(pause):
			case <-ctx.Done():
				return fmt.Errorf("%s isn't everywhere: %v", version, missing)
			}
		}
	})
}

// ask asks all members for their versions.
func ask(a *agent.Agent, version string) (map[string]string, error) {
	apps := map[string]string{"role": "^app$"} // a regular expression
	q, err := a.Query(context.Background(), agent.QueryParams{Name: "version", Tags: apps})
	if err != nil {
		return nil, err
	}
	missing := make(map[string]string)
	for _, m := range a.Members() {
		if m.Tags["role"] == "app" && m.Status != agent.StatusLeft {
			missing[m.Name] = m.Status.String() + ", no answer"
		}
	}
	for answer := range q.All(context.Background()) {
		missing[answer.From] = "has " + string(answer.Payload)
		if string(answer.Payload) == version {
			delete(missing, answer.From)
		}
	}
	return missing, nil
}
