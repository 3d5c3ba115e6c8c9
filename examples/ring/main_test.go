package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"serf/agent"
	"serf/examples/internal/clustertest"
)

// keys is how many keys a test looks up.
const keys = 10_000

// A member that joins takes keys from all others, about its share, and no key moves between those.
// When it fails it is the other way round.
func TestRingMovesOnlyOneShare(t *testing.T) {
	t.Parallel()
	const n = 10
	members := make([]agent.Member, n)
	for i := range members {
		name := fmt.Sprintf("cache-%d", i)
		members[i] = agent.Member{Name: name, Status: agent.StatusAlive, Tags: map[string]string{httpTag: name}}
	}
	joined := members[n/2].Name
	with := newRing(members)
	members[n/2].Status = agent.StatusFailed
	without := newRing(members)
	moved, shares := 0, make(map[string]int)
	for i := range keys {
		key := fmt.Sprint("/cache/", i)
		before, after := without.owner(key), with.owner(key)
		shares[after]++
		if before != after {
			if moved++; after != joined {
				t.Fatalf("%s moves from %s to %s although %s joins", key, before, after, joined)
			}
		}
	}
	if moved != shares[joined] || moved == 0 {
		t.Errorf("%d keys move to a member that has %d then", moved, shares[joined])
	}
	for name, share := range shares {
		if share < keys/n/2 || share > keys/n*2 {
			t.Errorf("%s has %d of %d keys, want about a %dth", name, share, keys, n)
		}
	}
}

// startNode starts a member and its part of the cache.
func startNode(t *testing.T, name string, others ...*agent.Agent) (*agent.Agent, *share) {
	t.Helper()
	s := new(share)
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	s.addr = server.Listener.Addr().String()
	return clustertest.Start(t, clustertest.Config(name, map[string]string{httpTag: s.addr}), others...), s
}

// A member that is asked answers for its own keys, and has the other answer for the rest.
func TestShares(t *testing.T) {
	t.Parallel()
	first, at1 := startNode(t, "cache-1")
	second, at2 := startNode(t, "cache-2", first)
	for a, s := range map[*agent.Agent]*share{first: at1, second: at2} {
		clustertest.WaitFor(t, a, "two members", func(members []agent.Member) bool {
			s.ring.Store(newRing(members))
			return len(members) == 2
		})
	}
	answers := make(map[string]int)
	for i := range 20 {
		key := fmt.Sprint("/", i)
		own := fmt.Sprintf("%s of %s\n", key, at1.ring.Load().owner(key))
		for _, s := range []*share{at1, at2} {
			if got := get(t, "http://"+s.addr+key); got != own {
				t.Errorf("GET %s at %s: %q, want %q", key, s.addr, got, own)
			}
		}
		answers[at1.ring.Load().owner(key)]++
	}
	if len(answers) != 2 {
		t.Errorf("keys by owner: %v, want two owners", answers)
	}

	// The other one doesn't know yet that it is alone.
	alone := newRing([]agent.Member{first.Self()})
	at1.ring.Store(newRing([]agent.Member{second.Self()}))
	at2.ring.Store(alone)
	if got, want := get(t, "http://"+at1.addr+"/x"), "/x of "+at2.addr+"\n"; got != want {
		t.Errorf("passed on to a member that thinks it belongs here: %q, want %q", got, want)
	}
}

func get(t *testing.T, url string) string {
	t.Helper()
	r, err := http.NewRequestWithContext(clustertest.Context(t), "GET", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
