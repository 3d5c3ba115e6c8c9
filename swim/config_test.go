package swim

import (
	"bytes"
	"net/netip"
	"strings"
	"testing"

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

// Messages can't carry a zone, and our own address must compare equal to what others send.
func TestZoneIsNotPartOfTheAddress(t *testing.T) {
	tn := converseWith(t, func(c *Config) { c.Addr = netip.MustParseAddrPort("[fe80::1%eth0]:7946") })
	tn.recv("b", aliveAt("a", 1, netip.MustParseAddrPort("[fe80::1]:7946"), ""))
	tn.wantIdle("that's us")
}
