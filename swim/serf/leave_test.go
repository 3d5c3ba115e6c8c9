package serf

import (
	"fmt"
	"testing"
	"time"

	"serf/swim"
)

func (tn *conversation) leave() swim.OpID {
	tn.t.Helper()
	op := tn.n.Leave(tn.now, &tn.out)
	tn.collect()
	return op
}

func TestLeaveStepByStep(t *testing.T) {
	tn := converseWith(t, func(c *Config) {
		c.BroadcastTimeout, c.LeavePropagateDelay = time.Minute, 10*time.Second
	}, "b")
	tn.journal = true
	start := tn.now
	tn.leave()
	tn.want("the snapshot comes first", "line leave")
	tn.wantStatus("while the intent is gossiped", "a", StatusLeaving)
	if s, _ := tn.n.swim.State(tn.n.self); s != swim.Alive {
		t.Error("the membership leaves before the intent is told")
	}
	for i := 0; i < 100 && tn.n.leave.phase < leaveLingering; i++ {
		tn.advance(100 * time.Millisecond)
	}
	tn.want("first the intent, then the departure", "says leave a@1", "event leave a")
	tn.wantStatus("gone", "a", StatusLeft)
	tn.wantIdleFor("still answering", 9*time.Second)
	tn.advance(time.Second)
	tn.want("the others know", "event left <nil>")
	if took := tn.now.Sub(start); took > 20*time.Second {
		t.Errorf("it took %v", took)
	}
	tn.wantIdle("no line for the snapshot after leave")
}

func TestLeaveAloneIsImmediate(t *testing.T) {
	tn := converse(t)
	tn.leave()
	tn.want("nobody to tell", "event leave a", "event left <nil>")
}

func TestLeaveHasADeadline(t *testing.T) {
	tn := converseWith(t, func(c *Config) {
		c.GossipInterval = time.Hour // nothing gets out
		c.BroadcastTimeout, c.LeaveTimeout, c.LeavePropagateDelay = 2*time.Second, 3*time.Second, time.Second
	}, "b")
	tn.advance(time.Hour)
	tn.n.UserEvent(tn.now, "x", nil, false, &tn.out)
	tn.advance(time.Minute) // gossip has just run: the next is in an hour
	tn.did = nil
	tn.leave()
	tn.advance(2 * time.Second)
	tn.wantNote("the intent isn't gossiped in time", NoteLeaveTimeout)
	tn.advance(4 * time.Second)
	tn.want("it ends all the same, and says why", "event leave a",
		"event left "+swim.ErrLeaveTimeout.Error())
}

func TestLeaveWaitsForOwnEvents(t *testing.T) {
	const all = 1000
	tn := converseWith(t, func(c *Config) { c.BroadcastTimeout = time.Minute }, "b")
	for i := range all {
		tn.fire("x", fmt.Sprint(i))
	}
	tn.leave()
	for range 1000 {
		if tn.n.leave.phase > leaveGossiping {
			break
		}
		tn.advance(100 * time.Millisecond)
	}
	for i := range all {
		tn.want("before it is gone", fmt.Sprintf("says user x=%d@%d", i, i+1))
	}
	if tn.n.leave.phase == leaveGossiping || tn.notes[NoteEventsUnsent] > 0 {
		t.Error("they are sent, and it stays")
	}
}

func TestLeaveWaitsForOwnEventsNotForEver(t *testing.T) {
	tn := converseWith(t, func(c *Config) {
		c.GossipRate, c.BroadcastTimeout = 0, 3*time.Second
	}, "b")
	for i := range 5000 {
		tn.fire("x", fmt.Sprint(i))
	}
	tn.leave()
	tn.advance(3*time.Second - 1)
	if tn.n.leave.phase != leaveGossiping {
		t.Fatal("it doesn't wait")
	}
	tn.advance(1)
	tn.wantNote("some events are lost", NoteEventsUnsent)
	if tn.n.leave.phase == leaveGossiping || tn.notes[NoteLeaveTimeout] > 0 {
		t.Error("the intent is told, and it goes")
	}
}

func TestLeaveDoesNotWaitForEventsOfOthers(t *testing.T) {
	tn := converseWith(t, func(c *Config) {
		c.GossipRate, c.BroadcastTimeout = 0, time.Minute
	}, "b")
	for i := range 400 {
		tn.recv("b", userEventMsg("x", fmt.Sprint(i), uint64(i+1)))
	}
	tn.leave()
	tn.advance(time.Second)
	if tn.n.leave.phase == leaveGossiping || tn.n.gossip.events.Len() == 0 {
		t.Errorf("phase %d with %d events waiting", tn.n.leave.phase, tn.n.gossip.events.Len())
	}
}

func TestLeaveGoesOnWhenTheOthersAreGone(t *testing.T) {
	tn := converseWith(t, func(c *Config) { c.BroadcastTimeout = time.Hour }, "b")
	tn.leave()
	tn.member("b", dead("b", "b", 1))
	tn.want("nobody is left to gossip to", "event leave b", "event leave a", "event left <nil>")
}

func TestLeaveTwice(t *testing.T) {
	tn := converse(t, "b")
	op := tn.leave()
	if again := tn.leave(); again != op {
		t.Error("another operation while the first runs")
	}
	tn.advance(time.Minute)
	tn.did = nil
	tn.leave()
	tn.want("it has left", "event left <nil>")
}

func TestLeavingNodeDoesNotRefuteOrJoin(t *testing.T) {
	tn := converse(t, "b")
	tn.leave()
	tn.recv("b", leaveIntent("a", 50))
	tn.recv("b", joinIntent("a", 60)) // of an earlier run
	tn.wantStatus("still leaving", "a", StatusLeaving)
	tn.n.Join(tn.now, nil, false, &tn.out)
	tn.collect()
	tn.want("refused", "event join failed")
	if tn.n.Counters().LeavesRefuted != 0 {
		t.Error("refuted")
	}
}

func TestLeaveFlushesCoalescedEvents(t *testing.T) {
	tn := converseWith(t, func(c *Config) {
		coalescing(c)
		c.CoalescePeriod, c.QuiescentPeriod = time.Hour, time.Hour
	})
	tn.leave()
	tn.want("before it ends", "event leave a", "event left <nil>")
}

func TestSetTags(t *testing.T) {
	tn := converse(t, "b")
	if err := tn.n.SetTags(tn.now, map[string]string{"role": "db"}, &tn.out); err != nil {
		t.Fatal(err)
	}
	tn.collect()
	tn.want("emitted", "event update a")
	if tn.n.Self().Tags["role"] != "db" {
		t.Errorf("tags %v", tn.n.Self().Tags)
	}
	big := map[string]string{"x": string(make([]byte, 512))}
	if err := tn.n.SetTags(tn.now, big, &tn.out); err == nil {
		t.Error("tags of over 512 bytes are taken")
	}
	tn.leave()
	if err := tn.n.SetTags(tn.now, nil, &tn.out); tn.n.leave.phase == leaveGossiping && err != nil {
		t.Errorf("while the intent is gossiped: %v", err)
	}
	tn.advance(time.Minute)
	if err := tn.n.SetTags(tn.now, nil, &tn.out); err != swim.ErrLeaving {
		t.Errorf("after leaving: %v", err)
	}
}
