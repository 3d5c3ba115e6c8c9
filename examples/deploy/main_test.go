package main

import (
	"context"
	"testing"

	"serf/agent"
	"serf/examples/internal/clustertest"
)

// cluster has a member to join, and two on which versions are installed. They leave when the
// context ends.
func cluster(t *testing.T) (ctx context.Context, seed *agent.Agent) {
	t.Helper()
	ctx = clustertest.Context(t)
	seed = clustertest.Start(t, clustertest.Config("seed", nil))
	serveApp(ctx, t, "app-1", seed)
	serveApp(ctx, t, "app-2", seed)
	return ctx, seed
}

// serveApp runs one of the members until ctx ends, and returns when seed knows it.
func serveApp(ctx context.Context, t *testing.T, name string, seed *agent.Agent) {
	t.Helper()
	done := make(chan error)
	ctx, stop := context.WithCancel(ctx)
	go func() { done <- serve(ctx, clustertest.Config(name, nil), seed.Addr().String()) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Errorf("%s: %v", name, err)
		}
	})
	clustertest.WaitFor(t, seed, name+" is there", func([]agent.Member) bool {
		_, ok := seed.Member(name)
		return ok
	})
}

func TestRelease(t *testing.T) {
	t.Parallel()
	ctx, seed := cluster(t)
	operator := clustertest.Config("operator", nil)
	for _, version := range []string{"v1", "v2"} {
		if err := release(ctx, operator, seed.Addr().String(), version); err != nil {
			t.Fatalf("%s: %v", version, err)
		}
	}
	// A member that comes later has the newest version, although nobody deploys it again.
	serveApp(ctx, t, "app-3", seed)
	for missing, err := ask(seed, "v2"); len(missing) > 0; missing, err = ask(seed, "v2") {
		if err != nil || ctx.Err() != nil {
			t.Fatalf("without v2: %v, %v", missing, err)
		}
	}
}

// Who hasn't got a version is named: one that doesn't answer, and one that has another version.
func TestReleaseNamesWhoHasntGotIt(t *testing.T) {
	t.Parallel()
	ctx, seed := cluster(t)
	operator := clustertest.Config("operator", nil)
	if err := release(ctx, operator, seed.Addr().String(), "v2"); err != nil {
		t.Fatal(err)
	}
	tags := map[string]string{"role": "app"}
	old := clustertest.Start(t, clustertest.Config("app-8", tags), seed)
	queries := old.Subscribe(10, func(e agent.Event) bool { return e.String() == "query: version" })
	answers := make(chan error, 10)
	go func() {
		for e := range queries.C {
			answers <- old.Respond(ctx, e.(agent.QueryEvent).ID, []byte("v1"))
		}
	}()
	clustertest.Start(t, clustertest.Config("app-9", tags), seed) // waits for no queries
	clustertest.WaitFor(t, seed, "all are there", func(members []agent.Member) bool { return len(members) == 6 })

	soon, stop := context.WithCancel(ctx)
	defer stop()
	go func() { // the operator has waited long enough when it has an answer
		if err := <-answers; err != nil {
			t.Error(err)
		}
		<-answers
		stop()
	}()
	err := release(soon, operator, seed.Addr().String(), "v2")
	if want := "v2 isn't everywhere: map[app-8:has v1 app-9:alive, no answer]"; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}
