package agent

import (
	"net/netip"
	"testing"
	"time"
)

// listenPacket opens a UDP socket of the operating system.
func listenPacket(t *testing.T, bind string) packetConn {
	t.Helper()
	udp, tcp, err := osNetwork{}.Listen(netip.MustParseAddrPort(bind))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		udp.Close()
		tcp.Close()
	})
	return udp
}

func TestPacketsAreSentWithoutGarbage(t *testing.T) {
	for name, bind := range map[string]string{"IPv4": "127.0.33.1:0", "IPv6": ipv6Loopback(t).String()} {
		t.Run(name, func(t *testing.T) {
			a, b := listenPacket(t, bind), listenPacket(t, bind)
			packet, received := []byte("hello"), make([]byte, 100)
			send := func() {
				if err := a.WriteTo(packet, b.LocalAddr()); err != nil {
					t.Fatal(err)
				}
				n, from, err := b.ReadFrom(received)
				if err != nil || string(received[:n]) != "hello" || from != a.LocalAddr() {
					t.Fatalf("%q from %v, %v", received[:n], from, err)
				}
			}
			if n := testing.AllocsPerRun(100, send); n != 0 {
				t.Errorf("%v allocations a packet, want none", n)
			}
		})
	}
}

func TestPacketsThatCannotBeSent(t *testing.T) {
	a := listenPacket(t, "127.0.33.1:0")
	for name, tc := range map[string]struct {
		size int
		to   netip.AddrPort
	}{
		"no address":     {5, netip.AddrPort{}},
		"another family": {5, netip.MustParseAddrPort("[::1]:7946")},
		"a zone":         {5, netip.MustParseAddrPort("[fe80::1%lo]:7946")},
		"too large":      {datagramMax, a.LocalAddr()},
	} {
		if err := a.WriteTo(make([]byte, tc.size), tc.to); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	time.Sleep(2 * sendTimeout) // what such a packet waits at most is the kernel's time, not a test's
	if err := a.WriteTo([]byte("hello"), a.LocalAddr()); err != nil {
		t.Errorf("the next packet: %v", err)
	}
}
