package driver

import (
	"math"
	"net"
	"net/netip"
	"slices"
	"syscall"
	"testing"
	"time"
)

// listenPacket opens a UDP socket of the operating system.
func listenPacket(t *testing.T, bind string) PacketConn {
	t.Helper()
	udp, tcp, err := System().Listen(netip.MustParseAddrPort(bind))
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
	for name, bind := range map[string]string{"IPv4": "127.0.0.1:0", "IPv6": ipv6Loopback()} {
		t.Run(name, func(t *testing.T) {
			if bind == "" {
				t.Skip("no IPv6 here")
			}
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
	a := listenPacket(t, "127.0.0.1:0")
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
	<-time.After(2 * sendTimeout) // what such a packet waits at most is the kernel's time, not a test's
	if err := a.WriteTo([]byte("hello"), a.LocalAddr()); err != nil {
		t.Errorf("the next packet: %v", err)
	}
}

func TestReceiveBufferIsHalvedUntilTaken(t *testing.T) {
	for name, tc := range map[string]struct {
		limit int // of the kernel
		want  []int
	}{
		"all":     {2 << 20, []int{2 << 20}},
		"a third": {700_000, []int{2 << 20, 1 << 20, 512 << 10}},
		"nothing": {0, []int{2 << 20, 1 << 20, 512 << 10, 256 << 10, 128 << 10, 64 << 10, 32 << 10}},
	} {
		var asked []int
		askForRoom(func(size int) error {
			asked = append(asked, size)
			if size > tc.limit {
				return syscall.ENOBUFS
			}
			return nil
		})
		if !slices.Equal(asked, tc.want) {
			t.Errorf("%s: asked for %d, want %d", name, asked, tc.want)
		}
	}
}

func TestPacketLimitOfTheSystem(t *testing.T) {
	for system, want := range map[string]int{"linux": math.MaxInt, "windows": math.MaxInt, "darwin": 9216, "freebsd": 9216, "openbsd": 9216} {
		if got := packetMaxOf(system); got != want {
			t.Errorf("%s: %d, want %d", system, got, want)
		}
	}
}

// ipv6Loopback is the IPv6 loopback with any free port, or empty if the system has none.
func ipv6Loopback() string {
	const addr = "[::1]:0"
	ln, err := net.Listen("tcp6", addr)
	if err != nil {
		return ""
	}
	ln.Close()
	return addr
}
