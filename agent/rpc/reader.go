package rpc

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/vmihailenco/msgpack/v5/msgpcode"
)

const (
	// maxDepth is how deep maps and lists may nest. The deepest message, a list of members with
	// their tags, has four levels.
	maxDepth = 8

	// bufferMin is how much is read at a time at first. The buffer doubles when it is full, so that memory grows with
	// what arrived and not with what a length promised.
	bufferMin = 4 << 10
	// bufferKept is how large a buffer may stay: a larger message was an exception.
	bufferKept = 64 << 10

	// emptyReads is how often in a row a connection may give nothing and no error.
	emptyReads = 100
)

// limits bounds one value that comes from the other side.
type limits struct {
	bytes  int // of the encoding
	values int // maps, lists, keys and what is in them, counted one by one
}

var (
	// requestLimits holds for what clients send. The largest requests are a join of some
	// thousand addresses and an event, whose payload the cluster limits to 9 KB. The number of
	// values bounds what decoding makes of a request of many small ones.
	requestLimits = limits{bytes: 1 << 20, values: 1 << 16}

	// answerLimits holds for what agents send. A list of 100,000 members is some 40 MB.
	answerLimits = limits{bytes: 256 << 20, values: 16 << 20}
)

// ErrTooLarge is the reason to give up a connection whose other side sends a message over the
// limits of size, number of values or nesting.
var ErrTooLarge = errors.New("message over the limit")

// errMalformed is a byte that begins no MessagePack value.
var errMalformed = errors.New("not MessagePack")

// A valueReader takes whole MessagePack values off a stream and checks their size and shape
// before anything is decoded.
type valueReader struct {
	r   io.Reader
	max limits

	buf   []byte
	start int   // of the value that is being read, or was returned last
	pos   int   // up to here buf was looked at
	err   error // of the last read, told when what came with it is used up
}

func newValueReader(r io.Reader, max limits) *valueReader {
	return &valueReader{r: r, max: max}
}

// arrived is the start of what was read last and of what has come after it, for a message.
func (v *valueReader) arrived() []byte {
	rest := v.buf[v.start:]
	return slices.Clone(rest[:min(len(rest), strangeMax)])
}

// next returns the bytes of the next value, valid until the call after. The error is io.EOF if
// the stream ends before a value, io.ErrUnexpectedEOF if it ends within one.
func (v *valueReader) next() ([]byte, error) {
	v.start = v.pos
	if rest := v.buf[v.start:]; cap(v.buf) > bufferKept && len(rest) <= bufferMin {
		v.buf = append(make([]byte, 0, bufferMin), rest...)
		v.start, v.pos = 0, 0
	}
	err := v.read()
	if err == io.EOF && v.pos > v.start {
		err = io.ErrUnexpectedEOF
	}
	return v.buf[v.start:v.pos:v.pos], err
}

// read takes one value, with a counter of values still to come for each level.
func (v *valueReader) read() error {
	var left [maxDepth]int
	left[0] = 1
	total := 1
	for level := 0; level >= 0; {
		if left[level] == 0 {
			level--
			continue
		}
		left[level]--
		children, err := v.token()
		if err != nil {
			return err
		}
		if children == 0 {
			continue
		}
		if total += children; total > v.max.values {
			return fmt.Errorf("%w: more than %d values", ErrTooLarge, v.max.values)
		}
		if level++; level == maxDepth {
			return fmt.Errorf("%w: nested deeper than %d", ErrTooLarge, maxDepth)
		}
		left[level] = children
	}
	return nil
}

// token takes one value, without what a map or list contains: of that it returns the number.
func (v *valueReader) token() (children int, err error) {
	code, err := v.byte()
	if err != nil {
		return 0, err
	}
	switch {
	case msgpcode.IsFixedNum(code):
		return 0, nil
	case msgpcode.IsFixedMap(code):
		return 2 * int(code&msgpcode.FixedMapMask), nil
	case msgpcode.IsFixedArray(code):
		return int(code & msgpcode.FixedArrayMask), nil
	case msgpcode.IsFixedString(code):
		return 0, v.bytes(int(code & msgpcode.FixedStrMask))
	}
	switch code {
	case msgpcode.Nil, msgpcode.False, msgpcode.True:
		return 0, nil
	case msgpcode.Uint8, msgpcode.Int8:
		return 0, v.bytes(1)
	case msgpcode.Uint16, msgpcode.Int16:
		return 0, v.bytes(2)
	case msgpcode.Uint32, msgpcode.Int32, msgpcode.Float:
		return 0, v.bytes(4)
	case msgpcode.Uint64, msgpcode.Int64, msgpcode.Double:
		return 0, v.bytes(8)
	case msgpcode.Str8, msgpcode.Bin8:
		return 0, v.sized(1)
	case msgpcode.Str16, msgpcode.Bin16:
		return 0, v.sized(2)
	case msgpcode.Str32, msgpcode.Bin32:
		return 0, v.sized(4)
	case msgpcode.Array16:
		return v.length(2)
	case msgpcode.Array32:
		return v.length(4)
	case msgpcode.Map16:
		children, err = v.length(2)
		return 2 * children, err
	case msgpcode.Map32:
		children, err = v.length(4)
		return 2 * children, err
	}
	// Extension types included: this protocol has none.
	return 0, fmt.Errorf("%w: byte 0x%02x", errMalformed, code)
}

// sized takes a length of the given width and that many bytes.
func (v *valueReader) sized(width int) error {
	n, err := v.length(width)
	if err != nil {
		return err
	}
	return v.bytes(n)
}

// length takes a big-endian number of width bytes.
func (v *valueReader) length(width int) (int, error) {
	if err := v.bytes(width); err != nil {
		return 0, err
	}
	var full [4]byte
	copy(full[4-width:], v.buf[v.pos-width:v.pos])
	n := binary.BigEndian.Uint32(full[:])
	if uint64(n) > uint64(v.max.bytes) {
		return 0, fmt.Errorf("%w: a length of %d", ErrTooLarge, n)
	}
	return int(n), nil
}

func (v *valueReader) byte() (byte, error) {
	if err := v.bytes(1); err != nil {
		return 0, err
	}
	return v.buf[v.pos-1], nil
}

// bytes takes the next n bytes of the stream. If they don't all come, it takes those that do.
func (v *valueReader) bytes(n int) error {
	if v.pos-v.start+n > v.max.bytes {
		return fmt.Errorf("%w: more than %d bytes", ErrTooLarge, v.max.bytes)
	}
	for len(v.buf)-v.pos < n {
		if err := v.fill(); err != nil {
			v.pos = len(v.buf)
			return err
		}
	}
	v.pos += n
	return nil
}

// fill reads what there is, and waits if there is nothing.
func (v *valueReader) fill() error {
	if v.err != nil {
		return v.err
	}
	if len(v.buf) == cap(v.buf) {
		v.makeRoom()
	}
	for range emptyReads {
		n, err := v.r.Read(v.buf[len(v.buf):cap(v.buf)])
		v.buf = v.buf[:len(v.buf)+n]
		v.err = err
		switch {
		case n > 0:
			return nil
		case err != nil:
			return err
		}
	}
	return io.ErrNoProgress
}

// makeRoom moves what isn't used up to the front, of a larger buffer if it takes more than half of this one.
func (v *valueReader) makeRoom() {
	rest := v.buf[v.start:]
	to := v.buf[:0]
	if 2*len(rest) > cap(v.buf) || cap(v.buf) == 0 {
		to = make([]byte, 0, max(2*cap(v.buf), bufferMin))
	}
	v.buf = append(to, rest...)
	v.pos -= v.start
	v.start = 0
}
