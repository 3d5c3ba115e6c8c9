package swim

import (
	"net/netip"
	"testing"
	"time"

	"serf/wire"
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
	tn.want("told at once, that it may be asked who is right", "event claimed b")
	tn.recv("b", ack(tn.seqs["ping b"]))
	tn.want("both are there", "note conflict b", "event conflict b")
	tn.wantAddr("the first keeps the name", "b", addrOf("b"))
	tn.forget()
	tn.recvFrom(elsewhere, aliveAt("b", 3, elsewhere, ""))
	tn.want("it still claims the name", "event claimed b")
	tn.wantIdle("not asked again for a while")
	tn.n.probe.next = Never
	tn.advance(conflictPause)
	tn.recvFrom(elsewhere, aliveAt("b", 4, elsewhere, ""))
	tn.want("then asked anew", "b: ping b")
}

func TestGoneMemberMayComeBackElsewhere(t *testing.T) {
	for _, from := range []string{"b", "c"} { // left, failed
		tn := converse(t, "b", "c")
		tn.recv("c", suspect("b", 1, "c"), dead("b", 1, from))
		tn.forget()
		tn.recvFrom(elsewhere, aliveAt("b", 1, elsewhere, ""))
		tn.want("not louder than what is known: told so at the new address", elsewhere.String()+": dead b@1 from *")
		tn.recvFrom(elsewhere, aliveAt("b", 2, elsewhere, ""))
		tn.want("nobody is at the old address: no need to ask", "event joined b")
		tn.wantAddr("at once", "b", elsewhere)
	}
}

// step is how long each step of a return is told.
const step = stepRounds * 200 * time.Millisecond

// TestOwnNameKnownElsewhere: after a restart at another address the others still know the old
// one, alive or not. The original refuses ours, whatever its incarnation, until the old one left,
// which only a living member can.
func TestOwnNameKnownElsewhere(t *testing.T) {
	for name, tell := range map[string]func(*conversation){
		"claimed alive":     func(tn *conversation) { tn.recv("b", aliveAt("a", 4, elsewhere, "")) },
		"alive in an entry": func(tn *conversation) { tn.request("b", pushPull(false, "", entry{"a", Alive, 4, modern, elsewhere})) },
		"suspect": func(tn *conversation) {
			tn.request("b", pushPull(false, "", entry{"a", Suspect, 4, modern, elsewhere}))
		},
		"dead": func(tn *conversation) { tn.request("b", pushPull(false, "", entry{"a", Dead, 4, modern, elsewhere})) },
		"dead, then louder": func(tn *conversation) {
			tn.request("b", pushPull(false, "", entry{"a", Dead, 2, modern, elsewhere}))
			tn.recv("b", aliveAt("a", 4, elsewhere, ""))
		},
		"at a third address": func(tn *conversation) {
			tn.recv("b", aliveAt("a", 1, elsewhere, ""))
			tn.recv("b", aliveAt("a", 4, addrOf("z"), ""))
		},
	} {
		t.Run(name, func(t *testing.T) {
			tn := converse(t, "b")
			tn.n.probe.next = Never
			tell(tn)
			tn.want("does anybody answer there?", elsewhere.String()+": ping a", elsewhere.String()+": stream ping a")
			tn.advance(499 * time.Millisecond)
			tn.wantNone("it has time to answer", "b: *")
			tn.advance(time.Millisecond)
			tn.want("nobody: we are here, louder than the old self and its end", "b: alive a@6")
			tn.wantNone("one step at a time", "b: alive a@5")
			tn.advance(step)
			tn.want("the old one is revived", "b: alive a@5")
			tn.wantNone("one step at a time", "b: dead a@*")
			tn.recv("b", aliveAt("a", 5, elsewhere, ""), suspect("a", 5, "b"))
			tn.advance(step)
			tn.want("it leaves", "b: dead a@5 from a")
			tn.forget()
			tn.recv("b", dead("a", 5, "a"))
			tn.advance(step)
			tn.want("and we appear", "b: alive a@6")
			tn.wantState("no echo was refuted", "a", Alive, 6)
			tn.forget()
			tn.recv("b", aliveAt("a", 5, elsewhere, ""))
			tn.wantIdle("news of the old self may still go round")
		})
	}
}

// TestOwnNameElsewhereAtALowerIncarnation: it is older than what we say, and keeps us out all the same.
func TestOwnNameElsewhereAtALowerIncarnation(t *testing.T) {
	tn := converse(t, "b")
	tn.n.probe.next = Never
	if err := tn.n.SetMeta(tn.now, []byte("x"), &tn.out); err != nil {
		t.Fatal(err)
	}
	tn.request("b", pushPull(false, "", entry{"a", Alive, 1, modern, elsewhere}))
	tn.want("b refuses a@2 here as long as it knows a@1 there", elsewhere.String()+": ping a")
	tn.advance(500*time.Millisecond + 3*step)
	tn.want("all the steps", "b: alive a@3", "b: dead a@2 from a")
}

// TestReturnIsToldAgainIfTheOldSelfGotLouder: what is known of it may still be spreading.
func TestReturnIsToldAgainIfTheOldSelfGotLouder(t *testing.T) {
	tn := converse(t, "b")
	tn.n.probe.next = Never
	tn.recv("b", aliveAt("a", 4, elsewhere, ""))
	tn.advance(500 * time.Millisecond)
	tn.want("told", "b: alive a@6")
	tn.recv("b", aliveAt("a", 9, elsewhere, ""))
	tn.advance(step)
	tn.want("not loud enough", "b: alive a@11")
	tn.advance(2 * step)
	tn.want("then as usual", "b: dead a@10 from a")
}

// TestReturnIsToldToEachMember: gossip alone would leave some out, as nobody of our kind passes it on.
func TestReturnIsToldToEachMember(t *testing.T) {
	others := []string{"b", "c", "d", "e", "f", "g", "h"}
	tn := converse(t, others...)
	tn.n.probe.next = Never
	tn.recv("b", aliveAt("a", 4, elsewhere, ""))
	tn.advance(500*time.Millisecond + 2*step)
	for _, name := range others {
		tn.want("the old one is revived, then leaves", name+": alive a@5", name+": dead a@5 from a")
	}
}

// TestReturnIsToldOnce: forged claims on our name must not have us leave and come back all the time.
func TestReturnIsToldOnce(t *testing.T) {
	tn := converse(t, "b")
	tn.n.probe.next = Never
	returns := 0
	for range 20 {
		tn.recvFrom(elsewhere, aliveAt("a", tn.n.inc, elsewhere, ""))
		tn.advance(2 * time.Second)
		for _, m := range tn.n.moves {
			if m.stage == moveTold {
				returns++
			}
		}
	}
	if returns > 2 {
		t.Fatalf("%d returns in 40 s, one each %v is enough", returns, conflictPause)
	}
}

// TestOldAddressThatLeadsHere: nobody else is there, though it answers.
func TestOldAddressThatLeadsHere(t *testing.T) {
	own := func(seq uint32) []byte {
		m := wire.Ping{Seq: seq, Node: []byte("a"), SourceAddr: []byte{10, 0, 0, 'a'}, SourcePort: 7946, SourceNode: []byte("a")}
		return m.Append(nil)
	}
	t.Run("packet", func(t *testing.T) {
		tn := converse(t, "b")
		tn.recv("b", aliveAt("a", 4, elsewhere, ""))
		tn.forget()
		tn.recv("a", own(tn.seqs["ping a"]))
		tn.wantIdle("our own question")
	})
	t.Run("stream", func(t *testing.T) {
		tn := converse(t, "b")
		tn.recv("b", aliveAt("a", 4, elsewhere, ""))
		tn.request("a", own(tn.seqs["ping a"]))
		tn.wantNone("our own question", "answer *")
		tn.recvFrom(elsewhere, ack(tn.seqs["ping a"]))
		tn.wantNone("an older life's answer", "event conflict *")
		tn.advance(500 * time.Millisecond)
		tn.want("as if it were silent", "b: alive a@6")
	})
	t.Run("a question with another number is another's", func(t *testing.T) {
		tn := converse(t, "b")
		tn.recv("b", aliveAt("a", 4, elsewhere, ""))
		tn.recvFrom(elsewhere, own(tn.seqs["ping a"]+1))
		tn.want("a double's", "a: ack *")
	})
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

// TestRefusedMovesMakeRoom: a conflict isn't told again for a while, but keeps nobody from moving.
func TestRefusedMovesMakeRoom(t *testing.T) {
	tn := converse(t, "b")
	for i := range maxMoves {
		name := string([]byte{'m', byte(i)})
		tn.recv("x", aliveAt(name, 1, addrOf("m"), ""))
		tn.recv("x", aliveAt(name, 2, elsewhere, ""))
		tn.recv("m", ack(tn.n.lastSeq))
	}
	tn.forget()
	tn.recvFrom(elsewhere, aliveAt("b", 2, elsewhere, ""))
	tn.want("an honest move is checked", "b: ping b")
	if got := len(tn.n.moves); got != maxMoves {
		t.Fatalf("%d moves, limit %d", got, maxMoves)
	}
}

// TestOldAddressIsAskedSeveralTimes: one lost packet must not give a name away.
func TestOldAddressIsAskedSeveralTimes(t *testing.T) {
	tn := converse(t, "b")
	tn.recvFrom(elsewhere, aliveAt("b", 2, elsewhere, ""))
	tn.want("at once, and by a stream in case only packets get lost", "b: ping b", "b: stream ping b")
	for range movePings - 1 {
		tn.wantNone("spread over the wait", "b: ping b")
		tn.advance(500*time.Millisecond/movePings + time.Millisecond)
		tn.want("once more", "b: ping b")
	}
	tn.recv("b", ack(tn.seqs["ping b"]))
	tn.want("the last one got through", "event conflict b")
	tn.advance(500 * time.Millisecond)
	tn.wantAddr("so it keeps the name", "b", addrOf("b"))
}

func TestOldAddressMayAnswerByStream(t *testing.T) {
	tn := converse(t, "b")
	tn.recvFrom(elsewhere, aliveAt("b", 2, elsewhere, ""))
	tn.reply("b: stream ping b", ack(tn.seqs["ping b"]))
	tn.want("both are there", "event conflict b")
}

// TestProbeFindsTheOldAddressAlive: an answer to another question is one too.
func TestProbeFindsTheOldAddressAlive(t *testing.T) {
	t.Run("packet", func(t *testing.T) {
		tn := converse(t, "b")
		tn.advance(time.Second)
		probe := tn.n.probe.seq
		tn.recvFrom(elsewhere, aliveAt("b", 2, elsewhere, ""))
		tn.recv("b", ack(probe))
		tn.want("still there", "event conflict b")
	})
	t.Run("stream", func(t *testing.T) {
		tn := converse(t, "b")
		tn.advance(1500 * time.Millisecond)
		probe := tn.n.probe.seq
		id := tn.streams["b: stream ping b"]
		tn.recvFrom(elsewhere, aliveAt("b", 2, elsewhere, ""))
		tn.n.Stream(tn.now, StreamIn{ID: id, Kind: StreamReply, Data: ack(probe)}, &tn.out)
		tn.collect()
		tn.want("still there", "event conflict b")
	})
	t.Run("through another", func(t *testing.T) {
		tn := converse(t, "b", "c")
		tn.n.startProbe(tn.now, tn.n.member([]byte("b")), &tn.out)
		tn.recvFrom(elsewhere, aliveAt("b", 2, elsewhere, ""))
		tn.recv("c", ack(tn.n.probe.seq))
		tn.wantNone("it may have asked at the new address", "event conflict b")
	})
}

// TestMoveTakesTheLoudestClaim, with what that one says of the member.
func TestMoveTakesTheLoudestClaim(t *testing.T) {
	tn := converse(t, "b")
	tn.recvFrom(elsewhere, aliveAt("b", 2, elsewhere, "first"))
	tn.recvFrom(elsewhere, aliveAt("b", 4, elsewhere, "second"))
	tn.recvFrom(elsewhere, aliveAt("b", 3, elsewhere, "late"))
	tn.recv("z", aliveAt("b", 9, addrOf("z"), "at a third address"))
	tn.advance(500 * time.Millisecond)
	tn.wantAddr("where it was checked", "b", elsewhere)
	tn.wantState("as it said last", "b", Alive, 4)
	if m, _ := tn.n.View(tn.n.member([]byte("b"))); string(m.Meta) != "second" {
		t.Fatalf("metadata %q is of another incarnation", m.Meta)
	}
}

// TestTwoClaimsAtOneIncarnation: a member that joins under a taken name is known to all who hear of
// it, not only to the two.
func TestTwoClaimsAtOneIncarnation(t *testing.T) {
	tn := converse(t, "b", "c")
	tn.recv("c", aliveAt("b", 1, elsewhere, ""))
	tn.want("say so", "note conflict b")
	tn.wantAddr("the first keeps the name", "b", addrOf("b"))
	tn.recv("c", aliveAt("b", 2, addrOf("b"), ""))
	tn.forget()
	tn.recv("c", aliveAt("b", 1, elsewhere, ""))
	tn.wantNone("outdated gossip is no conflict", "note conflict b")
}
