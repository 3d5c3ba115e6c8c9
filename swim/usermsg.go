package swim

import (
	"fmt"
	"net/netip"

	"serf/internal/invariant"
	"serf/wire"
)

// SendUser sends a message of the layer above in a packet, with waiting gossip. The message must
// not be larger than MaxUserAlone. Beyond MaxUser it goes without gossip.
func (n *Node) SendUser(now Time, to netip.AddrPort, msg []byte, out *Output) {
	invariant.Check(len(msg) <= n.MaxUserAlone(), "swim: user message over limit")
	out.scratch.msg = append(append(out.scratch.msg[:0], byte(wire.TypeUser)), msg...)
	if len(msg) <= n.MaxUser() {
		n.send(now, to, NoMember, out, out.scratch.msg)
		return
	}
	out.scratch.packer.Reset(len(out.scratch.msg))
	out.scratch.packer.Add(out.scratch.msg)
	n.ship(to, NoMember, out)
}

// MaxUserAlone is the size of the largest message that SendUser takes.
func (n *Node) MaxUserAlone() int {
	const kind = 1 // byte: message type
	return max(n.MaxUser(), n.cfg.UserPacketMax-n.cfg.Sealer.Overhead()-kind)
}

// MaxUser is the size of the largest user message that fits a packet.
func (n *Node) MaxUser() int {
	const compound, kind = 4, 1 // bytes: header with one part, message type
	return n.room() - compound - kind
}

// UserStreamMax is the size of the largest user message that goes by stream, in bytes: with all
// that encloses it, it is a block that receivers take.
const UserStreamMax = wire.StreamBlockMax - 1<<10

// SendUserStream sends a message of the layer above by stream. Failures are counted.
func (n *Node) SendUserStream(now Time, to netip.AddrPort, msg []byte, out *Output) {
	n.openStream(n.userStream(now, to, msg), out)
}

// SendReliable is SendUserStream that ends with an EventSent. The error says that msg is larger
// than UserStreamMax.
func (n *Node) SendReliable(now Time, to netip.AddrPort, msg []byte, out *Output) (OpID, error) {
	if len(msg) > UserStreamMax {
		return 0, fmt.Errorf("message: %d bytes, limit %d: %w",
			len(msg), UserStreamMax, ErrTooLarge)
	}
	op, s := n.nextOp(), n.userStream(now, to, msg)
	s.Report = true
	if !n.callStream(s, call{kind: callUser, op: op}, out) {
		out.event(Event{Kind: EventSent, Op: op, Addr: to, Err: errTooManyCalls})
	}
	return op, nil
}

func (n *Node) userStream(now Time, to netip.AddrPort, msg []byte) StreamOut {
	head := wire.UserMsgHeader{Len: len(msg)}
	data := make([]byte, 0, userHeadMax+len(msg))
	return StreamOut{
		Kind: StreamSend, To: to, Data: append(head.Append(data), msg...),
		Deadline: now.Add(n.cfg.StreamTimeout),
	}
}

// userHeadMax is the size of a wire.UserMsgHeader, at most.
const userHeadMax = 24
