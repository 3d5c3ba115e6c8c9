package agent

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"serf/swim/serf"
)

// waiting lists what a teller has still to tell, for comparisons.
func waiting(t *teller) (list []string) {
	for {
		e, _ := t.take()
		if e == nil {
			return list
		}
		list = append(list, describe(e))
	}
}

func describe(e Event) string {
	m, ok := e.(MemberEvent)
	if !ok {
		return e.String()
	}
	var names []string
	for i := range m.Members {
		names = append(names, m.Members[i].Name)
	}
	text := m.Type + ": " + strings.Join(names, " ")
	if m.Restarted {
		text += ", restarted"
	}
	return text
}

func eventOf(kind, names string) MemberEvent {
	e := MemberEvent{Type: kind}
	for name := range strings.FieldsSeq(names) {
		e.Members = append(e.Members, serf.Member{Name: name})
	}
	return e
}

func tellerOf(limits toldLimits) (*teller, *fanout) {
	f := new(fanout)
	x := newTeller(nil, nil, f)
	x.limits, x.compact = limits, limits.members
	f.add(x)
	return x, f
}

// A consumer that never reads costs a bounded amount of memory: the oldest are dropped, and counted.
func TestUntoldEventsAreBounded(t *testing.T) {
	x, f := tellerOf(toldLimits{events: 3, bytes: 10, members: 8, names: 8})
	f.publish(eventOf(MemberJoin, "a"))
	for _, name := range []string{"1", "2", "3"} {
		f.publish(UserEvent{Name: name})
	}
	if x.owner.untold.Load() != 0 {
		t.Error("dropped an event at the limit")
	}
	f.publish(QueryEvent{Name: "4"})
	f.publish(UserEvent{Name: "5", Payload: make([]byte, 8)}) // with 3 and 4, 11 bytes
	want := []string{"member-join: a", "query: 4", "user-event: 5"}
	if got := waiting(x); !slices.Equal(got, want) || x.owner.untold.Load() != 3 {
		t.Errorf("waiting: %v, %d dropped; want %v, 3", got, x.owner.untold.Load(), want)
	}
	f.publish(UserEvent{Name: "6", Payload: make([]byte, 100)})
	if got := waiting(x); len(got) != 1 {
		t.Errorf("waiting: %v, want the one that is larger than all may be together", got)
	}
}

// What happened to a member is never lost: its last event remains, as the one that says it all.
func TestUntoldMembersAreLeftOutButForTheirLastEvent(t *testing.T) {
	x, f := tellerOf(toldLimits{events: 8, bytes: 100, members: 8, names: 8})
	f.publish(eventOf(MemberJoin, "a b c"))
	f.publish(eventOf(MemberFailed, "a"))
	f.publish(UserEvent{Name: "between"})
	f.publish(MemberEvent{Type: MemberUpdate, Members: []serf.Member{{Name: "d"}}, Restarted: true})
	f.publish(eventOf(MemberJoin, "a"))
	f.publish(eventOf(MemberUpdate, "b d"))
	if got := len(x.events); got != 6 {
		t.Fatalf("%d events wait at the limit, want all", got)
	}
	f.publish(eventOf(MemberLeave, "a"))
	want := []string{"member-join: c", "user-event: between", "member-join: b",
		"member-update: d, restarted", "member-leave: a"}
	if got := waiting(x); !slices.Equal(got, want) || x.owner.untold.Load() != 0 {
		t.Errorf("waiting: %v, want %v", got, want)
	}
	if x.members != 0 || x.others != 0 || x.bytes != 0 {
		t.Errorf("nothing waits, but the counts are %d, %d, %d", x.members, x.others, x.bytes)
	}
}

// Members that come and go under ever new names are bounded, too.
func TestUntoldNamesAreBounded(t *testing.T) {
	x, f := tellerOf(toldLimits{events: 8, bytes: 100, members: 2, names: 4})
	for i := range 12 {
		f.publish(eventOf(MemberReap, fmt.Sprint(i)))
	}
	got := waiting(x)
	if len(got) > 8 || got[len(got)-1] != "member-reap: 11" || x.owner.untold.Load() == 0 {
		t.Errorf("waiting: %v, %d dropped; want at most twice the limit of 4, the last included", got,
			x.owner.untold.Load())
	}
}

// OnEvent may block for as long as it likes: nobody waits for it, and it misses nothing that has room.
func TestOnEventMayBlock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newMemNetwork()
		var busy, ended atomic.Bool
		got := make(chan string)
		c := memConfig(n, "a", 1)
		c.OnEvent = func(ctx context.Context, e Event) {
			if ended.Load() || busy.Swap(true) {
				t.Error("called concurrently, or after Close had returned")
			}
			defer busy.Store(false)
			select {
			case got <- describe(e):
			case <-ctx.Done():
			}
		}
		a := begin(t, c)
		for i := range 100 {
			if err := a.UserEvent(background, fmt.Sprint(i), nil, false); err != nil {
				t.Fatal(err)
			}
		}
		want := []string{"member-join: a", "user-event: 0", "user-event: 1"}
		for _, w := range want {
			if e := <-got; e != w {
				t.Errorf("got %v, want %v", e, w)
			}
		}
		a.Close() // although nobody reads the rest
		ended.Store(true)
		time.Sleep(time.Minute)
		if a.Traffic().EventsDropped != 0 {
			t.Error("events that had room are counted as dropped")
		}
	})
}

// OnEvent may use the agent.
func TestOnEventMayCallTheAgent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newMemNetwork()
		agents := make(chan *Agent, 1)
		done := make(chan error)
		c := memConfig(n, "a", 1)
		c.OnEvent = func(_ context.Context, e Event) {
			a := <-agents
			agents <- a
			switch describe(e) {
			case "member-join: a":
				if err := a.UserEvent(background, "seen", nil, false); err != nil {
					t.Error(err)
				}
			case "user-event: seen":
				done <- a.Leave(background)
			}
		}
		agents <- begin(t, c)
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}
