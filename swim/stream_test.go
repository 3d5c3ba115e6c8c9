package swim

import (
	"net/netip"
	"testing"

	"serf/wire"
)

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
