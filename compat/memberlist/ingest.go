package memberlist

import (
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

// packetMax bounds a packet, in bytes: UDP carries no more.
const packetMax = 64 << 10

// inlet is where a transport puts what it received. What nobody takes is given up when the
// transport ends.
type inlet struct {
	packets chan *Packet
	streams chan net.Conn
	done    chan struct{} // closed when the transport ends
	end     sync.Once
}

func newInlet() inlet {
	return inlet{packets: make(chan *Packet), streams: make(chan net.Conn), done: make(chan struct{})}
}

// close ends the inlet.
func (i *inlet) close() { i.end.Do(func() { close(i.done) }) }

// packet hands over a packet, and tells whether it was taken.
func (i *inlet) packet(p *Packet) bool {
	select {
	case i.packets <- p:
		return true
	case <-i.done:
		return false
	}
}

// stream hands over a stream, or closes it.
func (i *inlet) stream(conn net.Conn) error {
	select {
	case i.streams <- conn:
		return nil
	case <-i.done:
		_ = conn.Close()
		return net.ErrClosed
	}
}

// PacketCh returns the channel of packets that were received.
func (i *inlet) PacketCh() <-chan *Packet { return i.packets }

// StreamCh returns the channel of streams that others opened.
func (i *inlet) StreamCh() <-chan net.Conn { return i.streams }

// IngestPacket reads a packet from conn to its end, and takes it as one from addr.
func (i *inlet) IngestPacket(conn net.Conn, addr net.Addr, now time.Time, shouldClose bool) error {
	if shouldClose {
		defer conn.Close()
	}
	b, err := io.ReadAll(io.LimitReader(conn, packetMax+1))
	switch {
	case err != nil:
		return fmt.Errorf("failed to read packet: %v", err)
	case len(b) == 0:
		return fmt.Errorf("packet too short (%d bytes) %s", len(b), LogAddress(addr))
	case len(b) > packetMax:
		return fmt.Errorf("packet too long (over %d bytes) %s", packetMax, LogAddress(addr))
	}
	if !i.packet(&Packet{Buf: b, From: addr, Timestamp: now}) {
		return net.ErrClosed
	}
	return nil
}

// IngestStream takes conn as a stream that another node opened.
func (i *inlet) IngestStream(conn net.Conn) error { return i.stream(conn) }
