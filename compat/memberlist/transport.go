package memberlist

import (
	"net"
	"time"
)

// Packet is a packet that a transport received.
type Packet struct {
	// Buf is the packet's content.
	Buf []byte

	// From is where it came from.
	From net.Addr

	// Timestamp is when it came, as exactly as possible: round trips are measured by it.
	Timestamp time.Time
}

// Transport carries packets, which may get lost, and streams, which don't lose anything.
type Transport interface {
	// FinalAdvertiseAddr returns the address to tell to others, given Config.AdvertiseAddr and
	// AdvertisePort.
	FinalAdvertiseAddr(ip string, port int) (net.IP, int, error)

	// WriteTo sends a packet to an address, mostly host:port, and returns when it was sent.
	WriteTo(b []byte, addr string) (time.Time, error)

	// PacketCh returns the channel of packets that were received.
	PacketCh() <-chan *Packet

	// DialTimeout opens a stream to an address.
	DialTimeout(addr string, timeout time.Duration) (net.Conn, error)

	// StreamCh returns the channel of streams that others opened.
	StreamCh() <-chan net.Conn

	// Shutdown ends the transport.
	Shutdown() error
}

// NodeAwareTransport is a Transport that is also given the names of the nodes that it sends to,
// where they are known.
type NodeAwareTransport interface {
	Transport

	// WriteToAddress is WriteTo with the node's name.
	WriteToAddress(b []byte, addr Address) (time.Time, error)

	// DialAddressTimeout is DialTimeout with the node's name.
	DialAddressTimeout(addr Address, timeout time.Duration) (net.Conn, error)
}

// IngestionAwareTransport is what transports implement that are handed packets and streams by the
// program. A Memberlist doesn't use it.
//
// Deprecated: define it where it is needed.
type IngestionAwareTransport interface {
	IngestPacket(conn net.Conn, addr net.Addr, now time.Time, shouldClose bool) error
	IngestStream(conn net.Conn) error
}
