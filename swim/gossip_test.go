package swim

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"serf/wire"
)

// chatter is a layer above that always has broadcasts.
type chatter struct{ said int }

func (c *chatter) BroadcastsQueued() int            { return 1 }
func (c *chatter) AppendAckPayload(b []byte) []byte { return append(b, "pay"...) }
func (c *chatter) State(bool) wire.Rope             { return wire.Rope{Own: []byte("state")} }

func (c *chatter) AppendBroadcasts(_ Time, p *wire.Packer, _ int) {
	for p.Add([]byte("\x08news")) {
		c.said++
	}
}

// However many membership messages wait, those of the layer above get through (F22).
func TestLayerAboveIsNotStarved(t *testing.T) {
	above := new(chatter)
	tn := converseWith(t, func(c *Config) { c.Carrier = above }, "b")
	above.said = 0
	for i := range 400 {
		tn.n.gossip.queue.Add(uint64(1000+i), message(300, 'm'))
	}
	tn.advance(4 * 200 * time.Millisecond)
	if above.said == 0 {
		t.Fatal("four packets of membership news and none of the layer above")
	}
}

func TestAckCarriesPayload(t *testing.T) {
	tn := converseWith(t, func(c *Config) { c.Carrier = new(chatter) }, "b")
	tn.recv("b", ping(1, "a", "b"))
	tn.want("acked", "b: ack 1 with pay")
	if !slices.ContainsFunc(tn.did, func(s string) bool { return strings.Contains(s, "news") }) {
		t.Error("an ack has room for gossip")
	}
}

// All other members have left, and many are remembered.
func TestPickAmongTheGone(t *testing.T) {
	var names []string
	for i := range smallView + 8 {
		names = append(names, fmt.Sprintf("m%02d", i))
	}
	tn := converse(t, names...)
	for _, x := range names {
		tn.recv(x, dead(x, 1, x))
	}
	tn.n.Leave(tn.now, &tn.out)
	tn.advance(time.Minute)
	if tn.n.view.live != 0 {
		t.Fatalf("%d live", tn.n.view.live)
	}
	if got := tn.n.pick(nil, 3, func(_ MemberID, r record) bool { return r.state == Left }); len(got) != 3 {
		t.Errorf("%d drawn, want 3", len(got))
	}
	if got := tn.n.pick(nil, 3, func(_ MemberID, r record) bool { return r.state.live() }); len(got) != 0 {
		t.Errorf("%d drawn of nobody", len(got))
	}
	// All draws are from those that there are: 20 of 41 find one in 39 of 100 tries, half as many
	// one in 22.
	one, found := tn.n.view.order.At(20), 0
	for range 1000 {
		found += len(tn.n.pick(nil, 1, func(id MemberID, _ record) bool { return id == one }))
	}
	if found < 330 || found > 450 {
		t.Errorf("one of %d is found in %d of 1000 tries, want some 390", tn.n.view.len(), found)
	}
}

// A member that died lately may be alive and refute; one that died long ago gets no gossip.
func TestGossipGoesToTheRecentlyDead(t *testing.T) {
	tn := converse(t, "b", "c")
	tn.believeDeaths()
	tn.n.probe.next = Never
	tn.recv("c", suspect("b", 1, "c"), dead("b", 1, "c"))
	tn.advance(time.Second)
	tn.want("it may live", "b: dead b@1 from c")
	tn.advance(time.Minute)
	tn.forget()
	tn.recv("c", alive("d", 1))
	tn.advance(time.Minute)
	tn.wantNone("gone for good", "b: *")
}

func TestEachRebroadcastIsSentALimitedNumberOfTimes(t *testing.T) {
	tn := converse(t, "b", "c", "d")
	tn.n.probe.next = Never
	tn.recv("b", alive("e", 1))
	tn.advance(time.Minute)
	sent := 0
	for _, s := range tn.did {
		if strings.HasSuffix(s, ": alive e@1") {
			sent++
		}
	}
	// A round sends to three members, so the last one may exceed the limit.
	if want := retransmitLimit(4, 5); sent < want || sent > want+2 {
		t.Errorf("sent %d times, want %d", sent, want)
	}
	if tn.n.Queued() != 0 || tn.n.Deadline() != Never {
		t.Error("an idle node has nothing to wake for")
	}
}

// A round that leaves broadcasts behind is soon followed by another.
func TestBurstGoesOutAtTheGossipRate(t *testing.T) {
	for _, c := range []struct {
		rate int
		want int // rounds in a second
	}{{0, 5}, {1400 * 2 * 50, 50}, {1 << 30, 1000}} {
		tn := converseWith(t, func(cfg *Config) { cfg.GossipRate = c.rate }, "b", "c")
		tn.n.probe.next = Never
		for i := range QueueMax {
			tn.n.gossip.queue.Add(uint64(1000+i), message(1380, 'm'))
		}
		tn.n.gossip.last, tn.n.gossip.gap = tn.now, 0
		packets := tn.n.Counters().PacketsOut
		tn.advance(time.Second)
		if got := int(tn.n.Counters().PacketsOut-packets) / 2; got < c.want-1 || got > c.want+2 {
			t.Errorf("%d bytes a second: %d rounds, want %d", c.rate, got, c.want)
		}
	}
}

func TestRoundSendsAllTheSame(t *testing.T) {
	tn := converse(t, "b", "c")
	tn.n.probe.next = Never
	for i := range 30 {
		tn.n.gossip.queue.Add(uint64(1000+i), message(100, byte(i)))
	}
	tn.advance(0)
	half := len(tn.did) / 2
	for i := range half {
		if b, c := tn.did[i], tn.did[half+i]; b[2:] != c[2:] {
			t.Fatalf("told %q and %q: with more news than one packet holds each must still get all",
				b, c)
		}
	}
}

// They announced that they leave.
func TestMembersThatLeftGetNoGossip(t *testing.T) {
	tn := converse(t, "b", "c", "e")
	tn.n.probe.next = Never
	tn.recv("b", dead("b", 1, "b"), dead("e", 1, "c"))
	tn.recv("c", alive("d", 1))
	tn.advance(5 * time.Second)
	tn.wantNone("not even at once", "b: *")
	tn.want("unlike the others, and one who may live", "c: alive d@1", "e: alive d@1")

	tn = converse(t, "b")
	tn.n.probe.next = Never
	tn.recv("b", dead("b", 1, "b"))
	if d := tn.n.Deadline(); d != Never {
		t.Errorf("wakes at %v for nobody", d)
	}
}

// It would wait for ever.
func TestBroadcastThatFitsNoPacketIsDropped(t *testing.T) {
	small := func(c *Config) { c.PacketMax = c.packetFloor() }
	tn := converseWith(t, small, "b")
	tn.n.probe.next = Never
	long := strings.Repeat("n", NameMax)
	tn.recv("b", aliveAt(long, 1, addrOf("z"), strings.Repeat("m", MetaMax)))
	tn.want("known", "event joined *")
	if got := tn.n.Counters().DroppedTooLarge; got != 1 || tn.n.Queued() != 0 {
		t.Fatalf("%d counted, %d wait", got, tn.n.Queued())
	}
	tn.recv("b", aliveAt(long, 1, addrOf("z"), ""))
	tn.wantIdle("nor is an empty packet sent in answer")
	if got := tn.n.Counters().DroppedTooLarge; got != 2 {
		t.Fatalf("%d counted, want 2", got)
	}
}

// Messages sent to dead members don't count as sent.
func TestTheDeadDontUseUpRetransmissions(t *testing.T) {
	tn := converse(t, "b", "c", "d")
	tn.n.probe.next = Never
	tn.recv("b", dead("c", 1, "b"), dead("d", 1, "b"))
	tn.advance(5 * time.Second)
	tn.forget()
	tn.recv("b", alive("e", 1))
	tn.recv("e", dead("e", 1, "e"))
	tn.advance(5 * time.Second)
	for range retransmitLimit(4, 2) {
		tn.want("to the one that lives", "b: dead e@1 from e")
	}
}
