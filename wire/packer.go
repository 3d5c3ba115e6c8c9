package wire

import "encoding/binary"

const (
	compoundHead    = 2     // type byte and count
	compoundPerPart = 2     // length
	partMax         = 65535 // what a length can say
)

// Packer collects the messages of one packet: a single message is sent as it is, several as a
// compound. The zero Packer has no room; call Reset first. A Packer keeps its memory from packet to
// packet.
type Packer struct {
	max  int
	buf  []byte // the messages, one after the other
	lens []uint16
}

// Reset empties p and sets the size in bytes that AppendTo may reach.
func (p *Packer) Reset(max int) {
	p.max, p.buf, p.lens = max, p.buf[:0], p.lens[:0]
}

// Room is how many bytes the next message may have; 0 if none fits.
func (p *Packer) Room() int {
	n := len(p.lens)
	switch {
	case n == 0:
		return min(max(p.max, 0), partMax)
	case n == CompoundMax:
		return 0
	}
	return min(max(p.max-packedLen(n+1, len(p.buf)), 0), partMax)
}

// Add adds a copy of msg, or returns false if there is no room for it. An empty message can't be
// added: it has no type.
func (p *Packer) Add(msg []byte) bool {
	return p.End(append(p.Begin(), msg...))
}

// Begin returns a buffer that the next message is to be appended to. The next call must be End with
// the result.
func (p *Packer) Begin() []byte { return p.buf }

// End adds what was appended to the buffer of Begin as the next message. If there is no room for
// it, or it is empty, End drops it and returns false.
func (p *Packer) End(b []byte) bool {
	n := len(b) - len(p.buf)
	if n <= 0 || n > p.Room() {
		if n >= 0 {
			p.buf = b[:len(p.buf)] // it may have grown: keep that
		}
		return false
	}
	p.buf = b
	p.lens = append(p.lens, uint16(n))
	return true
}

// Count is the number of messages.
func (p *Packer) Count() int { return len(p.lens) }

// Len is the number of bytes that AppendTo appends.
func (p *Packer) Len() int { return packedLen(len(p.lens), len(p.buf)) }

// AppendTo appends the messages to b; nothing if there are none.
func (p *Packer) AppendTo(b []byte) []byte {
	if len(p.lens) > 1 {
		b = append(b, byte(TypeCompound), byte(len(p.lens)))
		for _, n := range p.lens {
			b = binary.BigEndian.AppendUint16(b, n)
		}
	}
	return append(b, p.buf...)
}

func packedLen(messages, bytes int) int {
	if messages < 2 {
		return bytes
	}
	return compoundHead + compoundPerPart*messages + bytes
}
