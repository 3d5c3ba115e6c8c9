package swim

import (
	"testing"
	"time"

	"serf/wire"
)

// asked is a layer above that doesn't know how many broadcasts it has. It has one at a time.
type asked struct {
	times int
	has   string
}

func (*asked) BroadcastsQueued() int            { return BroadcastsUnknown }
func (*asked) AppendAckPayload(b []byte) []byte { return b }
func (*asked) State(bool) wire.Rope             { return wire.Rope{} }

func (a *asked) AppendBroadcasts(_ Time, p *wire.Packer, _ int) {
	a.times++
	if a.has != "" && p.Add(append([]byte{byte(wire.TypeUser)}, a.has...)) {
		a.has = ""
	}
}

func TestBroadcastsOfUnknownNumber(t *testing.T) {
	above := new(asked)
	tn := converseWith(t, func(c *Config) { c.Carrier, c.ProbeInterval = above, time.Hour }, "b")
	above.times = 0
	tn.advance(time.Second)
	if above.times < 4 || above.times > 6 {
		t.Errorf("asked %d times in five rounds", above.times)
	}
	tn.wantIdle("there was nothing to say")

	above.has = "news"
	tn.advance(tn.n.cfg.GossipInterval)
	tn.want("asked and told", `b: user "news"`)

	above.has = "more"
	tn.recv("b", ping(1, "a", "b"))
	tn.want("packets that go out anyway are filled", "b: ack 1", `b: user "more"`)
}

// Nobody could be told.
func TestALoneMemberIsNotAsked(t *testing.T) {
	above := new(asked)
	tn := converseWith(t, func(c *Config) { c.Carrier = above })
	tn.advance(time.Minute)
	if above.times > 0 {
		t.Errorf("asked %d times", above.times)
	}
}

// The burst of membership news is paced as ever.
func TestBurstsWithBroadcastsOfUnknownNumber(t *testing.T) {
	above := new(asked)
	tn := converseWith(t, func(c *Config) { c.Carrier = above }, "b")
	for i := range 400 {
		tn.n.gossip.queue.Add(uint64(1000+i), message(300, 'm'))
	}
	tn.advance(time.Second)
	if left := tn.n.gossip.queue.Len(); left > 0 {
		t.Errorf("%d of 400 broadcasts are left after a second", left)
	}
}
