package swim

import (
	"bytes"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"serf/wire"
)

// With the smallest packet size allowed, a node can send its own alive message and ping any member.
func TestPacketsHoldTheLargestNecessaryMessages(t *testing.T) {
	ring, err := wire.NewKeyring(bytes.Repeat([]byte{7}, 16))
	if err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("n", NameMax)
	for kind, c := range map[string]Config{
		"plain":      {Name: "a", Addr: addrOf("a")},
		"long name":  {Name: strings.Repeat("a", NameMax), Addr: addrOf("a")},
		"all layers": {Name: "a", Addr: netip.MustParseAddrPort("[2001:db8::1]:7946"), Sealer: &wire.Sealer{Label: strings.Repeat("l", 255), Keys: ring, Nonce: func(b []byte) { clear(b) }}},
	} {
		t.Run(kind, func(t *testing.T) {
			tn := converseWith(t, func(at *Config) {
				at.Name, at.Addr, at.Sealer = c.Name, c.Addr, c.Sealer
				at.PacketMax = at.packetFloor() - 1
				if at.Validate() == nil {
					t.Errorf("a packet size of %d is accepted", at.PacketMax)
				}
				at.PacketMax++
			})
			if err := tn.n.SetMeta(tn.now, bytes.Repeat([]byte("m"), MetaMax), &tn.out); err != nil {
				t.Fatal(err)
			}
			tn.n.inc = incMax - 1
			tn.recv("b", aliveAt(long, 1, addrOf("b"), ""))
			tn.n.announceAlive(tn.n.self, &tn.out)
			tn.advance(tn.n.cfg.ProbeInterval)
			tn.want("says that it lives, and pings", "b: alive "+c.Name+"@*", "b: ping "+long)
			if got := tn.n.Counters().DroppedTooLarge; got != 0 {
				t.Errorf("%d messages didn't fit", got)
			}
		})
	}
}

// Each field has its bounds: what lies beyond is a problem of that field alone.
func TestConfigIsChecked(t *testing.T) {
	for field, change := range map[string]func(*Config){
		"name":               func(c *Config) { c.Name = "" },
		"metadata":           func(c *Config) { c.Meta = make([]byte, MetaMax+1) },
		"address":            func(c *Config) { c.Addr = netip.AddrPort{} },
		"families":           func(c *Config) { c.Families = IPv4 | IPv6 + 1 },
		"probe_timeout":      func(c *Config) { c.ProbeTimeout = c.ProbeInterval },
		"indirect_probes":    func(c *Config) { c.IndirectProbes = 65 },
		"gossip_interval":    func(c *Config) { c.GossipInterval = time.Millisecond - 1 },
		"gossip_nodes":       func(c *Config) { c.GossipNodes = 0 },
		"gossip_rate":        func(c *Config) { c.GossipRate = -1 },
		"gossip_to_the_dead": func(c *Config) { c.GossipToTheDead = -1 },
		"retransmit_mult":    func(c *Config) { c.RetransmitMult = 101 },
		"push_pull_interval": func(c *Config) { c.PushPullInterval = 10*time.Millisecond - 1 },
		"suspicion_mult":     func(c *Config) { c.SuspicionMult = 0 },
		"suspicion_max_mult": func(c *Config) { c.SuspicionMaxMult = 101 },
		"awareness_max":      func(c *Config) { c.AwarenessMax = 0 },
		"stream_timeout":     func(c *Config) { c.StreamTimeout = 0 },
		"dead_retention":     func(c *Config) { c.DeadRetention = -1 },
		"verify_forgotten":   func(c *Config) { c.VerifyForgotten = -1 },
		"leave_timeout":      func(c *Config) { c.LeaveTimeout = -1 },
	} {
		c := DefaultConfig(LAN())
		c.Name, c.Addr = "a", addrOf("a")
		if err := c.Validate(); err != nil {
			t.Fatal(err)
		}
		change(&c)
		var p *Problem
		if err := c.Validate(); !errors.As(err, &p) || p.Field != field || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", field, err)
		}
	}
}

// Messages can't carry a zone, and our own address must compare equal to what others send.
func TestZoneIsNotPartOfTheAddress(t *testing.T) {
	tn := converseWith(t, func(c *Config) { c.Addr = netip.MustParseAddrPort("[fe80::1%eth0]:7946") })
	tn.recv("b", aliveAt("a", 1, netip.MustParseAddrPort("[fe80::1]:7946"), ""))
	tn.wantIdle("that's us")
}
