//go:build amd64 || arm64

package driver

import (
	"bytes"
	"errors"
	"net/netip"
	"os"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"serf/swim"
)

// listenPoller opens a socket that the loop would read itself.
func listenPoller(t *testing.T, bind string) *poller {
	t.Helper()
	d := listen(t, Config{Bind: netip.MustParseAddrPort(bind)})
	p, ok := d.waiter.(*poller)
	if !ok {
		t.Fatal("the system's socket isn't read by the loop")
	}
	p.start()
	return p
}

// await waits for a packet.
func (p *poller) await(t *testing.T) (netip.AddrPort, []byte) {
	t.Helper()
	for now := p.d.Now(); ; {
		if from, data, ok := p.next(); ok {
			return from, data
		}
		if p.wait(p.d.Now(), now.Add(time.Minute)); p.d.Now().Sub(now) > time.Minute {
			t.Fatal("no packet")
		}
	}
}

func TestPollerReadsAllKindsOfPackets(t *testing.T) {
	t.Parallel()
	for name, bind := range map[string]string{"IPv4": "127.0.0.1:0", "IPv6": ipv6Loopback()} {
		t.Run(name, func(t *testing.T) {
			if bind == "" {
				t.Skip("no IPv6 here")
			}
			a, b := listenPoller(t, bind), listenPoller(t, bind)
			for _, size := range []int{0, 1, 1400, 65507} {
				packet := bytes.Repeat([]byte{byte(size)}, size)
				if err := a.send(packet, b.d.Addr()); err != nil {
					t.Fatal(err)
				}
				if from, got := b.await(t); from != a.d.Addr() || !bytes.Equal(got, packet) {
					t.Errorf("%d bytes from %v, want %d", len(got), from, size)
				}
			}
			// More than are read at once.
			for i := range 2*packetsAtOnce + 1 {
				if err := a.send([]byte{byte(i)}, b.d.Addr()); err != nil {
					t.Fatal(err)
				}
			}
			for i := range 2*packetsAtOnce + 1 {
				if _, got := b.await(t); len(got) != 1 || got[0] != byte(i) {
					t.Fatalf("packet %d: %v", i, got)
				}
			}
		})
	}
}

func TestPollerMakesNoGarbage(t *testing.T) {
	a, b := listenPoller(t, "127.0.0.1:0"), listenPoller(t, "127.0.0.1:0")
	packet := []byte("hello")
	if n := testing.AllocsPerRun(100, func() {
		if err := a.send(packet, b.d.Addr()); err != nil {
			t.Fatal(err)
		}
		if _, got := b.await(t); string(got) != "hello" {
			t.Fatalf("%q", got)
		}
	}); n != 0 {
		t.Errorf("%v allocations a packet, want none", n)
	}
}

// A wait ends at its time, not before; at a packet; and at a call of wake, before it or in it.
func TestPollerWaits(t *testing.T) {
	t.Parallel()
	a, b := listenPoller(t, "127.0.0.1:0"), listenPoller(t, "127.0.0.1:0")
	for _, d := range []time.Duration{20 * time.Millisecond, time.Millisecond, 0} {
		until := b.d.Now().Add(d)
		if b.wait(b.d.Now(), until); b.d.Now() < until {
			t.Errorf("%v: %v too early", d, until.Sub(b.d.Now()))
		}
	}
	b.wake()
	b.wait(b.d.Now(), swim.Never)
	go b.wake()
	b.wait(b.d.Now(), swim.Never)
	go a.send([]byte("hello"), b.d.Addr())
	b.wait(b.d.Now(), b.d.Now().Add(time.Minute))
	if _, got, ok := b.next(); !ok || string(got) != "hello" {
		t.Errorf("%q, %v", got, ok)
	}
}

func TestPollerNamesWhatCannotBeSent(t *testing.T) {
	t.Parallel()
	a := listenPoller(t, "127.0.0.1:0")
	for name, tc := range map[string]struct {
		size int
		to   netip.AddrPort
	}{
		"no address":     {5, netip.AddrPort{}},
		"another family": {5, netip.MustParseAddrPort("[::1]:7946")},
		"a zone":         {5, netip.MustParseAddrPort("[fe80::1%lo]:7946")},
		"too large":      {datagramMax, a.d.Addr()},
	} {
		if err := a.send(make([]byte, tc.size), tc.to); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%s: %v", name, err)
		}
	}
	mapped := netip.AddrPortFrom(netip.AddrFrom16(a.d.Addr().Addr().As16()), a.d.Addr().Port())
	if err := a.send([]byte("hello"), mapped); err != nil {
		t.Errorf("IPv4 in the form of IPv6: %v", err)
	}
}

// A socket that fails is left alone for a while, and counted; the loop goes on.
func TestPollerPausesAfterAFailure(t *testing.T) {
	t.Parallel()
	var problems []Problem
	d := listen(t, Config{Bind: netip.MustParseAddrPort("127.0.0.1:0"), Report: func(p Problem) { problems = append(problems, p) }})
	p := d.waiter.(*poller)
	p.start()
	whole := p.socket
	p.socket = p.timer // which isn't a socket
	began := d.Now()
	p.wait(began, swim.Never) // is over when the socket may be tried again
	p.wait(began, began)
	p.socket = whole
	if took := d.Now().Sub(began); took < readBackoff {
		t.Errorf("tried again after %v", took)
	}
	if n := d.Counters().ReadErrors; n != uint64(len(problems)) || n == 0 || n > 2 || problems[0].Kind != ReadFailed {
		t.Errorf("%d errors, %v", n, problems)
	}
}

// What a poller opens is closed with the driver: one that was never started, too.
func TestPollerIsClosed(t *testing.T) {
	d := listen(t, Config{Bind: netip.MustParseAddrPort("127.0.0.1:0")})
	p := d.waiter.(*poller)
	d.Close()
	for _, fd := range []int{p.socket, p.timer} {
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err != unix.EBADF {
			t.Errorf("%d is still open: %v", fd, err)
		}
	}
	if p.memory != nil || p.epoll.Close() == nil {
		t.Error("memory or file are left")
	}
	again := listen(t, Config{Bind: d.Addr()})
	again.Close()
	p.wake() // comes late
	runtime.KeepAlive(p)
}
