package serf

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"serf/swim"
	"serf/wire"
)

func TestStateCarriesStatusesAndEvents(t *testing.T) {
	tn := converse(t, "b", "c", "d")
	tn.recv("c", joinIntent("c", 4))
	tn.member("b", dead("b", "b", 1))
	tn.fails("d", "c", 1) // failed: neither left nor unknown
	tn.fire("x", "p")
	tn.fire("y", "q")
	b := flat(tn.n.state())
	s, err := wire.ParseSerfState(b[1:])
	if err != nil {
		t.Fatal(err)
	}
	if s.LTime != 5 || s.EventLTime != 3 || s.QueryLTime != 1 {
		t.Errorf("clocks %d, %d, %d", s.LTime, s.EventLTime, s.QueryLTime)
	}
	var left, names []string
	for it := s.LeftMembers.Iter(); it.Next(); {
		left = append(left, string(it.Elem))
	}
	for it := s.StatusLTimes.Iter(); it.Next(); {
		names = append(names, string(it.Name))
		if string(it.Name) == "c" && it.LTime != 4 {
			t.Errorf("c at %d", it.LTime)
		}
	}
	if !slices.Equal(left, []string{"b"}) || !slices.Equal(names, []string{"a", "b", "c", "d"}) {
		t.Errorf("left %v, times of %v", left, names)
	}
	var events int
	for it := s.Events.Iter(); it.Next(); {
		events += it.Slot.Len()
	}
	if events != 2 {
		t.Errorf("%d events", events)
	}
	if again := flat(tn.n.state()); string(again) != string(b) {
		t.Error("the same state has other bytes the second time")
	}
}

func TestMergeMovesClocks(t *testing.T) {
	tn := converse(t, "b")
	tn.merge("b", false, state{member: 10, event: 20, query: 30})
	if s := tn.n.Stats(); s.MemberTime != 10 || s.EventTime != 20 || s.QueryTime != 30 {
		t.Errorf("clocks %d, %d, %d", s.MemberTime, s.EventTime, s.QueryTime)
	}
}

func TestMergeTakesStatusTimesAsIntents(t *testing.T) {
	tn := converse(t, "b", "c", "d")
	tn.fails("d", "c", 1)
	tn.want("before", "event failed d")
	tn.merge("b", false, state{member: 9, left: []string{"d", "z"},
		status: map[string]uint64{"b": 3, "d": 5, "z": 6}})
	tn.want("failed here, force-left there", "event leave d")
	if got := tn.n.table.at(tn.n.lookup([]byte("b"))).statusTime; got != 3 {
		t.Errorf("b's time is %d", got)
	}
	if got := tn.n.table.at(tn.n.lookup([]byte("d"))).statusTime; got != 6 {
		t.Errorf("d's time is %d, want one more than its status time", got)
	}
	tn.wantIdle("a merge gossips nothing")
	tn.member("b", alive("z", 1))
	tn.wantStatus("its intent was kept", "z", StatusLeaving)
}

func TestMergeDoesNotMakeALiveMemberLeave(t *testing.T) {
	tn := converse(t, "b", "c")
	tn.merge("b", false, state{member: 9, left: []string{"c"}, status: map[string]uint64{"c": 5}})
	tn.wantStatus("it has restarted since; b doesn't know yet", "c", StatusAlive)
	tn.recv("c", joinIntent("c", 6))
	tn.wantStatus("its join has the very time of that leave", "c", StatusAlive)
	tn.recv("c", leaveIntent("c", 7))
	tn.merge("b", false, state{member: 9, left: []string{"c"}, status: map[string]uint64{"c": 7}})
	tn.recv("c", joinIntent("c", 8))
	tn.wantStatus("nor is a leave applied to a leaving member", "c", StatusAlive)
}

func TestMergeOfAnOwnLeaveIsRefuted(t *testing.T) {
	tn := converse(t, "b")
	tn.merge("b", false, state{member: 9, left: []string{"a"}, status: map[string]uint64{"a": 8}})
	tn.advance(time.Second)
	tn.want("an earlier run of this node left", "says join a@10")
}

func TestReplayIsInOrderOfTime(t *testing.T) {
	tn := converse(t, "b")
	events := map[uint64][]string{5: {"five", "cinq"}, 3: {"three"}, 9: {"nine"}}
	tn.merge("b", false, state{event: 10, slots: []uint64{9, 0, 3, 0, 5}, events: events})
	want := []string{"event user three=p@3", "event user five=p@5", "event user cinq=p@5",
		"event user nine=p@9"}
	if !slices.Equal(tn.did, want) {
		t.Errorf("replayed %v", tn.did)
	}
	tn.did = nil
	tn.merge("b", false, state{event: 10, slots: []uint64{9}, events: events})
	tn.wantIdle("the second time nothing is fresh, and nothing was gossiped")
}

func TestBadStateIsRefused(t *testing.T) {
	tn := converse(t, "b")
	for _, user := range [][]byte{{2}, {2, 0x81}, {3, 0x80}, []byte("nonsense")} {
		head := wire.PushPullHeader{UserStateLen: len(user)}
		tn.n.Stream(tn.now, swim.StreamIn{
			ID: swim.Inbound | 1, Kind: swim.StreamRequest, From: addrOf("b"),
			Data: append(head.Append(nil), user...),
		}, &tn.out)
		tn.collect()
		tn.wantNote("refused", NoteBadMessage)
	}
	tn.wantIdle("nothing else")
}

// reply answers the stream of a join that this node opened.
func (tn *conversation) reply(id swim.StreamID, from string, s state) {
	tn.t.Helper()
	user := s.append(nil)
	head := wire.PushPullHeader{Join: true, UserStateLen: len(user)}
	tn.n.Stream(tn.now, swim.StreamIn{
		ID: id, Kind: swim.StreamReply, From: addrOf(from), Data: append(head.Append(nil), user...),
	}, &tn.out)
	tn.collect()
}

func TestJoin(t *testing.T) {
	old := state{member: 4, event: 10, slots: []uint64{9}, events: map[uint64][]string{9: {"old"}}}
	for _, replay := range []bool{false, true} {
		tn := converse(t, "b") // alive, so that there is a member to gossip to
		tn.n.Join(tn.now, []netip.AddrPort{addrOf("b")}, replay, &tn.out)
		id := tn.out.Streams[0].ID
		tn.collect()
		tn.reply(id, "b", old)
		if replay {
			tn.want("wanted", "event user old=p@9")
		}
		tn.want("joined", "b: push/pull", "event joined 1")
		tn.advance(time.Second)
		tn.want("announced", "says join a@4")
		tn.recv("b", userEventMsg("late", "", 8))
		if replay {
			tn.want("after the join", "event user late=@8")
			tn.advance(time.Second)
			tn.want("passed on", "says user late=@8")
		}
		tn.wantIdle("without replay, earlier events are ignored from now on")
	}
}

func TestPushPullThatIsNoJoinDoesNotHideEvents(t *testing.T) {
	tn := converse(t, "b")
	tn.n.Join(tn.now, []netip.AddrPort{addrOf("x")}, false, &tn.out) // running
	tn.collect()
	tn.merge("b", false, state{event: 10, slots: []uint64{9},
		events: map[uint64][]string{9: {"e"}}})
	tn.want("b's push/pull isn't the join's", "event user e=p@9")
}

func TestFailedJoinIsNotAnnounced(t *testing.T) {
	tn := converse(t, "b")
	tn.n.Join(tn.now, []netip.AddrPort{addrOf("x")}, false, &tn.out)
	id := tn.out.Streams[0].ID
	tn.collect()
	tn.n.Stream(tn.now, swim.StreamIn{ID: id, Kind: swim.StreamFailed, From: addrOf("x"),
		Err: swim.ErrUnknown}, &tn.out)
	tn.collect()
	tn.want("failed", "x: push/pull", "event join failed")
	tn.wantIdle("nothing is gossiped")
	if tn.n.joins.ignoresOldEvents() {
		t.Error("the join still hides events")
	}
}
