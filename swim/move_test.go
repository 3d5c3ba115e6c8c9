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
