package swim

import (
	"net/netip"
	"testing"
	"time"

	"serf/internal/invariant"
	"serf/wire"
)

func TestProbeAcked(t *testing.T) {
	tn := converse(t, "b")
	tn.advance(time.Second)
	tn.want("one probe an interval", "b: ping b")
	tn.now = tn.now.Add(time.Millisecond)
	tn.recv("b", ack(tn.seqs["ping b"]))
	if c := tn.n.Counters(); c.Probes != 1 || c.ProbesEnded != 1 || c.ProbeTime != time.Millisecond || c.ProbesFailed != 0 {
		t.Errorf("%d probes, %d ended after %v in all, %d failed",
			c.Probes, c.ProbesEnded, c.ProbeTime, c.ProbesFailed)
	}
	if c := tn.n.Counters(); c.ProbesDirect != 1 || c.ProbesRelayed != 0 || c.RTTs.N() != 1 || c.RTTs.Sum != time.Millisecond {
		t.Errorf("%d direct, %d relayed, round trips %+v", c.ProbesDirect, c.ProbesRelayed, c.RTTs)
	}
	tn.want("a direct ack feeds the coordinates", "event acked b")
	tn.advance(900 * time.Millisecond)
	tn.wantIdle("an acked probe is over")
}

func TestProbeWithoutAckAsksHelpersThenSuspects(t *testing.T) {
	tn := converse(t, "b", "c", "d", "e", "f")
	tn.advance(time.Second)
	tn.want("the probe", "?: ping ?")
	target := tn.lastPinged()
	tn.advance(499 * time.Millisecond)
	tn.wantIdle("the timeout isn't over")
	tn.advance(time.Millisecond)
	for range 3 {
		tn.want("no ack: ask three others", "?: ping-req "+target+" nack")
	}
	tn.want("packets may be blocked: try a stream", target+": stream ping "+target)
	tn.wantNone("three are enough", "?: ping-req *")
	tn.fail(target + ": stream ping " + target)
	tn.advance(500 * time.Millisecond)
	tn.want("no ack in the interval: suspect", "event suspected "+target)
	tn.want("and tell", "?: suspect "+target+"@1 from a")
	tn.wantState("suspected", target, Suspect, 1)
}

// lastPinged returns the one member that was pinged.
func (tn *conversation) lastPinged() string {
	tn.t.Helper()
	for _, name := range []string{"b", "c", "d", "e", "f"} {
		if _, ok := tn.seqs["ping "+name]; ok {
			return name
		}
	}
	tn.t.Fatal("nobody was pinged")
	return ""
}

func TestIndirectAckEndsProbe(t *testing.T) {
	tn := converse(t, "b", "c", "d", "e")
	tn.advance(1500 * time.Millisecond)
	target := tn.lastPinged()
	tn.forget()
	tn.recv("x", ack(tn.seqs["ping "+target]))
	tn.wantNone("an ack through another says nothing of the round trip", "event acked *")
	tn.advance(499 * time.Millisecond)
	tn.wantNone("reached through another", "event suspected *")
	if c := tn.n.Counters(); c.ProbesDirect != 0 || c.ProbesRelayed != 1 || c.RTTs.N() != 0 {
		t.Errorf("%d direct, %d relayed, round trips %+v", c.ProbesDirect, c.ProbesRelayed, c.RTTs)
	}
}

func TestStreamAckAloneIsReachable(t *testing.T) {
	tn := converse(t, "b")
	tn.advance(1500 * time.Millisecond)
	tn.forget()
	tn.reply("b: stream ping b", ack(tn.seqs["ping b"]))
	tn.advance(500 * time.Millisecond)
	tn.want("warn of UDP", "note stream-only b")
	tn.wantNone("reachable", "event suspected b")
}

// memberlist counts it as an answer, and so do we.
func TestStreamAckHeals(t *testing.T) {
	tn := converse(t, "b")
	tn.n.health = 3
	tn.advance(1500 * time.Millisecond)
	tn.reply("b: stream ping b", ack(tn.seqs["ping b"]))
	tn.advance(3500 * time.Millisecond)
	if got := tn.n.Health(); got != 2 {
		t.Fatalf("health %d, want 2", got)
	}
}

// A member that said meanwhile that it is alive isn't accused again.
func TestProbeSuspectsTheIncarnationThatItPinged(t *testing.T) {
	tn := converse(t, "b", "c")
	tn.n.inquire(tn.now, &tn.n.probe.inquiry, tn.n.member([]byte("b")), &tn.out)
	tn.n.probe.next = Never
	tn.recv("c", alive("b", 2))
	tn.advance(time.Second)
	tn.wantState("no ack, but proof of life", "b", Alive, 2)
}

// The rest of its time goes to the next probe.
func TestProbeEndsWithItsTarget(t *testing.T) {
	tn := converse(t, "b", "c")
	tn.n.health = 7
	tn.n.inquire(tn.now, &tn.n.probe.inquiry, tn.n.member([]byte("b")), &tn.out)
	tn.forget()
	tn.recv("b", dead("b", 1, "b"))
	tn.advance(time.Second)
	tn.want("eight intervals were meant for b", "c: ping c")
}

// The round still has all members that were there when it began.
func TestProbesGoOnAfterAMassDeath(t *testing.T) {
	const crowded = 5000
	node, out := crowd(t, crowded, nil)
	node.probe.order.start(node.view.live, 7)
	for i := range crowded - 3 {
		node.Packet(0, crowdAddr(0), dead(crowdName(i), 1, crowdName(i)), out)
		out.Reset()
	}
	for range 100 {
		if node.pickTarget() == NoMember {
			t.Fatal("an interval without a probe")
		}
	}
}

func TestStreamAckOfAnotherNumberIsNone(t *testing.T) {
	tn := converse(t, "b")
	tn.advance(1500 * time.Millisecond)
	tn.reply("b: stream ping b", ack(tn.seqs["ping b"]+1))
	tn.advance(500 * time.Millisecond)
	tn.want("a wrong answer is no answer", "event suspected b")
}

// Missing nacks say that this node is the one in trouble; acks improve its health.
func TestHealthScore(t *testing.T) {
	for _, c := range []struct {
		name  string
		nacks int
		want  int
	}{{"all nacked: the target is the problem", 3, 0}, {"one nack missing", 2, 1}, {"nobody answered", 0, 3}} {
		t.Run(c.name, func(t *testing.T) {
			tn := converse(t, "b", "c", "d", "e", "f")
			tn.advance(1500 * time.Millisecond)
			target := tn.lastPinged()
			for range c.nacks {
				tn.recv("x", nack(tn.seqs["ping-req "+target]))
			}
			tn.advance(500 * time.Millisecond)
			if got := tn.n.Health(); got != c.want {
				t.Fatalf("health %d, want %d", got, c.want)
			}
		})
	}
}

func TestHealthStretchesProbeInterval(t *testing.T) {
	tn := converse(t, "b")
	tn.n.health = 2
	tn.advance(time.Second)
	tn.advance(2999 * time.Millisecond)
	tn.wantNone("three intervals are granted", "event suspected b")
	tn.advance(time.Millisecond)
	tn.want("and no more", "event suspected b")
}

func TestHealthIsBounded(t *testing.T) {
	tn := converse(t, "b")
	for range 20 {
		tn.n.adjustHealth(1, &tn.out)
	}
	if got := tn.n.Health(); got != 7 {
		t.Fatalf("health %d, want 7", got)
	}
	tn.n.adjustHealth(-100, &tn.out)
	if got := tn.n.Health(); got != 0 {
		t.Fatalf("health %d, want 0", got)
	}
}

func TestNacksBeyondThoseAskedDontCount(t *testing.T) {
	tn := converse(t, "b", "c", "d", "e", "f")
	tn.advance(1500 * time.Millisecond)
	target := tn.lastPinged()
	for range 10 {
		tn.recv("x", nack(tn.seqs["ping-req "+target]))
	}
	if got := tn.n.probe.nacks; got != 3 {
		t.Fatalf("%d nacks counted, 3 asked", got)
	}
}

func TestPingAcked(t *testing.T) {
	tn := converse(t, "b")
	tn.recv("b", ping(7, "a", "b"))
	tn.want("an ack to its address", "b: ack 7")
	tn.recv("b", ping(8, "", ""))
	tn.want("no name: whoever is there", "b: ack 8")
	tn.recv("b", ping(9, "z", "b"))
	tn.want("somebody else is meant", "note wrong-name*")
	tn.wantIdle("and gets no ack from us")
}

// A packet can't make us send to any address (F4).
func TestAckGoesToKnownAddressesOnly(t *testing.T) {
	tn := converse(t, "b")
	victim := wire.Ping{Seq: 1, Node: []byte("a"), SourceAddr: []byte{10, 0, 0, 'v'}, SourcePort: 7946, SourceNode: []byte("b")}
	tn.recv("x", victim.Append(nil))
	tn.want("back to where it came from, with where b is known", "x: ack 1", "x: alive b@1")
	tn.wantIdle("nothing to the address that it names")

	elsewhere := netip.MustParseAddrPort("10.1.1.1:99") // b behind a NAT
	tn.recvFrom(elsewhere, ping(2, "a", "b"))
	tn.want("b's known address is good", "b: ack 2")
}

func TestAckCarriesWhatTheSourceShouldRefute(t *testing.T) {
	tn := converse(t, "b", "c")
	tn.recv("c", suspect("b", 1, "c"))
	tn.forget()
	tn.recv("b", ping(7, "a", "b"))
	tn.want("it lives: let it refute", "b: ack 7", "b: suspect b@1 from a")
}

// A small packet with many pings must not cause a flood.
func TestAcksOfOnePacketAreBounded(t *testing.T) {
	tn := converse(t, "b")
	var msgs [][]byte
	for i := range maxAcks + 1 {
		msgs = append(msgs, ping(uint32(i), "a", ""))
	}
	tn.recv("b", msgs...)
	if len(tn.did) != maxAcks {
		t.Fatalf("%d answers, want %d", len(tn.did), maxAcks)
	}
}

func TestSuspectIsToldWithThePing(t *testing.T) {
	tn := converse(t, "b", "c")
	tn.recv("c", suspect("b", 1, "c"))
	for range 4 {
		tn.advance(time.Second)
	}
	tn.want("ping and accusation in one packet", "b: ping b", "b: suspect b@1 from a")
}

func TestIndirectPing(t *testing.T) {
	ask := func(target string, port uint16, nackWanted bool) []byte {
		a := addrOf(target)
		m := wire.IndirectPing{Seq: 70, Target: a.Addr().AsSlice(), Port: port, Node: []byte(target), Nack: nackWanted,
			SourceAddr: addrOf("c").Addr().AsSlice(), SourcePort: 7946, SourceNode: []byte("c")}
		return m.Append(nil)
	}
	t.Run("ack is passed on with the asker's number", func(t *testing.T) {
		tn := converse(t, "b", "c")
		tn.recv("c", ask("b", 7946, true))
		tn.want("ping for c", "b: ping b")
		tn.recv("b", ack(tn.seqs["ping b"]))
		tn.want("pass it on", "c: ack 70")
		tn.advance(900 * time.Millisecond)
		tn.wantIdle("no nack after an ack")
	})
	t.Run("nack after the timeout, and a late ack still counts", func(t *testing.T) {
		tn := converse(t, "b", "c")
		tn.recv("c", ask("b", 7946, true))
		tn.forget()
		tn.advance(500 * time.Millisecond)
		tn.want("no answer so far", "c: nack 70")
		tn.recv("b", ack(tn.seqs["ping b"]))
		tn.want("better late", "c: ack 70")
	})
	t.Run("no nack unless wanted", func(t *testing.T) {
		tn := converse(t, "b", "c")
		tn.recv("c", ask("b", 7946, false))
		tn.forget()
		tn.advance(999 * time.Millisecond)
		tn.wantIdle("silence")
	})
	t.Run("strangers are not pinged for anybody", func(t *testing.T) {
		tn := converse(t, "b", "c")
		tn.recv("c", ask("v", 7946, true))
		tn.want("refused (F4)", "note forward-refused *")
		tn.want("the asker's health isn't to blame", "c: nack 70")
		tn.wantIdle("nothing sent to the stranger")
		tn.recv("c", ask("b", 80, true))
		tn.want("nor a member at another port", "note forward-refused *")
		if got := tn.n.Counters().DroppedForwards; got != 2 {
			t.Fatalf("%d refusals counted, want 2", got)
		}
	})
	t.Run("beyond the limit a nack at once", func(t *testing.T) {
		tn := converse(t, "b", "c")
		for range maxPendingPings {
			tn.recv("c", ask("b", 7946, true))
		}
		tn.forget()
		tn.recv("c", ask("b", 7946, true))
		tn.want("too busy", "c: nack 70")
		tn.wantIdle("no further ping")
	})
}

// A small packet with many requests must not cause a flood.
func TestForwardsOfOnePacketAreBounded(t *testing.T) {
	tn := converse(t, "b", "c")
	m := wire.IndirectPing{Seq: 70, Target: []byte{10, 0, 0, 'b'}, Port: 7946, Node: []byte("b"), Nack: true}
	var msgs [][]byte
	for range maxForwards + 1 {
		msgs = append(msgs, m.Append(nil))
	}
	tn.recv("c", msgs...)
	if len(tn.did) != maxForwards {
		t.Fatalf("%d packets sent, want %d", len(tn.did), maxForwards)
	}
	tn.forget()
	tn.recv("c", msgs[0])
	tn.want("the next packet is another matter", "b: ping b")
}

// Dead members are pinged now and then, so that a partition heals (F14).
func TestPingFindsReturnedMember(t *testing.T) {
	tn := converse(t, "b")
	tn.recv("c", suspect("b", 1, "c"), dead("b", 1, "c"))
	tn.forget()
	tn.advance(time.Hour)
	tn.want("after an hour still tried, with what it has to refute",
		"b: ping b", "b: dead b@1 from a")
	tn.recv("b", ack(tn.seqs["ping b"]))
	tn.want("it's back: exchange states", "note returned b", "b: stream push/pull")
}

// Gossip sent to nobody would count as sent.
func TestPingOfADeadMemberCarriesNoGossip(t *testing.T) {
	tn := converse(t, "b")
	tn.believeDeaths()
	tn.recv("c", suspect("b", 1, "c"), dead("b", 1, "c"))
	tn.forget()
	tn.n.gossip.queue.Add(0, alive("z", 1))
	for len(tn.did) == 0 {
		tn.n.maybeProbeDead(tn.now, &tn.out)
		tn.collect()
	}
	tn.want("only what is for b", "b: ping b", "b: dead b@1 from a")
	tn.wantIdle("and nothing else")
}

func TestMembersThatLeftAreNotPinged(t *testing.T) {
	tn := converse(t, "b")
	tn.recv("b", dead("b", 1, "b"))
	tn.forget()
	tn.advance(time.Hour)
	tn.wantNone("it went of its own will", "b: ping b")
}

func TestLoneNodeIsQuiet(t *testing.T) {
	tn := converse(t)
	tn.advance(time.Hour)
	tn.wantIdle("nobody to probe, nothing to say")
}

// With n other members, n intervals probe each once.
func TestEveryMemberIsProbedEachRound(t *testing.T) {
	tn := converse(t, "b", "c", "d", "e", "f")
	tn.n.probe.order.start(tn.n.view.live, 42)
	for range 5 {
		tn.advance(time.Second)
		tn.recv("x", ack(tn.n.probe.seq))
	}
	for _, name := range []string{"b", "c", "d", "e", "f"} {
		tn.want("once a round", name+": ping "+name)
	}
	tn.wantNone("nobody twice", "?: ping ?")
}

// With many members a round takes long. A newcomer that crashes at once must not wait for the next.
func TestNewcomersAreProbedInThisRound(t *testing.T) {
	node, out := crowd(t, 1000, nil)
	now := node.probe.next
	node.Tick(now, out)
	invariant.Check(!node.probe.order.over(), "swim: a round is on")
	out.Reset()
	node.Packet(now, crowdAddr(1), alive("n", 1), out)
	id, _ := node.Lookup([]byte("n"))
	probed := 0
	for range 20_000 {
		node.probe.order.start(1001, 7) // the newcomer is number 1002
		if node.pickTarget() == id {
			probed++
		}
	}
	if probed < 5 || probed > 60 {
		t.Fatalf("probed %d times of 20,000, want about one in 1,002", probed)
	}
}

// Members that know us ping us by name. If we don't know them, since we restarted and joined
// nobody, we exchange states.
func TestStrangerIsMet(t *testing.T) {
	tn := converse(t)
	tn.recv("s", ping(1, "a", "s"))
	tn.want("exchange states with it", "s: ack 1", "s: stream push/pull")
	tn.recv("r", ping(1, "a", "r"))
	tn.want("one at a time", "r: ack 1")
	tn.wantIdle("anybody can send pings")
	tn.advance(strangerPause)
	tn.recv("r", ping(2, "", "r"))
	tn.want("it doesn't know our name", "r: ack 2")
	tn.wantIdle("and isn't of our cluster")
}

func TestProbesAreTimed(t *testing.T) {
	tn := converse(t, "b")
	tn.advance(time.Second)
	sent, seq := tn.n.probe.sent, tn.n.probe.seq
	tn.advance(100 * time.Millisecond)
	tn.recv("b", ack(seq))
	c := tn.n.Counters()
	if want := tn.now.Sub(sent); c.ProbesEnded != 1 || c.ProbeTime != want || want <= 0 {
		t.Errorf("%d probes ended, which took %v; want 1 and %v", c.ProbesEnded, c.ProbeTime, want)
	}
	tn.advance(3 * time.Second) // the next gets no answer
	if c := tn.n.Counters(); c.ProbesEnded != 2 || c.ProbeTime < time.Second {
		t.Errorf("%d probes ended, which took %v, want one more that took its whole time",
			c.ProbesEnded, c.ProbeTime)
	}
}
