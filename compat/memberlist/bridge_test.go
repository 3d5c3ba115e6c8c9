package memberlist

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"serf/membership"
)

// stub is a transport whose ends the test holds.
type stub struct {
	packets chan *Packet
	streams chan net.Conn
	write   func(b []byte, a Address) error
	dial    func(a Address, timeout time.Duration) (net.Conn, error)
}

func newStub() *stub {
	return &stub{packets: make(chan *Packet, 9), streams: make(chan net.Conn, 9)}
}

func (s *stub) FinalAdvertiseAddr(string, int) (net.IP, int, error) { return mockIP, 1, nil }
func (s *stub) PacketCh() <-chan *Packet                            { return s.packets }
func (s *stub) StreamCh() <-chan net.Conn                           { return s.streams }
func (s *stub) Shutdown() error                                     { return nil }
func (s *stub) WriteTo(b []byte, addr string) (time.Time, error) {
	return time.Now(), s.write(b, Address{Addr: addr})
}

func (s *stub) DialTimeout(addr string, timeout time.Duration) (net.Conn, error) {
	return s.dial(Address{Addr: addr}, timeout)
}

// aware is a stub that is given names.
type awareStub struct{ *stub }

func (s awareStub) WriteToAddress(b []byte, a Address) (time.Time, error) {
	return time.Now(), s.write(b, a)
}

func (s awareStub) DialAddressTimeout(a Address, timeout time.Duration) (net.Conn, error) {
	return s.dial(a, timeout)
}

var addrA, addrB = netip.MustParseAddrPort("10.0.0.1:7946"), netip.MustParseAddrPort("[fd00::2]:7946")

// bridgeOf returns the ends of a bridge, and the lines that it reports.
func bridgeOf(t Transport, c Config) (bridgePackets, bridgeStreams, *report) {
	r := &report{}
	b := newBridge(t, &c, &names{known: func() []membership.Member { return nil }}, r.add)
	_, _, _ = b.Listen(addrA)
	return bridgePackets{b}, bridgeStreams{b}, r
}

type report struct {
	mu    sync.Mutex
	lines []string
}

func (r *report) add(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lines = append(r.lines, fmt.Sprintf(format, args...))
}

func TestTransportsGetNames(t *testing.T) {
	for _, c := range []struct {
		aware bool
		want  string
	}{{true, "b ([fd00::2]:7946)"}, {false, "[fd00::2]:7946"}} {
		synctest.Test(t, func(t *testing.T) {
			var got []string
			s := newStub()
			s.write = func(_ []byte, a Address) error {
				got = append(got, a.String())
				return nil
			}
			s.dial = func(a Address, timeout time.Duration) (net.Conn, error) {
				got = append(got, fmt.Sprint(&a, " ", timeout))
				return nil, io.EOF
			}
			var transport Transport = s
			if c.aware {
				transport = awareStub{s}
			}
			packets, _, _ := bridgeOf(transport, Config{})
			packets.names.learn(addrB, "b")
			_ = packets.WriteTo(nil, addrB)
			synctest.Wait()
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			if _, err := packets.Dial(ctx, addrA.Addr(), addrB); err != io.EOF {
				t.Errorf("got %v", err)
			}
			if want := []string{c.want, c.want + " 1s"}; !slices.Equal(got, want) {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

func TestNamesMayBeRequired(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := awareStub{newStub()}
		s.write = func(_ []byte, a Address) error { return errors.New("sent to " + a.String()) }
		packets, _, lines := bridgeOf(s, Config{RequireNodeNames: true})
		_ = packets.WriteTo(nil, addrA)
		synctest.Wait()
		if _, err := packets.Dial(t.Context(), addrA.Addr(), addrA); err != errNodeNamesAreRequired {
			t.Errorf("got %v", err)
		}
		want := "[ERR] memberlist: Failed to send a packet to 10.0.0.1:7946: memberlist: node names are required by configuration but one was not provided"
		if !slices.Equal(lines.lines, []string{want}) {
			t.Errorf("got %q", lines.lines)
		}
	})
}

// The transport may wait for one receiver, keep the packets, and never come back.
func TestPacketsToOthersDoNotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, hang := newStub(), make(chan bool)
		var got []string
		s.write = func(b []byte, a Address) error {
			if a.Addr == addrA.String() {
				<-hang
			}
			got = append(got, string(b))
			return nil
		}
		packets, _, _ := bridgeOf(s, Config{})
		buf := []byte("a0")
		for i := range laneMax + 1 { // one is being sent, the others wait
			buf = fmt.Appendf(buf[:0], "a%d", i)
			if err := packets.WriteTo(buf, addrA); err != nil {
				t.Fatal(i, err)
			}
			if i == 0 {
				synctest.Wait()
			}
		}
		if err := packets.WriteTo(buf, addrA); err == nil {
			t.Error("more packets wait than the limit")
		}
		_ = packets.WriteTo([]byte("b"), addrB)
		synctest.Wait()
		if !slices.Equal(got, []string{"b"}) {
			t.Errorf("got %q", got)
		}
		close(hang)
		synctest.Wait()
		if len(got) != 2+laneMax || got[1] != "a0" || got[1+laneMax] != fmt.Sprint("a", laneMax) {
			t.Errorf("not in order, or not all: %q", got)
		}
		if len(packets.lanes.open) != 0 {
			t.Errorf("%d lanes don't end", len(packets.lanes.open))
		}
	})
}

func TestPacketsToManyWhoDoNotAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, hang := newStub(), make(chan bool)
		s.write = func([]byte, Address) error { <-hang; return nil }
		packets, _, _ := bridgeOf(s, Config{})
		for i := range lanesMax {
			if err := packets.WriteTo(nil, netip.AddrPortFrom(addrA.Addr(), uint16(i))); err != nil {
				t.Fatal(i, err)
			}
		}
		if err := packets.WriteTo(nil, addrB); err == nil {
			t.Error("more receivers than the limit")
		}
		close(hang)
	})
}

func TestDialDoesNotWaitForATransport(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStub()
		near, far := net.Pipe()
		s.dial = func(Address, time.Duration) (net.Conn, error) {
			time.Sleep(time.Hour)
			return near, nil
		}
		packets, _, _ := bridgeOf(s, Config{})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := packets.Dial(ctx, addrA.Addr(), addrB); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		if _, err := far.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("a stream that comes too late isn't closed: %v", err)
		}
	})
}

type textAddr string

func (textAddr) Network() string  { return "text" }
func (a textAddr) String() string { return string(a) }

func TestReceivedPackets(t *testing.T) {
	s := newStub()
	packets, _, lines := bridgeOf(s, Config{Label: "unchecked"})
	s.packets <- nil
	s.packets <- &Packet{Buf: make([]byte, 11)}
	s.packets <- &Packet{Buf: []byte("one"), From: &net.UDPAddr{IP: net.IPv4(10, 0, 0, 1), Port: 7946}}
	s.packets <- &Packet{Buf: []byte("two"), From: textAddr("[fd00::2]:7946")}
	s.packets <- &Packet{Buf: []byte("three"), From: textAddr("pipe")}
	s.packets <- &Packet{Buf: []byte("four")}
	buf := make([]byte, 10)
	for _, want := range []struct {
		text string
		from netip.AddrPort
	}{{"one", addrA}, {"two", addrB}, {"three", netip.AddrPort{}}, {"four", netip.AddrPort{}}} {
		n, from, err := packets.ReadFrom(buf)
		if string(buf[:n]) != want.text || from != want.from || err != nil {
			t.Errorf("got %q from %s, %v, want %v", buf[:n], from, err, want)
		}
	}
	if len(lines.lines) != 1 || !strings.Contains(lines.lines[0], "Dropped a packet of 11 bytes, at most 10") {
		t.Errorf("got %q", lines.lines)
	}
	close(s.packets)
	if _, _, err := packets.ReadFrom(buf); !errors.Is(err, net.ErrClosed) {
		t.Errorf("after the transport's end: %v", err)
	}
}

func TestReceivedStreams(t *testing.T) {
	s := newStub()
	_, streams, _ := bridgeOf(s, Config{Label: "unchecked"})
	s.streams <- nil
	s.streams <- sending(t, "hello")
	conn, err := streams.Accept()
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := conn.RemoteAddr().(*net.TCPAddr); !ok {
		t.Errorf("the address is %T", conn.RemoteAddr())
	}
	if got, err := io.ReadAll(conn); string(got) != "hello" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	close(s.streams)
	if _, err := streams.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("after the transport's end: %v", err)
	}
}

func TestClosedBridgesReceiveNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		packets, streams, _ := bridgeOf(&stub{}, Config{}) // its channels are nil
		ends := make(chan error, 2)
		go func() {
			_, _, err := packets.ReadFrom(nil)
			ends <- err
		}()
		go func() {
			_, err := streams.Accept()
			ends <- err
		}()
		synctest.Wait()
		_ = packets.Close()
		_ = streams.Close()
		for range 2 {
			if err := <-ends; !errors.Is(err, net.ErrClosed) {
				t.Errorf("got %v", err)
			}
		}
	})
}

// The transport has taken the label off, and the layers below expect it.
func TestLabelsThatWereChecked(t *testing.T) {
	s := newStub()
	packets, streams, lines := bridgeOf(s, Config{Label: "x", SkipInboundLabelCheck: true})
	const labelled = "\xf4\x01xbody"
	s.packets <- &Packet{Buf: []byte(labelled)}
	s.packets <- &Packet{Buf: []byte("body")}
	buf := make([]byte, 100)
	if n, _, err := packets.ReadFrom(buf); string(buf[:n]) != labelled || err != nil {
		t.Errorf("got %q, %v", buf[:n], err)
	}
	if want := []string{"[ERR] memberlist: unexpected double packet label header: from=<unknown address>"}; !slices.Equal(lines.lines, want) {
		t.Errorf("got %q", lines.lines)
	}
	s.streams <- sending(t, "body")
	conn, err := streams.Accept()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(conn); string(got) != labelled || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
}
