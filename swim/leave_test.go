package swim

import (
	"testing"
	"time"
)

func TestLeave(t *testing.T) {
	tn := converse(t, "b", "c")
	op := tn.n.Leave(tn.now, &tn.out)
	if again := tn.n.Leave(tn.now, &tn.out); again != op {
		t.Errorf("a second call is operation %d, not %d", again, op)
	}
	tn.advance(time.Second)
	tn.want("told", "b: dead a@1 from a", "c: dead a@1 from a", "event leave-done 0 <nil>")
	tn.forget()
	tn.recv("b", suspect("a", 1, "b"), dead("a", 1, "b"), alive("a", 1))
	tn.advance(10 * time.Second)
	tn.wantIdle("a node that leaves refutes nothing, probes nobody, and is told once")
	tn.recv("b", ping(1, "a", "b"))
	tn.want("but answers", "b: ack 1*")
}

// Members that know us at another address, at a higher incarnation, hear of the leave too.
func TestLeaveOutbidsTheOldAddress(t *testing.T) {
	tn := converse(t, "b")
	tn.recv("b", aliveAt("a", 4, elsewhere, ""))
	tn.n.Leave(tn.now, &tn.out)
	tn.advance(400 * time.Millisecond)
	tn.want("at 1 it would be stale", "b: dead a@4 from a")
	tn.advance(10 * time.Second)
	tn.wantNone("and it doesn't return", "b: alive a@*")
}

// Another member under our name, at its own address, stays.
func TestLeaveSparesAnotherMemberOfTheName(t *testing.T) {
	tn := converse(t, "b")
	tn.recv("b", aliveAt("a", 4, elsewhere, ""))
	tn.recvFrom(elsewhere, ack(tn.seqs["ping a"]))
	tn.n.Leave(tn.now, &tn.out)
	tn.advance(400 * time.Millisecond)
	tn.want("only we go", "b: dead a@1 from a")
}

// With most of a cluster dead, what was sent to the dead doesn't count.
func TestLeaveReachesTheLiving(t *testing.T) {
	names := []string{"b", "c", "d", "e", "f", "g", "h", "i", "j"}
	for seed := range uint64(100) {
		tn := converseWith(t, func(c *Config) { c.Seed = seed + 1 }, names...)
		tn.believeDeaths()
		for _, x := range names[:7] {
			tn.recv("j", suspect(x, 1, "j"), dead(x, 1, "j"))
		}
		for tn.n.gossip.queue.Len() > 0 {
			tn.n.tickGossip(tn.now, &tn.out)
		}
		tn.collect()
		tn.forget()
		tn.n.probe.next = Never
		tn.n.Leave(tn.now, &tn.out)
		tn.advance(5 * time.Second)
		tn.want("one of two who live", "[ij]: dead a@1 from a")
	}
}

func TestLeaveAloneEndsAtOnce(t *testing.T) {
	tn := converse(t)
	tn.n.Leave(tn.now, &tn.out)
	tn.collect()
	tn.want("nobody to tell", "event leave-done 0 <nil>")
}

// A leave ends whatever the others do (F11).
func TestLeaveTimesOut(t *testing.T) {
	tn := converseWith(t, func(c *Config) { c.GossipInterval, c.LeaveTimeout = time.Hour, 5*time.Second }, "b")
	tn.n.gossip.last = tn.now
	tn.n.Leave(tn.now, &tn.out)
	tn.advance(4999 * time.Millisecond)
	tn.wantNone("in time", "event leave-done*")
	tn.advance(time.Millisecond)
	tn.want("over", "event leave-done 0 not all could be told in time")
}

func TestSetMeta(t *testing.T) {
	tn := converse(t, "b")
	if err := tn.n.SetMeta(tn.now, []byte("x"), &tn.out); err != nil {
		t.Fatal(err)
	}
	tn.advance(0)
	tn.want("told under a new incarnation", "event updated a", "b: alive a@2")
	tn.forget()
	if err := tn.n.SetMeta(tn.now, []byte("x"), &tn.out); err != nil {
		t.Fatal(err)
	}
	tn.collect()
	tn.wantIdle("no change")
	if err := tn.n.SetMeta(tn.now, make([]byte, MetaMax), &tn.out); err != nil {
		t.Errorf("at the limit: %v", err)
	}
	if err := tn.n.SetMeta(tn.now, make([]byte, MetaMax+1), &tn.out); err == nil {
		t.Error("beyond the limit: no error")
	}
	tn.n.Leave(tn.now, &tn.out)
	if err := tn.n.SetMeta(tn.now, nil, &tn.out); err != ErrLeaving {
		t.Errorf("while leaving: %v", err)
	}
}

func TestForget(t *testing.T) {
	tn := converse(t, "b", "c")
	tn.believeDeaths()
	b, _ := tn.n.Lookup([]byte("b"))
	if tn.n.Forget(tn.now, b) {
		t.Fatal("a live member was forgotten")
	}
	tn.recv("c", suspect("b", 1, "c"), dead("b", 1, "c"))
	if !tn.n.Forget(tn.now, b) {
		t.Fatal("a dead member wasn't")
	}
	if got := tn.n.Roster().Name(b); got != "b" {
		t.Fatalf("its name is gone during the call: %q", got)
	}
	tn.n.Tick(tn.now, &tn.out)
	if tn.n.Roster().Len() != 2 || tn.n.Len() != 2 {
		t.Fatalf("%d names, %d records left, want 2", tn.n.Roster().Len(), tn.n.Len())
	}
	if tn.n.Forget(tn.now, b) || tn.n.Forget(tn.now, tn.n.Self()) {
		t.Fatal("nobody to forget")
	}
}

// Members that left keep nobody out.
func TestNewcomersReplaceTheGone(t *testing.T) {
	tn := converse(t, "b", "c", "d")
	tn.n.roster.limit = 4
	tn.recv("b", alive("e", 1))
	tn.want("all live", "note table-full *")
	tn.recv("d", dead("c", 1, "c"))
	tn.now = tn.now.Add(time.Millisecond)
	tn.recv("d", dead("d", 1, "d"))
	tn.recv("b", alive("e", 1))
	tn.want("gone for longest", "event forgotten c")
	tn.recv("b", alive("e", 1))
	tn.want("from the next packet on there is room", "event joined e")
}

// Names of forgotten members are freed, too.
func TestReleaseFreesAllNames(t *testing.T) {
	tn := converse(t, "b", "c")
	tn.recv("b", dead("b", 1, "b"))
	b, _ := tn.n.Lookup([]byte("b"))
	tn.n.Forget(tn.now, b)
	tn.n.Release()
	if got := tn.n.roster.Len(); got != 0 {
		t.Fatalf("%d names left", got)
	}
}

func TestTombstonesAreForgottenInTime(t *testing.T) {
	tn := converseWith(t, func(c *Config) { c.DeadRetention = time.Hour }, "b", "c")
	tn.recv("c", dead("b", 1, "b"))
	tn.forget()
	tn.n.moves = moves{}
	for tn.now < Time(2*time.Hour)-Time(2*time.Second) {
		tn.advance(time.Second)
		tn.recv("c", ack(tn.n.probe.seq))
	}
	tn.wantNone("kept that old news can't revive it", "event forgotten b")
	for range 4 {
		tn.advance(time.Second)
		tn.recv("c", ack(tn.n.probe.seq))
	}
	tn.want("then forgotten", "event forgotten b")
}

// New names come and go, and the table doesn't grow (F19).
func TestChurnLeavesNothingBehind(t *testing.T) {
	tn := converseWith(t, func(c *Config) { c.DeadRetention = time.Minute }, "b")
	for i := range 1000 {
		name := string([]byte{'n', byte(i >> 8), byte(i)})
		tn.recv("b", aliveAt(name, 1, addrOf("n"), ""), dead(name, 1, name))
		tn.advance(time.Second)
		tn.recv("b", ack(tn.n.probe.seq))
		tn.forget()
	}
	if got := tn.n.Len(); got > 2+120 {
		t.Errorf("%d records after a minute's retention at one a second", got)
	}
	if got := len(tn.n.roster.members); got > 200 {
		t.Errorf("%d places in the roster", got)
	}
}

func TestGossipBeforeLeavingIsFaster(t *testing.T) {
	tn := converse(t, "b")
	tn.n.probe.next = Never
	tn.n.SpeedUpLeave()
	tn.n.Leave(tn.now, &tn.out)
	tn.advance(3 * 200 * time.Millisecond / leaveSpeedUp)
	for range retransmitLimit(4, 2) {
		tn.want("all rounds in less than one interval", "b: dead a@1 from a")
	}
}

// A member that leaves right after a restart doesn't know its earlier incarnation yet. To others,
// who do, its departure is older than that: they would call it failed.
func TestLeaveOutbidsAnEarlierRun(t *testing.T) {
	for name, known := range map[string][]byte{
		"that was alive":   alive("a", 3),
		"that was suspect": suspect("a", 3, "b"),
		"that was dead":    dead("a", 3, "b"),
	} {
		t.Run(name, func(t *testing.T) {
			tn := converse(t, "b")
			tn.n.Leave(tn.now, &tn.out)
			tn.recv("b", known)
			tn.advance(time.Second)
			tn.want("it leaves at the incarnation that others know", "b: dead a@3 from a")
			tn.forget()
			tn.recv("b", known, alive("a", 2))
			tn.advance(10 * time.Second)
			tn.wantNone("once", "b: dead a@* from a")
		})
	}
}
