package memnet_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"serf/driver"
	"serf/driver/memnet"
	"serf/internal/errno"
	"serf/swim"
)

var (
	hostA = netip.MustParseAddr("10.0.0.1")
	hostB = netip.MustParseAddr("10.0.0.2")
	addrA = netip.AddrPortFrom(hostA, 7946)
	addrB = netip.AddrPortFrom(hostB, 7946)
)

// open opens the sockets of a host, and closes them at the end of the test.
func open(t *testing.T, n *memnet.Network, addr netip.AddrPort) (driver.PacketConn, driver.StreamListener) {
	t.Helper()
	packets, streams, err := n.Host(addr.Addr()).Listen(addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { packets.Close() })
	return packets, streams
}

// arrival is a packet, and when it was read.
type arrival struct {
	text  string
	after time.Duration
}

// collect reads packets until the socket is closed.
func collect(c driver.PacketConn) <-chan []arrival {
	began, all := time.Now(), make(chan []arrival, 1)
	go func() {
		var got []arrival
		b := make([]byte, memnet.PacketMax)
		for {
			n, _, err := c.ReadFrom(b)
			if err != nil {
				all <- got
				return
			}
			got = append(got, arrival{string(b[:n]), time.Since(began)})
		}
	}()
	return all
}

func TestPacketsTakeTheDelayOfTheirLink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New(memnet.Config{Link: memnet.Link{Delay: time.Second}})
		a, _ := open(t, n, addrA)
		b, _ := open(t, n, addrB)
		atA, atB := collect(a), collect(b)
		a.WriteTo([]byte("one"), addrB)
		a.WriteTo([]byte("two"), addrB)
		n.SetLink(hostA, hostB, memnet.Link{Delay: time.Millisecond})
		a.WriteTo([]byte("three"), addrB)
		b.WriteTo([]byte("back"), addrA)
		time.Sleep(time.Minute)
		a.Close()
		b.Close()
		if got, want := <-atB, []arrival{{"three", time.Millisecond}, {"one", time.Second}, {"two", time.Second}}; !slices.Equal(got, want) {
			t.Errorf("at b: %v, want %v", got, want)
		}
		if got, want := <-atA, []arrival{{"back", time.Second}}; !slices.Equal(got, want) {
			t.Errorf("at a: %v, want %v", got, want)
		}
	})
}

// run sends 1,000 packets over a bad link, and returns what arrives in which order.
func run(t *testing.T, seed uint64, other bool) (got []arrival) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New(memnet.Config{Seed: seed, Link: memnet.Link{Loss: 0.2, Jitter: time.Second}})
		a, _ := open(t, n, addrA)
		b, _ := open(t, n, addrB)
		atB := collect(b)
		for i := range 1000 {
			a.WriteTo([]byte(strconv.Itoa(i)), addrB)
			if other {
				b.WriteTo([]byte("x"), addrA)
			}
		}
		time.Sleep(time.Minute)
		b.Close()
		got = <-atB
		if lost := n.Lost(); !other && int(lost) != 1000-len(got) {
			t.Errorf("%d counted as lost, %d arrived", lost, len(got))
		}
	})
	return got
}

func TestLossAndJitterFollowFromTheSeed(t *testing.T) {
	first := run(t, 1, false)
	if n := len(first); n < 750 || n > 850 {
		t.Errorf("%d of 1,000 arrived, want about 800", n)
	}
	if slices.IsSortedFunc(first, func(a, b arrival) int { x, _ := strconv.Atoi(a.text); y, _ := strconv.Atoi(b.text); return x - y }) {
		t.Error("no packet overtook another one")
	}
	if !slices.Equal(first, run(t, 1, true)) {
		t.Error("packets of another link change what becomes of these")
	}
	if slices.Equal(first, run(t, 2, false)) {
		t.Error("another seed changes nothing")
	}
}

func TestCutLinksLosePacketsOneWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New(memnet.Config{})
		a, _ := open(t, n, addrA)
		b, _ := open(t, n, addrB)
		atA, atB := collect(a), collect(b)
		both := func(text string) {
			a.WriteTo([]byte(text), addrB)
			b.WriteTo([]byte(text), addrA)
			a.WriteTo([]byte("self "+text), addrA)
		}
		n.SetLink(hostA, hostB, memnet.Link{Cut: true})
		both("cut")
		n.Isolate(hostB, true)
		both("isolated")
		n.Isolate(hostB, false)
		both("cut again")
		n.SetLinks(hostA, hostB, memnet.Link{})
		both("whole")
		time.Sleep(time.Second)
		a.Close()
		b.Close()
		texts := func(all []arrival) (texts []string) {
			for _, a := range all {
				texts = append(texts, a.text)
			}
			return texts
		}
		if got := texts(<-atB); !slices.Equal(got, []string{"whole"}) {
			t.Errorf("at b: %q", got)
		}
		if got, want := texts(<-atA), []string{"cut", "self cut", "self isolated", "cut again", "self cut again", "whole", "self whole"}; !slices.Equal(got, want) {
			t.Errorf("at a: %q, want %q", got, want)
		}
	})
}

func TestSocketsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New(memnet.Config{PacketMax: 100})
		a, _ := open(t, n, addrA)
		b, _ := open(t, n, addrB)
		if err := a.WriteTo(make([]byte, 101), addrB); !errors.Is(err, syscall.EMSGSIZE) || n.Lost() != 0 {
			t.Errorf("a packet beyond the limit: %v", err)
		}
		for range 1024 + 3 {
			if err := a.WriteTo(make([]byte, 100), addrB); err != nil {
				t.Fatal(err)
			}
		}
		if n.Lost() != 3 {
			t.Errorf("%d lost, want 3 that the socket has no room for", n.Lost())
		}
		b.Close()
		if _, _, err := b.ReadFrom(make([]byte, 100)); !errors.Is(err, net.ErrClosed) {
			t.Errorf("read after Close: %v", err)
		}
		if err := b.WriteTo(nil, addrA); !errors.Is(err, net.ErrClosed) {
			t.Errorf("write after Close: %v", err)
		}
	})
}

func TestAddressesThatCannotBeBound(t *testing.T) {
	n := memnet.New(memnet.Config{})
	a, _ := open(t, n, addrA)
	for _, tc := range []struct {
		bind netip.AddrPort
		want error
	}{
		{addrA, errno.AddrInUse},
		{netip.AddrPortFrom(netip.IPv4Unspecified(), 7946), errno.AddrInUse},
		{addrB, errno.NoAddr},
	} {
		_, _, err := n.Host(hostA).Listen(tc.bind)
		if bind, ok := errors.AsType[*driver.BindError](err); !ok || bind.Addr != tc.bind || !errors.Is(err, tc.want) {
			t.Errorf("%v: %v, want %v", tc.bind, err, tc.want)
		}
	}
	a.Close()
	open(t, n, addrA)
	for range 100 { // any port will do
		if c, _ := open(t, n, netip.AddrPortFrom(hostA, 0)); c.LocalAddr().Port() < 49152 || c.LocalAddr().Addr() != hostA {
			t.Errorf("bound to %v", c.LocalAddr())
		}
	}
}

// connect opens a stream from a to b.
func connect(t *testing.T, n *memnet.Network, l driver.StreamListener) (here, there net.Conn) {
	t.Helper()
	accepted := make(chan net.Conn)
	go func() {
		c, _ := l.Accept()
		accepted <- c
	}()
	here, err := n.Host(hostA).Dial(t.Context(), netip.Addr{}, addrB)
	if err != nil {
		t.Fatal(err)
	}
	there = <-accepted
	t.Cleanup(func() { here.Close(); there.Close() })
	return here, there
}

func TestStreamsTakeTheDelayOfTheirLink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New(memnet.Config{Link: memnet.Link{Delay: time.Second, Loss: 1}})
		_, l := open(t, n, addrB)
		began := time.Now()
		here, there := connect(t, n, l)
		if took := time.Since(began); took != 2*time.Second {
			t.Errorf("connected after %v, want a round trip", took)
		}
		go func() {
			here.Write([]byte("hello"))
			here.Close()
		}()
		got, err := io.ReadAll(there)
		if took := time.Since(began); string(got) != "hello" || err != nil || took != 3*time.Second {
			t.Errorf("%q, %v after %v", got, err, took)
		}
		if from := there.RemoteAddr().(*net.TCPAddr).AddrPort(); from.Addr() != hostA || from != here.LocalAddr().(*net.TCPAddr).AddrPort() {
			t.Errorf("dialled from %v", from)
		}
	})
}

func TestStreamsWaitForACutLink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New(memnet.Config{})
		_, l := open(t, n, addrB)
		here, there := connect(t, n, l)
		n.Isolate(hostB, true)
		began := time.Now()
		here.SetWriteDeadline(time.Now().Add(time.Second))
		if _, err := here.Write([]byte("lost")); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(began) != time.Second {
			t.Errorf("%v after %v, want that the deadline is over", err, time.Since(began))
		}
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := n.Host(hostA).Dial(short, netip.Addr{}, addrB); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("dialling a host that is cut off: %v", err)
		}
		here.SetDeadline(time.Time{})
		time.AfterFunc(time.Hour, func() { n.Isolate(hostB, false) })
		go here.Write([]byte("late"))
		b := make([]byte, 10)
		if k, err := there.Read(b); string(b[:k]) != "late" || time.Since(began) < time.Hour {
			t.Errorf("%q, %v after %v", b[:k], err, time.Since(began))
		}
		n.Isolate(hostA, true)
		time.AfterFunc(time.Second, func() { here.Close() })
		if _, err := here.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
			t.Errorf("closed while writing: %v", err)
		}
	})
}

func TestNothingListens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New(memnet.Config{})
		dial := func(n *memnet.Network) error {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			_, err := n.Host(hostA).Dial(ctx, netip.Addr{}, addrB)
			return err
		}
		if err := dial(n); !errors.Is(err, errno.ConnRefused) {
			t.Errorf("%v, want that it is refused", err)
		}
		if err := dial(memnet.New(memnet.Config{Silent: true})); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v, want that it takes too long", err)
		}
		_, l := open(t, n, addrB)
		waiting, err := n.Host(hostA).Dial(t.Context(), netip.Addr{}, addrB)
		if err != nil {
			t.Fatal(err)
		}
		l.Close()
		if _, err := waiting.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("a stream that was never accepted: %v, want EOF", err)
		}
		if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("accept after Close: %v", err)
		}
	})
}

// Swim's machine, driven on this network, finds a member that crashed.
func TestNodesOfPlainMembership(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New(memnet.Config{Link: memnet.Link{Delay: time.Millisecond, Jitter: time.Millisecond, Loss: 0.05}})
		var drivers []*driver.Driver
		var nodes []*swim.Node
		for i := range 5 {
			ip := netip.AddrFrom4([4]byte{10, 0, 1, byte(i)})
			d, err := driver.Listen(driver.Config{Network: n.Host(ip), Bind: netip.AddrPortFrom(ip, 7946)})
			if err != nil {
				t.Fatal(err)
			}
			defer d.Close()
			c := swim.DefaultConfig(swim.LAN())
			c.Name, c.Addr, c.Seed = "node-"+strconv.Itoa(i), d.Addr(), uint64(i+1)
			out := new(swim.Output)
			node, err := swim.New(d.Now(), c, out)
			if err != nil {
				t.Fatal(err)
			}
			d.Start(node, driver.Layer{}, out)
			if i > 0 {
				d.Do(t.Context(), func(now swim.Time, out *swim.Output) {
					node.Join(now, []netip.AddrPort{drivers[0].Addr()}, out)
				})
			}
			drivers, nodes = append(drivers, d), append(nodes, node)
		}
		live := func() (live int) {
			drivers[0].Read(func() { live = nodes[0].Live() })
			return live
		}
		time.Sleep(10 * time.Second)
		if got := live(); got != 5 {
			t.Fatalf("%d members are alive, want 5", got)
		}
		drivers[4].Close()
		time.Sleep(time.Minute)
		if got := live(); got != 4 {
			t.Errorf("%d members are alive, want 4: one crashed", got)
		}
	})
}
