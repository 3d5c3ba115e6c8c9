package serf

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"serf/swim"
)

func allowLarge(c *Config) { c.EventSizeMax = EventSizeCeiling }

// fireLarge fires an event of 5000 bytes, and drops the line about it, which is as long.
func (tn *conversation) fireLarge(name string) {
	tn.t.Helper()
	tn.do(func(now swim.Time, out *swim.Output) error {
		return tn.n.UserEvent(now, name, make([]byte, 5000), false, out)
	})
	tn.dropLong()
}

func (tn *conversation) dropLong() {
	tn.did = slices.DeleteFunc(tn.did, func(line string) bool { return len(line) > 1000 })
}

func TestEventTooLargeForAPacketGoesByStreams(t *testing.T) {
	tn := converseWith(t, allowLarge, "b", "c", "d")
	tn.fireLarge("x")
	tn.advance(0)
	tn.want("as many as a round of gossip sends to", "b: stream user x 5000", "c: stream user x 5000",
		"d: stream user x 5000")
	tn.wantIdle("nobody twice")
	if got := tn.n.Stats().EventQueue; got != 0 {
		t.Errorf("%d wait for ever", got)
	}
}

func TestEventAtThePacketsLimitIsGossiped(t *testing.T) {
	tn := converseWith(t, allowLarge, "b")
	room := tn.n.swim.MaxUser() - len(userEventMsg("x", strings.Repeat("y", 500), 1)) + 500
	tn.fire("x", strings.Repeat("y", room))
	tn.dropLong()
	if tn.n.gossip.events.Len() != 1 {
		t.Error("it fits a packet")
	}
	tn.fire("x", strings.Repeat("y", room+1))
	tn.dropLong()
	tn.advance(0)
	tn.want("one byte more doesn't", fmt.Sprintf("b: stream user x %d", room+1))
}

func TestLargeEventsOfOthersArePassedOn(t *testing.T) {
	tn := converseWith(t, func(c *Config) { c.PacketMax = 60000 }, "b", "c")
	tn.n.cfg.GossipNodes = 1
	tn.recv("b", userEventMsg("x", strings.Repeat("y", 8000), 4))
	if tn.n.gossip.events.Len() != 1 || len(tn.n.large.queue) != 0 {
		t.Error("large packets carry it")
	}

	tn = converse(t, "b", "c")
	tn.n.call.begin(&tn.out)
	tn.n.handle(tn.now, &swim.Event{Kind: swim.EventUser, Addr: addrOf("b"),
		Data: userEventMsg("x", strings.Repeat("y", 8000), 4)}, &tn.out)
	tn.n.finish(tn.now, &tn.out)
	tn.collect()
	tn.dropLong()
	tn.advance(time.Second)
	tn.want("it came by stream and goes on by stream", "b: stream user x 8000",
		"c: stream user x 8000")
	tn.wantIdle("nobody twice")
}

func TestLargeEventsArePaced(t *testing.T) {
	tn := converseWith(t, func(c *Config) {
		allowLarge(c)
		c.GossipNodes, c.GossipRate = 1, 50_000
	}, "b", "c")
	start := tn.now
	tn.fireLarge("x")
	tn.advance(0)
	first := len(tn.did)
	for len(tn.did) < 2 {
		tn.advance(time.Millisecond)
	}
	if took := tn.now.Sub(start); first != 1 || took < 95*time.Millisecond ||
		took > 105*time.Millisecond {
		t.Errorf("%d streams at once, two in %v: want 5 kB at 50 kB/s", first, took)
	}
}

// Without a rate, rounds are a gossip interval apart.
func TestLargeEventsWithoutARate(t *testing.T) {
	tn := converseWith(t, func(c *Config) {
		allowLarge(c)
		c.GossipNodes, c.GossipRate = 1, 0
	}, "b", "c")
	tn.fireLarge("x")
	tn.advance(0)
	tn.advance(tn.n.cfg.GossipInterval - 1)
	if got := len(tn.did); got != 1 {
		t.Errorf("%d streams before the gossip interval is over, want 1", got)
	}
	tn.advance(1)
	tn.want("each goes to all", "b: stream user x 5000", "c: stream user x 5000")
}

func TestOwnLargeEventsWaitForTheirTurn(t *testing.T) {
	tn := converseWith(t, func(c *Config) { allowLarge(c); c.GossipNodes = 1 }, "b", "c")
	const all = 100
	for i := range all {
		tn.fireLarge(fmt.Sprint(i))
	}
	if got := len(tn.n.large.queue); got != largeInFlight ||
		tn.n.Stats().Backlog != all-largeInFlight {
		t.Fatalf("%d in flight, %d wait", got, tn.n.Stats().Backlog)
	}
	tn.advance(time.Minute)
	tn.dropLong()
	for i := range all {
		line := fmt.Sprintf("stream user %d 5000", i)
		tn.want("each goes to all", "b: "+line, "c: "+line)
	}
}

func TestLargeEventsAreBounded(t *testing.T) {
	tn := converse(t, "b")
	for i := range largeMax + 1 {
		tn.n.broadcastEvent(tn.now, 0, []byte(strings.Repeat("y", 2000+i)))
	}
	if got := len(tn.n.large.queue); got != largeMax || len(tn.n.large.queue[0].msg) != 2001 {
		t.Errorf("%d wait, the first of %d bytes: want the oldest dropped", got,
			len(tn.n.large.queue[0].msg))
	}
	tn.n.call.begin(&tn.out)
	tn.n.finish(tn.now, &tn.out)
	tn.collect()
	tn.wantNote("noted", NoteLargeDropped)
}

func TestClusterLargeEvents(t *testing.T) {
	c := newCluster(t, func(c *Config) {
		allowLarge(c)
		c.PushPullInterval = 0
	}, "a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l")
	// Some members can't reach each other, so that the event has to be passed on.
	c.drop = func(from, to netip.AddrPort) bool {
		return from == addrOf("a") && to.Addr().As4()[3] > 'c'
	}
	a := c.node("a")
	payload := strings.Repeat("y", 9000)
	if err := a.UserEvent(c.now, "x", []byte(payload), false, &a.out); err != nil {
		t.Fatal(err)
	}
	c.flush(a)
	c.run(2 * time.Second)
	for _, n := range c.order {
		if got := n.got["x="+payload]; got != 1 {
			t.Errorf("%s got it %d times", n.name, got)
		}
	}
}
