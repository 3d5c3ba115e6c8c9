package swim

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"serf/wire"
)

// The whole rule of which message wins, by record and message.
func TestYieldsTo(t *testing.T) {
	type news struct {
		s   State
		inc uint32
	}
	wins := map[State][]news{
		// What replaces a record at incarnation 5.
		Alive:   {{Alive, 6}, {Suspect, 5}, {Suspect, 6}, {Dead, 5}, {Dead, 6}, {Left, 5}, {Left, 6}},
		Suspect: {{Alive, 6}, {Suspect, 6}, {Dead, 5}, {Dead, 6}, {Left, 5}, {Left, 6}},
		Dead:    {{Alive, 6}, {Dead, 6}, {Left, 5}, {Left, 6}},
		Left:    {{Alive, 6}, {Dead, 6}, {Left, 6}},
	}
	for known, list := range wins {
		r := record{state: known, inc: 5}
		for _, s := range []State{Alive, Suspect, Dead, Left} {
			for _, inc := range []uint32{4, 5, 6} {
				want := false
				for _, x := range list {
					want = want || x == news{s, inc}
				}
				if got := r.yieldsTo(s, inc); got != want {
					t.Errorf("%v@5 yields to %v@%d: %v, want %v", known, s, inc, got, want)
				}
			}
		}
	}
}

func TestNewMemberJoinsAndIsGossiped(t *testing.T) {
	tn := converse(t, "b")
	tn.recv("b", alive("c", 3))
	tn.want("news", "event joined c")
	tn.advance(0)
	tn.want("passed on at once", "?: alive c@3")
	tn.wantState("as told", "c", Alive, 3)
	tn.forget()
	tn.recv("b", alive("c", 3))
	tn.wantNone("the same again is no news", "event *")
}

func TestNothingButAliveMakesAMemberKnown(t *testing.T) {
	tn := converse(t, "b")
	tn.recv("b", suspect("c", 1, "b"), dead("c", 1, "b"), dead("c", 1, "c"))
	tn.wantIdle("a stranger")
}

func TestClaimsAreCountedNewsOrNot(t *testing.T) {
	tn := converse(t, "b", "c")
	before := tn.n.Counters().Claims
	tn.recv("b", alive("c", 1), suspect("c", 1, "b"), suspect("c", 1, "b"), dead("c", 1, "b"), dead("c", 1, "c"))
	got := tn.n.Counters().Claims
	for s := range got {
		got[s] -= before[s]
	}
	if got != [...]uint64{Alive: 1, Suspect: 2, Dead: 1, Left: 1} {
		t.Errorf("by state: %v", got)
	}
}

// A higher death outlives a late alive message in between (F3).
func TestDeathIsNotUndone(t *testing.T) {
	tn := converse(t, "b", "c")
	tn.believeDeaths()
	tn.recv("b", suspect("c", 1, "b"), dead("c", 1, "b"), dead("c", 10, "b"))
	tn.want("once", "event failed c")
	tn.wantNone("and only once", "event failed c")
	tn.recv("b", alive("c", 2))
	tn.wantState("late news", "c", Dead, 10)
	tn.recv("b", alive("c", 11))
	tn.want("a real return", "event joined c")
}

// A restarted member learns why nobody believes it (F3).
func TestStaleAliveLearnsWhatToOutbid(t *testing.T) {
	tn := converse(t, "b", "c")
	tn.believeDeaths()
	tn.recv("b", suspect("c", 9, "b"), dead("c", 9, "b"))
	tn.forget()
	tn.recv("c", alive("c", 1))
	tn.want("told at its address", "c: dead c@9 from a")
	tn.wantState("not believed yet", "c", Dead, 9)
	tn.forget()
	for range 100 {
		tn.recv("c", alive("c", 1))
	}
	if len(tn.did) >= 100 {
		t.Fatal("each stale claim costs a packet")
	}
}

// Anybody can claim any address, and the answer may go to nobody (F4).
func TestStaleClaimIsAnsweredAtKnownAddressesOnly(t *testing.T) {
	victim := netip.MustParseAddrPort("10.8.8.8:53")
	tn := converse(t, "b")
	tn.recv("b", dead("b", 1, "b"))
	tn.forget()
	tn.recvFrom(elsewhere, aliveAt("b", 1, victim, ""))
	tn.wantIdle("neither the source nor known")
	tn.n.gossip.queue.Add(0, alive("z", 1))
	tn.recvFrom(elsewhere, aliveAt("b", 1, elsewhere, ""))
	tn.want("where the claim came from", elsewhere.String()+": dead b@1 from b")
	tn.recvFrom(elsewhere, alive("b", 1))
	tn.want("or where b is known", "b: dead b@1 from b")
	tn.wantIdle("and no gossip with it")
}

// The sender has missed what was gossiped since, and gossip isn't repeated.
func TestOutdatedMessagesAreCorrected(t *testing.T) {
	for name, news := range map[string][]byte{
		"suspicion": suspect("b", 1, "d"), "death": dead("b", 1, "d"), "departure": dead("b", 1, "b"), "old address": aliveAt("b", 1, elsewhere, ""),
	} {
		t.Run(name, func(t *testing.T) {
			tn := converse(t, "b", "c")
			tn.recv("b", alive("b", 2))
			tn.forget()
			tn.recv("c", news)
			tn.want("told what is newer", "c: alive b@2")
			tn.wantNone("once", "*: alive b@2")
			for range repliesMax {
				tn.recv("c", news)
			}
			tn.forget()
			tn.recv("c", news)
			tn.wantNone("but not without end: anybody can send it under any address", "c: *")
			tn.advance(tn.n.cfg.GossipInterval)
			tn.forget()
			tn.recv("c", news)
			tn.want("then as before", "c: alive b@2")
		})
	}
	tn := converse(t, "b", "c")
	tn.recv("b", alive("b", 2))
	tn.recv("c", dead("b", 2, "c"))
	tn.advance(time.Second)
	tn.forget()
	tn.n.probe.next = Never
	tn.recv("c", suspect("b", 1, "d"), dead("b", 1, "d"))
	tn.wantIdle("the dead are not defended")
}

// Members that are cut off accuse all that they don't hear, again and again. One that does hear us
// has missed the refutation, and asks before it gives us up.
func TestMemberThatPingsASuspectHearsThatItRefuted(t *testing.T) {
	tn := converse(t, "b", "c")
	tn.recv("c", suspect("a", 1, "c"))
	for range repliesMax + 1 {
		tn.recv("c", suspect("a", 1, "c"))
	}
	tn.n.gossip.queue = Queue{}
	tn.forget()
	tn.recv("c", suspect("a", 1, "c"))
	tn.wantNone("there is no end of these", "*: alive a@2")
	tn.recv("b", ping(7, "a", "b"), suspect("a", 1, "b"))
	tn.want("with the ack", "b: ack 7", "b: alive a@2")
	tn.recvFrom(elsewhere, ping(8, "a", "x"), suspect("a", 1, "b"))
	tn.want("anybody can send that", elsewhere.String()+": ack 8")
	tn.wantNone("and the answer is longer than it is", "*: alive a@2")
}

// A member that restarted, and joined nobody who knows it, learns from the first that it pings what
// it has to outbid to be believed at its address.
func TestPingFromAnotherAddressIsCorrected(t *testing.T) {
	tn := converse(t, "b")
	m := wire.Ping{Seq: 7, Node: []byte("a"), SourceAddr: elsewhere.Addr().AsSlice(), SourcePort: elsewhere.Port(), SourceNode: []byte("b")}
	tn.recvFrom(elsewhere, m.Append(nil))
	tn.want("with the ack", elsewhere.String()+": ack 7", elsewhere.String()+": alive b@1")
	for range repliesMax {
		tn.recvFrom(elsewhere, m.Append(nil))
	}
	tn.forget()
	tn.recvFrom(elsewhere, m.Append(nil))
	tn.want("anybody can send it", elsewhere.String()+": ack 7")
	tn.wantIdle("and the answer is longer than it is")
}

// They go with the ack if there is one, or in one packet, and no more than fit.
func TestCorrectionsGoTogether(t *testing.T) {
	tn := converse(t, "b", "c", "d")
	tn.recv("b", alive("b", 2), alive("d", 2))
	tn.n.gossip.queue = Queue{}
	tn.forget()
	stale := [][]byte{suspect("b", 1, "x"), suspect("d", 1, "x"), suspect("b", 1, "y")}
	sent := tn.n.counters.PacketsOut
	tn.recv("c", append(stale, ping(7, "a", "c"))...)
	tn.want("with the ack", "c: ack 7", "c: alive b@2", "c: alive d@2")
	tn.recv("c", stale...)
	tn.want("alone", "c: alive b@2", "c: alive d@2")
	tn.wantIdle("each once")
	if got := tn.n.counters.PacketsOut - sent; got != 2 {
		t.Errorf("%d packets, want one each", got)
	}

	stale = nil
	for i := range correctionsMax + 1 {
		name := string(rune('k' + i))
		tn.recv("c", alive(name, 2))
		stale = append(stale, suspect(name, 1, "x"))
	}
	tn.advance(time.Second)
	tn.forget()
	tn.n.probe.next = Never
	tn.recv("c", stale...)
	for i := range correctionsMax {
		tn.want("as many as are allowed", "c: alive "+string(rune('k'+i))+"@2")
	}
	tn.wantIdle("and no more")
}

func TestRestartWithOtherTagsLearnsWhatToOutbid(t *testing.T) {
	tn := converse(t, "b")
	tn.recv("b", aliveAt("b", 5, addrOf("b"), "old"))
	tn.forget()
	tn.recv("b", aliveAt("b", 1, addrOf("b"), "new"))
	tn.want("it must raise its incarnation", "b: alive b@5")
}

func TestRefutesSuspicion(t *testing.T) {
	tn := converse(t, "b")
	tn.recv("b", suspect("a", 1, "b"))
	tn.advance(0)
	tn.want("above the accusation", "b: alive a@2")
	if tn.n.Health() != 1 {
		t.Error("to be suspected is a sign of bad health")
	}
	tn.forget()
	tn.recv("b", suspect("a", 1, "b"))
	tn.want("outdated: b hasn't heard", "b: alive a@2")
	tn.wantState("and that's all", "a", Alive, 2)
	tn.recv("b", dead("a", 7, "b"))
	tn.advance(200 * time.Millisecond)
	tn.want("a death too", "b: alive a@8")
	if got := tn.n.Counters().Refutations; got != 2 {
		t.Errorf("%d refutations counted, want 2", got)
	}
}

func TestRefutationGoesWithTheAck(t *testing.T) {
	tn := converse(t, "b")
	tn.recv("b", ping(5, "a", "b"), suspect("a", 1, "b"))
	tn.want("in the same packet", "b: ack 5", "b: alive a@2")
}

func TestOwnOldIncarnationIsOutbid(t *testing.T) {
	tn := converse(t, "b")
	tn.recv("b", alive("a", 1))
	tn.wantIdle("that's us")
	tn.recv("b", aliveAt("a", 1, addrOf("a"), "before the restart"))
	tn.advance(0)
	tn.want("what we say now counts", "b: alive a@2")
}

// Absurd ones are rejected, whoever they are about (F3).
func TestIncarnationsDontWrap(t *testing.T) {
	const top = 1<<32 - 1
	tn := converse(t, "b")
	for _, m := range [][]byte{suspect("a", top, "x"), dead("a", top, "x"), alive("b", top), alive("z", top), dead("b", top, "b"), suspect("b", incJump+2, "x")} {
		tn.recv("x", m)
		tn.want("refused", "note bad-incarnation*")
		tn.wantIdle("no effect")
	}
	if got := tn.n.Counters().DroppedIncarnations; got != 6 {
		t.Errorf("%d counted, want 6", got)
	}
	tn.recv("x", suspect("b", incJump+1, "x"))
	tn.wantState("at the limit it counts", "b", Suspect, incJump+1)
}

func TestFirstIncarnationIsBounded(t *testing.T) {
	tn := converse(t, "b")
	tn.recv("x", alive("x", incJump+1))
	tn.want("nobody starts there", "note bad-incarnation*")
	tn.recv("x", alive("x", incJump))
	tn.wantState("at the limit", "x", Alive, incJump)
}

// What we heed we can outbid so that others believe it, even with a return. What we couldn't isn't
// heeded.
func TestCredibleAccusationIsOutbid(t *testing.T) {
	const most = 1 + incJump - incSpare
	for accuse, m := range map[string]func(uint32) []byte{
		"suspect": func(inc uint32) []byte { return suspect("a", inc, "b") },
		"dead":    func(inc uint32) []byte { return dead("a", inc, "b") },
		"alive":   func(inc uint32) []byte { return aliveAt("a", inc, addrOf("a"), "not ours") },
	} {
		t.Run(accuse, func(t *testing.T) {
			tn := converse(t, "b")
			tn.recv("b", m(most+1))
			tn.want("beyond", "note bad-incarnation*")
			tn.wantState("not heeded", "a", Alive, 1)
			tn.recv("b", m(most))
			tn.wantState("out-bid", "a", Alive, most+1)
		})
	}
	tn := converse(t, "b")
	tn.n.probe.next = Never
	tn.recv("b", aliveAt("a", most, elsewhere, ""))
	tn.advance(500*time.Millisecond + tn.n.moveSpread() + 3*step)
	tn.want("all steps of a return fit", "b: dead a@* from a")
	tn.wantState("above its own end, and credible", "a", Alive, 1+incJump)
}

// Claims that make no sense are rejected with a reason, and nothing else suffers (F5, F6).
func TestBadClaims(t *testing.T) {
	at := func(s string) []byte { return aliveAt("z", 1, netip.MustParseAddrPort(s), "") }
	vsn := func(v ...byte) []byte {
		m := wire.Alive{Inc: 1, Node: []byte("z"), Addr: []byte{10, 0, 0, 'z'}, Port: 1, Vsn: v}
		return m.Append(nil)
	}
	for _, c := range []struct {
		name, note string
		msg        []byte
	}{
		{"unspecified", "bad-address", at("0.0.0.0:7946")},
		{"loopback to others", "bad-address", at("127.0.0.1:7946")},
		{"multicast", "bad-address", at("224.0.0.1:7946")},
		{"multicast v6", "bad-address", at("[ff02::1]:7946")},
		{"broadcast", "bad-address", at("255.255.255.255:7946")},
		{"no port", "bad-address", at("10.0.0.9:0")},
		{"mapped loopback", "bad-address", at("[::ffff:127.0.0.1]:7946")},
		{"protocol 0", "bad-versions", vsn(0, 5, 2, 2, 5, 5)},
		{"protocol max 0", "bad-versions", vsn(1, 0, 2, 2, 5, 5)},
		{"protocol min above max", "bad-versions", vsn(3, 2, 2, 2, 5, 5)},
		{"versions cut off", "bad-versions", vsn(1, 5, 2)},
		{"no versions", "bad-versions", vsn()},
		{"too many versions", "bad-versions", vsn(1, 5, 2, 0, 0, 0, 0)},
		{"protocol that is none of its own", "bad-versions", vsn(1, 5, 6, 0, 0, 0)},
		{"protocol that we don't speak", "bad-versions", vsn(1, 7, 6, 0, 0, 0)},
		{"protocol above ours", "bad-versions", vsn(3, 5, 3, 0, 0, 0)},
		{"layer above that we don't speak", "bad-versions", vsn(1, 5, 2, 2, 5, 5)},
		{"layer above in disorder", "bad-versions", vsn(1, 5, 2, 3, 2, 9)},
		{"no name", "dropped", aliveAt("", 1, addrOf("z"), "")},
		{"long name", "dropped", aliveAt(strings.Repeat("z", NameMax+1), 1, addrOf("z"), "")},
		{"long metadata", "dropped", aliveAt("z", 1, addrOf("z"), strings.Repeat("m", MetaMax+1))},
	} {
		t.Run(c.name, func(t *testing.T) {
			tn := converse(t, "b")
			tn.recv("b", c.msg, alive("y", 1))
			tn.want("refused with a reason", "note "+c.note+"*")
			tn.want("the rest of the packet counts", "event joined y")
			tn.wantIdle("nothing else")
		})
	}
}

// Nobody has such a name, and no packet could hold it.
func TestLongAccuserIsDropped(t *testing.T) {
	for what, m := range map[string]func(from string) []byte{
		"suspect": func(from string) []byte { return suspect("b", 1, from) },
		"dead":    func(from string) []byte { return dead("b", 1, from) },
	} {
		t.Run(what, func(t *testing.T) {
			tn := converse(t, "b", "c")
			tn.recv("c", m(strings.Repeat("x", NameMax+1)))
			tn.want("counted", "note dropped*")
			tn.wantState("no effect", "b", Alive, 1)
			tn.recv("c", m(strings.Repeat("x", NameMax)))
			tn.want("as long as allowed", "event *ed b")
		})
	}
}

func TestClaimsAtTheLimit(t *testing.T) {
	tn := converse(t, "b")
	long := strings.Repeat("n", NameMax)
	tn.recv("b", aliveAt(long, 1, addrOf("z"), strings.Repeat("m", MetaMax)))
	tn.want("as large as allowed", "event joined "+long)
}

func TestLoopbackClusterTakesLoopback(t *testing.T) {
	tn := converseWith(t, func(c *Config) { c.Addr = netip.MustParseAddrPort("127.0.0.1:7946") })
	tn.recv("b", aliveAt("z", 1, netip.MustParseAddrPort("127.0.0.2:7946"), ""))
	tn.want("on one host it's fine", "event joined z")
}

func TestUpdate(t *testing.T) {
	tn := converse(t, "b")
	tn.recv("b", aliveAt("b", 2, addrOf("b"), "tags"))
	tn.want("other metadata", "event updated b")
	tn.recv("b", aliveAt("b", 3, addrOf("b"), "tags"))
	tn.wantNone("only a refutation", "event updated b")
}

func TestSuspectRefutedInTime(t *testing.T) {
	tn := converse(t, "b", "c")
	tn.recv("c", suspect("b", 1, "c"))
	tn.want("first", "event suspected b")
	tn.recv("b", alive("b", 2))
	tn.want("it lives", "event refuted b")
	tn.n.probe.next = Never // no probes: the suspicion has to end by itself
	tn.forget()
	tn.advance(time.Minute)
	tn.wantNone("its time was cancelled", "event failed b")
}

// The more members confirm, the sooner a suspicion ends, but never before the least time. Among
// five members of the LAN profile that is 4 s to 24 s.
func TestSuspicionTimes(t *testing.T) {
	for _, c := range []struct {
		name    string
		from    []string
		timeout time.Duration
	}{
		{"nobody confirms", nil, 24 * time.Second},
		{"the same again doesn't count", []string{"c", "c"}, 24 * time.Second},
		{"one", []string{"d"}, suspicionFor(1, 2, 4*time.Second, 24*time.Second)},
		{"two", []string{"d", "e"}, 4 * time.Second},
		{"more than hoped for", []string{"d", "e", "f"}, 4 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			tn := converse(t, "b", "c", "d", "e")
			tn.n.probe.next = Never
			tn.recv("c", suspect("b", 1, "c"))
			for _, from := range c.from {
				tn.recv("c", suspect("b", 1, from))
			}
			tn.advance(c.timeout - time.Millisecond)
			tn.wantNone("too early", "event failed b")
			tn.advance(time.Millisecond)
			tn.want("time is over", "event failed b")
			tn.wantState("given up", "b", Dead, 1)
		})
	}
}

func TestHigherSuspicionStartsAnew(t *testing.T) {
	tn := converse(t, "b", "c")
	tn.n.probe.next = Never
	tn.recv("c", suspect("b", 1, "c"))
	tn.advance(3 * time.Second)
	tn.recv("c", suspect("b", 2, "c"))
	tn.wantState("it had refuted the first", "b", Suspect, 2)
	tn.advance(3 * time.Second)
	tn.wantNone("the new one has its full time", "event failed b")
	tn.advance(time.Second)
	tn.want("then it ends", "event failed b")
}

func TestConfirmationsAreGossipedFirstKOnly(t *testing.T) {
	tn := converse(t, "b", "c", "d", "e")
	tn.n.probe.next = Never
	tn.recv("c", suspect("b", 1, "c"))
	tn.advance(5 * time.Second)
	tn.forget()
	tn.recv("c", suspect("b", 1, "d"))
	tn.advance(5 * time.Second)
	tn.want("news: d says so too", "?: suspect b@1 from d")
	tn.recv("c", suspect("b", 1, "e"))
	tn.advance(5 * time.Second)
	tn.forget()
	tn.recv("c", suspect("b", 1, "x"))
	tn.advance(time.Second)
	tn.wantNone("two are enough", "*from x")
}

func TestLeaveOfAnother(t *testing.T) {
	tn := converse(t, "b", "c")
	tn.believeDeaths()
	tn.recv("b", dead("b", 1, "b"))
	tn.want("of its own will", "event left b")
	tn.wantState("left", "b", Left, 1)
	tn.recv("c", dead("b", 1, "c"))
	tn.wantState("whoever missed it doesn't make it a failure", "b", Left, 1)
	tn.recv("c", suspect("c", 1, "x"), dead("c", 1, "x"))
	tn.recv("c", dead("c", 1, "c"))
	tn.want("it seemed to have failed, but had left", "event failed c", "event left c")
}

func TestMalformedMessagesAreCounted(t *testing.T) {
	tn := converse(t, "b")
	for kind := range 16 {
		tn.recv("b", []byte{byte(kind), 0xff, 0x00})
	}
	if got := tn.n.Counters().DroppedMessages + tn.n.Counters().DroppedPackets; got < 12 {
		t.Errorf("%d counted", got)
	}
	tn.wantNone("no effect", "event joined *")
}
