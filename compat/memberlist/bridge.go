package memberlist

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"serf/driver"
	"serf/internal/std"
	"serf/wire"
)

// bridge is the driver's network for a program's Transport.
type bridge struct {
	transport NodeAwareTransport
	names     *names
	// label is put in front of what arrives: the transport has checked it and taken it off. Empty:
	// what arrives is left as it is.
	label string
	// namesOnly refuses to send to who has no name.
	namesOnly bool
	// report takes what goes wrong with what is sent or received. It mustn't wait.
	report func(format string, args ...any)

	lanes lanes
	bound netip.AddrPort
	done  chan struct{} // closed when nothing is to be received any more
	end   sync.Once
}

// largestPacket is the size in bytes of the largest packet that a bridge takes.
const largestPacket = 65507

// newBridge returns a network of t.
func newBridge(t Transport, c *Config, names *names, report func(string, ...any)) *bridge {
	aware, ok := t.(NodeAwareTransport)
	if !ok {
		aware = unaware{t}
	}
	b := &bridge{
		transport: aware, names: names, namesOnly: c.RequireNodeNames, report: report,
		done: make(chan struct{}),
	}
	if c.SkipInboundLabelCheck {
		b.label = c.Label
	}
	b.lanes.send = b.send
	return b
}

// unaware is a Transport that isn't given names.
type unaware struct{ Transport }

func (t unaware) WriteToAddress(b []byte, a Address) (time.Time, error) {
	return t.WriteTo(b, a.Addr)
}

func (t unaware) DialAddressTimeout(a Address, timeout time.Duration) (net.Conn, error) {
	return t.DialTimeout(a.Addr, timeout)
}

// Listen returns the transport's ends. The address that others are told stands for a bound one.
func (b *bridge) Listen(bind netip.AddrPort) (driver.PacketConn, driver.StreamListener, error) {
	b.bound = bind
	return bridgePackets{b}, bridgeStreams{b}, nil
}

// PacketMax is the size in bytes of the largest packet.
func (b *bridge) PacketMax() int { return largestPacket }

// address returns an address with the name of the node there, if it is known.
func (b *bridge) address(to netip.AddrPort) (Address, error) {
	a := Address{Addr: to.String(), Name: b.names.at(to)}
	if a.Name == "" && b.namesOnly {
		return a, errNodeNamesAreRequired
	}
	return a, nil
}

// Dial opens a stream. It doesn't wait any longer than ctx, whatever the transport does.
func (b *bridge) Dial(ctx context.Context, _ netip.Addr, to netip.AddrPort) (net.Conn, error) {
	a, err := b.address(to)
	if err != nil {
		return nil, err
	}
	timeout := time.Duration(0) // none
	if deadline, ok := ctx.Deadline(); ok {
		timeout = max(time.Until(deadline), 1)
	}
	dialled := make(chan net.Conn)
	failed := make(chan error, 1)
	go func() {
		conn, err := b.transport.DialAddressTimeout(a, timeout)
		if err != nil {
			failed <- err
			return
		}
		select {
		case dialled <- conn:
		case <-ctx.Done():
			_ = conn.Close()
		}
	}()
	select {
	case conn := <-dialled:
		return conn, nil
	case err := <-failed:
		return nil, err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// send sends a packet, which the transport may keep.
func (b *bridge) send(to netip.AddrPort, packet []byte) {
	if b.ended() {
		return
	}
	a, err := b.address(to)
	if err == nil {
		_, err = b.transport.WriteToAddress(packet, a)
	}
	if err != nil && !b.ended() {
		b.report("[ERR] memberlist: Failed to send a packet to %s: %v", &a, err)
	}
}

// ended tells whether the bridge was closed. What waits in a lane then is given up, without a line in
// the log: whoever wanted that may be gone.
func (b *bridge) ended() bool { return std.Closed(b.done) }

// close ends what waits to receive something.
func (b *bridge) close() { b.end.Do(func() { close(b.done) }) }

// bridgePackets are the packets of a bridge.
type bridgePackets struct{ *bridge }

// ReadFrom waits for a packet.
func (b bridgePackets) ReadFrom(p []byte) (int, netip.AddrPort, error) {
	for {
		select {
		case packet, open := <-b.transport.PacketCh():
			if !open {
				return 0, netip.AddrPort{}, net.ErrClosed
			}
			if packet == nil {
				continue
			}
			if n, ok := b.take(p, packet); ok {
				return n, addrPort(packet.From), nil
			}
		case <-b.done:
			return 0, netip.AddrPort{}, net.ErrClosed
		}
	}
}

// take copies a packet, with the label in front of it if need be.
func (b bridgePackets) take(p []byte, packet *Packet) (n int, ok bool) {
	if b.label != "" {
		if len(packet.Buf) > 0 && packet.Buf[0] == byte(wire.TypeLabel) {
			b.report("[ERR] memberlist: unexpected double packet label header: %s",
				LogAddress(packet.From))
			return 0, false
		}
		n = len(labelHeader(p[:0], b.label))
	}
	if len(packet.Buf) > len(p)-n {
		b.report("[ERR] memberlist: Dropped a packet of %d bytes, at most %d are taken: %s",
			len(packet.Buf), len(p)-n, LogAddress(packet.From))
		return 0, false
	}
	return n + copy(p[n:], packet.Buf), true
}

// WriteTo hands over a copy of p: the transport may wait.
func (b bridgePackets) WriteTo(p []byte, to netip.AddrPort) error { return b.lanes.add(to, p) }

// LocalAddr is what others are told.
func (b bridgePackets) LocalAddr() netip.AddrPort { return b.bound }

// Close ends ReadFrom.
func (b bridgePackets) Close() error {
	b.close()
	return nil
}

// bridgeStreams are the streams of a bridge.
type bridgeStreams struct{ *bridge }

// Accept waits for a stream.
func (b bridgeStreams) Accept() (net.Conn, error) {
	for {
		select {
		case conn, open := <-b.transport.StreamCh():
			if !open {
				return nil, net.ErrClosed
			}
			if conn == nil {
				continue
			}
			return b.accepted(conn), nil
		case <-b.done:
			return nil, net.ErrClosed
		}
	}
}

// accepted returns conn with an address that the driver reads, and the label in front if need be.
func (b bridgeStreams) accepted(conn net.Conn) net.Conn {
	from := addrPort(conn.RemoteAddr())
	conn = remoteConn{conn, net.TCPAddrFromAddrPort(from)}
	if b.label == "" {
		return conn
	}
	return &pushedBack{Conn: conn, first: labelHeader(nil, b.label)}
}

// Close ends Accept.
func (b bridgeStreams) Close() error {
	b.close()
	return nil
}

// remoteConn is a connection with the other end's address as the driver wants it.
type remoteConn struct {
	net.Conn
	from *net.TCPAddr
}

// RemoteAddr is a *net.TCPAddr.
func (c remoteConn) RemoteAddr() net.Addr { return c.from }

// addrPort reads an address of whatever type; that of a pipe, for instance, is none.
func addrPort(addr net.Addr) netip.AddrPort {
	var a netip.AddrPort
	switch addr := addr.(type) {
	case nil:
	case *net.UDPAddr:
		a = addr.AddrPort()
	case *net.TCPAddr:
		a = addr.AddrPort()
	default:
		a, _ = netip.ParseAddrPort(addr.String()) // none if it isn't one
	}
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}

// lanes carry packets to a transport that may wait, for instance to connect: each receiver has one,
// so that who doesn't answer holds up nobody else.
type lanes struct {
	send func(to netip.AddrPort, packet []byte)

	mu   sync.Mutex
	open map[netip.AddrPort]*lane
}

// lane has the packets that wait for the one that is being sent. It ends when there are none.
type lane struct{ waiting [][]byte }

const (
	// lanesMax is how many receivers packets may be on their way to at once: those of a gossip round
	// and some seconds of probes that don't get through.
	lanesMax = 256
	// laneMax is how many packets may wait for one receiver. Later ones are lost, as by UDP.
	laneMax = 64
)

// add sends a copy of packet in the receiver's turn.
func (l *lanes) add(to netip.AddrPort, packet []byte) error {
	packet = append([]byte(nil), packet...)
	l.mu.Lock()
	defer l.mu.Unlock()
	if busy := l.open[to]; busy != nil {
		if len(busy.waiting) >= laneMax {
			return fmt.Errorf("%d packets wait for the transport", laneMax)
		}
		busy.waiting = append(busy.waiting, packet)
		return nil
	}
	if len(l.open) >= lanesMax {
		return fmt.Errorf("packets to %d addresses wait for the transport", lanesMax)
	}
	if l.open == nil {
		l.open = make(map[netip.AddrPort]*lane)
	}
	own := &lane{}
	l.open[to] = own
	go l.run(to, own, packet)
	return nil
}

// run sends packet and those that come to wait.
func (l *lanes) run(to netip.AddrPort, own *lane, packet []byte) {
	for more := true; more; {
		l.send(to, packet)
		packet, more = l.next(to, own)
	}
}

// next takes the next packet, or ends the lane.
func (l *lanes) next(to netip.AddrPort, own *lane) (packet []byte, more bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(own.waiting) == 0 {
		delete(l.open, to)
		return nil, false
	}
	packet = own.waiting[0]
	own.waiting = own.waiting[1:]
	return packet, true
}
