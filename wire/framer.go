package wire

import (
	"encoding/binary"

	"serf/internal/msgpack"
)

// framer finds the end of the message that a growing buffer starts with. It looks at
// each byte once, keeps no stack, and allocates nothing.
type framer struct {
	pos   int  // how far the buffer was looked at
	limit int  // bytes that the message may have, label and encryption header apart
	bare  bool // the layers are off: no more of them

	stage frameStage
	typ   Type
	start int    // of the message
	need  uint64 // values to pass
	skip  uint64 // bytes to pass before them
	tail  uint64 // bytes to pass after them
}

type frameStage uint8

const (
	frameType   frameStage = iota // before the type byte
	frameHeader                   // within the map that follows it
	frameBody                     // within what the header announced
)

// scan looks at what was added to p since the last call. When done, the message ends
// at f.pos.
func (f *framer) scan(p []byte) (done bool, err error) {
	for {
		if done, err := f.pass(p); !done || err != nil {
			return false, err
		}
		switch f.stage {
		case frameType:
			if f.pos == len(p) {
				return false, nil
			}
			if done, err := f.open(p); !done || err != nil {
				return false, err
			}
		case frameHeader:
			if err := f.header(p[f.start+1 : f.pos]); err != nil {
				return false, err
			}
			f.stage = frameBody
		case frameBody:
			if f.tail == 0 {
				return true, nil
			}
			f.skip, f.tail = f.tail, 0
		}
	}
}

// open looks at the type byte; false if it needs more than is there.
func (f *framer) open(p []byte) (bool, error) {
	f.start = f.pos
	f.typ = Type(p[f.pos])
	f.stage, f.need = frameHeader, 1
	switch f.typ {
	case TypeEncrypt, TypeCompress:
		if f.bare {
			return false, ErrNesting
		}
		if f.typ == TypeEncrypt {
			return f.openEncrypt(p)
		}
	case TypePushPull, TypeUser:
	case TypePing, TypeAck, TypeNack, TypeErr:
		f.limit = min(f.limit, StreamSmallMax)
	default:
		return false, ErrType
	}
	f.pos++
	return true, nil
}

func (f *framer) openEncrypt(p []byte) (bool, error) {
	if len(p)-f.pos < streamHead {
		f.stage, f.need = frameType, 0
		return false, nil
	}
	n := binary.BigEndian.Uint32(p[f.pos+1:])
	if n > StreamBlockMax {
		return false, ErrLimit
	}
	f.stage, f.need, f.skip = frameBody, 0, uint64(n)
	f.pos += streamHead
	f.start = f.pos // the limit is for what follows
	return true, nil
}

// header sets what a header says that follows it.
func (f *framer) header(body []byte) error {
	c := msgpack.Cursor{P: body}
	switch f.typ {
	case TypePushPull:
		var h PushPullHeader
		h.parse(&c)
		f.need, f.tail = uint64(h.Nodes), uint64(h.UserStateLen)
	case TypeUser:
		var h UserMsgHeader
		h.parse(&c)
		f.tail = uint64(h.Len)
	}
	if c.Err != nil {
		return c.Err
	}
	return f.check()
}

// pass passes skip bytes and need values, as far as p has them.
func (f *framer) pass(p []byte) (done bool, err error) {
	for {
		n := min(f.skip, uint64(len(p)-f.pos))
		f.pos += int(n)
		f.skip -= n
		if f.skip > 0 {
			return false, nil
		}
		if f.need == 0 {
			return true, nil
		}
		h, err := msgpack.ReadHead(p[f.pos:])
		if err == ErrShort {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		f.pos += h.Size
		f.skip = h.Body
		f.need += h.Kids - 1
		if err := f.check(); err != nil {
			return false, err
		}
	}
}

// check refuses a message that must become larger than the limit: each value is at least a byte.
func (f *framer) check() error {
	if uint64(f.pos-f.start)+f.skip+f.need+f.tail > uint64(f.limit) {
		return ErrLimit
	}
	return nil
}
