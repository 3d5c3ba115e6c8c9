// Package clustertest starts members on loopback addresses for the tests of the examples. What they
// test takes less than a second, because these members notice failures sooner than a program should
// let its own.
package clustertest

import (
	"context"
	"log/slog"
	"net/netip"
	"testing"
	"time"

	"serf/agent"
)

// patience is how long a test waits for what should take less than a second: hosts may be busy.
const patience = 30 * time.Second

// Config configures a member of that name, on a free port.
func Config(name string, tags map[string]string) agent.Config {
	profile := agent.Local()
	profile.ProbeInterval, profile.ProbeTimeout = 100*time.Millisecond, 50*time.Millisecond
	profile.GossipInterval = 20 * time.Millisecond
	conf := agent.Config{Logger: slog.New(slog.DiscardHandler), Timing: profile, Bind: netip.MustParseAddrPort("127.0.0.1:0")}
	conf.Name, conf.Tags = name, tags
	conf.LeavePropagateDelay = -1
	return conf
}

// Start starts a member, which joins the others, and stops it at the end of the test.
func Start(t testing.TB, conf agent.Config, others ...*agent.Agent) *agent.Agent {
	t.Helper()
	a, err := agent.Start(t.Context(), conf)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	for _, other := range others {
		if _, err := a.Join(t.Context(), []string{other.Addr().String()}, false); err != nil {
			t.Fatal(err)
		}
	}
	return a
}

// Context is a context that ends before a test that waits for nothing takes too long.
func Context(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// WaitFor waits until done finds what it wants among the members that a knows.
func WaitFor(t testing.TB, a *agent.Agent, what string, done func(members []agent.Member) bool) {
	t.Helper()
	for members := range a.WatchMembers(Context(t)) {
		if done(members) {
			return
		}
	}
	t.Fatalf("%s: never, the members are %v", what, a.Members())
}
