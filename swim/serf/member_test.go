package serf

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"serf/swim"
)

func TestSelfJoinsAtStart(t *testing.T) {
	c := testConfig("a")
	c.Tags = map[string]string{"role": "web"}
	var out swim.Output
	n, err := New(0, c, &out)
	if err != nil {
		t.Fatal(err)
	}
	if len(out.Events) == 0 || out.Events[0].Kind != EventJournal ||
		out.Events[1].Kind != EventMemberJoin {
		t.Errorf("events %v, want the journal line and the join", out.Events)
	}
	self := n.Self()
	if self.Name != "a" || self.Status != StatusAlive || self.Tags["role"] != "web" ||
		self.Versions != modern {
		t.Errorf("self is %+v", self)
	}
}

func TestMemberLifecycles(t *testing.T) {
	for _, tt := range []struct {
		name   string
		steps  func(tn *conversation)
		lines  []string
		status Status
	}{
		{"fails", func(tn *conversation) {
			tn.fails("b", "c", 1)
		}, []string{"event failed b"}, StatusFailed},
		{"leaves after its intent", func(tn *conversation) {
			tn.recv("b", leaveIntent("b", 5))
			tn.member("b", dead("b", "b", 1))
		}, []string{"says leave b@5", "event leave b"}, StatusLeft},
		{"leaves, and its intent is lost", func(tn *conversation) {
			tn.member("b", dead("b", "b", 1))
		}, []string{"event leave b"}, StatusLeft},
		{"crashes after its intent", func(tn *conversation) {
			tn.recv("b", leaveIntent("b", 5))
			tn.fails("b", "c", 1)
		}, []string{"says leave b@5", "event leave b"}, StatusLeft},
		{"is forced out after it failed", func(tn *conversation) {
			tn.fails("b", "c", 1)
			tn.recv("c", leaveIntent("b", 5))
		}, []string{"event failed b", "says leave b@5", "event leave b"}, StatusLeft},
		{"is pruned after it failed", func(tn *conversation) {
			tn.fails("b", "c", 1)
			tn.recv("c", pruneIntent("b", 5))
		}, []string{"event failed b", "says leave b@5 prune", "event leave b", "event reap b"}, StatusNone},
		{"is pruned while it leaves", func(tn *conversation) {
			tn.recv("b", leaveIntent("b", 5))
			tn.recv("c", pruneIntent("b", 6))
			tn.wantStatus("to be pruned, but it hasn't left yet", "b", StatusLeaving)
			tn.member("b", dead("b", "b", 1))
		}, []string{"says leave b@6 prune", "event leave b", "event reap b"}, StatusNone},
		{"is pruned after it left", func(tn *conversation) {
			tn.member("b", dead("b", "b", 1))
			tn.recv("c", pruneIntent("b", 6))
		}, []string{"event leave b", "says leave b@6 prune", "event reap b"}, StatusNone},
		{"comes back from failure", func(tn *conversation) {
			tn.fails("b", "c", 1)
			tn.member("b", alive("b", 2))
		}, []string{"event failed b", "event join b !"}, StatusAlive},
		{"comes back after it left", func(tn *conversation) {
			tn.member("b", dead("b", "b", 1))
			tn.member("b", alive("b", 2))
		}, []string{"event leave b", "event join b !"}, StatusAlive},
		{"comes back after it was pruned", func(tn *conversation) {
			tn.fails("b", "c", 1)
			tn.recv("c", pruneIntent("b", 5))
			tn.member("b", alive("b", 2))
		}, []string{"event failed b", "says leave b@5 prune", "event leave b", "event reap b", "event join b"}, StatusAlive},
		{"refutes that it leaves", func(tn *conversation) {
			tn.recv("c", leaveIntent("b", 5))
			tn.recv("b", joinIntent("b", 6))
		}, []string{"says join b@6"}, StatusAlive},
		{"leaves long after it refuted that it is to be pruned", func(tn *conversation) {
			tn.recv("c", pruneIntent("b", 5))
			tn.recv("b", joinIntent("b", 6))
			tn.recv("b", leaveIntent("b", 7))
			tn.member("b", dead("b", "b", 1))
		}, []string{"says leave b@7", "event leave b"}, StatusLeft},
		{"changes its tags", func(tn *conversation) {
			tn.member("b", aliveWith("b", 2, addrOf("b"), map[string]string{"role": "db"}))
		}, []string{"event update b"}, StatusAlive},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tn := converse(t, "b", "c")
			tt.steps(tn)
			tn.advance(time.Second)
			tn.want("events", tt.lines...)
			tn.wantStatus("at the end", "b", tt.status)
		})
	}
}

func (tn *conversation) forceLeave(name string, prune bool) {
	tn.t.Helper()
	tn.do(func(now swim.Time, out *swim.Output) error {
		return tn.n.ForceLeave(now, name, prune, out)
	})
}

func TestStaleIntentsChangeNothingAndAreNotPassedOn(t *testing.T) {
	tn := converse(t, "b")
	tn.recv("b", joinIntent("b", 8))
	tn.advance(time.Second)
	tn.want("fresh", "says join b@8")
	tn.recv("b", leaveIntent("b", 8)) // of the same time
	tn.recv("b", leaveIntent("b", 7)) // older
	tn.recv("b", joinIntent("b", 8))  // a duplicate
	tn.wantIdle("none of these is fresh")
	tn.wantStatus("nothing newer came", "b", StatusAlive)
}

func TestSecondLeaveIntentIsPassedOnOnce(t *testing.T) {
	tn := converse(t, "b", "c")
	tn.recv("b", leaveIntent("b", 5))
	tn.recv("c", leaveIntent("b", 6))
	tn.advance(time.Second)
	tn.want("the newer replaces the older in the queue", "says leave b@6")
	tn.recv("c", leaveIntent("b", 6))
	tn.recv("c", leaveIntent("b", 5))
	tn.wantIdle("two that disagree aren't passed on for ever")
}

func TestLeaveIntentAboutSelfIsRefuted(t *testing.T) {
	tn := converse(t, "b")
	tn.recv("b", leaveIntent("a", 40))
	tn.advance(time.Second)
	tn.want("a newer join refutes it, and it isn't passed on", "says join a@41")
	tn.recv("b", leaveIntent("a", 41))
	tn.wantIdle("not newer than the refutation")
	tn.wantStatus("never in doubt", "a", StatusAlive)
	if c := tn.n.Counters(); c.LeavesRefuted != 1 {
		t.Errorf("%d refutations counted", c.LeavesRefuted)
	}
}

func TestOwnTimeThatWasNeverSentIsRefuted(t *testing.T) {
	tn := converse(t, "b")
	tn.merge("b", false, state{member: 9, status: map[string]uint64{"a": 8}})
	tn.advance(time.Second)
	tn.want("b may list this node as leaving", "says join a@9")
	tn.recv("b", joinIntent("a", 10))
	tn.advance(time.Second)
	tn.want("only passed on: another a would outbid it for ever", "says join a@10")
	tn.advance(refuteGap)
	tn.recv("b", joinIntent("a", 20))
	tn.advance(time.Second)
	tn.want("later again", "says join a@21")
}

func TestLeavingMemberThatStaysIsAliveAgain(t *testing.T) {
	for _, tt := range []struct {
		name string
		sign func(tn *conversation)
	}{
		{"after a while", func(tn *conversation) { tn.advance(30 * time.Second) }},
		{"when it says something new of itself", func(tn *conversation) {
			tn.member("b", aliveWith("b", 2, addrOf("b"), map[string]string{"x": "y"}))
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tn := converse(t, "b", "c")
			tn.recv("c", leaveIntent("b", 5))
			tn.wantStatus("before", "b", StatusLeaving)
			tt.sign(tn)
			tn.wantStatus("it didn't leave", "b", StatusAlive)
		})
	}
}

func TestIntentAboutUnknownMemberIsKeptUntilItAppears(t *testing.T) {
	tn := converse(t, "b")
	tn.recv("b", leaveIntent("z", 5))
	tn.recv("b", leaveIntent("z", 5))
	tn.advance(time.Second)
	tn.want("fresh", "says leave z@5")
	tn.wantIdle("a duplicate isn't")
	tn.member("b", alive("z", 1))
	tn.want("known now", "event join z")
	tn.wantStatus("it was about to leave", "z", StatusLeaving)
	tn.recv("b", joinIntent("z", 5))
	tn.wantStatus("not newer than the intent that was kept", "z", StatusLeaving)
}

func TestIntentAboutUnknownMemberExpires(t *testing.T) {
	tn := converse(t, "b")
	tn.recv("b", leaveIntent("z", 5))
	tn.advance(intentKeep)
	tn.member("b", alive("z", 1))
	tn.wantStatus("too long ago", "z", StatusAlive)
}

func TestIntentsAreBounded(t *testing.T) {
	var s pendingIntents
	for i := range intentsMax {
		if fresh, dropped := s.add(0, fmt.Append(nil, "m", i), intent{time: 1}); !fresh ||
			dropped != 0 {
			t.Fatalf("intent %d: fresh %v, %d dropped", i, fresh, dropped)
		}
	}
	if _, dropped := s.add(0, []byte("one more"), intent{time: 1}); dropped != 1 ||
		len(s.byName) != intentsMax {
		t.Errorf("at the limit %d are dropped, %d kept", dropped, len(s.byName))
	}
	if _, ok := s.take(0, "m0"); ok {
		t.Error("the oldest is still there")
	}
	if _, ok := s.take(0, "m1"); !ok {
		t.Error("more than the oldest is gone")
	}
}

func TestIntentsOfKnownMembersTakeNoMemory(t *testing.T) {
	var s pendingIntents
	s.add(0, []byte("stranger"), intent{time: 1})
	for i := range 10_000 {
		name := fmt.Append(nil, "m", i)
		s.add(0, name, intent{time: 2})
		if it, ok := s.take(0, string(name)); !ok || it.time != 2 {
			t.Fatalf("%s: %v, %v", name, it, ok)
		}
		if _, again := s.take(0, string(name)); again {
			t.Fatalf("%s is there after it was taken", name)
		}
	}
	if len(s.byName) != 1 || len(s.queue) > 100 {
		t.Errorf("%d intents, %d in the queue", len(s.byName), len(s.queue))
	}
	s.add(1, []byte("m1"), intent{time: 3})
	if _, ok := s.take(swim.Time(intentKeep), "stranger"); ok {
		t.Error("what was taken keeps the oldest from growing old")
	}
	if _, ok := s.take(swim.Time(intentKeep), "m1"); !ok {
		t.Error("one that came again is forgotten before its time")
	}
	if s.byName != nil || s.queue != nil {
		t.Error("nothing waits, and memory is kept")
	}
}

func TestRenewedIntentsOutliveOlderOnes(t *testing.T) {
	var s pendingIntents
	s.add(0, []byte("x"), intent{time: 1})
	s.add(1, []byte("y"), intent{time: 1})
	s.add(10, []byte("x"), intent{time: 2})
	at := swim.Time(1).Add(intentKeep)
	if _, ok := s.take(at, "y"); ok {
		t.Error("y is kept too long")
	}
	if it, ok := s.take(at, "x"); !ok || it.time != 2 {
		t.Error("x, which has been renewed, is gone")
	}
}

func TestTimesFarAheadAreRefused(t *testing.T) {
	const tooFar = 1 << 63
	tn := converse(t, "b", "c")
	before := tn.n.Stats()
	for _, msg := range [][]byte{
		leaveIntent("b", tooFar), joinIntent("b", ^uint64(0)), joinIntent("a", tooFar),
		leaveIntent("stranger", tooFar),
		userEventMsg("x", "", tooFar), queryFrom("b", ^uint64(0), 1, nil),
	} {
		tn.recv("c", msg)
	}
	tn.merge("b", false, state{member: ^uint64(0), event: tooFar, query: tooFar,
		status: map[string]uint64{"z": ^uint64(0)}, left: []string{"z"}})
	tn.wantNote("noted", NoteTimeRefused)
	tn.wantIdle("none is acted on or passed on")
	after := tn.n.Stats()
	if after.MemberTime != before.MemberTime || after.EventTime != before.EventTime ||
		after.QueryTime != before.QueryTime {
		t.Errorf("clocks moved from %+v to %+v", before, after)
	}
	if got := tn.n.Counters().TimesRefused; got != 10 {
		t.Errorf("%d refusals counted, want 10", got)
	}
}

func TestRestartIsReported(t *testing.T) {
	tagged := func(inc uint32) []byte {
		return aliveWith("b", inc, addrOf("b"), map[string]string{"v": fmt.Sprint(inc)})
	}
	t.Run("by its join intent", func(t *testing.T) {
		tn := converse(t, "b")
		tn.member("b", tagged(2))
		tn.want("at first it looks like a change of tags", "event update b")
		tn.recv("b", joinIntent("b", 9))
		tn.want("its join intent proves a restart", "event update b !")
		tn.wantNote("noted", NoteMemberRestarted)
	})
	t.Run("not if it failed in between", func(t *testing.T) {
		tn := converse(t, "b", "c")
		tn.member("b", tagged(2))
		tn.fails("b", "c", 2)
		tn.member("b", tagged(3))
		tn.recv("b", joinIntent("b", 9))
		tn.advance(time.Second)
		tn.want("failed and back", "event update b", "event failed b", "event join b !",
			"says join b@9")
		tn.wantIdle("the join says it")
	})
	t.Run("not if it only changes its tags", func(t *testing.T) {
		tn := converse(t, "b")
		tn.member("b", tagged(2))
		tn.want("a change of tags", "event update b")
		tn.advance(2 * restartWindow)
		tn.recv("b", joinIntent("b", 9))
		tn.advance(time.Second)
		tn.want("an ordinary join", "says join b@9")
		tn.wantIdle("it hasn't restarted")
	})
}

func TestFlapsAreCounted(t *testing.T) {
	leave := func(tn *conversation) { tn.member("b", dead("b", "b", 1)) }
	fail := func(tn *conversation) { tn.fails("b", "c", 1) }
	for _, tc := range []struct {
		name string
		goes func(*conversation)
		away time.Duration
		want uint64
	}{
		{"back soon", fail, flapTime - 1, 1},
		{"back late", fail, flapTime, 0},
		{"left", leave, 0, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tn := converse(t, "b", "c")
			tc.goes(tn)
			tn.now = tn.now.Add(tc.away)
			tn.member("b", alive("b", 2))
			if c := tn.n.Counters(); c.Flaps != tc.want || c.Joins != 4 {
				t.Errorf("%d flaps, want %d; %d joins", c.Flaps, tc.want, c.Joins)
			}
		})
	}
}

func TestReapTakesOldMembersOffTheList(t *testing.T) {
	set := func(c *Config) {
		c.ReconnectTimeout, c.TombstoneTimeout = 2*time.Minute, 4*time.Minute
	}
	tn := converseWith(t, set, "b", "c", "d")
	tn.fails("b", "c", 1)
	tn.member("c", dead("c", "c", 1))
	tn.did = nil
	tn.advance(2*time.Minute - 15*time.Second)
	tn.wantIdle("both are still listed")
	tn.advance(30 * time.Second)
	tn.want("failed for too long", "event reap b")
	tn.wantStatus("the other one left", "c", StatusLeft)
	tn.advance(2 * time.Minute)
	tn.want("its tombstone is too old", "event reap c")
	tn.wantIdle("d stays")
	tn.advance(forgetMin + 2*time.Minute)
	if got := tn.n.Swim().Len(); got != 2 {
		t.Errorf("the membership has %d records, want a and d", got)
	}
	if got := len(tn.n.table.sorted(tn.n.roster)); got != 2 || tn.n.Len() != 2 {
		t.Errorf("%d in order, %d listed; want 2", got, tn.n.Len())
	}
}

func TestTombstonesAreKeptForAsLongAsConfigured(t *testing.T) {
	tn := converseWith(t, func(c *Config) {
		c.TombstoneTimeout, c.ProbeInterval = 100*time.Hour, time.Hour
	}, "b")
	tn.member("b", dead("b", "b", 1))
	tn.advance(90 * time.Hour)
	tn.wantStatus("the default of the membership is 24 h", "b", StatusLeft)
}

func TestStaleAliveDoesNotReviveAPrunedMember(t *testing.T) {
	tn := converse(t, "b", "c")
	tn.fails("b", "c", 1)
	tn.forceLeave("b", true)
	tn.advance(20 * time.Second)
	tn.did = nil
	tn.member("c", alive("b", 1))
	tn.wantIdle("alive at the incarnation that died")
	tn.wantStatus("still pruned", "b", StatusNone)
}

func TestForceLeave(t *testing.T) {
	tn := converse(t, "b", "c")
	tn.fails("b", "c", 1)
	tn.want("before", "event failed b")
	tn.forceLeave("b", false)
	tn.advance(time.Second)
	tn.want("here and elsewhere", "event leave b", "says leave b@1")
	tn.forceLeave("z", false)
	tn.advance(time.Second)
	tn.want("others may know z", "says leave z@2")
	if err := tn.n.ForceLeave(tn.now, "a", false, &tn.out); err != ErrSelf {
		t.Errorf("forcing itself: %v", err)
	}
	if err := tn.n.ForceLeave(tn.now, "", false, &tn.out); err == nil {
		t.Error("a name of no bytes is taken")
	}
}

func TestMembersAreSortedByName(t *testing.T) {
	tn := converse(t, "d", "b", "c")
	var names string
	for _, m := range tn.n.Members(nil) {
		names += m.Name
	}
	if names != "abcd" {
		t.Errorf("members %s", names)
	}
}

// Members of the original that learn of a leave by push/pull assume a time one later than it had.
func TestPruneIsFreshAfterALeaveByPushPull(t *testing.T) {
	tn := converse(t, "b", "c")
	tn.fails("b", "c", 1)
	tn.forceLeave("b", false)
	tn.advance(time.Second)
	tn.want("first", "says leave b@1")
	tn.forceLeave("b", true)
	tn.advance(time.Second)
	tn.want("two later", "says leave b@3 prune")
}

// Two nodes force a member to leave at the same time, one of them with prune: whichever intent
// comes first, the member is removed.
func TestPruneWinsATie(t *testing.T) {
	for name, intents := range map[string][][]byte{
		"prune last":  {leaveIntent("b", 5), pruneIntent("b", 5)},
		"prune first": {pruneIntent("b", 5), leaveIntent("b", 5)},
	} {
		t.Run(name, func(t *testing.T) {
			tn := converse(t, "b", "c")
			tn.fails("b", "c", 1)
			for _, m := range intents {
				tn.recv("c", m)
			}
			tn.want("removed", "event reap b")
			tn.wantStatus("not left", "b", StatusNone)
			tn.did = nil
			tn.recv("c", pruneIntent("b", 5))
			if strings.Contains(strings.Join(tn.did, "\n"), "event reap b") {
				t.Error("removed twice")
			}
		})
	}
}

func TestVersionsByProtocol(t *testing.T) {
	v := Versions{1, 5, 2, 2, 4, 3}
	if v.Membership() != (VersionRange{1, 5, 2}) || v.Serf() != (VersionRange{2, 4, 3}) {
		t.Errorf("%+v, %+v", v.Membership(), v.Serf())
	}
}
