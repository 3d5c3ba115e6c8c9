package wire

import (
	"encoding/binary"

	"serf/internal/msgpack"
)

// framer finds the end of the message at the start of a growing buffer. It looks at each byte once,
// keeps no stack, and allocates nothing.
type framer struct {
	pos   int  // where to continue
	limit int  // of the message in bytes, without label and encryption header
	bare  bool // the layers are off: no further ones are accepted

	stage frameStage
	typ   Type
	start int    // of the message
	need  uint64 // values to skip
	skip  uint64 // bytes to skip before them
	tail  uint64 // bytes to skip after them
}

type frameStage uint8

const (
	frameType   frameStage = iota // before the type byte
	frameHeader                   // in the map that follows it
	frameBody                     // in what the header announced
)

// scan looks at the bytes that were added to p since the last call. When done, the message ends at
// f.pos.
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

// open looks at the type byte. It returns false if it needs more bytes.
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
	f.start = f.pos // the limit is that of what follows
	return true, nil
}

// header notes what follows the header.
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

// pass skips skip bytes and need values, as far as p has them.
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

// check refuses a message that is bound to exceed the limit: each value takes at least a byte.
func (f *framer) check() error {
	if uint64(f.pos-f.start)+f.skip+f.need+f.tail > uint64(f.limit) {
		return ErrLimit
	}
	return nil
}
