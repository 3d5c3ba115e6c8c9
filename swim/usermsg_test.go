package swim

import (
	"bytes"
	"errors"
	"testing"

	"serf/wire"
)

// A caller waits for the end of what it sent reliably.
func TestReliableMessageReportsItsEnd(t *testing.T) {
	for name, tt := range map[string]struct {
		end  StreamIn
		want string
	}{
		"written": {StreamIn{Kind: StreamSent}, "event sent to b, op 1: <nil>"},
		"failed":  {StreamIn{Kind: StreamFailed, Err: errTest}, "event sent to b, op 1: test"},
	} {
		t.Run(name, func(t *testing.T) {
			tn := converse(t, "b")
			if _, err := tn.n.SendReliable(tn.now, addrOf("b"), []byte("x"), &tn.out); err != nil {
				t.Fatal(err)
			}
			s := tn.out.Streams[0]
			if msg, err := wire.ParseUserMsg(s.Data[1:]); err != nil || string(msg) != "x" || !s.Report || s.Kind != StreamSend {
				t.Fatalf("stream %+v carries %q, %v", s, msg, err)
			}
			tn.collect()
			tn.want("it goes out", `b: stream user *`)
			tt.end.ID = s.ID
			tn.n.Stream(tn.now, tt.end, &tn.out)
			tn.n.Stream(tn.now, tt.end, &tn.out)
			tn.collect()
			tn.want("its end is reported", tt.want)
			tn.wantIdle("once")
		})
	}
}

func TestReliableMessagesInFlightAreBounded(t *testing.T) {
	tn := converse(t, "b")
	for range maxCalls + 1 {
		tn.n.SendReliable(tn.now, addrOf("b"), []byte("x"), &tn.out)
	}
	if got := len(tn.out.Streams); got != maxCalls {
		t.Fatalf("%d streams, limit %d", got, maxCalls)
	}
	tn.collect()
	tn.want("the one beyond ends at once", "event sent to b, op 1025: too many streams in flight")
}

// The largest message that is accepted here has to be one that others read, however it is sealed.
func TestReliableMessageSizes(t *testing.T) {
	tn := converse(t, "b")
	msg := make([]byte, UserStreamMax+1)
	if _, err := tn.n.SendReliable(tn.now, addrOf("b"), msg, &tn.out); !errors.Is(err, ErrTooLarge) {
		t.Errorf("%d bytes: %v, want %v", len(msg), err, ErrTooLarge)
	}
	if _, err := tn.n.SendReliable(tn.now, addrOf("b"), msg[:UserStreamMax], &tn.out); err != nil {
		t.Fatal(err)
	}
	if spare := cap(tn.out.Streams[0].Data) - len(tn.out.Streams[0].Data); spare < 0 || spare > userHeadMax {
		t.Errorf("%d bytes of memory to spare: the message was copied more than once", spare)
	}
	for kind, s := range sealers(t) {
		if kind == "compressed" {
			continue // only if that is smaller
		}
		block := s.SealStream(nil, tn.out.Streams[0].Data)
		if len(block) > wire.StreamBlockMax {
			t.Errorf("%s: a block of %d bytes, others take %d", kind, len(block), wire.StreamBlockMax)
		}
	}
}

// A message beyond MaxUser has a packet to itself: gossip waits for one of the usual size.
func TestLargeMessagesGoAlone(t *testing.T) {
	tn := converse(t, "b")
	tn.n.cfg.UserPacketMax = 3000
	tn.n.gossip.queue.Add(0, bytes.Repeat([]byte{8}, 20))
	for _, size := range []int{tn.n.MaxUser() + 1, tn.n.MaxUserAlone()} {
		tn.out.Reset()
		tn.n.SendUser(tn.now, addrOf("b"), make([]byte, size), &tn.out)
		if p := tn.out.Packets; len(p) != 1 || len(p[0].Data) != size+1 || size > 3000-1 {
			t.Errorf("%d bytes: %d packets, the first of %d bytes", size, len(p), len(p[0].Data))
		}
	}
	if tn.n.gossip.queue.Len() != 1 {
		t.Error("gossip went along")
	}
}
