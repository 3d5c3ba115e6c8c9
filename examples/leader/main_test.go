package main

import (
	"context"
	"testing"

	"serf/agent"
	"serf/examples/internal/clustertest"
)

func TestLeader(t *testing.T) {
	t.Parallel()
	member := func(name, rank string, s agent.Status) agent.Member {
		return agent.Member{Name: name, Status: s, Tags: map[string]string{rankTag: rank}}
	}
	a, b := member("a", "2", agent.StatusAlive), member("b", "10", agent.StatusAlive)
	for _, tt := range []struct {
		what    string
		members []agent.Member
		quorum  int
		want    string
	}{
		{"ranks are numbers", []agent.Member{b, a}, 0, "a"},
		{"of one rank, the first by name", []agent.Member{member("d", "1", a.Status), member("c", "1", a.Status)}, 1, "c"},
		{"a failed member", []agent.Member{member("a", "2", agent.StatusFailed), b}, 1, "b"},
		{"one that leaves", []agent.Member{member("a", "2", agent.StatusLeaving), b}, 1, "b"},
		{"no candidate", []agent.Member{{Name: "x", Status: a.Status}, member("y", "first", a.Status)}, 0, ""},
		{"too few candidates", []agent.Member{a, b, member("c", "1", agent.StatusFailed)}, 3, ""},
		{"just enough", []agent.Member{a, b}, 2, "a"},
	} {
		if got := leader(tt.members, tt.quorum); got != tt.want {
			t.Errorf("%s: %q leads, want %q", tt.what, got, tt.want)
		}
	}
}

// Two leaders crash, one after the other; the last member alone is no quorum.
func TestFollow(t *testing.T) {
	t.Parallel()
	start := func(name, rank string, others ...*agent.Agent) *agent.Agent {
		return clustertest.Start(t, clustertest.Config(name, map[string]string{rankTag: rank}), others...)
	}
	first := start("web-3", "1")
	second := start("web-2", "2", first)
	third := start("web-1", "3", first, second)

	ctx, stop := context.WithCancel(clustertest.Context(t))
	leaders := make(chan string, 100)
	done := make(chan bool)
	go func() {
		defer close(done)
		follow(ctx, third, 2, func(name string) { leaders <- name })
	}()
	want := func(why, name string) {
		t.Helper()
		for {
			select {
			case got := <-leaders:
				if got == name {
					return
				}
			case <-ctx.Done():
				t.Fatalf("%s: %q never leads", why, name)
			}
		}
	}
	want("the lowest rank", "web-3")
	first.Close()
	want("the leader crashed", "web-2")
	second.Close()
	want("one of three is no quorum", "")
	stop()
	<-done
}
