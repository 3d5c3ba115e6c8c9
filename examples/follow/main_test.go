package main

import (
	"context"
	"errors"
	"strings"
	"testing"

	"serf/agent"
	"serf/agent/rpc"
	"serf/agent/rpc/server"
	"serf/examples/internal/clustertest"
	"serf/internal/systest"
)

// serve serves an agent on a socket.
func serve(t *testing.T, a *agent.Agent, path, key string) *server.Server {
	t.Helper()
	ln, err := server.ListenUnix(path, 0o600, server.NoGroup)
	if err != nil {
		t.Fatal(err)
	}
	s := server.Serve(ln, server.ForAgent(a), server.Options{AuthKey: key})
	t.Cleanup(func() { s.Close() })
	return s
}

// follow starts a follower, and returns a function that waits for a line. It ends with the test.
func follow(t *testing.T, path string) (want func(part string)) {
	t.Helper()
	lines, done := make(chan string, 100), make(chan error)
	ctx, stop := context.WithCancel(clustertest.Context(t))
	f := follower{addr: "unix://" + path, filter: "*", statuses: make(map[string]string), show: func(line string) {
		select {
		case lines <- line:
		case <-ctx.Done():
		}
	}}
	go func() { done <- f.run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return func(part string) {
		t.Helper()
		var seen []string
		for {
			select {
			case line := <-lines:
				if strings.Contains(line, part) {
					return
				}
				seen = append(seen, line)
			case <-ctx.Done():
				t.Fatalf("no line with %q, but %q", part, seen)
			}
		}
	}
}

func TestFollowerConnectsAgain(t *testing.T) {
	t.Parallel()
	path := systest.SocketPath(t)
	a := clustertest.Start(t, clustertest.Config("a", nil))
	s := serve(t, a, path, "")
	want := follow(t, path)
	want("a is alive")
	if err := a.UserEvent(t.Context(), "deploy", []byte("v2"), false); err != nil {
		t.Fatal(err)
	}
	want(`user: deploy "v2"`)

	s.Close()
	want("trying again: ")
	clustertest.Start(t, clustertest.Config("b", nil), a) // nobody tells the follower
	serve(t, a, path, "")
	want("b is alive")
	clustertest.Start(t, clustertest.Config("c", nil), a)
	want("member-join: c is alive")
}

// What the agent refuses for good needs no second try.
func TestFollowerGivesUp(t *testing.T) {
	t.Parallel()
	path := systest.SocketPath(t)
	serve(t, clustertest.Start(t, clustertest.Config("a", nil)), path, "secret")
	for _, tt := range []struct {
		key, filter string
		want        error
	}{
		{"wrong", "*", rpc.ErrInvalidToken},
		{"", "*", rpc.ErrAuthRequired},
		{"secret", "everything", rpc.ErrInvalidFilter},
	} {
		f := follower{addr: "unix://" + path, filter: tt.filter, options: rpc.Options{AuthKey: tt.key}, show: func(line string) { t.Error(line) }}
		f.statuses = make(map[string]string)
		if err := f.run(clustertest.Context(t)); !errors.Is(err, tt.want) {
			t.Errorf("key %q, filter %q: the error is %v, want %v", tt.key, tt.filter, err, tt.want)
		}
	}
}
