package server

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"serf/agent"
	"serf/agent/rpc"
	"serf/internal/systest"
	"serf/swim/serf"
)

// serveAt serves a on a socket.
func serveAt(t *testing.T, path string, a Agent) *Server {
	t.Helper()
	ln, err := ListenUnix(path, 0o600, NoGroup)
	if err != nil {
		t.Fatal(err)
	}
	s := Serve(ln, a, Options{})
	t.Cleanup(func() { s.Close() })
	return s
}

// What a follower missed while there was no connection is in the list that it gets first.
func TestFollowConnectsAgain(t *testing.T) {
	t.Parallel()
	path := systest.SocketPath(t)
	events := newFeed[agent.Event](8)
	member := func(name string) serf.Member {
		return serf.Member{Name: name, Addr: netip.MustParseAddrPort("10.0.0.1:1"), Status: serf.StatusAlive}
	}
	subscribe := func(func(agent.Event) bool) (Feed[agent.Event], error) { return events, nil }
	first := serveAt(t, path, &fakeAgent{members: []serf.Member{member("a")}, subscribe: subscribe})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var got []string
	for e, err := range rpc.Follow(ctx, "unix://"+path, "*", rpc.Options{}) {
		what := fmt.Sprint(e.Type, " ", e.Name)
		for _, m := range e.Members {
			what += m.Name + " "
		}
		if err != nil {
			what = "lost"
		}
		got = append(got, what)
		switch len(got) {
		case 1:
			events.c <- agent.UserEvent{Name: "deploy"}
		case 2:
			first.Close()
			events = newFeed[agent.Event](8)
			serveAt(t, path, &fakeAgent{members: []serf.Member{member("a"), member("b")}, subscribe: subscribe})
		case 4:
			cancel()
		}
	}
	if want := []string{"member-list a ", "user deploy", "lost", "member-list a b "}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// A loop that ends closes the connection.
func TestFollowEndsWithItsLoop(t *testing.T) {
	t.Parallel()
	path := systest.SocketPath(t)
	events := newFeed[agent.Event](8)
	serveAt(t, path, &fakeAgent{subscribe: func(func(agent.Event) bool) (Feed[agent.Event], error) { return events, nil }})
	for range rpc.Follow(t.Context(), "unix://"+path, "*", rpc.Options{}) {
		break
	}
	<-events.closed
}

func TestStreamYieldsItsRecords(t *testing.T) {
	a := &fakeAgent{query: func(serf.QueryParams) (Feed[agent.Answer], error) {
		return ended(agent.Answer{From: "a"}, agent.Answer{From: "b"}), nil
	}}
	_, l := startServer(t, a, Options{})
	c := connect(t, l, "")
	s, err := c.Query(t.Context(), rpc.QueryParams{Name: "q"})
	if err != nil {
		t.Fatal(err)
	}
	names := ""
	for answer, err := range s.All(t.Context()) {
		if names += answer.From; err != nil {
			t.Error(err)
		}
	}
	if names != "ab" {
		t.Errorf("answers of %q", names)
	}
}
