package agent

import (
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// drainAll reads what is left in a subscription that has ended.
func drainAll(s *Subscription) (events []Event) {
	for e := range s.C {
		events = append(events, e)
	}
	return events
}

func TestSlowSubscriptionIsCutOff(t *testing.T) {
	var f fanout
	slow, quick := f.subscribe(2, nil), f.subscribe(8, nil)
	for i := range 5 {
		f.publish(UserEvent{LTime: uint64(i)})
	}
	if got := drainAll(slow); len(got) != 2 {
		t.Errorf("the slow one has %d events, want the 2 it had room for, then the end", len(got))
	}
	if err := slow.Err(); !errors.Is(err, ErrSlow) {
		t.Errorf("the slow one ended with %v, want ErrSlow", err)
	}
	if f.cut.Load() != 1 {
		t.Errorf("%d counted as cut off, want 1", f.cut.Load())
	}
	quick.Close()
	got := drainAll(quick)
	if len(got) != 5 || got[4].(UserEvent).LTime != 4 {
		t.Errorf("the quick one has %v, want all 5 in order", got)
	}
	if quick.Err() != nil {
		t.Errorf("closed by its reader, but Err is %v", quick.Err())
	}
}

func TestSubscriptionFilters(t *testing.T) {
	var f fanout
	s := f.subscribe(1, func(e Event) bool { return e.String() == "user-event: b" })
	f.publish(UserEvent{Name: "a"})
	f.publish(UserEvent{Name: "b"})
	f.publish(UserEvent{Name: "c"})
	f.close(ErrStopped)
	if got := drainAll(s); len(got) != 1 || got[0].String() != "user-event: b" {
		t.Errorf("got %v, want b alone; what is filtered out takes no room", got)
	}
	if !errors.Is(s.Err(), ErrStopped) {
		t.Errorf("ended with %v, want ErrStopped", s.Err())
	}
}

func TestSubscriptionEndsOnce(t *testing.T) {
	var f fanout
	s := f.subscribe(1, nil)
	s.Close()
	s.Close()
	f.publish(UserEvent{}) // not on the closed channel
	f.close(ErrStopped)
	if s.Err() != nil {
		t.Errorf("Err is %v, want nil: it was closed before", s.Err())
	}
	late := f.subscribe(1, nil)
	if _, open := <-late.C; open || !errors.Is(late.Err(), ErrStopped) {
		t.Errorf("a subscription after the end: open %v, error %v", open, late.Err())
	}
}

func TestSubscriptionsAreBounded(t *testing.T) {
	var f fanout
	for range subscriptionsMax {
		f.add(new(Backlog))
	}
	s := f.subscribe(1, nil)
	if _, open := <-s.C; open || s.Err() == nil {
		t.Errorf("one beyond the limit: open %v, error %v", open, s.Err())
	}
}

func TestSubscriptionCapacityIsBounded(t *testing.T) {
	var f fanout
	if s := f.subscribe(1<<30, nil); cap(s.c) != subscriptionMax {
		t.Errorf("capacity %d, limit %d", cap(s.c), subscriptionMax)
	}
	if s := f.subscribe(-1, nil); cap(s.c) != 1 {
		t.Errorf("capacity %d, want at least 1", cap(s.c))
	}
}

// Subscriptions of the Config get what happens before Start returns.
func TestSubscriptionFromTheStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newMemNetwork()
		begin(t, memConfig(n, "b", 2))
		s, joins := NewSubscription(8, nil), 0
		c := memConfig(n, "a", 1)
		c.Join.Retry = []string{hostAddr(2).String()}
		c.Subscriptions = []*Subscription{s}
		a := begin(t, c)
		for joins < 2 {
			e := wantEvent(t, s, "a and b join").(MemberEvent)
			if e.Type != MemberJoin || joins == 0 && e.Members[0].Name != "a" {
				t.Fatalf("got %v of %v, want first of all that a itself joins", e, e.Members)
			}
			joins += len(e.Members)
		}
		if other, err := Start(background, c); err == nil {
			other.Close()
			t.Error("a second agent has taken the subscription")
		}
		if err := s.Err(); err != nil {
			t.Errorf("the first agent's subscription ended when another couldn't have it: %v", err)
		}
		a.Close()
		if drainAll(s); !errors.Is(s.Err(), ErrStopped) {
			t.Errorf("ended with %v, want ErrStopped", s.Err())
		}
	})
}

// A reader of a subscription learns that the agent failed to start.
func TestSubscriptionEndsWithAFailedStart(t *testing.T) {
	s, closed := NewSubscription(1, nil), NewSubscription(1, nil)
	closed.Close()
	c := memConfig(newMemNetwork(), "a", 1)
	c.Subscriptions = []*Subscription{s, closed}
	c.Join.Max = -1
	_, err := Start(background, c)
	if _, open := <-s.C; open || err == nil || !errors.Is(s.Err(), err) {
		t.Errorf("open %v, ended with %v, want %v", open, s.Err(), err)
	}
	if closed.Err() != nil {
		t.Errorf("closed by its reader, but Err is %v", closed.Err())
	}
	if _, err := Start(background, Config{Subscriptions: []*Subscription{nil}}); err == nil {
		t.Error("a subscription that is nil was taken")
	}
}

// An event that is held back to be delivered with the next isn't lost when there is no next.
func TestHeldEventsAreToldAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := memConfig(newMemNetwork(), "a", 1)
		c.CoalescePeriod, c.QuiescentPeriod = time.Hour, time.Hour
		c.UserCoalescePeriod, c.UserQuiescentPeriod = time.Hour, time.Hour
		a := begin(t, c)
		s := a.Subscribe(8, nil)
		if err := a.UserEvent(background, "deploy", nil, true); err != nil {
			t.Fatal(err)
		}
		a.Close()
		var got []string
		for _, e := range drainAll(s) {
			got = append(got, e.String())
		}
		if want := []string{"member-join", "user-event: deploy"}; !slices.Equal(got, want) {
			t.Errorf("told %q, want %q", got, want)
		}
	})
}
