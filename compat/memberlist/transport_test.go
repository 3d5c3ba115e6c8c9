package memberlist

import (
	"bytes"
	"errors"
	"io"
	"log"
	"net"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// echo answers each packet and stream of tr with what it got.
func echo(t *testing.T, tr NodeAwareTransport) {
	done := make(chan struct{})
	t.Cleanup(func() { close(done) })
	go func() {
		for {
			select {
			case p := <-tr.PacketCh():
				if _, err := tr.WriteTo(p.Buf, p.From.String()); err != nil {
					t.Error(err)
				}
			case conn := <-tr.StreamCh():
				_, _ = io.Copy(conn, io.LimitReader(conn, 4))
				conn.Close()
			case <-done:
				return
			}
		}
	}()
}

// wantEcho sends a packet and a stream to a node and reads both again.
func wantEcho(t *testing.T, tr NodeAwareTransport, to Address) {
	t.Helper()
	before := time.Now()
	b := []byte("ping")
	sent, err := tr.WriteToAddress(b, to)
	if err != nil || sent.Before(before) {
		t.Fatal(sent, err)
	}
	clear(b) // the buffer is the caller's again
	p := <-tr.PacketCh()
	if string(p.Buf) != "ping" || p.Timestamp.Before(before) {
		t.Errorf("got %q of %s", p.Buf, p.Timestamp)
	}
	conn, err := tr.DialAddressTimeout(to, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, _ = io.WriteString(conn, "pong")
	if got, err := io.ReadAll(conn); err != nil || string(got) != "pong" {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestMockTransport(t *testing.T) {
	var network MockNetwork
	a, b := network.NewTransport("a"), network.NewTransport("b")
	echo(t, b)
	ip, port, err := b.FinalAdvertiseAddr("10.0.0.1", 7946)
	if err != nil || !ip.IsLoopback() {
		t.Fatal(ip, err)
	}
	addr := net.JoinHostPort(ip.String(), strconv.Itoa(port))
	wantEcho(t, a, Address{Addr: addr})
	wantEcho(t, a, Address{Addr: "the name decides", Name: "b"})

	_, err = a.WriteTo(nil, "127.0.0.1:9")
	wantError(t, err, "no route to 127.0.0.1:9")
	_, err = a.DialAddressTimeout(Address{Addr: addr, Name: "c"}, time.Second)
	wantError(t, err, "no route to c ("+addr+")")
}

func TestMockTransportThatHasEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var network MockNetwork
		a, b := network.NewTransport("a"), network.NewTransport("b")
		waits := make(chan error, 2)
		go func() {
			_, err := a.WriteToAddress([]byte("x"), Address{Name: "b"})
			waits <- err
		}()
		go func() {
			_, err := a.DialAddressTimeout(Address{Name: "b"}, time.Second)
			waits <- err
		}()
		synctest.Wait()
		if err := errors.Join(b.Shutdown(), b.Shutdown()); err != nil {
			t.Error(err)
		}
		if first, second := <-waits, <-waits; (first == nil) == (second == nil) {
			t.Errorf("a packet is lost, a stream fails: got %v, %v", first, second)
		}
	})
}

func TestIngest(t *testing.T) {
	var network MockNetwork
	tr := network.NewTransport("a")
	now := time.Now()
	from := &MockAddress{"b:1"}
	done := make(chan error)
	go func() { done <- tr.IngestPacket(sending(t, "hello"), from, now, true) }()
	if p := <-tr.PacketCh(); string(p.Buf) != "hello" || p.From != from || p.Timestamp != now {
		t.Errorf("got %v", p)
	}
	wantError(t, <-done, "")
	conn := sending(t, "")
	go func() { done <- tr.IngestStream(conn) }()
	if got := <-tr.StreamCh(); got != conn {
		t.Error("another stream")
	}
	wantError(t, <-done, "")

	wantError(t, tr.IngestPacket(sending(t, ""), from, now, true), "packet too short (0 bytes) from=b:1")
	wantError(t, tr.IngestPacket(sending(t, strings.Repeat("x", packetMax+1)), from, now, true), "packet too long (over 65536 bytes) from=b:1")
	near, far := net.Pipe()
	far.Close()
	near.Close()
	wantError(t, tr.IngestPacket(near, from, now, false), "failed to read packet: io: read/write on closed pipe")
	_ = tr.Shutdown()
	if err := tr.IngestPacket(sending(t, "late"), from, now, true); !errors.Is(err, net.ErrClosed) {
		t.Errorf("after the end: %v", err)
	}
}

func netTransport(t *testing.T, addrs ...string) *NetTransport {
	tr, err := NewNetTransport(&NetTransportConfig{BindAddrs: addrs, Logger: log.New(t.Output(), "", 0)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tr.Shutdown() })
	return tr
}

func TestNetTransport(t *testing.T) {
	t.Parallel()
	a, b := netTransport(t, "127.0.0.1"), netTransport(t, "127.0.0.1")
	echo(t, b)
	ip, port, err := b.FinalAdvertiseAddr("", 1)
	if err != nil || port != b.GetAutoBindPort() || port == 0 {
		t.Fatal(ip, port, err)
	}
	wantEcho(t, a, Address{Addr: net.JoinHostPort(ip.String(), strconv.Itoa(port)), Name: "unused"})
}

func TestAddressesOfANetTransport(t *testing.T) {
	t.Parallel()
	tr := netTransport(t, "127.0.0.1")
	for _, c := range []struct {
		ip       string
		port     int
		want     string
		wantPort int
		err      string
	}{
		{"", 1, "127.0.0.1", tr.GetAutoBindPort(), ""},
		{"10.0.0.1", 1, "10.0.0.1", 1, ""},
		{"::1", 1, "::1", 1, ""},
		{"name", 1, "<nil>", 0, `failed to parse advertise address "name"`},
	} {
		ip, port, err := tr.FinalAdvertiseAddr(c.ip, c.port)
		wantError(t, err, c.err)
		if ip.String() != c.want || port != c.wantPort {
			t.Errorf("%q: got %s, %d", c.ip, ip, port)
		}
		if v4 := ip.To4(); v4 != nil && len(ip) != 4 {
			t.Errorf("%q: an address of IPv4 has %d bytes", c.ip, len(ip))
		}
	}
	all := netTransport(t, "0.0.0.0")
	if ip, port, err := all.FinalAdvertiseAddr("", 1); err != nil {
		wantError(t, err, "no private IP address found, and explicit IP not provided")
	} else if ip.IsLoopback() || ip.IsUnspecified() || port != all.GetAutoBindPort() {
		t.Errorf("got %s, %d", ip, port)
	}
}

func TestNetTransportsThatCannotListen(t *testing.T) {
	t.Parallel()
	_, err := NewNetTransport(&NetTransportConfig{})
	wantError(t, err, "at least one bind address is required")

	taken := netTransport(t, "127.0.0.1").GetAutoBindPort()
	_, err = NewNetTransport(&NetTransportConfig{BindAddrs: []string{"127.0.0.1"}, BindPort: taken})
	prefix := `failed to start TCP listener on "127.0.0.1" port ` + strconv.Itoa(taken) + ": "
	if err == nil || !strings.HasPrefix(err.Error(), prefix) {
		t.Errorf("got %v", err)
	}
}

// Nobody reads the channels: that mustn't keep the transport from ending.
func TestNetTransportEndsWithPacketsWaiting(t *testing.T) {
	t.Parallel()
	a, b := netTransport(t, "127.0.0.1"), netTransport(t, "127.0.0.1")
	to := "127.0.0.1:" + strconv.Itoa(b.GetAutoBindPort())
	for range 3 {
		_, _ = a.WriteTo([]byte("x"), to)
	}
	conn, err := a.DialTimeout(to, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = b.Shutdown()
	_ = b.Shutdown()
	if _, err := conn.Read(make([]byte, 1)); err == nil {
		t.Error("a stream that nobody took stays open")
	}
	if err := b.IngestStream(conn); !errors.Is(err, net.ErrClosed) {
		t.Errorf("got %v", err)
	}
}

func TestEmptyPacketsAreLogged(t *testing.T) {
	t.Parallel()
	lines, logged := io.Pipe()
	tr, err := NewNetTransport(&NetTransportConfig{BindAddrs: []string{"127.0.0.1"}, Logger: log.New(logged, "", 0)})
	if err != nil {
		t.Fatal(err)
	}
	defer tr.Shutdown()
	defer lines.Close()
	if _, err := tr.WriteTo(nil, "127.0.0.1:"+strconv.Itoa(tr.GetAutoBindPort())); err != nil {
		t.Fatal(err)
	}
	line := make([]byte, 200)
	n, _ := lines.Read(line)
	if want := "[ERR] memberlist: UDP packet too short (0 bytes) from=127.0.0.1:"; !bytes.HasPrefix(line[:n], []byte(want)) {
		t.Errorf("got %q", line[:n])
	}
}
