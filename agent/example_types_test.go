package agent_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"time"

	"serf/agent"
)

// quiet is a member of its own, on a loopback port of the system's choice.
func quiet(name string) agent.Config {
	return agent.Config{
		Name: name, Timing: agent.Local(), Bind: netip.MustParseAddrPort("127.0.0.1:0"),
		Logger: slog.New(slog.DiscardHandler),
	}
}

// The member leaves when the function returns, or when the context ends: for a program that is that
// of signal.NotifyContext.
func ExampleRun() {
	err := agent.Run(context.Background(), quiet("web-1"), func(ctx context.Context, a *agent.Agent) error {
		for members := range a.WatchMembers(ctx) {
			fmt.Println(len(members), "member:", members[0].Name, members[0].Status)
			break
		}
		return nil
	})
	fmt.Println(err)
	// Output:
	// 1 member: web-1 alive
	// <nil>
}

// Start and Validate say everything that is wrong, each with its field.
func ExampleConfigError() {
	_, err := agent.Start(context.Background(), agent.Config{Name: "web-1", Keys: [][]byte{[]byte("too short")}})
	var wrong *agent.ConfigError
	if errors.As(err, &wrong) {
		fmt.Println(wrong.Field)
	}
	fmt.Println(err)
	// Output:
	// Keys[0]
	// Config.Keys[0]: 9 bytes: key must be 16, 24 or 32 bytes
}

// Seeds that are tried until one answers, by name, by address and by DNS SRV.
func ExampleJoinConfig() {
	conf := agent.Config{Name: "web-1", Join: agent.JoinConfig{
		Retry:    []string{"_serf._tcp.example.com", "seed.example.com", "10.0.0.7:7946"},
		Interval: 10 * time.Second,
	}}
	fmt.Println(conf.Validate())
	// Output: <nil>
}

// Members of one value of the tag "dc" gossip mostly with each other.
func ExampleZones() {
	conf := agent.Config{
		Name: "web-1", Tags: map[string]string{"dc": "eu"},
		Zones: agent.Zones{Tag: "dc", Share: 10}, // percent
	}
	fmt.Println(conf.Validate())
	// Output: <nil>
}

// A loop over events of one kind begins when it runs, and may take its time.
func ExampleAgent_UserEvents() {
	a := start("web-1", nil)
	defer a.Close()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for e := range a.UserEvents(ctx, "deploy") {
			fmt.Printf("%s %s\n", e.Name, e.Payload)
			cancel()
		}
	}()
	for ctx.Err() == nil { // the loop may not have begun yet
		a.UserEvent(ctx, "deploy", []byte("v2"), false)
		<-time.After(time.Millisecond)
	}
	<-done
	// Output: deploy v2
}

// A subscription is there before the agent, so nothing is missed.
func ExampleSubscription() {
	joined := agent.NewSubscription(16, agent.MustParseFilter("member-join"))
	conf := quiet("web-1")
	conf.Subscriptions = []*agent.Subscription{joined}
	a, err := agent.Start(context.Background(), conf)
	if err != nil {
		log.Fatal(err)
	}
	a.Close()
	for e := range joined.All(context.Background()) {
		fmt.Println(e, e.(agent.MemberEvent).Members[0].Name)
	}
	fmt.Println(joined.Err())
	// Output:
	// member-join web-1
	// the agent has stopped
}

// A backlog costs memory only for what waits: for servers with many readers.
func ExampleBacklog() {
	a := start("web-1", nil)
	defer a.Close()
	events := a.SubscribeBacklog(1000, nil)
	defer events.Close()
	a.UserEvent(context.Background(), "deploy", nil, false)
	e, ok := events.Next()
	fmt.Println(e, ok)
	// Output: user-event: deploy true
}

// Who answers, and who doesn't although it could.
func ExampleQuery() {
	a := start("web-1", nil)
	defer a.Close()
	ctx := context.Background()
	asked := a.Subscribe(16, agent.MustParseFilter("query:version"))
	defer asked.Close()
	go func() {
		for e := range asked.All(ctx) {
			a.Respond(ctx, e.(agent.QueryEvent).ID, []byte("v2"))
		}
	}()

	q, err := a.Query(ctx, agent.QueryParams{Name: "version", Timeout: 5 * time.Second})
	if err != nil {
		log.Fatal(err)
	}
	for answer := range q.All(ctx) {
		fmt.Printf("%s has %s\n", answer.From, answer.Payload)
	}
	silent, err := q.Silent(ctx)
	fmt.Println("silent:", silent, err)
	// Output:
	// web-1 has v2
	// silent: [] <nil>
}

// Keys are changed in all members at once; the report says where that failed.
func ExampleKeyReport() {
	conf := quiet("web-1")
	conf.Keys = [][]byte{[]byte("0123456789abcdef")}
	a, err := agent.Start(context.Background(), conf)
	if err != nil {
		log.Fatal(err)
	}
	defer a.Close()
	report, err := a.InstallKey(context.Background(), []byte("fedcba9876543210"))
	fmt.Println(report.NumResp, "of", report.NumNodes, err)
	fmt.Println("only in memory:", report.InMemory()) // Config.KeyringChanged saves them
	// Output:
	// 1 of 1 <nil>
	// only in memory: [web-1]
}

// What a member says about itself.
func ExampleMember() {
	a := start("web-1", map[string]string{"role": "web"})
	defer a.Close()
	m := a.Self()
	fmt.Println(m.Name, m.Addr.Addr(), m.Status == agent.StatusAlive, m.Tags["role"])
	fmt.Println("Serf protocol", m.Versions.Serf().Min, "to", m.Versions.Serf().Max)
	// Output:
	// web-1 127.0.0.1 true web
	// Serf protocol 2 to 5
}

// The agent's lines among those of the program.
func ExampleLogger() {
	noTime := func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}
	conf := quiet("web-1")
	conf.Logger = slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{ReplaceAttr: noTime}))
	a, err := agent.Start(context.Background(), conf)
	if err != nil {
		log.Fatal(err)
	}
	a.Leave(context.Background())
	a.Close() // by now all lines are written
	// Output:
	// level=INFO msg="Serf agent starting" component=agent
	// level=INFO msg="EventMemberJoin: web-1 127.0.0.1" component=serf
	// level=INFO msg="Received event: member-join" component=agent
	// level=INFO msg="EventMemberLeave: web-1 127.0.0.1" component=serf
	// level=INFO msg="Received event: member-leave" component=agent
}

// A log in the form of the command, whose last lines a monitor shows: also those below its level.
func ExampleLog() {
	l := agent.NewLog(os.Stderr, slog.LevelError)
	defer l.Close()
	l.Infof("web", "listening on %v", 80)
	m := l.Monitor(slog.LevelInfo, 16, "the reader is too slow")
	defer m.Close()
	line, _ := m.Next()
	fmt.Println(line.Text[len("2006/01/02 15:04:05 "):])
	// Output: [INFO] web: listening on 80
}

// The address that a member on this host would advertise.
func ExampleChooseAddresses() {
	addrs, err := agent.ChooseAddresses(context.Background(), net.DefaultResolver, agent.AddressSpec{Bind: "127.0.0.1:7000"})
	fmt.Println(addrs.Advertise, err)
	// Output: 127.0.0.1:7000 <nil>
}
