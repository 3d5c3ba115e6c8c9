package swim

import (
	"fmt"
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

// A member that restarted at another address is believed as soon as its old address doesn't answer
// (F15).
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

// In case only packets are lost. Not if the claim's protocol version lacks pings by stream, or they
// are turned off.
func TestOldAddressIsPingedByStreamToo(t *testing.T) {
	for _, c := range []struct {
		max     byte
		off     string
		streams bool
	}{{5, "", true}, {3, "", true}, {2, "", false}, {5, "all", false}, {2, "all", false}, {5, "b", false}, {5, "c", true}} {
		tn := converseWith(t, func(cfg *Config) {
			cfg.DisableStreamPing = c.off == "all"
			cfg.NoStreamPing = func(name []byte) bool { return string(name) == c.off }
		}, "b")
		m := wire.Alive{
			Inc: 2, Node: []byte("b"), Addr: elsewhere.Addr().AsSlice(), Port: elsewhere.Port(),
			Vsn: []byte{1, c.max, 2, 0, 0, 0},
		}
		tn.recvFrom(elsewhere, m.Append(nil))
		tn.want("asked", "b: ping b")
		if c.streams {
			tn.want("in both ways", "b: stream ping b")
		}
		tn.wantNone("it would not be understood, or isn't wanted", "b: stream ping b")
	}
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

// The most usual case: both were started anew with that name.
func TestTwoMembersOfOneNameAtOneIncarnation(t *testing.T) {
	tn := converse(t, "b")
	tn.recvFrom(elsewhere, aliveAt("b", 1, elsewhere, "m"))
	tn.want("nothing to ask", "event claimed in vain b m", "note conflict b")
	tn.wantNone("it was told", "event conflict b")
	tn.wantAddr("the first keeps the name", "b", addrOf("b"))
}

func TestGoneMemberMayReturnAtAnotherAddress(t *testing.T) {
	for _, from := range []string{"b", "c"} { // left, failed
		tn := converse(t, "b", "c")
		tn.believeDeaths()
		tn.recv("c", suspect("b", 1, "c"), dead("b", 1, from))
		tn.forget()
		tn.recvFrom(elsewhere, aliveAt("b", 1, elsewhere, ""))
		tn.want("no higher than what is known: answered at the new address",
			elsewhere.String()+": dead b@1 from *")
		tn.recvFrom(elsewhere, aliveAt("b", 2, elsewhere, ""))
		tn.want("nobody is at the old address: no need to ask", "event joined b")
		tn.wantAddr("at once", "b", elsewhere)
	}
}

// step is how long each step of a return is gossiped.
const step = stepRounds * 200 * time.Millisecond

// After a restart at another address the others still know the old one, alive or not. Stock members
// reject the new one, whatever its incarnation, until the old one left, which only a living member
// can.
func TestOwnNameKnownElsewhere(t *testing.T) {
	for name, tell := range map[string]func(*conversation){
		"claimed alive": func(tn *conversation) { tn.recv("b", aliveAt("a", 4, elsewhere, "")) },
		"alive in an entry": func(tn *conversation) {
			tn.request("b", pushPullMsg(false, "", entry{"a", Alive, 4, modern, elsewhere}))
		},
		"suspect": func(tn *conversation) {
			tn.request("b", pushPullMsg(false, "", entry{"a", Suspect, 4, modern, elsewhere}))
		},
		"dead": func(tn *conversation) {
			tn.request("b", pushPullMsg(false, "", entry{"a", Dead, 4, modern, elsewhere}))
		},
		"dead, then higher": func(tn *conversation) {
			tn.request("b", pushPullMsg(false, "", entry{"a", Dead, 2, modern, elsewhere}))
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
			tn.want("does anybody answer there?",
				elsewhere.String()+": ping a", elsewhere.String()+": stream ping a")
			tn.advance(499 * time.Millisecond)
			tn.wantNone("it has time to answer", "b: *")
			tn.advance(time.Millisecond)
			tn.want("nobody: we are here, at a higher incarnation than the old address and its end",
				"b: alive a@6")
			tn.advance(tn.n.moveSpread() - time.Millisecond)
			tn.wantNone("those of our kind are given time to check it", "b: alive a@5")
			tn.advance(time.Millisecond)
			tn.want("told anew, for those who couldn't be reached then; the old one is revived",
				"b: alive a@7", "b: alive a@5")
			tn.wantNone("one step at a time", "b: dead a@*")
			tn.recv("b", aliveAt("a", 5, elsewhere, ""), suspect("a", 5, "b"))
			tn.advance(step)
			tn.want("it leaves", "b: dead a@5 from a")
			tn.forget()
			tn.recv("b", dead("a", 5, "a"))
			tn.advance(step)
			tn.want("and we appear", "b: alive a@7")
			tn.wantState("nothing of its own was refuted", "a", Alive, 7)
			tn.forget()
			tn.recv("b", aliveAt("a", 5, elsewhere, ""))
			tn.wantIdle("news of the old self may still go round")
		})
	}
}

// A claim older than our own keeps us out all the same.
func TestOwnNameElsewhereAtALowerIncarnation(t *testing.T) {
	tn := converse(t, "b")
	tn.n.probe.next = Never
	if err := tn.n.SetMeta(tn.now, []byte("x"), &tn.out); err != nil {
		t.Fatal(err)
	}
	tn.request("b", pushPullMsg(false, "", entry{"a", Alive, 1, modern, elsewhere}))
	tn.want("b refuses a@2 here as long as it knows a@1 there", elsewhere.String()+": ping a")
	tn.advance(500*time.Millisecond + tn.n.moveSpread() + 2*step)
	tn.want("all the steps", "b: alive a@3", "b: dead a@2 from a")
}

// What is known of the old address may still spread.
func TestReturnIsRepeatedForAHigherOldIncarnation(t *testing.T) {
	tn := converse(t, "b")
	tn.n.probe.next = Never
	tn.recv("b", aliveAt("a", 4, elsewhere, ""))
	tn.advance(500 * time.Millisecond)
	tn.want("told", "b: alive a@6")
	tn.recv("b", aliveAt("a", 9, elsewhere, ""))
	tn.advance(tn.n.moveSpread())
	tn.want("not high enough", "b: alive a@11")
	tn.advance(tn.n.moveSpread() + step)
	tn.want("then as usual", "b: dead a@10 from a")
}

// Gossip alone would leave members out: those of our kind don't pass the middle steps on, and the
// new address only after a check.
func TestReturnIsSentToEachMember(t *testing.T) {
	others := []string{"b", "c", "d", "e", "f", "g", "h"}
	tn := converse(t, others...)
	tn.n.probe.next = Never
	tn.recv("b", aliveAt("a", 4, elsewhere, ""))
	tn.advance(500 * time.Millisecond)
	for _, name := range others {
		tn.want("our new address", name+": alive a@6")
	}
	tn.advance(tn.n.moveSpread() + step)
	for _, name := range others {
		tn.want("again; the old one is revived, then leaves",
			name+": alive a@7", name+": alive a@5", name+": dead a@5 from a")
	}
}

// Forged claims to our name must not make us leave and return all the time.
func TestReturnIsAnnouncedOnce(t *testing.T) {
	tn := converse(t, "b")
	tn.n.probe.next = Never
	returns := 0
	for range 20 {
		tn.recvFrom(elsewhere, aliveAt("a", tn.n.inc, elsewhere, ""))
		tn.advance(2 * time.Second)
		for _, m := range tn.n.moves.list {
			if m.stage == moveTold {
				returns++
			}
		}
	}
	if returns > 2 {
		t.Fatalf("%d returns in 40 s, one each %v is enough", returns, conflictPause)
	}
}

// No other member is there, though pings are answered.
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

// moveName is the name of one of very many members.
func moveName(i int) string { return fmt.Sprintf("m%04d", i) }

// claimMoves makes this many members, at address m, claim to be elsewhere.
func (tn *conversation) claimMoves(count int) {
	for i := range count {
		tn.recv("x", aliveAt(moveName(i), 1, addrOf("m"), ""))
		tn.recv("x", aliveAt(moveName(i), 2, elsewhere, ""))
	}
}

func TestMovesAreBounded(t *testing.T) {
	tn := converse(t)
	tn.claimMoves(maxMoves)
	if got := len(tn.n.moves.list); got != maxMoves || tn.n.counters.DroppedMoves != 0 {
		t.Fatalf("%d claims, %d dropped, limit %d", got, tn.n.counters.DroppedMoves, maxMoves)
	}
	tn.recv("x", alive("b", 1), aliveAt("b", 2, elsewhere, ""))
	if got := len(tn.n.moves.list); got != maxMoves || tn.n.counters.DroppedMoves != 1 {
		t.Fatalf("%d claims, %d dropped, limit %d", got, tn.n.counters.DroppedMoves, maxMoves)
	}
}

// Claims can be forged, and their checks must not become a flood. None is forgotten.
func TestMovesAreCheckedInWaves(t *testing.T) {
	const many = 3*moveWave + 1
	tn := converse(t)
	tn.n.probe.next = Never
	tn.claimMoves(many)
	tn.want("a wave at once, the first of which by stream too",
		"m: ping "+moveName(moveWave-1), "m: stream ping "+moveName(moveWave-1))
	tn.wantNone("no more than that", "m: ping "+moveName(moveWave))
	tn.advance(125 * time.Millisecond)
	tn.want("then the next", "m: ping "+moveName(2*moveWave-1))
	tn.wantNone("in a crowd pings must do", "m: stream ping "+moveName(moveWave))
	tn.wantNone("no more than that", "m: ping "+moveName(2*moveWave))
	tn.advance(3*125*time.Millisecond + 500*time.Millisecond)
	for i := range many {
		tn.want("the old address is silent", "event updated "+moveName(i))
	}
}

// A refused move stays listed so that it isn't reported again, but makes room for honest ones.
func TestRefusedMovesMakeRoom(t *testing.T) {
	tn := converse(t, "b")
	tn.claimMoves(maxMoves)
	for i := range tn.n.moves.list {
		tn.n.refuseMove(tn.now, &tn.n.moves.list[i], &tn.out)
	}
	tn.collect()
	tn.n.probe.next = Never
	tn.advance(maxMoves / moveWave * 125 * time.Millisecond)
	tn.forget()
	tn.recvFrom(elsewhere, aliveAt("b", 2, elsewhere, ""))
	tn.want("an honest move is checked", "b: ping b")
	if got := len(tn.n.moves.list); got != maxMoves {
		t.Fatalf("%d moves, limit %d", got, maxMoves)
	}
}

// One lost packet must not give a name away.
func TestOldAddressIsPingedSeveralTimes(t *testing.T) {
	tn := converse(t, "b")
	tn.recvFrom(elsewhere, aliveAt("b", 2, elsewhere, ""))
	tn.want("at once, and by a stream in case only packets get lost",
		"b: ping b", "b: stream ping b")
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

// The answer to a probe counts as well.
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
		tn.n.inquire(tn.now, &tn.n.probe.inquiry, tn.n.member([]byte("b")), &tn.out)
		tn.recvFrom(elsewhere, aliveAt("b", 2, elsewhere, ""))
		tn.recv("c", ack(tn.n.probe.seq))
		tn.wantNone("it may have asked at the new address", "event conflict b")
	})
}

// The claim with the highest incarnation counts, with everything that it says.
func TestMoveTakesTheHighestClaim(t *testing.T) {
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

// If the first new address gets the name, it is pinged too before the second counts.
func TestSecondMoveDuringTheCheckOfTheFirst(t *testing.T) {
	tn := converse(t, "b")
	tn.n.probe.next = Never
	tn.recvFrom(elsewhere, aliveAt("b", 2, elsewhere, ""))
	tn.recv("z", aliveAt("b", 4, addrOf("z"), ""))
	tn.recv("y", aliveAt("b", 3, addrOf("y"), "not the highest"))
	tn.advance(500 * time.Millisecond)
	tn.wantAddr("the first is true", "b", elsewhere)
	tn.want("does it hold still?", elsewhere.String()+": ping b")
	tn.advance(500 * time.Millisecond)
	tn.wantAddr("no", "b", addrOf("z"))
	tn.wantState("as it said last", "b", Alive, 4)
}

// That the old address leaves is meant for stock members. A member that has heard the claim to the
// new address waits for the outcome.
func TestStepsOfAReturnAreNoLeave(t *testing.T) {
	t.Run("it moved", func(t *testing.T) {
		tn := converse(t, "b")
		tn.recvFrom(elsewhere, aliveAt("b", 3, elsewhere, ""))
		tn.recv("c", aliveAt("b", 2, addrOf("b"), ""), dead("b", 2, "b"))
		tn.advance(500 * time.Millisecond)
		tn.want("once", "event updated b")
		tn.wantNone("it never left", "event left b")
		tn.wantState("at the new address", "b", Alive, 3)
	})
	t.Run("the claim was another's", func(t *testing.T) {
		tn := converse(t, "b")
		tn.recvFrom(elsewhere, aliveAt("b", 3, elsewhere, ""))
		tn.recv("b", dead("b", 1, "b"))
		tn.wantNone("not yet", "event left b")
		tn.recv("b", ack(tn.seqs["ping b"]))
		tn.want("it was there, and leaves", "event conflict b", "event left b")
	})
}

// The accuser has heard where the member is by now; this node hasn't.
func TestAccusationAtAnIncarnationThatIsNotKnown(t *testing.T) {
	for _, s := range []State{Suspect, Dead} {
		tn := converse(t, "b", "c")
		tn.n.probe.next = Never
		if s == Suspect {
			tn.recv("c", suspect("b", 3, "c"))
		} else {
			tn.recv("c", dead("b", 3, "c"))
		}
		tn.request("c", pushPullMsg(false, ""))
		if states := tn.answered(); states["b"] != Dead {
			t.Errorf("sent as %v: receivers would believe that it said so at this incarnation",
				states["b"])
		}
		tn.recv("c", aliveAt("b", 3, elsewhere, "moved"))
		tn.wantNone("these aren't two", "note conflict *")
		tn.advance(500 * time.Millisecond)
		tn.wantAddr("where it said that it is", "b", elsewhere)
		tn.wantState("accused all the same", "b", s, 3)
		tn.recv("c", aliveAt("b", 3, addrOf("b"), "again elsewhere"))
		tn.wantAddr("known as of then", "b", elsewhere)
	}
}

// A member that joins under a taken name is noticed by all that hear of it, not only by the two.
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
