package main

import (
	"context"
	"testing"

	"serf/agent"
	"serf/examples/internal/clustertest"
	"serf/swim/serf"
)

func TestLeader(t *testing.T) {
	t.Parallel()
	member := func(name, rank string, s serf.Status) serf.Member {
		return serf.Member{Name: name, Status: s, Tags: map[string]string{rankTag: rank}}
	}
	a, b := member("a", "2", serf.StatusAlive), member("b", "10", serf.StatusAlive)
	for _, tt := range []struct {
		what    string
		members []serf.Member
		quorum  int
		want    string
	}{
		{"ranks are numbers", []serf.Member{b, a}, 0, "a"},
		{"of one rank, the first by name", []serf.Member{member("d", "1", a.Status), member("c", "1", a.Status)}, 1, "c"},
		{"a failed member", []serf.Member{member("a", "2", serf.StatusFailed), b}, 1, "b"},
		{"one that leaves", []serf.Member{member("a", "2", serf.StatusLeaving), b}, 1, "b"},
		{"no candidate", []serf.Member{{Name: "x", Status: a.Status}, member("y", "first", a.Status)}, 0, ""},
		{"too few candidates", []serf.Member{a, b, member("c", "1", serf.StatusFailed)}, 3, ""},
		{"just enough", []serf.Member{a, b}, 2, "a"},
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
	first.Shutdown()
	want("the leader crashed", "web-2")
	second.Shutdown()
	want("one of three is no quorum", "")
	stop()
	<-done
}
