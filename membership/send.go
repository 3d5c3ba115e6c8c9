package membership

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"

	"serf/swim"
)

// Limits of what waits to be sent.
const (
	// outboxMax and outboxBytes bound the messages of Send that wait for the loop, which takes them
	// in its next turn.
	outboxMax   = 4096
	outboxBytes = 4 << 20
	// sendingBytes bounds the messages of SendReliable under way, in bytes: three of the largest.
	sendingBytes = 64 << 20
)

// StreamMessageMax is the size of the largest message of SendReliable, in bytes.
const StreamMessageMax = swim.UserStreamMax

// outbox has the messages of Send until the loop takes them.
type outbox struct {
	mu      sync.Mutex
	waiting batch
	spare   batch // the memory of the last one
	dropped atomic.Uint64
}

// batch is some messages, one after the other.
type batch struct {
	heads []head
	data  []byte
}

type head struct {
	to   netip.AddrPort
	size int
}

// MaxMessage is the size in bytes of the largest message of Broadcast, and of Send unless
// Config.SendPacketMax allows more. It depends on Config.PacketMax, the label, and whether packets
// are encrypted.
func (n *Node) MaxMessage() int { return int(n.maxUser.Load()) }

// Send sends a message in one packet, together with gossip that waits. It may get lost on the way,
// and nobody says so. Send never waits: msg is copied. The error says that msg is too large for a
// packet, that too many wait (ErrBusy), or ErrClosed.
func (n *Node) Send(to netip.AddrPort, msg []byte) error {
	if err := checkAddr(to); err != nil {
		return err
	}
	if err := n.checkPacket(msg, int(n.maxSend.Load())); err != nil {
		return err
	}
	if !n.outbox.put(to, msg) {
		return ErrBusy
	}
	n.driver.Wake()
	return nil
}

// checkAddr returns why nothing can be sent to an address, or nil.
func checkAddr(to netip.AddrPort) error {
	switch {
	case to == netip.AddrPort{}:
		return errors.New("no address to send to")
	case !to.IsValid() || to.Port() == 0:
		return fmt.Errorf("address %v: no member can have it", to)
	}
	return nil
}

// checkPacket returns why msg can't be sent in a packet that takes so many bytes at most, or nil.
func (n *Node) checkPacket(msg []byte, most int) error {
	if len(msg) > most {
		return fmt.Errorf("message: %d bytes, limit %d: %w", len(msg), most, ErrTooLarge)
	}
	if n.driver.Context().Err() != nil {
		return ErrClosed
	}
	return nil
}

// put adds a message, or reports that there is no room.
func (o *outbox) put(to netip.AddrPort, msg []byte) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	b := &o.waiting
	if len(b.heads) >= outboxMax || len(b.data)+len(msg) > outboxBytes {
		return false
	}
	b.heads, b.data = append(b.heads, head{to, len(msg)}), append(b.data, msg...)
	return true
}

// send hands all messages to the core.
func (o *outbox) send(core *swim.Node, now swim.Time, out *swim.Output) {
	o.mu.Lock()
	if len(o.waiting.heads) == 0 {
		o.mu.Unlock()
		return
	}
	b := o.waiting
	o.waiting, o.spare = o.spare, batch{}
	o.mu.Unlock()
	data := b.data
	for _, h := range b.heads {
		if h.size <= core.MaxUserAlone() {
			core.SendUser(now, h.to, data[:h.size], out)
		} else { // it fitted, but the keys have changed since
			o.dropped.Add(1)
		}
		data = data[h.size:]
	}
	o.mu.Lock()
	if cap(b.data) <= outboxKeep {
		o.spare = batch{heads: b.heads[:0], data: b.data[:0]}
	}
	o.mu.Unlock()
}

// outboxKeep bounds the memory that is kept for the next messages, in bytes.
const outboxKeep = 64 << 10

// SendReliable sends a message of up to StreamMessageMax bytes by a stream of its own, and waits
// until it is written: then the other host has it or will get it, unless the connection breaks. It
// takes as long as Timing.StreamTimeout at most, and goes on if ctx ends before. The error is
// ErrBusy while 64 MiB of such messages are under way.
func (n *Node) SendReliable(ctx context.Context, to netip.AddrPort, msg []byte) error {
	if err := checkAddr(to); err != nil {
		return err
	}
	_, err := n.operate(ctx, func(now swim.Time, out *swim.Output) (swim.OpID, error) {
		return n.loop.sends.begin(n.loop.core, now, to, msg, out)
	})
	if err != nil {
		return fmt.Errorf("send to %v: %w", to, err)
	}
	return nil
}

// sends are the messages of SendReliable under way, owned by the loop.
type sends struct {
	sizes map[swim.OpID]int // in bytes
	bytes int
}

// begin sends a message, unless too many are under way.
func (s *sends) begin(
	core *swim.Node, now swim.Time, to netip.AddrPort, msg []byte, out *swim.Output,
) (swim.OpID, error) {
	if s.bytes+len(msg) > sendingBytes {
		return 0, ErrBusy
	}
	op, err := core.SendReliable(now, to, msg, out)
	if err != nil {
		return 0, err
	}
	if s.sizes == nil {
		s.sizes = make(map[swim.OpID]int)
	}
	s.sizes[op] = len(msg)
	s.bytes += len(msg)
	return op, nil
}

// end takes the end of one.
func (s *sends) end(op swim.OpID) {
	s.bytes -= s.sizes[op]
	delete(s.sizes, op)
}
