package serf

import (
	"math"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"serf/swim"
	"serf/wire"
)

func conflictAnswer(known bool, owner string) string {
	m := wire.ConflictAnswer{Known: known, Name: []byte("a"), Addr: addrOf(owner).Addr().AsSlice(),
		Port: addrOf(owner).Port(), Status: 1}
	return string(m.Append(nil))
}

func TestKeepsName(t *testing.T) {
	for _, tt := range []struct {
		matching, others int
		age              time.Duration
		want             bool
	}{
		{0, 0, 0, true},                 // nobody answered
		{0, 1, 24 * time.Hour, false},   // all against
		{1, 0, 0, true},                 // all for
		{2, 1, 0, true},                 // majority
		{1, 2, 24 * time.Hour, false},   // minority
		{1, 1, incumbentAge, true},      // tied, here first
		{1, 1, incumbentAge - 1, false}, // tied, just came
		{50, 50, 24 * time.Hour, true},  // tied
	} {
		if got := keepsName(tt.matching, tt.others, tt.age); got != tt.want {
			t.Errorf("%d for, %d against, age %v: %v", tt.matching, tt.others, tt.age, got)
		}
	}
}

// contest has another address claim the node's name, and returns the query of the vote.
func (tn *conversation) contest() *query {
	tn.t.Helper()
	n := tn.n
	n.call.begin(&tn.out)
	n.handle(tn.now, &swim.Event{Kind: swim.EventConflict, Member: n.self, Addr: addrOf("x")},
		&tn.out)
	n.finish(tn.now, &tn.out)
	tn.collect()
	if len(n.queries) == 0 {
		return nil
	}
	return n.queries[0]
}

func TestNameConflictIsDecidedByVote(t *testing.T) {
	for _, tt := range []struct {
		name    string
		answers map[string]string // by member
		stops   bool
	}{
		{"nobody answers", nil, false},
		{"nobody knows us", map[string]string{"b": conflictAnswer(false, "a"),
			"c": conflictAnswer(false, "a")}, false},
		{"one knows the other, two nobody", map[string]string{
			"b": conflictAnswer(true, "x"), "c": conflictAnswer(false, "a"),
			"d": conflictAnswer(false, "a"),
		}, true},
		{"one knows us, two nobody", map[string]string{
			"b": conflictAnswer(true, "a"), "c": conflictAnswer(false, "a"),
			"d": conflictAnswer(false, "a"),
		}, false},
		{"two against one", map[string]string{
			"b": conflictAnswer(true, "a"), "c": conflictAnswer(true, "x"),
			"d": conflictAnswer(true, "x"),
		}, true},
		{"nonsense doesn't count", map[string]string{"b": "\x06\xff", "c": "", "d": "\x08\x80"},
			false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tn := converse(t, "b", "c", "d")
			tn.advance(incumbentAge)
			q := tn.contest()
			tn.wantNote("noted", NoteVote)
			for _, from := range []string{"b", "c", "d"} {
				if a, ok := tt.answers[from]; ok {
					tn.recv(from, answerMsg(from, uint64(q.time), q.id, a))
				}
			}
			tn.advance(time.Minute)
			tn.want("the members are asked", "says query _serf_conflict@1")
			if tt.stops {
				tn.want("outvoted", "event shutdown")
				tn.wantNote("noted", NoteVoteLost)
			} else {
				tn.wantNote("noted", NoteVoteWon)
			}
			tn.wantIdle("users see nothing of the query")
		})
	}
}

func TestVotesHaveAGap(t *testing.T) {
	tn := converse(t, "b")
	if tn.contest() == nil {
		t.Fatal("no vote")
	}
	tn.contest()
	if got := len(tn.n.queries); got != 1 {
		t.Errorf("%d votes at once", got)
	}
	tn.advance(voteGap / 2)
	if tn.contest() != nil {
		t.Error("the next vote is too soon")
	}
	tn.advance(voteGap)
	if tn.contest() == nil {
		t.Error("no vote after the gap")
	}
}

func TestConflictResolutionCanBeTurnedOff(t *testing.T) {
	tn := converseWith(t, func(c *Config) { c.DisableConflictResolution = true }, "b")
	if tn.contest() != nil {
		t.Error("a vote is held")
	}
	tn.wantNote("noted anyway", NoteOwnConflict)
}

func TestConflictQueriesAreAnswered(t *testing.T) {
	about := func(name string) func(*wire.Query) {
		return func(m *wire.Query) { m.Name, m.Payload = []byte(conflictQuery), []byte(name) }
	}
	tn := converse(t, "b", "c")
	tn.recv("b", queryFrom("b", 1, 1, about("c")))
	known := wire.ConflictAnswer{
		Known: true, Name: []byte("c"), Addr: addrOf("c").Addr().AsSlice(), Port: 7946,
		Versions: modern, Status: 1, Tags: wire.NewTags(nil),
	}
	tn.want("where c is", "b: answer "+string(known.Append(nil))+" id 1")
	tn.recv("b", queryFrom("b", 2, 2, about("z")))
	tn.want("z isn't known", "b: answer \x06\xc0 id 2")
	tn.recv("b", queryFrom("b", 3, 3, about("a")))
	tn.advance(time.Second)
	tn.want("passed on", "says query _serf_conflict@1", "says query _serf_conflict@2",
		"says query _serf_conflict@3")
	tn.wantIdle("it has no vote over its own name")
}

// rivalOf has addr claim the name of another member.
func (tn *conversation) rivalOf(name string, addr netip.AddrPort) {
	tn.t.Helper()
	tn.packet(addr, aliveWith(name, 2, addr, nil))
}

// vote is a rival's query about a name. The rival is at addr; the query came through others.
func vote(name string, addr netip.AddrPort, flags uint32) func(*wire.Query) {
	return func(m *wire.Query) {
		m.Name, m.Payload, m.SourceNode, m.Flags = []byte(conflictQuery), []byte(name), []byte(name), flags
		m.Addr, m.Port = addr.Addr().AsSlice(), addr.Port()
	}
}

// slowProbes gives a member that doesn't answer at its old address much time before it counts as
// moved.
func slowProbes(c *Config) { c.ProbeTimeout = 100 * time.Hour }

// A rival of a member asks from an address that isn't a member's. Nodes that know its claim reply
// to it, but only a few times, so that nobody can make this node send to any address at will.
func TestRivalOfAMemberIsAnswered(t *testing.T) {
	x := netip.MustParseAddrPort("10.9.9.9:7946")
	tn := converseWith(t, slowProbes, "b", "c")
	tn.recv("c", queryFrom("b", 1, 1, vote("b", x, wire.QueryWantAck)))
	tn.advance(time.Second)
	tn.want("there is no claim", "says query _serf_conflict@1")
	tn.rivalOf("b", x)
	tn.recv("c", queryFrom("b", 2, 2, vote("b", x, wire.QueryWantAck)))
	tn.want("there is one", x.String()+": ack id 2",
		x.String()+": answer "+conflictAnswerAbout(tn, "b")+" id 2")
	tn.advance(time.Second)
	for name, set := range map[string]func(*wire.Query){
		"at another address": vote("b", netip.MustParseAddrPort("10.9.9.8:7946"),
			wire.QueryWantAck),
		"of another name": vote("c", x, wire.QueryWantAck),
		"something else": func(m *wire.Query) {
			vote("b", x, wire.QueryWantAck)(m)
			m.Name = []byte(PingQuery)
		},
	} {
		tn.did = nil
		tn.recv("c", queryFrom("b", 3, uint32(len(name)), set))
		tn.advance(time.Second)
		if len(tn.did) > 1 { // besides the gossip
			t.Errorf("%s: %q", name, tn.did)
		}
	}
}

func conflictAnswerAbout(tn *conversation, name string) string {
	return string(tn.n.answerConflict(tn.now, &inboundQuery{}, []byte(name)))
}

func TestAnswersToRivalsAreBounded(t *testing.T) {
	tn := converseWith(t, slowProbes, "b", "c")
	at := func(i int) netip.AddrPort {
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 9, 9, byte(i)}), 7946)
	}
	sent := map[string]int{}
	id := uint32(0)
	forge := func(victims int) {
		for i := range victims {
			tn.rivalOf("b", at(i))
			for k := range uint64(10) {
				tn.did = nil
				id++
				set := func(m *wire.Query) {
					vote("b", at(i), wire.QueryWantAck)(m)
					m.RelayFactor = 2
				}
				tn.recv("c", queryFrom("b", 1+k, id, set))
				for _, line := range tn.did {
					if to, _, ok := strings.Cut(line, ": "); ok {
						sent[to]++
					}
				}
			}
		}
	}
	forge(rivalsMax + 1)
	for i := range rivalsMax {
		if got := sent[at(i).String()]; got != rivalReplies {
			t.Errorf("%d messages to %v, limit %d", got, at(i), rivalReplies)
		}
		delete(sent, at(i).String())
	}
	if len(sent) > 0 {
		t.Errorf("sent to others: %v", sent)
	}
	forge(1)
	if len(sent) > 0 {
		t.Errorf("and again: %v", sent)
	}
	tn.advance(rivalTime)
	forge(1)
	if got := sent[at(0).String()]; got != rivalReplies || len(sent) != 1 {
		t.Errorf("after a while: %v", sent)
	}
}

// A rival claims the name of one member. Once that member is forgotten its ID may become that of
// another, whose name the rival never claimed.
func TestRivalsOfAForgottenMemberAreForgotten(t *testing.T) {
	x := netip.MustParseAddrPort("10.9.9.9:7946")
	tn := converseWith(t, slowProbes, "b", "c")
	tn.rivalOf("b", x)
	tn.fails("b", "c", 2)
	b := tn.n.lookup([]byte("b"))
	if !tn.n.swim.Forget(tn.now, b) {
		t.Fatal("b can't be forgotten")
	}
	tn.n.handleForgotten(tn.now, b, &tn.out)
	tn.member("d", alive("d", 1))
	if d := tn.n.lookup([]byte("d")); d != b {
		t.Fatalf("d has ID %d, not %d: this test shows nothing", d, b)
	}
	tn.did = nil
	tn.recv("c", queryFrom("d", 1, 1, vote("d", x, wire.QueryWantAck)))
	tn.advance(time.Second)
	tn.want("passed on", "says query _serf_conflict@1")
	tn.wantIdle("nobody claims the name of d")
}

// A query that came through others is answered once the asker repeats it itself, which proves its
// address.
func TestRepeatedQueryShowsWhereTheAskerIs(t *testing.T) {
	stranger := netip.MustParseAddrPort("10.9.9.9:7946")
	tn := converse(t, "b", "c")
	from := func(flags uint32) []byte {
		return queryFrom("z", 4, 7, func(m *wire.Query) {
			m.Addr, m.Port, m.Flags = stranger.Addr().AsSlice(), stranger.Port(), flags
		})
	}
	tn.recv("c", from(wire.QueryWantAck|wire.QueryExtended))
	tn.want("delivered", "event query q=@4")
	if err := tn.respond("x"); err != nil {
		t.Errorf("the response isn't kept: %v", err)
	}
	tn.wantNote("not sent to anywhere yet", NoteReplyUnsent)
	if tn.n.Counters().BadMessages != 0 {
		t.Error("the query counts as a bad message, though it was delivered")
	}
	again := from(wire.QueryWantAck | wire.QueryExtended | wire.QueryNoBroadcast)
	tn.recv("c", again)
	tn.recvFrom(stranger, again)
	tn.want("sent now", stranger.String()+": answer x id 7")
	tn.advance(time.Second)
	tn.want("passed on", "says query q@4")
	tn.wantIdle("once, and not relayed")
}

// The two rivals of a vote have no vote over the name, but each answers with its age.
func TestRivalsAnswerEachOther(t *testing.T) {
	x := netip.MustParseAddrPort("10.9.9.9:7946")
	answer := func(m wire.ConflictAnswer) string {
		return x.String() + ": answer " + string(m.Append(nil)) + " id 3"
	}
	own := wire.ConflictAnswer{Known: true, Name: []byte("a"), Status: uint8(StatusAlive),
		Tags: wire.NewTags(nil)}
	for _, tt := range []struct {
		name  string
		flags uint32
		late  bool
		want  func(n *Node, now swim.Time, m *wire.ConflictAnswer)
	}{
		{"a rival of this implementation gets the age", wire.QueryExtended, false,
			func(n *Node, now swim.Time, m *wire.ConflictAnswer) {
				m.Addr, m.Port = n.cfg.Addr.Addr().AsSlice(), n.cfg.Addr.Port()
				m.Uptime = uint64(now.Sub(n.start)/time.Millisecond) + 1
			}},
		{"the original nothing", 0, false, nil},
		{"unless it was there first", 0, true, func(_ *Node, _ swim.Time, m *wire.ConflictAnswer) {
			m.Addr, m.Port = x.Addr().AsSlice(), x.Port()
		}},
	} {
		tn := converse(t, "b")
		n := tn.n
		n.conflict.rival, n.conflict.rivalFirst = x, tt.late
		tn.recvFrom(x, queryFrom("a", 3, 3, vote("a", x, tt.flags)))
		if tt.want != nil {
			m := own
			m.Versions = n.cfg.versions()
			tt.want(n, tn.now, &m)
			tn.want(tt.name, answer(m))
		}
		tn.advance(time.Second)
		tn.want(tt.name, "says query _serf_conflict@3")
		tn.wantIdle(tt.name)
	}
}

func TestNodeThatCededItsNameQuits(t *testing.T) {
	for _, tt := range []struct {
		name        string
		late, asked bool
		answers     []string
		quits       bool
	}{
		{"it came later and voted for the other", true, true, nil, true},
		{"the other has not asked", true, false, nil, false},
		{"it was there first", false, true, nil, false},
		{"others know it better", true, true, []string{conflictAnswer(true, "a")}, false},
	} {
		tn := converse(t, "b")
		e := swim.Event{Kind: swim.EventConflict, Member: tn.n.self, Addr: addrOf("x")}
		if tt.late {
			e.N = 1
		}
		tn.n.call.begin(&tn.out)
		tn.n.handle(tn.now, &e, &tn.out)
		tn.n.finish(tn.now, &tn.out)
		tn.collect()
		if tt.asked {
			tn.recv("x", queryFrom("a", 3, 3, vote("a", addrOf("x"), 0)))
		}
		q := tn.n.queries[0]
		for _, a := range tt.answers {
			tn.recv("b", answerMsg("b", uint64(q.time), q.id, a))
		}
		tn.advance(time.Minute)
		if quits := slices.Contains(tn.did, "event shutdown"); quits != tt.quits {
			t.Errorf("%s: quits %v", tt.name, quits)
		}
	}
}

func TestRivalsCompareAges(t *testing.T) {
	tn := converse(t)
	n, now := tn.n, tn.n.start.Add(time.Hour)
	up := uint64(time.Hour / time.Millisecond)
	lower, higher := netip.MustParseAddrPort("10.0.0.1:7946"), netip.MustParseAddrPort("10.255.0.1:7946")
	for _, tt := range []struct {
		rival  netip.AddrPort
		uptime uint64
		yields bool
	}{
		{higher, up + 1000, true}, {lower, up - 1000, false}, // a second is enough
		{higher, up + 999, false}, {lower, up - 999, true}, {higher, up, false}, {lower, up, true}, // less isn't
		{higher, math.MaxUint64, true}, {lower, 1, false},
	} {
		if got := n.yieldsTo(now, tt.rival, tt.uptime); got != tt.yields {
			t.Errorf("to %v, up for %d: yields %v", tt.rival, tt.uptime, got)
		}
	}
}
