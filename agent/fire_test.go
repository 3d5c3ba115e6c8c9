package agent

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"serf/swim"
	"serf/swim/serf"
)

// stuffed returns an agent whose node has no room for a further event before it gossips: neither
// gossip nor probes, which carry gossip, go out before the time is over.
func stuffed(t *testing.T, gossip time.Duration) *Agent {
	t.Helper()
	n := newMemNetwork()
	quiet := func(name string, i int) *Agent {
		c := memConfig(n, name, i)
		c.Timing.GossipInterval, c.Timing.GossipRate, c.Timing.ProbeInterval = gossip, 0, time.Hour
		return begin(t, c)
	}
	a := quiet("a", 1)
	mustJoin(t, quiet("b", 2), a)
	wantMembers(t, a, 2)
	time.Sleep(gossip + time.Second) // what there is to gossip of the join is out
	err := a.do(background, func(now swim.Time) {
		l := &a.loop
		for l.node.EventRoom() {
			if err := l.node.UserEvent(now, "x", nil, false, &l.out); err != nil {
				t.Error(err)
			}
			a.handle(now, &l.out)
			l.out.Events, l.out.Notes = nil, nil
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestUserEventWaitsForRoom(t *testing.T) {
	if testing.Short() {
		t.Skip("20,000 events")
	}
	synctest.Test(t, func(t *testing.T) {
		agents := beginJoined(t, newMemNetwork(), 3)
		const all = 20_000 // more than the node takes
		heard := agents[2].Subscribe(subscriptionMax, func(e Event) bool { _, ok := e.(UserEvent); return ok })
		began := time.Now()
		for i := range all {
			if err := agents[0].UserEvent(background, "n", fmt.Append(nil, i), false); err != nil {
				t.Fatalf("event %d: %v", i, err)
			}
		}
		if time.Since(began) == 0 {
			t.Error("none of them had to wait: the test shows nothing")
		}
		for i := range all {
			if e := wantEvent(t, heard, "sent").(UserEvent); i == 0 && string(e.Payload) != "0" {
				t.Errorf("first came %s", e.Payload)
			}
		}
	})
}

func TestUserEventsWaitInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := stuffed(t, fireWait/2)
		var callers sync.WaitGroup
		var fired []int // appended to on the loop
		for i := range 5 {
			callers.Go(func() {
				err := a.UserEventBefore(background, "y", nil, false, func() { fired = append(fired, i) })
				if err != nil {
					t.Error(err)
				}
			})
			synctest.Wait()
		}
		a.look(func() {
			if len(fired) != 0 {
				t.Errorf("fired at once: %v", fired)
			}
		})
		callers.Wait()
		if fmt.Sprint(fired) != "[0 1 2 3 4]" {
			t.Errorf("fired in the order %v", fired)
		}
	})
}

func TestUserEventDoesNotWaitForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := stuffed(t, time.Hour)
		began := time.Now()
		err := a.UserEvent(background, "y", nil, false)
		if took := time.Since(began); !errors.Is(err, serf.ErrBusy) || took != fireWait {
			t.Errorf("after %v: %v, want ErrBusy after %v", took, err, fireWait)
		}
		began = time.Now()
		ctx, cancel := context.WithTimeout(background, time.Second)
		defer cancel()
		err = a.UserEvent(ctx, "y", nil, false)
		if took := time.Since(began); !errors.Is(err, context.DeadlineExceeded) || took != time.Second {
			t.Errorf("after %v: %v, want the context's end after 1 s", took, err)
		}
		if err := a.UserEvent(background, "y", make([]byte, 600), false); !errors.Is(err, swim.ErrTooLarge) {
			t.Errorf("too large: %v, want to hear so without waiting", err)
		}
		if n := a.firing.Load(); n != 0 {
			t.Errorf("%d still wait", n)
		}
		done := make(chan error)
		go func() { done <- a.UserEvent(background, "y", nil, false) }()
		synctest.Wait()
		a.Close()
		if err := <-done; !errors.Is(err, ErrStopped) {
			t.Errorf("when the agent stops: %v", err)
		}
	})
}

func TestUserEventsThatWaitAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := stuffed(t, time.Hour)
		ctx, cancel := context.WithCancel(background)
		var callers sync.WaitGroup
		for range firingMax {
			callers.Go(func() { _ = a.UserEvent(ctx, "y", nil, false) })
		}
		synctest.Wait()
		began := time.Now()
		if err := a.UserEvent(background, "z", nil, false); !errors.Is(err, serf.ErrBusy) || time.Since(began) > 0 {
			t.Errorf("one more: %v after %v, want ErrBusy at once", err, time.Since(began))
		}
		cancel()
		callers.Wait()
	})
}
