package driver

import (
	"net/netip"
	"testing"
)

// What comes while the loop is busy, and finds no room in the kernel's buffer, is counted: read by
// the loop or, as in a sandbox, by package net.
func TestPacketsThatTheKernelDropsAreCounted(t *testing.T) {
	t.Parallel()
	for name, of := range map[string]func(*testing.T) (to *udpSocket, counts func() (uint64, bool)){
		"driver": func(t *testing.T) (*udpSocket, func() (uint64, bool)) {
			d := listen(t, Config{Bind: netip.MustParseAddrPort("127.0.0.1:0")})
			return d.udp.(*udpSocket), func() (uint64, bool) {
				c := d.Counters()
				return c.KernelDrops, c.KernelDropsKnown
			}
		},
		"socket": func(t *testing.T) (*udpSocket, func() (uint64, bool)) {
			s := listenPacket(t, "127.0.0.1:0").(*udpSocket)
			return s, s.drops.count
		},
	} {
		t.Run(name, func(t *testing.T) {
			to, count := of(t)
			if n, known := count(); n != 0 || !known {
				t.Errorf("%d drops before the first packet, known: %v", n, known)
			}
			from, sent := listenPacket(t, "127.0.0.1:0"), uint64(0)
			flood := func(packets int) {
				for range packets {
					if err := from.WriteTo(make([]byte, datagramMax-100), to.LocalAddr()); err != nil {
						t.Fatal(err)
					}
					sent++
				}
			}
			flood(2 * socketBuffer / datagramMax) // the kernel doubles the size that it is asked for
			flood(10)
			first, _ := count()
			flood(7)
			n, _ := count()
			if first < 10 || n != first+7 || n >= sent {
				t.Errorf("%d, then %d of %d packets dropped, want 7 more", first, n, sent)
			}
			to.Close()
			if last, known := count(); last != n || !known {
				t.Errorf("%d drops once the socket is closed, want %d", last, n)
			}
		})
	}
}
