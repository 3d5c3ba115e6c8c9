package memberlist

import (
	"bytes"
	"errors"
	"fmt"
	"log"
	"net"
	"sync"
	"time"

	"github.com/hashicorp/go-metrics"

	"serf/internal/std"
)

// NetTransportConfig is what a NetTransport is made with.
type NetTransportConfig struct {
	// BindAddrs are the IP addresses to listen on: one at least.
	BindAddrs []string

	// BindPort is the port to listen on, at each address. 0 lets the system choose one.
	BindPort int

	// Logger takes what goes wrong. Nil: the standard logger.
	Logger *log.Logger

	// MetricLabels are put on all metrics.
	MetricLabels []metrics.Label
}

// NetTransport is the Transport of sockets: UDP for packets, TCP for streams. A Memberlist without
// Config.Transport needs none of these, it has sockets of its own.
type NetTransport struct {
	inlet
	listeners []*net.TCPListener
	sockets   []*net.UDPConn
	anyIP     bool // the first address is 0.0.0.0
	logger    *log.Logger
	readers   sync.WaitGroup
}

var _ NodeAwareTransport = (*NetTransport)(nil)

// NewNetTransport returns a transport that listens.
func NewNetTransport(config *NetTransportConfig) (*NetTransport, error) {
	if len(config.BindAddrs) == 0 {
		return nil, errors.New("at least one bind address is required")
	}
	t := &NetTransport{
		inlet:  newInlet(),
		anyIP:  config.BindAddrs[0] == "0.0.0.0",
		logger: config.Logger,
	}
	if t.logger == nil {
		t.logger = log.Default()
	}
	port := config.BindPort
	for _, addr := range config.BindAddrs {
		if err := t.listen(addr, &port); err != nil {
			_ = t.Shutdown()
			return nil, err
		}
	}
	for i := range t.listeners {
		t.readers.Go(func() { t.accept(t.listeners[i]) })
		t.readers.Go(func() { t.read(t.sockets[i]) })
	}
	return t, nil
}

// listen opens both sockets of an address. A port 0 becomes the one that the system chose.
func (t *NetTransport) listen(addr string, port *int) error {
	ip := net.ParseIP(addr)
	ln, err := net.ListenTCP("tcp", &net.TCPAddr{IP: ip, Port: *port})
	if err != nil {
		return fmt.Errorf("failed to start TCP listener on %q port %d: %v", addr, *port, err)
	}
	t.listeners = append(t.listeners, ln)
	if *port == 0 {
		*port = ln.Addr().(*net.TCPAddr).Port
	}
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: ip, Port: *port})
	if err != nil {
		return fmt.Errorf("failed to start UDP listener on %q port %d: %v", addr, *port, err)
	}
	t.sockets = append(t.sockets, conn)
	if err := growReadBuffer(conn); err != nil {
		return fmt.Errorf("failed to resize UDP buffer: %v", err)
	}
	return nil
}

// growReadBuffer asks for a large buffer, so that a burst of packets isn't dropped.
func growReadBuffer(conn *net.UDPConn) (err error) {
	for size := 2 << 20; size > 0; size /= 2 {
		if err = conn.SetReadBuffer(size); err == nil {
			return nil
		}
	}
	return err
}

// GetAutoBindPort returns the port that is listened on.
func (t *NetTransport) GetAutoBindPort() int {
	return t.listeners[0].Addr().(*net.TCPAddr).Port
}

// FinalAdvertiseAddr returns ip and port, if there is an ip; else the first address that is
// listened on. For 0.0.0.0 that is a private address of this host.
func (t *NetTransport) FinalAdvertiseAddr(ip string, port int) (net.IP, int, error) {
	switch {
	case ip != "":
		parsed := net.ParseIP(ip)
		if parsed == nil {
			return nil, 0, fmt.Errorf("failed to parse advertise address %q", ip)
		}
		if ip4 := parsed.To4(); ip4 != nil {
			parsed = ip4
		}
		return parsed, port, nil
	case t.anyIP:
		own, err := privateIP()
		return own, t.GetAutoBindPort(), err
	}
	return t.listeners[0].Addr().(*net.TCPAddr).IP, t.GetAutoBindPort(), nil
}

// WriteTo is WriteToAddress without a name.
func (t *NetTransport) WriteTo(b []byte, addr string) (time.Time, error) {
	return t.WriteToAddress(b, Address{Addr: addr})
}

// WriteToAddress sends b to the address, from the first socket. The name isn't used.
func (t *NetTransport) WriteToAddress(b []byte, a Address) (time.Time, error) {
	to, err := net.ResolveUDPAddr("udp", a.Addr)
	if err != nil {
		return time.Time{}, err
	}
	_, err = t.sockets[0].WriteTo(b, to)
	return time.Now(), err
}

// DialTimeout is DialAddressTimeout without a name.
func (t *NetTransport) DialTimeout(addr string, timeout time.Duration) (net.Conn, error) {
	return t.DialAddressTimeout(Address{Addr: addr}, timeout)
}

// DialAddressTimeout opens a stream to the address. The name isn't used.
func (t *NetTransport) DialAddressTimeout(a Address, timeout time.Duration) (net.Conn, error) {
	return net.DialTimeout("tcp", a.Addr, timeout)
}

// Shutdown closes the sockets. It returns when nothing is received any more.
func (t *NetTransport) Shutdown() error {
	t.close()
	for _, ln := range t.listeners {
		_ = ln.Close()
	}
	for _, conn := range t.sockets {
		_ = conn.Close()
	}
	t.readers.Wait()
	return nil
}

// accept takes streams until the listener is closed.
func (t *NetTransport) accept(ln *net.TCPListener) {
	for {
		conn, err := ln.AcceptTCP()
		switch {
		case err == nil:
			_ = t.stream(conn)
		case !t.goesOn("[ERR] memberlist: Error accepting TCP connection: %v", err):
			return
		}
	}
}

// read takes packets until the socket is closed.
func (t *NetTransport) read(conn *net.UDPConn) {
	buf := make([]byte, packetMax)
	for {
		n, from, err := conn.ReadFromUDP(buf)
		now := time.Now()
		switch {
		case err != nil:
			if !t.goesOn("[ERR] memberlist: Error reading UDP packet: %v", err) {
				return
			}
		case n == 0:
			t.logger.Printf("[ERR] memberlist: UDP packet too short (0 bytes) %s", LogAddress(from))
		default:
			t.packet(&Packet{Buf: bytes.Clone(buf[:n]), From: from, Timestamp: now})
		}
	}
}

// errorPause keeps a socket that always fails, as for lack of file descriptors, from filling the
// log.
const errorPause = 200 * time.Millisecond

// goesOn logs an error and waits a little. It returns false if the transport has ended.
func (t *NetTransport) goesOn(format string, err error) bool {
	if std.Closed(t.done) {
		return false
	}
	t.logger.Printf(format, err)
	return !std.Await(t.done, errorPause)
}
