package driver

import (
	"context"
	"math"
	"net"
	"net/netip"
	"runtime"
	"time"
)

// Limits of the system's sockets.
const (
	// socketBuffer is the size asked of the kernel, in bytes, for packets that arrive while the
	// loop is busy: some 1,500 full packets, or a second of traffic in a busy cluster of thousands.
	socketBuffer = 2 << 20
	// bindAttempts is how many ports are tried when any will do: the port that TCP got may be taken
	// for UDP.
	bindAttempts = 16
	// sendTimeout bounds how long a packet may wait for room in the kernel's buffer before it is
	// dropped: UDP may lose packets, but the loop must not stall.
	sendTimeout = 20 * time.Millisecond
)

// System is the operating system's network, UDP and TCP.
func System() Network { return osNetwork{} }

// osNetwork is the operating system's network.
type osNetwork struct{}

func (osNetwork) Listen(bind netip.AddrPort) (PacketConn, StreamListener, error) {
	attempts := 1
	if bind.Port() == 0 {
		attempts = bindAttempts
	}
	var failed error
	for range attempts {
		udp, tcp, err := listenPair(bind)
		if err == nil {
			return udp, tcp, nil
		}
		failed = err
	}
	return nil, nil, failed
}

// listenPair takes one port for both TCP and UDP.
func listenPair(bind netip.AddrPort) (PacketConn, StreamListener, error) {
	suffix := family(bind.Addr())
	tcp, err := net.ListenTCP("tcp"+suffix, net.TCPAddrFromAddrPort(bind))
	if err != nil {
		return nil, nil, &BindError{Addr: bind, Err: err}
	}
	port := tcp.Addr().(*net.TCPAddr).AddrPort().Port()
	bound := netip.AddrPortFrom(bind.Addr(), port)
	udp, err := net.ListenUDP("udp"+suffix, net.UDPAddrFromAddrPort(bound))
	if err != nil {
		tcp.Close()
		return nil, nil, &BindError{Addr: bound, Err: err}
	}
	askForRoom(udp.SetReadBuffer)
	sender, err := newSender(udp, bind.Addr())
	if err != nil {
		udp.Close()
		tcp.Close()
		return nil, nil, &BindError{Addr: bound, Err: err}
	}
	s := &udpSocket{conn: udp, sender: sender, local: bound}
	s.drops.socket, _ = udp.SyscallConn() // it fails only without a connection
	return s, tcp, nil
}

// askForRoom makes a kernel buffer as large as the system permits, up to socketBuffer. Some systems
// cut a size that is too large, others refuse it.
func askForRoom(set func(bytes int) error) {
	const least = 32 << 10 // every system's default is larger
	for size := socketBuffer; size >= least && set(size) != nil; size /= 2 {
	}
}

// PacketMax is below UDP's limit on systems that have their own limit for packets sent. Elsewhere
// only the configuration limits it.
func (osNetwork) PacketMax() int { return packetMaxOf(runtime.GOOS) }

func packetMaxOf(system string) int {
	switch system {
	case "darwin", "ios", "freebsd", "netbsd", "openbsd", "dragonfly":
		return 9216
	}
	return math.MaxInt
}

// family is the suffix of the network names for an address. IPv6 sockets also serve IPv4 unless
// they are bound to one address.
func family(ip netip.Addr) string {
	switch {
	case ip.Is4():
		return "4"
	case ip.IsUnspecified():
		return ""
	}
	return "6"
}

func (osNetwork) Dial(ctx context.Context, from netip.Addr, to netip.AddrPort) (net.Conn, error) {
	var d net.Dialer
	if !from.IsUnspecified() {
		d.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(from, 0))
	}
	return d.DialContext(ctx, "tcp", to.String())
}

type udpSocket struct {
	conn   *net.UDPConn
	sender *sender
	local  netip.AddrPort
	poller *poller // has taken the socket, if it isn't nil: conn is closed then
	drops  drops
}

func (s *udpSocket) ReadFrom(b []byte) (int, netip.AddrPort, error) {
	n, from, err := s.conn.ReadFromUDPAddrPort(b)
	return n, unmap(from), err
}

func (s *udpSocket) WriteTo(b []byte, to netip.AddrPort) error {
	if s.poller != nil {
		return s.poller.send(b, to)
	}
	if done, err := s.sender.send(b, to); done {
		return err
	}
	s.conn.SetWriteDeadline(time.Now().Add(sendTimeout))
	_, err := s.conn.WriteToUDPAddrPort(b, to)
	s.conn.SetWriteDeadline(time.Time{}) // once it is over, nothing more could be sent
	return err
}

func (s *udpSocket) LocalAddr() netip.AddrPort { return s.local }

func (s *udpSocket) Close() error {
	s.drops.close()
	if s.poller != nil {
		return s.poller.close()
	}
	return s.conn.Close()
}

// unmap returns an IPv4 address received on an IPv6 socket in its short form.
func unmap(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}
