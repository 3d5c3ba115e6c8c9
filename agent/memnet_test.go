package agent

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"syscall"
)

// memNetwork is a network in memory, for tests in virtual time: packets are delivered at once or
// lost, streams are pipes.
type memNetwork struct {
	mu    sync.Mutex
	hosts map[netip.AddrPort]*memHost
	cut   map[netip.AddrPort]bool // hosts that nothing reaches, and that reach nobody

	noUDP     map[netip.AddrPort]bool // hosts whose packets are lost, to and fro
	packetMax int                     // bytes; larger ones are refused
	deaf      bool                    // where no host is, packets are swallowed: nobody refuses a stream
}

func newMemNetwork() *memNetwork {
	return &memNetwork{hosts: make(map[netip.AddrPort]*memHost), cut: make(map[netip.AddrPort]bool),
		noUDP: make(map[netip.AddrPort]bool), packetMax: 65507}
}

func (n *memNetwork) PacketMax() int { return n.packetMax }

// isolate cuts a host off, or connects it again.
func (n *memNetwork) isolate(addr netip.AddrPort, cut bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.cut[addr] = cut
}

// losePackets loses all packets to and from a host from now on. Streams get through.
func (n *memNetwork) losePackets(addr netip.AddrPort) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.noUDP[addr] = true
}

// reachByPacket is reach for packets.
func (n *memNetwork) reachByPacket(from, addr netip.AddrPort) *memHost {
	n.mu.Lock()
	lost := n.noUDP[from] || n.noUDP[addr]
	n.mu.Unlock()
	if lost {
		return nil
	}
	return n.reach(from, addr)
}

// reach returns the host at addr if from can reach it.
func (n *memNetwork) reach(from, addr netip.AddrPort) *memHost {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.cut[from] || n.cut[addr] {
		return nil
	}
	return n.hosts[addr]
}

// at is the network as the host at addr sees it.
func (n *memNetwork) at(addr netip.AddrPort) network { return memView{n, addr} }

type memView struct {
	*memNetwork
	addr netip.AddrPort
}

func (v memView) Listen(bind netip.AddrPort) (packetConn, streamListener, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.hosts[bind] != nil {
		return nil, nil, &BindError{Addr: bind, Err: syscall.EADDRINUSE}
	}
	h := &memHost{
		net: v.memNetwork, addr: bind,
		packets: make(chan datagram, 1024),
		streams: make(chan net.Conn),
		closed:  make(chan struct{}),
	}
	v.hosts[bind] = h
	return h, memListener{h}, nil
}

func (v memView) Dial(ctx context.Context, _ netip.Addr, to netip.AddrPort) (net.Conn, error) {
	h := v.reach(v.addr, to)
	if h == nil && v.deaf {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	if h == nil {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Addr: net.TCPAddrFromAddrPort(to), Err: errConnRefused}
	}
	here, there := net.Pipe()
	select {
	case h.streams <- memConn{there, v.addr}:
		return here, nil
	case <-h.closed:
		return nil, errConnRefused
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// memConn is the accepted end of a pipe.
type memConn struct {
	net.Conn
	from netip.AddrPort
}

func (c memConn) RemoteAddr() net.Addr { return net.TCPAddrFromAddrPort(c.from) }

// memHost is a host: a packetConn.
type memHost struct {
	net     *memNetwork
	addr    netip.AddrPort
	packets chan datagram
	streams chan net.Conn
	once    sync.Once
	closed  chan struct{}
}

func (h *memHost) ReadFrom(b []byte) (int, netip.AddrPort, error) {
	select {
	case d := <-h.packets:
		return copy(b, d.data), d.from, nil
	case <-h.closed:
		return 0, netip.AddrPort{}, net.ErrClosed
	}
}

func (h *memHost) WriteTo(b []byte, to netip.AddrPort) error {
	if len(b) > h.net.packetMax {
		return syscall.EMSGSIZE
	}
	other := h.net.reachByPacket(h.addr, to)
	if other == nil {
		return nil // lost
	}
	select {
	case other.packets <- datagram{from: h.addr, data: append([]byte(nil), b...)}:
	default: // lost
	}
	return nil
}

func (h *memHost) LocalAddr() netip.AddrPort { return h.addr }

func (h *memHost) Close() error {
	h.once.Do(func() {
		close(h.closed)
		h.net.mu.Lock()
		defer h.net.mu.Unlock()
		delete(h.net.hosts, h.addr)
	})
	return nil
}

type memListener struct{ h *memHost }

func (l memListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.h.streams:
		return c, nil
	case <-l.h.closed:
		return nil, net.ErrClosed
	}
}

func (l memListener) Close() error { return l.h.Close() }
