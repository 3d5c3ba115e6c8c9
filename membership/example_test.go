package membership_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net"
	"net/netip"
	"time"

	"serf/driver/memnet"
	"serf/membership"
)

// config is that of a member on a loopback port of the system's choice.
func config(name string) membership.Config {
	return membership.Config{
		Name: name, Bind: netip.MustParseAddrPort("127.0.0.1:0"),
		Timing: membership.Local(), Logger: slog.New(slog.DiscardHandler),
	}
}

// pair starts two members that know each other.
func pair(a, b membership.Config) (*membership.Node, *membership.Node) {
	ctx := context.Background()
	x, err := membership.Start(ctx, a)
	if err != nil {
		log.Fatal(err)
	}
	y, err := membership.Start(ctx, b)
	if err != nil {
		log.Fatal(err)
	}
	if _, err := y.Join(ctx, x.Addr().String()); err != nil {
		log.Fatal(err)
	}
	for members := range x.WatchMembers(ctx) {
		if len(members) == 2 {
			break
		}
	}
	return x, y
}

// Two members find each other, and one of them leaves.
func Example() {
	ctx := context.Background()
	a, err := membership.Start(ctx, config("web-1"))
	if err != nil {
		log.Fatal(err)
	}
	defer a.Close()
	b, err := membership.Start(ctx, config("web-2"))
	if err != nil {
		log.Fatal(err)
	}
	defer b.Close()

	reached, err := b.Join(ctx, a.Addr().String())
	fmt.Println("joined", reached, err)
	for _, m := range b.Members() {
		fmt.Println(m.Name, m.State)
	}
	fmt.Println("left", b.Leave(ctx))
	// Output:
	// joined 1 <nil>
	// web-1 alive
	// web-2 alive
	// left <nil>
}

// A member of an encrypted cluster that finds the others by itself.
func ExampleConfig() {
	c := config("db-1")
	c.Join = []string{"127.0.0.1:7946"} // in the background, and again after a partition
	c.Keys = [][]byte{bytes.Repeat([]byte{1}, 32)}
	c.Label = "production"
	c.Meta = []byte(`{"role":"db"}`)
	n, err := membership.Start(context.Background(), c)
	if err != nil {
		log.Fatal(err)
	}
	defer n.Close()
	fmt.Printf("%s %s\n", n.Self().Name, n.Self().Meta)
	// Output: db-1 {"role":"db"}
}

// A program that decides by who is there looks at the members whenever they change.
func ExampleNode_WatchMembers() {
	a, b := pair(config("web-1"), config("web-2"))
	defer a.Close()
	defer b.Close()
	for members := range a.WatchMembers(context.Background()) {
		fmt.Println(len(members), "members, the first is", members[0].Name)
		break
	}
	// Output: 2 members, the first is web-1
}

// Events begin with those who are there already.
func ExampleNode_Events() {
	ctx := context.Background()
	a, b := pair(config("web-1"), config("web-2"))
	defer a.Close()
	defer b.Close()
	for e := range a.Events(ctx) {
		fmt.Println(e.Member.Name, e.Kind)
		if e.Kind == membership.Left {
			break
		}
		if e.Member.Name == "web-2" {
			go b.Leave(ctx)
		}
	}
	// Output:
	// web-1 joined
	// web-2 joined
	// web-2 left
}

// What happens can also be reported to a function, which may take its time.
func ExampleEvent() {
	events := make(chan membership.Event, 16)
	c := config("web-1")
	c.OnEvent = func(e membership.Event) { events <- e }
	a, b := pair(c, config("web-2"))
	defer a.Close()
	b.Leave(context.Background())
	b.Close()
	for e := range events {
		fmt.Println(e.Member.Name, e.Kind)
		if e.Kind == membership.Left {
			break
		}
	}
	// Output:
	// web-1 joined
	// web-2 joined
	// web-2 left
}

// The zero Member stands for nobody.
func ExampleMember() {
	a, b := pair(config("web-1"), config("web-2"))
	defer a.Close()
	defer b.Close()
	m, known := a.Member("web-2")
	fmt.Println(m.Name, m.State, m.Local, m.Addr == b.Addr(), known)
	_, known = a.Member("web-3")
	fmt.Println(known)
	// Output:
	// web-2 alive false true true
	// false
}

func ExampleState() {
	for _, s := range []membership.State{membership.StateAlive, membership.StateSuspect, membership.StateFailed} {
		fmt.Println(s, s.Living())
	}
	// Output:
	// alive true
	// suspect true
	// failed false
}

func ExampleEventKind() {
	fmt.Println(membership.Joined, membership.Updated, membership.Failed, membership.Left, membership.Conflict)
	// Output: joined updated failed left conflict
}

// A message by stream, and the answer in a packet.
func ExampleMessage() {
	answers := make(chan string, 1)
	asker, answerer := config("asker"), config("answerer")
	asker.OnMessage = func(m membership.Message) { answers <- string(m.Data) } // Data is borrowed
	answerer.OnMessage = func(m membership.Message) {
		if asker, ok := m.Node.Member("asker"); ok {
			m.Node.Send(asker.Addr, append([]byte("you said "), m.Data...))
		}
	}
	a, b := pair(asker, answerer)
	defer a.Close()
	defer b.Close()
	if err := a.SendReliable(context.Background(), b.Addr(), []byte("hello")); err != nil {
		log.Fatal(err)
	}
	fmt.Println(<-answers)
	// Output: you said hello
}

// Each exchange of states carries what the programs on both sides want to tell.
func ExampleRemoteState() {
	got := make(chan string, 4)
	c := config("web-1")
	c.State = func(join bool) []byte { return []byte("all that web-1 has") }
	d := config("web-2")
	d.OnState = func(s membership.RemoteState) { got <- fmt.Sprintf("%s (join: %v)", s.Data, s.Join) }
	a, b := pair(c, d)
	defer a.Close()
	defer b.Close()
	fmt.Println(<-got)
	// Output: all that web-1 has (join: true)
}

// A broadcast goes to a few members, and replaces the one with its key that still waits.
func ExampleNode_Broadcast() {
	got := make(chan string, 16)
	c := config("web-2")
	c.OnMessage = func(m membership.Message) { got <- string(m.Data) }
	a, b := pair(config("web-1"), c)
	defer a.Close()
	defer b.Close()
	a.Broadcast("load", []byte("load 0.7"))
	fmt.Println(<-got)
	// Output: load 0.7
}

func ExamplePong() {
	a, b := pair(config("web-1"), config("web-2"))
	defer a.Close()
	defer b.Close()
	pong, err := a.Ping(context.Background(), "web-2", b.Addr())
	fmt.Println(pong.RTT < time.Second, err)
	// Output: true <nil>
}

// A join that reaches nobody says why, for each address.
func ExampleJoinError() {
	n, err := membership.Start(context.Background(), config("web-1"))
	if err != nil {
		log.Fatal(err)
	}
	defer n.Close()
	_, err = n.Join(context.Background(), "not an address")
	if failed, ok := errors.AsType[*membership.JoinError](err); ok {
		for _, f := range failed.Failed {
			fmt.Println(f.Err)
		}
	}
	// Output: "not an address": neither an address nor a name
}

// A program whose protocol has versions. Members that don't understand each other stay apart.
func ExampleVersions() {
	old, young := config("old"), config("young")
	old.Layer = membership.Versions{Min: 1, Max: 2, Current: 2}
	young.Layer = membership.Versions{Min: 2, Max: 3, Current: 2} // 3, when all understand it
	a, b := pair(old, young)
	defer a.Close()
	defer b.Close()
	m, _ := a.Member("young")
	fmt.Println(m.Layer.Current, "of", m.Layer.Max)
	// Output: 2 of 3
}

// Timings are those of a profile, perhaps with changes.
func ExampleTiming() {
	c := config("web-1")
	c.Timing = membership.WAN()
	c.Timing.PushPullInterval = time.Minute
	n, err := membership.Start(context.Background(), c)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(n.Close())
	// Output: <nil>
}

// Members in one zone gossip mostly with each other: here a zone is what the metadata say.
func ExampleZones() {
	c := config("web-1")
	c.Meta = []byte("eu-west")
	c.Zones.Of = func(_, meta []byte) (zone uint64) {
		for _, b := range meta {
			zone = zone*31 + uint64(b)
		}
		return zone
	}
	n, err := membership.Start(context.Background(), c)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(n.Close())
	// Output: <nil>
}

func ExampleStats() {
	a, b := pair(config("web-1"), config("web-2"))
	defer a.Close()
	defer b.Close()
	s := a.Stats()
	fmt.Println(s.Living, s.MessagesDropped, s.Protocol.StreamsIn)
	// Output: 2 0 1
}

// hosts is a Resolver for tests, and for those who have their own list.
type hosts map[string]netip.Addr

func (h hosts) LookupNetIP(_ context.Context, _, host string) ([]netip.Addr, error) {
	if ip, ok := h[host]; ok {
		return []netip.Addr{ip}, nil
	}
	return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
}

func (hosts) LookupSRV(_ context.Context, _, _, name string) (string, []*net.SRV, error) {
	return "", nil, &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
}

// Three members in one process without a socket, with names of their own.
func ExampleResolver() {
	ctx := context.Background()
	network, names := memnet.New(memnet.Config{}), hosts{}
	var first *membership.Node
	for i, name := range []string{"web-1", "web-2", "web-3"} {
		ip := netip.AddrFrom4([4]byte{10, 0, 0, byte(i + 1)})
		names[name] = ip
		n, err := membership.Start(ctx, membership.Config{
			Name: name, Bind: netip.AddrPortFrom(ip, 7946), Network: network.Host(ip),
			Resolver: names, Logger: slog.New(slog.DiscardHandler),
		})
		if err != nil {
			log.Fatal(err)
		}
		defer n.Close()
		if first == nil {
			first = n
			continue
		}
		reached, err := n.Join(ctx, "web-1")
		fmt.Println(n.Name(), reached, err)
	}
	// Output:
	// web-2 1 <nil>
	// web-3 1 <nil>
}
