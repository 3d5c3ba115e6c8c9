package rpc

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/vmihailenco/msgpack/v5/msgpcode"
)

const (
	// maxDepth is how deep maps and lists may nest. The deepest message, a list of members with
	// their tags, has four levels.
	maxDepth = 8

	// readStep is how much of a string is taken at a time, so that memory grows with what
	// arrived and not with what a length promised.
	readStep = 4 << 10
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
	r   *bufio.Reader
	max limits
	buf []byte
}

func newValueReader(r io.Reader, max limits) *valueReader {
	return &valueReader{r: bufio.NewReader(r), max: max}
}

// next returns the bytes of the next value, valid until the call after. The error is io.EOF if
// the stream ends before a value, io.ErrUnexpectedEOF if it ends within one.
func (v *valueReader) next() ([]byte, error) {
	if cap(v.buf) > readStep {
		v.buf = nil // a large message was an exception: don't keep its memory
	}
	v.buf = v.buf[:0]
	err := v.read()
	if err == io.EOF && len(v.buf) > 0 {
		err = io.ErrUnexpectedEOF
	}
	return v.buf, err
}

// read appends one value to the buffer, with a counter of values still to come for each level.
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

// token appends one value, without what a map or list contains: of that it returns the number.
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
	start := len(v.buf)
	if err := v.bytes(width); err != nil {
		return 0, err
	}
	var full [4]byte
	copy(full[4-width:], v.buf[start:])
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
	return v.buf[len(v.buf)-1], nil
}

// bytes takes the next n bytes of the stream.
func (v *valueReader) bytes(n int) error {
	if len(v.buf)+n > v.max.bytes {
		return fmt.Errorf("%w: more than %d bytes", ErrTooLarge, v.max.bytes)
	}
	for n > 0 {
		step := min(n, readStep)
		start := len(v.buf)
		v.buf = append(v.buf, make([]byte, step)...)
		got, err := io.ReadFull(v.r, v.buf[start:])
		v.buf = v.buf[:start+got]
		if err == io.ErrUnexpectedEOF {
			err = io.EOF // next tells the two apart by what was read before
		}
		if err != nil {
			return err
		}
		n -= step
	}
	return nil
}
