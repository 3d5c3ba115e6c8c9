package serf

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"serf/lamport"
	"serf/swim"
	"serf/wire"
)

func (tn *conversation) fire(name, payload string) {
	tn.t.Helper()
	tn.do(func(now swim.Time, out *swim.Output) error {
		return tn.n.UserEvent(now, name, []byte(payload), false, out)
	})
}

func TestUserEventIsDeliveredHereAndGossiped(t *testing.T) {
	tn := converse(t, "b")
	tn.fire("deploy", "v1")
	tn.want("here at once", "event user deploy=v1@1")
	tn.advance(time.Second)
	tn.want("and to the others", "says user deploy=v1@1")
	tn.recv("b", userEventMsg("deploy", "v1", 1))
	tn.wantIdle("the own event came back")
}

// Members that missed what was gossiped within a second find it in packets that they get anyway.
func TestEventsAreRebroadcastInAcks(t *testing.T) {
	tn := converse(t, "b")
	tn.recv("b", userEventMsg("deploy", "v1", 1))
	wantRebroadcast(t, tn)
}

// An exchange of states brings whoever missed it that a member left, but not that it was pruned.
func TestPrunesAreRebroadcastInAcks(t *testing.T) {
	for _, byOther := range []bool{true, false} {
		tn := converse(t, "b", "c")
		tn.fails("b", "c", 1)
		if byOther {
			tn.recv("b", pruneIntent("c", 1))
		} else {
			tn.forceLeave("c", true)
		}
		wantRebroadcast(t, tn)
	}
}

// wantRebroadcast requires that acks carry a message when it has been gossiped.
func wantRebroadcast(t *testing.T, tn *conversation) {
	t.Helper()
	tn.advance(5 * time.Second)
	if n := tn.n.Swim().Queued() + tn.n.gossip.queued; n > 0 {
		t.Fatalf("%d broadcasts wait, want none: this test is about what follows", n)
	}
	if tn.n.gossip.rebroadcasts.Len() != 1 {
		t.Fatal("it has no echo")
	}
	var p wire.Packer
	gossip, ack := 3, 1 // recipients of a packet
	p.Reset(1400)
	carrier{tn.n}.AppendBroadcasts(tn.now, &p, gossip)
	if p.Count() != 0 {
		t.Error("an echo in a packet of gossip's own")
	}
	carrier{tn.n}.AppendBroadcasts(tn.now, &p, ack)
	if p.Count() != 1 {
		t.Errorf("%d messages come with an ack, want one", p.Count())
	}
}

func TestOwnEventsNeverShareATime(t *testing.T) {
	tn := converse(t, "b")
	for range 3 {
		tn.fire("x", "")
	}
	tn.want("each has its own", "event user x=@1", "event user x=@2", "event user x=@3")
}

func TestUserEventsAreDeliveredOnceAndPassedOn(t *testing.T) {
	tn := converse(t, "b")
	tn.recv("b", userEventMsg("x", "p", 7))
	tn.recv("b", userEventMsg("x", "p", 7)) // a duplicate
	tn.recv("b", userEventMsg("x", "q", 7)) // another one of that time
	tn.recv("b", userEventMsg("y", "p", 7))
	tn.want("three different ones", "event user x=p@7", "event user x=q@7", "event user y=p@7")
	tn.advance(time.Second)
	tn.want("all are passed on", "says user x=p@7", "says user x=q@7", "says user y=p@7")
	tn.wantIdle("once")
	tn.fire("own", "four")
	if c := tn.n.Counters(); c.EventDuplicates != 1 || c.Events != 4 || c.EventBytes != 3+4 {
		t.Errorf("counted %d duplicates, %d events and %d bytes of payloads, want 1, 4, 7",
			c.EventDuplicates, c.Events, c.EventBytes)
	}
}

func TestUserEventWindow(t *testing.T) {
	tn := converse(t, "b")
	tn.recv("b", userEventMsg("new", "", 1000))
	now := tn.n.Stats().EventTime
	tn.recv("b", userEventMsg("edge", "", now-lamport.WindowTimes))
	tn.recv("b", userEventMsg("old", "", now-lamport.WindowTimes-1))
	tn.want("within the window", "event user new=@1000",
		fmt.Sprintf("event user edge=@%d", now-lamport.WindowTimes))
	tn.wantNote("too old", NoteEventOld)
	tn.advance(time.Second)
	tn.want("passed on", "says user new=@1000",
		fmt.Sprintf("says user edge=@%d", now-lamport.WindowTimes))
	tn.wantIdle("the old one is neither delivered nor passed on")
	if got := tn.n.Counters().EventsOld; got != 1 {
		t.Errorf("%d counted", got)
	}
}

// An own event that others pass on for longer than the window lasts was delivered here: nothing is
// lost.
func TestPastEventsComeRoundUnnoticed(t *testing.T) {
	tn := converse(t, "b")
	tn.fire("x", "p")
	tn.recv("b", userEventMsg("y", "p", 2))
	tn.recv("b", queryFrom("b", 2, 9, nil))
	tn.recv("b", userEventMsg("new", "", 1000))
	tn.recv("b", queryFrom("b", 1000, 10, nil))
	tn.advance(time.Second)
	tn.did = nil
	tn.recv("b", userEventMsg("x", "p", 1))
	tn.recv("b", userEventMsg("y", "p", 2))
	tn.recv("b", queryFrom("b", 2, 9, nil))
	c := tn.n.Counters()
	if c.EventDuplicates != 2 || c.EventsOld != 0 || c.QueryDuplicates != 1 || c.QueriesOld != 0 ||
		tn.notes[NoteEventOld]+tn.notes[NoteQueryOld] > 0 {
		t.Errorf("counted %+v, notes %v", c, tn.notes)
	}
	tn.wantIdle("nothing is delivered or answered again")
}

func TestUserEventSizes(t *testing.T) {
	tn := converse(t, "b")
	overhead := len((&wire.UserEvent{LTime: 1, Name: []byte("x"), Payload: make([]byte, 300)}).Append(nil)) - 301
	fits := strings.Repeat("y", 512-1-overhead)
	tn.fire("x", fits)
	for payload, want := range map[string]string{
		fits + "y":                "user event: 513 bytes encoded, which exceeds limit of 512 bytes (user_event_size_limit)",
		strings.Repeat("y", 5002): "name and payload of user event: 5003 bytes, which exceeds limit of 512 bytes (user_event_size_limit)",
	} {
		err := tn.n.UserEvent(tn.now, "x", []byte(payload), false, &tn.out)
		var size *SizeError
		if !errors.As(err, &size) || size.Limit != 512 || !errors.Is(err, swim.ErrTooLarge) ||
			err.Error() != want {
			t.Errorf("%d bytes of payload: %v, want %s", len(payload), err, want)
		}
	}
}

func TestHugeEventsOfOthersAreDropped(t *testing.T) {
	tn := converseWith(t, func(c *Config) { c.PacketMax = 60000 }, "b")
	tn.recv("b", userEventMsg("x", strings.Repeat("y", EventSizeCeiling-1), 1))
	if len(tn.did) != 1 {
		t.Fatalf("at the limit: %d events", len(tn.did))
	}
	tn.did = nil
	tn.recv("b", userEventMsg("x", strings.Repeat("y", EventSizeCeiling), 2))
	tn.wantNote("one byte more", NoteEventTooLarge)
	for _, line := range tn.did {
		if strings.HasPrefix(line, "event") {
			t.Error("one byte more is delivered")
		}
	}
}

func TestBurstIsStampedBitByBit(t *testing.T) {
	tn := converse(t, "b")
	for i := range 1000 {
		tn.fire("x", fmt.Sprint(i))
	}
	s := tn.n.Stats()
	if s.EventQueue != eventsInFlight || s.Backlog != 1000-eventsInFlight ||
		s.EventTime != eventsInFlight+1 {
		t.Fatalf("in flight %d, backlog %d, clock %d", s.EventQueue, s.Backlog, s.EventTime)
	}
	tn.advance(10 * time.Minute)
	delivered, said, synced := 0, 0, 0
	for _, line := range tn.did {
		if strings.HasPrefix(line, "event user") {
			want := fmt.Sprintf("event user x=%d@%d", delivered, delivered+1)
			if line != want {
				t.Fatalf("%q, want %q: out of order", line, want)
			}
			delivered++
		} else if strings.HasPrefix(line, "says user") {
			said++
		} else if line == "b: push/pull" {
			synced++
		}
	}
	if synced < 1000/syncEvery-2 {
		t.Errorf("%d push/pulls in a burst of 1000", synced)
	}
	if delivered != 1000 || said != 1000 {
		t.Errorf("%d delivered here, %d gossiped, of 1000", delivered, said)
	}
}

func TestTimesOfWaitingEventsStayClose(t *testing.T) {
	tn := converse(t, "b")
	tn.fire("x", "1") // queued, at time 1
	tn.recv("b", userEventMsg("y", "", eventsSpread-1))
	tn.fire("x", "2")
	tn.recv("b", userEventMsg("y", "", 2*eventsSpread))
	tn.fire("x", "3")
	tn.want("the second is near enough", "event user x=1@1",
		fmt.Sprintf("event user x=2@%d", eventsSpread))
	if got := tn.n.Stats().Backlog; got != 1 {
		t.Errorf("%d wait", got)
	}
	tn.advance(5 * time.Second)
	tn.want("when the first two are out", fmt.Sprintf("event user x=3@%d", 2*eventsSpread+1))
}

func TestBacklogIsBounded(t *testing.T) {
	tn := converse(t, "b")
	for range eventsInFlight + backlogMax {
		if !tn.n.EventRoom() {
			t.Fatal("no room before the limit")
		}
		tn.fire("x", "")
	}
	if tn.n.EventRoom() {
		t.Error("room at the limit")
	}
	if err := tn.n.UserEvent(tn.now, "x", nil, false, &tn.out); !errors.Is(err, ErrBusy) {
		t.Errorf("beyond the limit: %v", err)
	}
	if tn.n.Counters().EventsRefused != 1 {
		t.Error("not counted")
	}
	tn.n.events.backlog = nil
	fits := backlogBytesMax - tn.n.cfg.EventSizeMax - eventOverhead
	for bytes, want := range map[int]bool{fits: true, fits + 1: false} {
		if tn.n.events.backlogBytes = bytes; tn.n.EventRoom() != want {
			t.Errorf("room for the largest event beside %d bytes: %v", bytes, !want)
		}
	}
}

func TestAloneNothingIsQueued(t *testing.T) {
	tn := converse(t)
	for range 5000 {
		tn.fire("x", "")
	}
	s := tn.n.Stats()
	if s.EventQueue != 0 || s.Backlog != 0 || s.EventTime != 5001 {
		t.Errorf("queue %d, backlog %d, clock %d: all should have been delivered", s.EventQueue,
			s.Backlog, s.EventTime)
	}
}

func TestEventsBeforeTheSnapshotAreNotDeliveredAgain(t *testing.T) {
	tn := converseWith(t, func(c *Config) {
		c.MinEventTime, c.MinQueryTime, c.LastMemberTime = 50, 60, 70
	}, "b")
	if s := tn.n.Stats(); s.EventTime != 50 || s.QueryTime != 60 || s.MemberTime != 71 {
		t.Errorf("clocks continue at %d, %d, %d", s.EventTime, s.QueryTime, s.MemberTime)
	}
	tn.recv("b", userEventMsg("old", "", 49))
	tn.recv("b", queryFrom("b", 59, 1, nil))
	tn.wantIdle("both were seen before the restart")
	tn.recv("b", userEventMsg("new", "", 50))
	tn.recv("b", queryFrom("b", 60, 1, nil))
	tn.want("both are fresh", "event user new=@50", "event query q=@60")
}

// Queries of the past go round after a restart. One that is repeated is of a member whose clock is
// behind: it would be refused until their next exchange.
func TestMemberThatRepeatsAnOldQueryLearnsTheTime(t *testing.T) {
	tn := converseWith(t, func(c *Config) { c.MinQueryTime = 60 }, "b")
	tn.recv("b", queryFrom("b", 59, 1, extended))
	tn.wantIdle("seen before the restart")
	tn.recv("b", queryFrom("b", 59, 1, again))
	tn.want("b asks just now", "b: push/pull")
	tn.recv("b", queryFrom("b", 59, 1, again))
	tn.recv("b", queryFrom("x", 59, 2, again))
	tn.wantIdle("not each time, nor with strangers")
	tn.advance(syncPause)
	tn.recv("b", queryFrom("b", 59, 1, again))
	tn.want("nor was that the last time", "b: push/pull")
}

func TestImpossibleSnapshotIsRefused(t *testing.T) {
	c := testConfig("a")
	c.MinEventTime = ^uint64(0)
	if _, err := New(0, c, new(swim.Output)); err == nil {
		t.Error("a clock at the end of time is taken")
	}
}
