package swim

import (
	"net/netip"
	"testing"
	"time"
)

var elsewhere = netip.MustParseAddrPort("10.0.9.9:7946")

func (tn *conversation) wantAddr(reason, name string, a netip.AddrPort) {
	tn.t.Helper()
	id, _ := tn.n.Lookup([]byte(name))
	if m, _ := tn.n.View(id); m.Addr != a {
		tn.t.Fatalf("%s: %s is at %v, want %v", reason, name, m.Addr, a)
	}
}

// TestMovedMember is F15: a member that restarted elsewhere is believed as soon as its old
// address keeps silent.
func TestMovedMember(t *testing.T) {
	tn := converse(t, "b")
	tn.recvFrom(elsewhere, aliveAt("b", 2, elsewhere, ""))
	tn.want("is the old one still there?", "b: ping b")
	tn.wantAddr("until then", "b", addrOf("b"))
	tn.advance(500 * time.Millisecond)
	tn.want("silent", "note moved b", "event updated b")
	tn.wantAddr("so it moved", "b", elsewhere)
	tn.wantNone("one member all the time", "event failed *")
}

func TestTwoMembersOfOneName(t *testing.T) {
	tn := converse(t, "b")
	tn.recvFrom(elsewhere, aliveAt("b", 2, elsewhere, ""))
	tn.recv("b", ack(tn.seqs["ping b"]))
	tn.want("both are there", "note conflict b", "event conflict b")
	tn.wantAddr("the first keeps the name", "b", addrOf("b"))
	tn.forget()
	tn.recvFrom(elsewhere, aliveAt("b", 3, elsewhere, ""))
	tn.wantIdle("not again for a while")
	tn.n.probe.next = Never
	tn.advance(conflictPause)
	tn.recvFrom(elsewhere, aliveAt("b", 4, elsewhere, ""))
	tn.want("then asked anew", "b: ping b")
}

func TestGoneMemberMayComeBackElsewhere(t *testing.T) {
	for _, from := range []string{"b", "c"} { // left, failed
		tn := converse(t, "b", "c")
		tn.recv("c", dead("b", 1, from))
		tn.forget()
		tn.recvFrom(elsewhere, aliveAt("b", 1, elsewhere, ""))
		tn.want("not louder than what is known: told so at the new address", elsewhere.String()+": dead b@1 from *")
		tn.recvFrom(elsewhere, aliveAt("b", 2, elsewhere, ""))
		tn.want("nobody is at the old address: no need to ask", "event joined b")
		tn.wantAddr("at once", "b", elsewhere)
	}
}

// TestOwnNameKnownElsewhere: after a restart at another address the others still know the old
// one. Members that would call it a conflict first hear that the old self is gone.
func TestOwnNameKnownElsewhere(t *testing.T) {
	tn := converse(t, "b")
	tn.recv("b", aliveAt("a", 4, elsewhere, ""))
	tn.want("does anybody answer there?", elsewhere.String()+": ping a")
	tn.advance(500 * time.Millisecond)
	tn.want("nobody: the old self is gone", "b: dead a@4 from a")
	tn.wantNone("that first", "b: alive a@*")
	tn.recv("b", dead("a", 4, "a"))
	tn.wantNone("an echo of it isn't refuted", "b: alive a@*")
	tn.advance(time.Second)
	tn.want("then we appear", "b: alive a@5")
	tn.wantState("alive all the time", "a", Alive, 5)
}

func TestOwnNameTakenByAnother(t *testing.T) {
	tn := converse(t, "b")
	tn.recv("b", aliveAt("a", 4, elsewhere, ""))
	tn.recvFrom(elsewhere, ack(tn.seqs["ping a"]))
	tn.want("a double", "event conflict a")
	tn.advance(20 * time.Second)
	tn.wantNone("nobody is declared gone", "*: dead a@*")
}

func TestMovesAreBounded(t *testing.T) {
	tn := converse(t)
	for i := range maxMoves + 1 {
		name := string([]byte{'m', byte(i)})
		tn.recv("x", aliveAt(name, 1, addrOf("m"), ""))
		tn.recv("x", aliveAt(name, 2, elsewhere, ""))
	}
	if got := len(tn.n.moves); got != maxMoves {
		t.Fatalf("%d checks at once, limit %d", got, maxMoves)
	}
}

// TestBuriedElsewhere: stock members that have our old self for dead believe neither our new
// address nor that the dead one left. If our refutation doesn't help, it is revived, leaves, and
// only then we appear.
func TestBuriedElsewhere(t *testing.T) {
	old := entry{name: "a", state: Dead, inc: 3, addr: elsewhere}
	start := func(t *testing.T) *conversation {
		tn := converse(t, "b")
		tn.n.probe.next = Never
		tn.n.Join(tn.now, []netip.AddrPort{addrOf("b")}, &tn.out)
		tn.collect()
		tn.reply("b: stream push/pull join", pushPull(false, "", entry{name: "b", inc: 1}, old))
		tn.advance(0)
		tn.want("refuted as usual", "b: alive a@4")
		tn.advance(time.Second)
		tn.want("believed? the same member is asked", "b: stream push/pull")
		tn.forget()
		return tn
	}
	t.Run("believed", func(t *testing.T) {
		tn := start(t)
		tn.reply("b: stream push/pull", pushPull(false, "", entry{name: "b", inc: 1}, entry{name: "a", inc: 4}))
		tn.advance(time.Minute)
		tn.wantIdle("nothing else to do")
	})
	t.Run("still buried", func(t *testing.T) {
		tn := start(t)
		tn.reply("b: stream push/pull", pushPull(false, "", entry{name: "b", inc: 1}, old))
		tn.advance(0)
		tn.want("revived, where they know it", "b: alive a@5")
		tn.wantNone("one step at a time", "b: dead a@*")
		tn.recv("b", suspect("a", 5, "b"))
		tn.wantNone("not refuted in between", "b: alive a@6")
		tn.advance(stepRounds * 200 * time.Millisecond)
		tn.want("then it leaves", "b: dead a@5 from a")
		tn.forget()
		tn.advance(stepRounds * 200 * time.Millisecond)
		tn.want("then we appear", "b: alive a@6")
		tn.wantState("alive all the time", "a", Alive, 6)
	})
	t.Run("by one whom we can't ask", func(t *testing.T) {
		tn := converse(t, "b")
		tn.n.probe.next = Never
		tn.request("b", pushPull(false, "", old))
		tn.advance(time.Minute)
		tn.wantNone("only refuted", "b: stream *")
	})
}
