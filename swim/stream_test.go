package swim

import (
	"fmt"
	"math"
	"net/netip"
	"strings"
	"testing"
	"time"

	"serf/wire"
)

func TestJoin(t *testing.T) {
	tn := converse(t)
	tn.n.Join(tn.now, []netip.AddrPort{addrOf("b"), addrOf("c")}, &tn.out)
	tn.collect()
	tn.want("one exchange each", "b: stream push/pull join", "c: stream push/pull join")
	tn.reply("b: stream push/pull join", pushPullMsg(false, "state of b", entry{name: "b", inc: 2}, entry{name: "d", inc: 1}))
	tn.want("merged", "event joined b", "event joined d", `event state "state of b"`)
	tn.wantNone("one is missing", "event join-done*")
	tn.fail("c: stream push/pull join")
	tn.want("one of two is a success", "note join-failed *", "event join-done 1 <nil>")
}

// A member that joins doesn't tell a whole cluster about itself.
func TestFirstAnswerIsNotGossiped(t *testing.T) {
	tn := converse(t)
	tn.n.Join(tn.now, []netip.AddrPort{addrOf("b"), addrOf("c")}, &tn.out)
	tn.collect()
	tn.recv("b", alive("b", 1)) // the member that answers gossips about us, and itself, before its answer arrives
	tn.advance(time.Second)
	tn.want("others may not know that", "?: alive b@1")
	tn.reply("b: stream push/pull join", pushPullMsg(false, "", entry{name: "b", inc: 1}, entry{name: "d", inc: 1}))
	tn.advance(time.Second)
	tn.wantNone("b knows d, and so do they all", "?: alive d@*")
	tn.reply("c: stream push/pull join", pushPullMsg(false, "", entry{name: "d", inc: 1}, entry{name: "e", inc: 1}))
	tn.advance(time.Second)
	tn.want("b doesn't know e: two clusters meet here", "?: alive e@*")
}

// A member that knows others tells them of a cluster that it joins.
func TestLaterAnswersAreGossiped(t *testing.T) {
	tn := converse(t, "z")
	tn.n.Join(tn.now, []netip.AddrPort{addrOf("b")}, &tn.out)
	tn.collect()
	tn.reply("b: stream push/pull join", pushPullMsg(false, "", entry{name: "d", inc: 1}))
	tn.advance(time.Second)
	tn.want("z doesn't know d", "?: alive d@*")
}

func TestJoinThatReachesNobody(t *testing.T) {
	tn := converse(t)
	tn.n.Join(tn.now, nil, &tn.out)
	tn.collect()
	tn.want("nothing to try", "event join-done 0 no address to join")
	tn.n.Join(tn.now, []netip.AddrPort{addrOf("b")}, &tn.out)
	tn.collect()
	tn.fail("b: stream push/pull join")
	tn.want("says why", "event join-done 0 10.0.0.98:7946: test")
}

func TestJoinTriesManyInTurn(t *testing.T) {
	tn := converse(t)
	var to []netip.AddrPort
	for c := byte('b'); c < 'b'+joinAtOnce+1; c++ {
		to = append(to, addrOf(string(c)))
	}
	tn.n.Join(tn.now, to, &tn.out)
	tn.collect()
	last := string([]byte{'b' + joinAtOnce})
	tn.wantNone("a few at once", last+": stream *")
	tn.fail("b: stream push/pull join")
	tn.want("the next when one has ended", last+": stream push/pull join")
}

// The peer isn't a member.
func TestInvalidAnswers(t *testing.T) {
	refusal := wire.Err{Text: []byte("no")}
	for name, data := range map[string][]byte{
		"nothing": nil, "text": []byte("HTTP/1.1 400 Bad Request"), "an ack": ack(1), "an ack of no ping": ack(0), "a cut one": pushPullMsg(false, "", entry{name: "z"})[:20],
		"a refusal": refusal.Append(nil),
	} {
		t.Run(name, func(t *testing.T) {
			tn := converse(t)
			tn.n.Join(tn.now, []netip.AddrPort{addrOf("b")}, &tn.out)
			tn.collect()
			tn.reply("b: stream push/pull join", data)
			tn.want("not joined", "event join-done 0 *")
			tn.wantNone("and nothing believed", "event joined *")
		})
	}
}

func TestStreamRequests(t *testing.T) {
	t.Run("ping", func(t *testing.T) {
		tn := converse(t, "b")
		tn.request("b", ping(3, "a", "b"))
		tn.want("answered", "answer ack 3")
		tn.request("b", ping(3, "z", "b"))
		tn.wantNone("not for somebody else", "answer *")
	})
	t.Run("user message", func(t *testing.T) {
		tn := converse(t, "b")
		h := wire.UserMsgHeader{Len: 5}
		tn.request("b", append(h.Append(nil), "hello"...))
		tn.want("handed up", `event user "hello"`)
	})
	t.Run("push/pull", func(t *testing.T) {
		tn := converse(t, "b")
		tn.request("z", pushPullMsg(true, "x", entry{name: "z", inc: 1}))
		tn.want("answered, merged", "answer push/pull join", "event joined z", `event state "x"`)
		pp, err := wire.ParsePushPull(tn.datas["answer push/pull join"][1:])
		if err != nil || pp.Nodes != 2 {
			t.Fatalf("answer has %d members (%v), want a and b: what the other just said needn't be told", pp.Nodes, err)
		}
	})
	t.Run("garbage", func(t *testing.T) {
		for _, data := range [][]byte{nil, {}, {6}, {99, 1}, []byte("GET / HTTP/1.1"), {2, 0x80}} {
			tn := converse(t, "b")
			tn.request("b", data)
			tn.want("counted", "note dropped*")
			tn.wantIdle("and dropped")
		}
	})
}

func TestMerge(t *testing.T) {
	old := [6]byte{1, 1, 1, 0, 0, 0}
	odd := [6]byte{1, 5, 7, 0, 0, 0}
	tn := converse(t, "b", "c", "d", "e")
	tn.n.probe.next = Never
	tn.request("z", pushPullMsg(false, "",
		entry{name: "b", state: Dead, inc: 1},
		entry{name: "c", state: Left, inc: 1},
		entry{name: "d", state: Suspect, inc: 3},
		entry{name: "e", state: 9, inc: 9},
		entry{name: "f", state: Dead, inc: 1},
		entry{name: "g", state: Suspect, inc: 1},
		entry{name: "h", inc: 1, vsn: odd},
		entry{name: "i", inc: 1, vsn: old},
		entry{name: "a", state: Suspect, inc: 1},
		entry{name: "z", inc: 1}))
	tn.wantState("a death at second hand is a suspicion", "b", Suspect, 1)
	tn.wantState("that it left, it said itself", "c", Left, 1)
	tn.wantState("alive at 3, then suspect", "d", Suspect, 3)
	tn.wantState("a state that doesn't exist", "e", Alive, 1)
	tn.wantState("a suspect that we didn't know", "g", Suspect, 1)
	tn.wantState("refuted", "a", Alive, 2)
	tn.wantState("the last entry counts in spite of the bad ones (F5)", "z", Alive, 1)
	for _, name := range []string{"f", "h", "i"} {
		if _, ok := tn.n.Lookup([]byte(name)); ok {
			t.Errorf("%s was taken in", name)
		}
	}
	if got := tn.n.Counters().DroppedVersions; got != 2 {
		t.Errorf("%d entries with other versions counted, want 2", got)
	}
}

func TestPushPullRegularly(t *testing.T) {
	tn := converseWith(t, func(c *Config) { c.PushPullInterval = 30 * time.Second }, "b")
	tn.n.probe.next = Never
	tn.advance(30 * time.Second)
	tn.want("within the first interval", "b: stream push/pull")
	tn.fail("b: stream push/pull")
	tn.want("says so", "note push/pull-failed b")
	tn.advance(30 * time.Second)
	tn.want("and again", "b: stream push/pull")
}

func TestStateCarriesDeadAndLeftMembers(t *testing.T) {
	tn := converse(t, "b", "c")
	tn.recv("c", suspect("b", 4, "c"), dead("b", 4, "c"))
	pp, err := wire.ParsePushPull(flat(tn.n.state(false, &tn.out))[1:])
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for it := pp.States(); it.Next(); {
		got = append(got, string(it.State.Name)+" "+State(it.State.State).String())
	}
	if s := strings.Join(got, ", "); !strings.Contains(s, "b dead") || len(got) != 3 {
		t.Fatalf("state has %s: b must learn what to out-bid", s)
	}
}

func TestRecordsTakeNoMoreThanCounted(t *testing.T) {
	long := make([]byte, max(NameMax, MetaMax))
	s := wire.NodeState{
		Addr: long[:16], Inc: math.MaxUint32, Name: long[:NameMax], Meta: long[:MetaMax], Port: math.MaxUint16, State: uint8(Left),
		Vsn: []byte{255, 255, 255, 255, 255, 255},
	}
	if got := len(s.Append(nil)) - NameMax - MetaMax; got > stateHead {
		t.Fatalf("%d bytes besides name and metadata, want at most %d", got, stateHead)
	}
}

// No member accepts a larger one. The living come first.
func TestStateFitsABlock(t *testing.T) {
	tn := converse(t, "b")
	meta := strings.Repeat("m", MetaMax)
	each := stateHead + NameMax + MetaMax
	for i := range statesMax/each + 10 {
		name := fmt.Sprintf("%0*d", NameMax, i)
		tn.n.Packet(tn.now, addrOf("b"), aliveAt(name, 1, addrOf("b"), meta), &tn.out)
		if i < 20 {
			tn.n.Packet(tn.now, addrOf("b"), dead(name, 1, name), &tn.out)
		}
		tn.out.Reset()
	}
	for range 2 {
		state := flat(tn.n.state(false, &tn.out))
		pp, err := wire.ParsePushPull(state[1:])
		if err != nil || len(state) > statesMax {
			t.Fatalf("%d bytes (%v), limit %d", len(state), err, statesMax)
		}
		if pp.Nodes < tn.n.Live() || pp.Nodes >= tn.n.Len() {
			t.Errorf("%d records of %d, %d live", pp.Nodes, tn.n.Len(), tn.n.Live())
		}
	}
	tn.collect()
	tn.want("said", "note state-cut *")
	tn.wantNone("once", "note state-cut *")
	if got := tn.n.Counters().StatesCut; got != 2 {
		t.Errorf("%d counted, want 2", got)
	}
}

// An output lives as long as its driver.
func TestOutputReleasesTheMemoryOfABurst(t *testing.T) {
	for events, want := range map[int]int{keepEffects: keepEffects, keepEffects + 1: 0} {
		out := Output{Events: make([]Event, events)}
		out.Reset()
		if got := cap(out.Events); got != want {
			t.Errorf("of memory for %d events %d are kept, want %d", events, got, want)
		}
	}
}

func TestStreamsInFlightAreBounded(t *testing.T) {
	tn := converse(t, "b")
	b, _ := tn.n.Lookup([]byte("b"))
	for range maxCalls + 1 {
		tn.n.PushPull(tn.now, b, &tn.out)
	}
	if got := len(tn.out.Streams); got != maxCalls {
		t.Fatalf("%d streams, limit %d", got, maxCalls)
	}
	tn.n.Join(tn.now, []netip.AddrPort{addrOf("c")}, &tn.out)
	tn.collect()
	tn.want("a join ends with a reason", "event join-done 0 *: too many streams in flight")
}

// In a cluster that starts all at once, members know each other as soon as gossip is through,
// without waiting for the regular exchange.
func TestManyNewcomersBringThePushPullForward(t *testing.T) {
	tn, exchanges := converseCatchingUp(t)
	for i := range catchUpLeast {
		tn.wantNone("a few are no crowd", "?: stream push/pull")
		tn.recv("b", alive(string(rune('c'+i)), 1))
	}
	tn.advance(2 * tn.n.cfg.GossipInterval)
	tn.want("a crowd is", "?: stream push/pull")
	tn.advance(time.Hour - time.Minute)
	if got := exchanges(); got != 1 {
		t.Fatalf("%d further exchanges though nobody new came, want 1 to make sure", got)
	}
}

// Some members' addresses of others are outdated then.
func TestManyMovesBringThePushPullForward(t *testing.T) {
	tn, exchanges := converseCatchingUp(t)
	names := []string{"c", "d", "e", "f"}[:catchUpLeast]
	for _, name := range names {
		tn.recv("b", alive(name, 1))
	}
	tn.n.pushPull.catchUp, tn.n.pushPull.next = catchUp{}, tn.now.Add(time.Hour)
	tn.forget()
	for _, name := range names {
		tn.recv("b", aliveAt(name, 2, addrOf("z"), ""))
	}
	tn.advance(time.Minute)
	if got := exchanges(); got == 0 {
		t.Fatal("no exchange")
	}
}

// What is many in a small cluster is few in a large one.
func TestCatchUpNeedsAShareOfTheMembers(t *testing.T) {
	const crowd = 2 * catchUpLeast
	tn, exchanges := converseCatchingUp(t)
	newcomer := func(i int) { tn.recv("b", aliveAt(fmt.Sprint("n", i), 1, addrOf("c"), "")) }
	for i := range crowd*catchUpShare - 2 { // with a and b
		newcomer(i)
	}
	tn.advance(time.Minute)
	exchanges()
	for i := range crowd - 1 {
		newcomer(-i - 1)
	}
	tn.advance(time.Minute)
	if got := exchanges(); got != 0 {
		t.Fatalf("%d exchanges for less than one newcomer in %d", got, catchUpShare)
	}
	newcomer(-crowd - catchUpLeast)
	newcomer(-crowd - catchUpLeast - 1)
	tn.advance(time.Minute)
	if got := exchanges(); got == 0 {
		t.Fatalf("no exchange for one newcomer in %d", catchUpShare)
	}
}

// A few newcomers all the time, which gossip can tell of, don't make a cluster exchange states all
// the time.
func TestCatchUpGetsRarer(t *testing.T) {
	tn, exchanges := converseCatchingUp(t)
	newcomer := func(i int) { tn.recv("b", aliveAt(fmt.Sprint("n", i), 1, addrOf("c"), "")) }
	const halfMinute = 150                        // gossip intervals
	const crowd = (halfMinute + 2) * catchUpShare // so that the newcomers of half a minute are none
	for i := range crowd {
		newcomer(i)
	}
	for i := range halfMinute {
		tn.advance(tn.n.cfg.GossipInterval)
		newcomer(crowd + i)
	}
	// After 0.2 s to 0.4 s, then twice that and so on.
	if got := exchanges(); got < 5 || got > 8 {
		t.Fatalf("%d exchanges in half a minute, want one at each doubling of their distance", got)
	}
}

// When members leave, the share may fall below the number of newcomers.
func TestCatchUpWhenMembersLeave(t *testing.T) {
	tn, _ := converseCatchingUp(t)
	tn.n.pushPull.catchUp.newcomers = catchUpLeast
	tn.recv("b", alive("c", 1))
	tn.advance(2 * time.Second)
	tn.want("a crowd", "?: stream push/pull")
}

// converseCatchingUp returns a node whose push/pulls are all catching up. The returned function
// counts those since its last call.
func converseCatchingUp(t *testing.T) (*conversation, func() int) {
	tn := converseWith(t, func(c *Config) { c.PushPullInterval = time.Hour }, "b")
	tn.n.probe.next = Never
	tn.n.pushPull.next = tn.now.Add(time.Hour)
	return tn, func() (count int) {
		for _, s := range tn.did {
			if matches("?: stream push/pull", s) {
				count++
			}
		}
		tn.forget()
		return count
	}
}

// A stream that worked has no answer.
func TestUserStreamIsNotWaitedFor(t *testing.T) {
	tn := converse(t, "b")
	for range maxCalls + 1 {
		tn.n.SendUserStream(tn.now, addrOf("b"), []byte("x"), &tn.out)
	}
	if got := len(tn.out.Streams); got != maxCalls+1 {
		t.Fatalf("%d streams went out, want all", got)
	}
	tn.n.Stream(tn.now, StreamIn{ID: tn.out.Streams[0].ID, Kind: StreamFailed, Err: errTest}, &tn.out)
	if got := tn.n.Counters().StreamsFailed; got != 1 {
		t.Fatalf("%d failures counted, want 1", got)
	}
}
