package agent_test

import (
	"context"
	"fmt"
	"log"
	"log/slog"
	"net/netip"
	"slices"
	"time"

	"serf/agent"
	"serf/swim/serf"
)

// start starts a member on a loopback port of the system's choice.
func start(name string, tags map[string]string) *agent.Agent {
	a, err := agent.Start(context.Background(), agent.Config{
		Name: name, Tags: tags,
		Timing: agent.Local(), // Local for one host, LAN and WAN for networks
		Bind:   netip.MustParseAddrPort("127.0.0.1:0"),
		Logger: slog.New(slog.DiscardHandler), // without it, lines go where those of package log go
	})
	if err != nil {
		log.Fatal(err)
	}
	return a
}

// pair starts two members, web-1 and web-2, that know each other.
func pair() (a, b *agent.Agent) {
	a, b = start("web-1", nil), start("web-2", nil)
	joined := a.Subscribe(1, only(agent.MemberJoin))
	defer joined.Close()
	if _, err := b.Join(context.Background(), []string{a.Addr().String()}, false); err != nil {
		log.Fatal(err)
	}
	if _, known := a.Member("web-2"); !known {
		<-joined.C
	}
	return a, b
}

// only lets the member events of one type through.
func only(kind string) func(agent.Event) bool {
	return func(e agent.Event) bool { return e.String() == kind }
}

// Two members find each other, and one of them leaves.
func Example() {
	ctx := context.Background()
	a := start("web-1", map[string]string{"role": "web"})
	defer a.Close()
	b := start("db-1", map[string]string{"role": "db"})
	defer b.Close()

	n, err := b.Join(ctx, []string{a.Addr().String()}, false)
	fmt.Println("joined", n, err)
	for _, m := range b.Members() {
		fmt.Println(m.Name, m.Status, m.Tags["role"])
	}

	left := a.Subscribe(1, only(agent.MemberLeave))
	defer left.Close()
	if err := b.Leave(ctx); err != nil {
		log.Fatal(err)
	}
	for _, m := range (<-left.C).(agent.MemberEvent).Members {
		fmt.Println(m.Name, m.Status)
	}
	// Output:
	// joined 1 <nil>
	// db-1 alive db
	// web-1 alive web
	// db-1 left
}

// Every member, this one too, gets a user event once.
func ExampleAgent_UserEvent() {
	a, b := pair()
	defer a.Close()
	defer b.Close()
	events := b.Subscribe(16, func(e agent.Event) bool { _, ok := e.(agent.UserEvent); return ok })
	defer events.Close()

	if err := a.UserEvent(context.Background(), "deploy", []byte("v1.2"), false); err != nil {
		log.Fatal(err)
	}
	e := (<-events.C).(agent.UserEvent)
	fmt.Printf("%s %s\n", e.Name, e.Payload)
	// Output: deploy v1.2
}

// A query is an event with answers, which come as the members give them.
func ExampleAgent_Query() {
	ctx := context.Background()
	a, b := pair()
	defer a.Close()
	defer b.Close()
	for _, member := range []*agent.Agent{a, b} {
		asked := member.Subscribe(16, func(e agent.Event) bool { _, ok := e.(agent.QueryEvent); return ok })
		defer asked.Close()
		go func() {
			for e := range asked.C {
				q := e.(agent.QueryEvent)
				member.Respond(ctx, q.ID, append([]byte("not much, "), q.Payload...))
			}
		}()
	}

	q, err := a.Query(ctx, serf.QueryParams{Name: "load", Payload: []byte("boss"), Timeout: 5 * time.Second})
	if err != nil {
		log.Fatal(err)
	}
	var lines []string
	for answer := range q.Answers() { // ends at the time-out, or when all have answered
		lines = append(lines, fmt.Sprintf("%s: %s", answer.From, answer.Payload))
	}
	slices.Sort(lines)
	for _, line := range lines {
		fmt.Println(line)
	}
	// Output:
	// web-1: not much, boss
	// web-2: not much, boss
}

// Tags can change while a member runs; the others are told.
func ExampleAgent_SetTags() {
	a, b := pair()
	defer a.Close()
	defer b.Close()
	updates := a.Subscribe(16, only(agent.MemberUpdate))
	defer updates.Close()

	if err := b.SetTags(context.Background(), map[string]string{"version": "1.2"}, []string{"draining"}); err != nil {
		log.Fatal(err)
	}
	for _, m := range (<-updates.C).(agent.MemberEvent).Members {
		fmt.Println(m.Name, m.Tags)
	}
	// Output: web-2 map[version:1.2]
}

// A member that finds the others by itself, and encrypts, as a program would have it.
func ExampleConfig() {
	key := []byte("0123456789abcdef") // from a file, rather
	conf := agent.Config{
		Name: "web-1",
		Tags: map[string]string{"role": "web"},
		Join: agent.JoinConfig{Retry: []string{"_serf._tcp.example.com", "10.0.0.7"}},
		Keys: [][]byte{key},
	}
	fmt.Println(conf.Validate())

	conf.EventSizeMax = 10_000
	fmt.Println(conf.Validate())
	// Output:
	// <nil>
	// Config.EventSizeMax: 10000 bytes, allowed 1 to 9216
}

// The profile of a WAN, with another time until a member is suspected.
func ExampleTiming() {
	t := agent.WAN()
	t.ProbeInterval, t.ProbeTimeout = 3*time.Second, 2*time.Second
	conf := agent.Config{Name: "web-1", Timing: t}
	fmt.Println(conf.Validate())
	// Output: <nil>
}
