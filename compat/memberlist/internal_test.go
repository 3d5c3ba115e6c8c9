package memberlist

import (
	"fmt"
	"io"
	"log"
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"serf/membership"
)

// kinds records the kinds of events.
type kinds []string

func (k *kinds) NotifyJoin(n *Node)   { *k = append(*k, "join "+n.Name) }
func (k *kinds) NotifyLeave(n *Node)  { *k = append(*k, fmt.Sprint("leave ", n.Name, " ", n.State)) }
func (k *kinds) NotifyUpdate(n *Node) { *k = append(*k, "update "+n.Name) }

// Who has failed and is heard to have left then is gone already.
func TestWhoIsGoneLeavesOnce(t *testing.T) {
	var got kinds
	e := events{m: &Memberlist{conf: &Config{Events: &got}}, living: make(map[string]bool)}
	for _, ev := range []struct {
		kind  membership.EventKind
		state membership.State
	}{
		{membership.Left, membership.StateLeft}, // nobody knew it
		{membership.Joined, membership.StateAlive},
		{membership.Updated, membership.StateAlive},
		{membership.Failed, membership.StateFailed},
		{membership.Left, membership.StateLeft},
		{membership.Joined, membership.StateAlive},
		{membership.Left, membership.StateLeft},
	} {
		e.event(membership.Event{Kind: ev.kind, Member: membership.Member{Name: "b", State: ev.state}})
	}
	want := kinds{"join b", "update b", fmt.Sprint("leave b ", StateDead), "join b", fmt.Sprint("leave b ", StateLeft)}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestNamesOfAddresses(t *testing.T) {
	asked := 0
	n := names{known: func() []membership.Member {
		asked++
		return []membership.Member{{Name: "a", Addr: addrA}}
	}}
	for range 3 {
		if a, b := n.at(addrA), n.at(addrB); a != "a" || b != "" {
			t.Errorf("got %q and %q", a, b)
		}
	}
	if asked != 2 {
		t.Errorf("asked %d times about two addresses", asked)
	}
	m := Memberlist{conf: &Config{}}
	m.names.known = n.known
	m.names.learn(addrA, "an earlier one")
	if err := m.admit(membership.Member{Name: "b", Addr: addrA}); err != nil || m.names.at(addrA) != "b" {
		t.Errorf("a new node at a known address: %q, %v", m.names.at(addrA), err)
	}
	for i := range namesMax + 1 {
		n.learn(netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 1, byte(i >> 8), byte(i)}), 1+uint16(i>>16)), "x")
	}
	if len(n.byAddr) > namesMax || n.at(addrA) != "a" {
		t.Errorf("%d names are kept, and %q is found", len(n.byAddr), n.at(addrA))
	}
}

func TestKeyringsForgetWhoHasEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var network MockNetwork
		c := DefaultLANConfig()
		c.Name, c.Transport, c.Logger = "a", network.NewTransport("a"), log.New(io.Discard, "", 0)
		c.Keyring, _ = NewKeyring(nil, key('a'))
		m, err := Create(c)
		if err != nil {
			t.Fatal(err)
		}
		_ = m.Shutdown()
		if n := len(c.Keyring.followers); n != 0 {
			t.Errorf("%d still follow", n)
		}
	})
}

func TestTimingOfTheDefaults(t *testing.T) {
	for name, c := range map[string]struct {
		conf *Config
		want membership.Timing
	}{
		"LAN":   {DefaultLANConfig(), membership.LAN()},
		"WAN":   {DefaultWANConfig(), membership.WAN()},
		"local": {DefaultLocalConfig(), membership.Local()},
	} {
		got := c.conf.timing()
		got.GossipRate, got.LeaveTimeout = c.want.GossipRate, c.want.LeaveTimeout // no fields of Config
		if got != c.want {
			t.Errorf("%s: got %+v, want %+v", name, got, c.want)
		}
	}
}

// Whatever a program says, the node can run with it.
func TestTimingsThatMakeNoSense(t *testing.T) {
	for _, c := range []struct {
		reason string
		change func(c *Config)
		is     func(t membership.Timing) bool
	}{
		{"the answer may take longer than the interval", func(c *Config) { c.ProbeTimeout = time.Minute },
			func(t membership.Timing) bool {
				return t.ProbeTimeout < t.ProbeInterval && t.ProbeTimeout > t.ProbeInterval/2
			}},
		{"no time for the answer", func(c *Config) { c.ProbeTimeout = 0 }, func(t membership.Timing) bool { return t.ProbeTimeout > 0 }},
		{"a nanosecond", func(c *Config) {
			c.ProbeInterval, c.ProbeTimeout, c.GossipInterval, c.PushPullInterval, c.TCPTimeout = 1, 1, 1, 1, 1
		},
			func(t membership.Timing) bool { return t.ProbeTimeout < t.ProbeInterval }},
		{"no gossip", func(c *Config) { c.GossipNodes = 0 }, func(t membership.Timing) bool { return t.GossipInterval == never }},
		{"no exchanges", func(c *Config) { c.PushPullInterval = -1 }, func(t membership.Timing) bool { return t.PushPullInterval == 0 }},
		{"nothing", func(c *Config) { *c = Config{} }, func(t membership.Timing) bool { return t.ProbeInterval == never }},
		{"too much", func(c *Config) {
			c.IndirectChecks, c.GossipNodes, c.RetransmitMult, c.SuspicionMult = 1e6, 1e6, 1e6, 1e6
			c.SuspicionMaxTimeoutMult, c.AwarenessMaxMultiplier = 1e6, 1e6
		}, func(t membership.Timing) bool { return t.GossipNodes == countMax && t.RetransmitMult == multMax }},
	} {
		conf := DefaultLANConfig()
		c.change(conf)
		timing := conf.timing()
		if !c.is(timing) {
			t.Errorf("%s: %+v", c.reason, timing)
		}
		synctest.Test(t, func(t *testing.T) {
			var network MockNetwork
			conf.Name, conf.Transport, conf.Logger = "a", network.NewTransport("a"), log.New(io.Discard, "", 0)
			conf.ProtocolVersion, conf.UDPBufferSize = 2, 1400
			m, err := Create(conf)
			if err != nil {
				t.Errorf("%s: %v", c.reason, err)
				return
			}
			_ = m.Shutdown()
		})
	}
}
