package memnet

import (
	"container/heap"
	"context"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"

	"serf/driver"
	"serf/internal/errno"
	"serf/internal/std"
)

// firstPort is where the range of ports begins that are taken for port 0 and for who dials.
const firstPort = 49152

// Host returns the network as the host with that address has it, which is where Listen binds and
// Dial dials from.
func (n *Network) Host(ip netip.Addr) driver.Network { return host{n, ip.Unmap()} }

type host struct {
	net *Network
	ip  netip.Addr
}

// PacketMax is that of the network's Config.
func (h host) PacketMax() int { return h.net.conf.PacketMax }

// Listen takes the port at this host's address, whether bind has that or is unspecified.
func (h host) Listen(bind netip.AddrPort) (driver.PacketConn, driver.StreamListener, error) {
	if ip := bind.Addr().Unmap(); ip != h.ip && !ip.IsUnspecified() {
		return nil, nil, &driver.BindError{Addr: bind, Err: errno.NoAddr}
	}
	n := h.net
	n.mu.Lock()
	defer n.mu.Unlock()
	addr := netip.AddrPortFrom(h.ip, bind.Port())
	for tries := 0; bind.Port() == 0 && tries <= 1<<16-firstPort; tries++ {
		if addr = netip.AddrPortFrom(h.ip, n.takePort()); n.hosts[addr] == nil {
			break
		}
	}
	if n.hosts[addr] != nil {
		return nil, nil, &driver.BindError{Addr: bind, Err: errno.AddrInUse}
	}
	s := &socket{
		net: n, addr: addr, changed: make(chan struct{}, 1),
		streams: make(chan net.Conn, backlogMax), closed: make(chan struct{}),
	}
	n.hosts[addr] = s
	return s, listener{s}, nil
}

// takePort returns the next port, round and round; n.mu is held.
func (n *Network) takePort() uint16 {
	n.ports = max(n.ports+1, firstPort)
	return n.ports
}

// Dial connects to a socket. That takes a round trip.
func (h host) Dial(ctx context.Context, _ netip.Addr, to netip.AddrPort) (net.Conn, error) {
	n := h.net
	to = netip.AddrPortFrom(to.Addr().Unmap(), to.Port())
	n.mu.Lock()
	from := netip.AddrPortFrom(h.ip, n.takePort())
	n.mu.Unlock()
	there := way{net: n, from: h.ip, to: to.Addr()}
	if err := there.wait(ctx.Done()); err != nil {
		return nil, dialError(to, ctx.Err())
	}
	n.mu.Lock()
	s := n.hosts[to]
	n.mu.Unlock()
	if s == nil && n.conf.Silent {
		<-ctx.Done()
		return nil, dialError(to, ctx.Err())
	}
	if err := there.back().wait(ctx.Done()); err != nil {
		return nil, dialError(to, ctx.Err())
	}
	if s == nil {
		return nil, dialError(to, errno.ConnRefused)
	}
	here, other := newPipe(n, from, to)
	if std.Closed(s.closed) {
		return nil, dialError(to, errno.ConnRefused)
	}
	select {
	case s.streams <- other:
		s.closeStreams() // if it was closed meanwhile
		return here, nil
	case <-s.closed:
		return nil, dialError(to, errno.ConnRefused)
	case <-ctx.Done():
		return nil, dialError(to, ctx.Err())
	}
}

func dialError(to netip.AddrPort, err error) error {
	return &net.OpError{Op: "dial", Net: "tcp", Addr: net.TCPAddrFromAddrPort(to), Err: err}
}

// packet is one that is under way, or has arrived.
type packet struct {
	from netip.AddrPort
	data []byte
	at   time.Time // when it arrives
	n    uint64    // in the order of sending, for those that arrive at the same time
}

// socket receives packets and streams at one address.
type socket struct {
	net     *Network
	addr    netip.AddrPort
	streams chan net.Conn
	once    sync.Once
	closed  chan struct{}

	mu      sync.Mutex
	packets arrivals
	sent    uint64
	changed chan struct{} // capacity 1: another packet may be the first
}

// arrivals is a heap of packets, the next to arrive first.
type arrivals []packet

func (a arrivals) Len() int { return len(a) }
func (a arrivals) Less(i, j int) bool {
	if a[i].at.Equal(a[j].at) {
		return a[i].n < a[j].n
	}
	return a[i].at.Before(a[j].at)
}
func (a arrivals) Swap(i, j int) { a[i], a[j] = a[j], a[i] }
func (a *arrivals) Push(p any)   { *a = append(*a, p.(packet)) }
func (a *arrivals) Pop() any {
	last := (*a)[len(*a)-1]
	(*a)[len(*a)-1] = packet{}
	*a = (*a)[:len(*a)-1]
	return last
}

// offer takes a packet, or reports that there is no room.
func (s *socket) offer(p packet) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.packets) >= queueMax {
		return false
	}
	s.sent++
	p.n = s.sent
	heap.Push(&s.packets, p)
	std.Wake(s.changed)
	return true
}

// next takes the packet that has arrived, or says how long it takes until one will: negative if
// none is under way.
func (s *socket) next() (p packet, wait time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.packets) == 0 {
		return packet{}, -1
	}
	if wait = time.Until(s.packets[0].at); wait > 0 {
		return packet{}, wait
	}
	return heap.Pop(&s.packets).(packet), 0
}

// ReadFrom waits for a packet.
func (s *socket) ReadFrom(b []byte) (int, netip.AddrPort, error) {
	for {
		if std.Closed(s.closed) {
			return 0, netip.AddrPort{}, net.ErrClosed
		}
		p, wait := s.next()
		if wait == 0 {
			return copy(b, p.data), p.from, nil
		}
		s.await(wait)
	}
}

// await waits until a packet arrives, or something else has happened.
func (s *socket) await(wait time.Duration) {
	var arrived <-chan time.Time
	if wait > 0 {
		t := time.NewTimer(wait)
		defer t.Stop()
		arrived = t.C
	}
	select {
	case <-arrived:
	case <-s.changed:
	case <-s.closed:
	}
}

// WriteTo sends a packet.
func (s *socket) WriteTo(b []byte, to netip.AddrPort) error {
	if std.Closed(s.closed) {
		return net.ErrClosed
	}
	if len(b) > s.net.conf.PacketMax {
		return fmt.Errorf("packet of %d bytes, at most %d: %w", len(b), s.net.conf.PacketMax,
			syscall.EMSGSIZE)
	}
	s.net.send(s.addr, netip.AddrPortFrom(to.Addr().Unmap(), to.Port()), b)
	return nil
}

// LocalAddr is the address bound.
func (s *socket) LocalAddr() netip.AddrPort { return s.addr }

// Close frees the port. Streams that weren't accepted are closed.
func (s *socket) Close() error {
	s.once.Do(func() {
		close(s.closed)
		s.net.mu.Lock()
		delete(s.net.hosts, s.addr)
		s.net.mu.Unlock()
		s.closeStreams()
	})
	return nil
}

// closeStreams closes the streams that nobody will accept any more, if the socket is closed.
func (s *socket) closeStreams() {
	for std.Closed(s.closed) {
		select {
		case c := <-s.streams:
			c.Close()
		default:
			return
		}
	}
}

type listener struct{ s *socket }

// Accept waits for a stream.
func (l listener) Accept() (net.Conn, error) {
	if std.Closed(l.s.closed) {
		return nil, net.ErrClosed
	}
	select {
	case c := <-l.s.streams:
		return c, nil
	case <-l.s.closed:
		return nil, net.ErrClosed
	}
}

// Close closes the socket, whose port both share.
func (l listener) Close() error { return l.s.Close() }
