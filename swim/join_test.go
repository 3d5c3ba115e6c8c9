package swim

import (
	"errors"
	"fmt"
	"net/netip"
	"testing"
	"time"
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

// swallow joins through addresses that never answer, so that each exchange lasts until its
// deadline. It returns when the last was tried and the greatest number in flight.
func swallow(t *testing.T, timing Timing, to []netip.AddrPort) (last time.Duration, most int) {
	t.Helper()
	cfg := DefaultConfig(timing)
	cfg.Name, cfg.Addr, cfg.Seed = "a", addrOf("a"), 1
	var out Output
	start := Time(time.Hour)
	n, err := New(start, cfg, &out)
	if err != nil {
		t.Fatal(err)
	}
	n.Join(start, to, &out)
	var flying []StreamOut
	done, tried := false, 0
	for now := start; !done; now = now.Add(10 * time.Millisecond) {
		if now >= n.Deadline() {
			n.Tick(now, &out)
		}
		for len(flying) > 0 && now >= flying[0].Deadline {
			n.Stream(now, StreamIn{ID: flying[0].ID, Kind: StreamFailed, Err: ErrUnknown}, &out)
			flying = flying[1:]
		}
		for _, s := range out.Streams {
			flying, tried, last = append(flying, s), tried+1, now.Sub(start)
		}
		most = max(most, len(flying))
		for _, e := range out.Events {
			done = done || e.Kind == EventJoinDone && e.N == 0 && e.Err != nil
		}
		out.Reset()
		if now > start.Add(time.Hour) {
			t.Fatalf("%d tried after an hour", tried)
		}
	}
	if tried != len(to) {
		t.Errorf("%d tried, want each of %d once", tried, len(to))
	}
	return last, most
}

// deadAddrs are addresses where nobody is.
func deadAddrs(n int) (list []netip.AddrPort) {
	for i := range n {
		list = append(list, netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 1, byte(i >> 8), byte(i)}), 7946))
	}
	return list
}

// Addresses of hosts that are gone swallow packets. Each takes its whole time-out, but they don't
// take it one after the other.
func TestJoinOfManyDeadAddresses(t *testing.T) {
	for _, tt := range []struct {
		name   string
		timing Timing
		count  int
		within time.Duration
	}{
		{"lan, 300", LAN(), 300, 15 * time.Second},
		{"lan, 512", LAN(), 512, 20 * time.Second},
		{"local, 300", Local(), 300, 2 * time.Second},
		{"lan, 8", LAN(), joinAtOnce, 0},
		{"lan, 20", LAN(), 20, 2 * time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			last, most := swallow(t, tt.timing, deadAddrs(tt.count))
			t.Logf("the last after %v, %d in flight", last, most)
			if last > tt.within || most > joinsFlying {
				t.Errorf("the last was tried after %v, %d in flight; want within %v, at most %d",
					last, most, tt.within, joinsFlying)
			}
		})
	}
}

// Joins share the limit of exchanges in flight, and none is forgotten.
func TestJoinsShareTheLimitOfExchanges(t *testing.T) {
	tn := converse(t)
	for range joinsFlying/joinAtOnce + 1 {
		tn.n.Join(tn.now, deadAddrs(joinAtOnce), &tn.out)
	}
	if got := len(tn.n.streams.calls); got != joinsFlying {
		t.Errorf("%d in flight, limit %d", got, joinsFlying)
	}
	done := 0
	for len(tn.n.streams.calls) > 0 {
		tn.n.Stream(tn.now, StreamIn{ID: tn.n.streams.calls[0].id, Kind: StreamFailed, Err: ErrUnknown}, &tn.out)
	}
	for _, e := range tn.out.Events {
		if e.Kind == EventJoinDone {
			done++
		}
	}
	if want := joinsFlying/joinAtOnce + 1; done != want {
		t.Errorf("%d joins have ended, want %d", done, want)
	}
}

// A large state isn't sent to hundreds of members at once.
func TestJoinsInFlightAreBoundedInBytes(t *testing.T) {
	tn := converse(t)
	tn.n.view.size = joinsFlyingSize / 10
	tn.n.Join(tn.now, deadAddrs(100), &tn.out)
	tn.out.Reset()
	for range 5 {
		tn.now = tn.now.Add(time.Second)
		tn.n.tickJoins(tn.now, &tn.out)
	}
	if got := len(tn.n.streams.calls); got != 10 {
		t.Errorf("%d exchanges of a tenth of the limit, want 10", got)
	}
}

func TestJoinOneEndsWithTheFirstAnswer(t *testing.T) {
	tn := converse(t)
	tn.n.JoinOne(tn.now, []netip.AddrPort{addrOf("b"), addrOf("c"), addrOf("d"), addrOf("e")}, &tn.out)
	tn.collect()
	tn.want("one at first", "b: stream push/pull join")
	tn.wantNone("not more", "?: stream push/pull join")
	tn.advance(joinWidenMax)
	tn.want("b seems stuck", "c: stream push/pull join", "d: stream push/pull join")
	tn.reply("d: stream push/pull join", pushPullMsg(false, "", entry{name: "d", inc: 1}))
	tn.want("one is enough", "event joined d", "event join-done 1 <nil>")
	tn.advance(5 * time.Second)
	tn.wantNone("nobody else is asked", "e: stream push/pull join")
	tn.reply("c: stream push/pull join", pushPullMsg(false, "", entry{name: "c", inc: 1}))
	tn.want("what comes late is news all the same", "event joined c")
	tn.fail("b: stream push/pull join")
	tn.wantNone("and ends nothing again", "event join-done*")
}

// Two joins are in progress, of a retry and a snapshot for example: the answer to the second is
// gossiped.
func TestFirstAnswerOfTwoJoins(t *testing.T) {
	tn := converse(t)
	tn.n.Join(tn.now, []netip.AddrPort{addrOf("b")}, &tn.out)
	tn.n.Join(tn.now, []netip.AddrPort{addrOf("c")}, &tn.out)
	tn.collect()
	tn.reply("b: stream push/pull join", pushPullMsg(false, "", entry{name: "b", inc: 1}, entry{name: "d", inc: 1}))
	tn.reply("c: stream push/pull join", pushPullMsg(false, "", entry{name: "c", inc: 1}, entry{name: "e", inc: 1}))
	tn.advance(time.Second)
	tn.want("b doesn't know e: two clusters meet here", "?: alive e@*")
}

// The error of a join that reaches nobody tells of the first addresses, and of the last.
func TestJoinError(t *testing.T) {
	const all = joinErrorsMax + 2
	n := &Node{joins: []join{{}}}
	var out Output
	for i, to := range deadAddrs(all) {
		n.failJoin(&n.joins[0], to, fmt.Errorf("x%d", i), &out)
	}
	n.endJoin(0, netip.AddrPort{}, &out)
	err, ok := errors.AsType[*JoinError](out.Events[0].Err)
	if !ok || err.Failed != all || len(err.First) != joinErrorsMax ||
		err.First[joinErrorsMax-1].Error() != "10.1.0.3:7946: x3" || err.Error() != "10.1.0.5:7946: x5" {
		t.Errorf("%+v", err)
	}
}
