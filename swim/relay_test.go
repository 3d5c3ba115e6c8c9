package swim

import (
	"testing"
	"time"

	"serf/wire"
)

// relayed returns a conversation with a node that knows twelve members and can't reach b, of which
// h passed on an ack.
func relayed(t *testing.T, without Mechanism) *conversation {
	tn := converseWith(t, func(c *Config) { c.sim.Without = without }, "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l")
	tn.n.probe.next = Never
	tn.n.inquire(tn.now, &tn.n.probe.inquiry, tn.n.member([]byte("b")), &tn.out)
	tn.n.askOthers(tn.now, &tn.n.probe.inquiry, &tn.out)
	tn.n.probe.helpers[0] = tn.n.member([]byte("h"))
	tn.collect()
	tn.recv("h", ack(tn.n.probe.seq))
	tn.forget()
	return tn
}

// asks lets the probe of a member fail, and counts how often each helper was asked about it.
func (tn *conversation) asks(target string) map[string]int {
	tn.n.inquire(tn.now, &tn.n.probe.inquiry, tn.n.member([]byte(target)), &tn.out)
	tn.n.askOthers(tn.now, &tn.n.probe.inquiry, &tn.out)
	tn.collect()
	asked := make(map[string]int)
	for _, s := range tn.did {
		if matches("?: ping-req "+target+"*", s) {
			asked[s[:1]]++
		}
	}
	tn.n.endProbe(tn.now, &tn.n.probe.inquiry)
	tn.forget()
	return asked
}

// Members that we can't reach may be reached by the helper that did so before. In a cluster with
// one hub, few of the helpers drawn at random would.
func TestRelayIsAskedAgain(t *testing.T) {
	tn := relayed(t, 0)
	for range 20 {
		got := tn.asks("c")
		if got["h"] != 1 || len(got) != 4 {
			t.Fatalf("asked %v, want h and three others", got)
		}
	}
	if got := tn.asks("h"); got["h"] != 0 || len(got) != 3 {
		t.Errorf("asked %v about h, want three others", got)
	}
	tn.recv("c", suspect("h", 1, "c"))
	if got := tn.asks("c"); got["h"] != 0 || len(got) != 3 {
		t.Errorf("asked %v, want three who aren't suspect", got)
	}
}

func TestOnlyHelpersBecomeRelays(t *testing.T) {
	tn := converse(t, "b", "c", "d", "e", "f")
	tn.n.inquire(tn.now, &tn.n.probe.inquiry, tn.n.member([]byte("b")), &tn.out)
	tn.n.askOthers(tn.now, &tn.n.probe.inquiry, &tn.out)
	tn.recv("z", ack(tn.n.probe.seq))
	if tn.n.relays != (relays{}) {
		t.Errorf("relays %v: anybody can send an ack", tn.n.relays)
	}
}

// Before it is declared dead, with the accusation. An ack through the relay is good enough.
func TestSuspectIsPingedThroughTheRelay(t *testing.T) {
	tn := relayed(t, 0)
	tn.recv("c", suspect("b", 1, "c"), suspect("b", 1, "d"), suspect("b", 1, "e"))
	tn.askLate()
	tn.advance(tn.n.suspicions.heap[0].least - 500*time.Millisecond)
	tn.want("asked for the last time", "b: ping b", "h: suspect b@1 from a", "h: ping-req b")
	tn.recv("h", ack(tn.seqs["ping-req b"]))
	tn.advance(time.Second)
	tn.wantNone("it lives", "event failed b")
}

// A member that is pinged for another learns what it is accused of, and can refute.
func TestIndirectPingCarriesTheAccusation(t *testing.T) {
	tn := converse(t, "b", "c", "d")
	tn.recv("c", suspect("b", 1, "c"))
	tn.forget()
	m := wire.IndirectPing{
		Seq: 7, Target: addrOf("b").Addr().AsSlice(), Port: 7946, Node: []byte("b"),
		SourceAddr: addrOf("c").Addr().AsSlice(), SourcePort: 7946, SourceNode: []byte("c"),
	}
	tn.recv("c", m.Append(nil))
	tn.want("told", "b: ping b", "b: suspect b@1 from a")
}

func TestWithoutRelay(t *testing.T) {
	tn := relayed(t, Relay)
	asked := make(map[string]int)
	for range 20 {
		got := tn.asks("c")
		for name := range got {
			asked[name]++
		}
		if len(got) != 3 {
			t.Fatalf("asked %v, want three", got)
		}
	}
	if asked["h"] == 20 {
		t.Error("the relay is preferred")
	}
}

func TestWithoutCorrection(t *testing.T) {
	tn := without(t, Correction, "b", "c")
	tn.recv("b", alive("b", 2))
	tn.forget()
	tn.recv("c", suspect("b", 1, "c"))
	tn.wantIdle("outdated news is left alone")
}
