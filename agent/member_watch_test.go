package agent

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"serf/swim/serf"
)

func TestWatchMembersYieldsTheNewestState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newMemNetwork()
		a := begin(t, memConfig(n, "a", 1))
		seen := 0
		for members := range a.WatchMembers(background) {
			switch seen++; seen {
			case 1:
				if len(members) != 1 {
					t.Fatalf("at once: %v, want this member", members)
				}
				// More changes than a subscription of small capacity would survive, while the caller is busy.
				for i, name := range []string{"b", "c", "d"} {
					b := begin(t, memConfig(n, name, i+2))
					mustJoin(t, b, a)
				}
				synctest.Wait()
			case 2:
				if len(members) != 4 {
					t.Fatalf("after three joins: %v, want all four members at once", members)
				}
				time.AfterFunc(time.Second, func() { a.UserEvent(background, "deploy", nil, false) })
				n.Isolate(hostAddr(4).Addr(), true)
			default:
				if failed := members[3]; failed.Name != "d" || failed.Status != serf.StatusFailed {
					t.Fatalf("%v, want that d has failed, and nothing for a user event", members)
				}
				return
			}
		}
	})
}

func TestWatchMembersEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := begin(t, memConfig(newMemNetwork(), "a", 1))
		ctx, cancel := context.WithCancel(background)
		defer cancel()
		for range a.WatchMembers(ctx) {
			time.AfterFunc(time.Second, cancel)
		}
		for range a.WatchMembers(ctx) {
			t.Error("yields although the context has ended")
		}
		yields := 0
		for range a.WatchMembers(background) {
			if yields++; yields == 1 {
				time.AfterFunc(time.Second, func() { a.Close() })
			}
		}
		for members := range a.WatchMembers(background) {
			if len(members) != 1 {
				t.Errorf("of a stopped agent: %v, want its last state", members)
			}
		}
		if a.events.mu.Lock(); len(a.events.subs) > 0 {
			t.Errorf("%d subscribers are left", len(a.events.subs))
		}
	})
}
