package serf

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"serf/wire"
)

func coalescing(c *Config) {
	c.CoalescePeriod, c.QuiescentPeriod = 3*time.Second, time.Second
	c.UserCoalescePeriod, c.UserQuiescentPeriod = 3*time.Second, time.Second
}

func TestMemberEventsAreCoalesced(t *testing.T) {
	tn := converseWith(t, coalescing, "x")
	for _, name := range []string{"d", "c", "b"} {
		tn.member(name, alive(name, 1))
	}
	tn.wantIdleFor("nothing while members keep joining", 900*time.Millisecond)
	tn.advance(100 * time.Millisecond)
	tn.want("one event when it is quiet, sorted by name", "event join b c d")
	tn.wantIdle("once")

	tn.fails("b", "x", 1)
	tn.member("b", alive("b", 2))
	tn.advance(3 * time.Second)
	tn.wantIdle("it failed and returned: listeners know it as joined")

	tn.fails("b", "x", 2)
	tn.member("c", dead("c", "c", 1))
	tn.member("d", aliveWith("d", 2, addrOf("d"), map[string]string{"v": "2"}))
	tn.advance(3 * time.Second)
	if want := []string{"event leave c", "event failed b", "event update d"}; !slices.Equal(tn.did, want) {
		t.Errorf("emitted %q, want %q", tn.did, want)
	}
	tn.did = nil
	tn.member("d", aliveWith("d", 3, addrOf("d"), map[string]string{"v": "3"}))
	tn.advance(3 * time.Second)
	tn.want("updates are always emitted", "event update d")
	tn.advance(10 * time.Second)
	tn.wantIdle("once")
}

// wantIdleFor requires that nothing is done for d.
func (tn *conversation) wantIdleFor(reason string, d time.Duration) {
	tn.t.Helper()
	tn.advance(d)
	if len(tn.did) > 0 {
		tn.t.Fatalf("%s: did %q", reason, tn.did)
	}
}

func TestCoalescingEndsWhenItIsNeverQuiet(t *testing.T) {
	tn := converseWith(t, coalescing, "x")
	for i := range 6 {
		name := string(rune('b' + i))
		tn.member(name, alive(name, 1))
		tn.advance(500 * time.Millisecond)
	}
	tn.want("after 3 s", "event join b c d e f g")
}

func TestUpdateDoesNotHideAJoin(t *testing.T) {
	tn := converseWith(t, coalescing)
	tn.member("b", alive("b", 1))
	tn.member("b", aliveWith("b", 2, addrOf("b"), map[string]string{"v": "2"}))
	tn.advance(3 * time.Second)
	tn.want("listeners don't know it yet", "event join b")
}

func TestUpdateLeavesOpenWhetherAMemberIsThere(t *testing.T) {
	tn := converseWith(t, coalescing, "b", "x")
	tn.member("b", aliveWith("b", 2, addrOf("b"), map[string]string{"v": "2"}))
	tn.advance(3 * time.Second)
	tn.want("its join was emitted before", "event update b")
	tn.fails("b", "x", 2)
	tn.member("b", alive("b", 3))
	tn.advance(3 * time.Second)
	tn.wantIdle("it failed and returned: no second join")
}

func TestRestartSurvivesCoalescing(t *testing.T) {
	tn := converseWith(t, coalescing, "b")
	tn.member("b", aliveWith("b", 2, addrOf("b"), map[string]string{"v": "2"}))
	tn.recv("b", joinIntent("b", 9))
	tn.member("b", aliveWith("b", 3, addrOf("b"), map[string]string{"v": "3"}))
	tn.advance(3 * time.Second)
	tn.want("the flag stays", "event update b !")
}

func TestReapedMembersAreNamedWhenCoalesced(t *testing.T) {
	tn := converseWith(t, coalescing, "b", "c")
	tn.fails("b", "c", 1)
	tn.recv("c", pruneIntent("b", 5))
	tn.advance(3 * time.Second)
	tn.want("only the last state counts", "event reap b")
}

// The process is paused while an event is being coalesced, for so long that the member is due to be
// forgotten.
func TestReapedMembersAreNamedAfterAPause(t *testing.T) {
	tn := converseWith(t, coalescing, "b", "c")
	tn.fails("b", "c", 1)
	tn.recv("c", pruneIntent("b", 5))
	tn.now = tn.now.Add(time.Hour)
	tn.n.Tick(tn.now, &tn.out)
	tn.collect()
	tn.want("with its name", "event reap b")
	tn.advance(time.Minute)
	if _, known := tn.n.Swim().Lookup([]byte("b")); known {
		t.Error("it's never forgotten")
	}
}

func coalescible(name, payload string, t uint64) []byte {
	m := wire.UserEvent{CC: true, LTime: t, Name: []byte(name), Payload: []byte(payload)}
	return m.Append(nil)
}

func TestUserEventsAreCoalesced(t *testing.T) {
	tn := converseWith(t, coalescing, "b")
	tn.recv("b", coalescible("x", "old", 4))
	tn.recv("b", coalescible("x", "new", 6))
	tn.recv("b", coalescible("x", "newtoo", 6))
	tn.recv("b", coalescible("x", "older", 3))
	tn.recv("b", coalescible("y", "", 2))
	tn.recv("b", userEventMsg("x", "at once", 5))
	if want := []string{"event user x=at once@5"}; !slices.Equal(tn.did, want) {
		t.Fatalf("did %q: only what must not be coalesced is emitted", tn.did)
	}
	tn.did = nil
	tn.advance(3 * time.Second)
	var events []string
	for _, line := range tn.did {
		if line[:5] == "event" {
			events = append(events, line)
		}
	}
	if want := []string{"event user y=@2", "event user x=new@6", "event user x=newtoo@6"}; !slices.Equal(events, want) {
		t.Errorf("emitted %q, want %q", events, want)
	}
	if got := tn.n.Counters().Coalesced; got != 2 {
		t.Errorf("%d counted, want the two older ones", got)
	}
}

func TestCoalescedEventsAreBounded(t *testing.T) {
	tn := converseWith(t, coalescing, "b")
	for i := range coalescedEventsMax + 1 {
		tn.recv("b", coalescible(fmt.Sprint(i), "", uint64(i+1)))
	}
	if got := len(tn.n.coalesce.events); got != 1 {
		t.Errorf("%d collected", got)
	}
	emitted := 0
	for _, line := range tn.did {
		if line[:5] == "event" {
			emitted++
		}
	}
	if emitted != coalescedEventsMax {
		t.Errorf("%d emitted early", emitted)
	}
}
