package protocol

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"serf/internal/msgpack"
)

const (
	// maxDepth is how deep maps and lists may nest. The deepest message, a list of members with
	// their tags, has four levels.
	maxDepth = 8

	// bufferMin is how much is read at a time at first. The buffer doubles when it is full, so that
	// memory grows with what Arrived and not with what a length promised.
	bufferMin = 4 << 10
	// bufferKept is how large a buffer may stay: a larger message was an exception.
	bufferKept = 64 << 10

	// emptyReads is how often in a row a connection may give nothing and no error.
	emptyReads = 100
)

// Limits bounds one value that comes from the other side.
type Limits struct {
	Bytes  int // of the encoding
	Values int // maps, lists, keys and what is in them, counted one by one
}

var (
	// RequestLimits holds for what clients send. The largest requests are a join of some thousand
	// addresses and an event, whose payload the cluster limits to 9 KB. The number of values bounds
	// what decoding makes of a request of many small ones.
	RequestLimits = Limits{Bytes: 1 << 20, Values: 1 << 16}

	// AnswerLimits holds for what agents send. A list of 100,000 members is some 40 MB.
	AnswerLimits = Limits{Bytes: 256 << 20, Values: 16 << 20}
)

// ErrTooLarge is the reason to give up a connection whose other side sends a message over the
// limits of size, number of values or nesting.
var ErrTooLarge = errors.New("message over the limit")

// ErrMalformed is a byte that begins no MessagePack value.
var ErrMalformed = errors.New("not MessagePack")

// A Reader takes whole MessagePack values off a stream and checks their size and shape before
// anything is decoded.
type Reader struct {
	r   io.Reader
	max Limits

	buf   []byte
	start int   // of the value that is being read, or was returned last
	pos   int   // up to here buf was looked at
	err   error // of the last read, told when what came with it is used up
}

// NewReader returns a reader of r, each of whose values may be as large as max.
func NewReader(r io.Reader, max Limits) *Reader { return &Reader{r: r, max: max} }

// Arrived returns a copy of up to most bytes from the start of the value that was read last.
func (v *Reader) Arrived(most int) []byte {
	rest := v.buf[v.start:]
	return slices.Clone(rest[:min(len(rest), most)])
}

// Next returns the bytes of the next value, valid until the call after. The error is io.EOF if the
// stream ends before a value, io.ErrUnexpectedEOF if it ends within one.
func (v *Reader) Next() ([]byte, error) {
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

// NextBody is Next for a value that must come.
func (v *Reader) NextBody() ([]byte, error) {
	b, err := v.Next()
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return b, err
}

// read takes one value, with a counter of values still to come for each level.
func (v *Reader) read() error {
	var left [maxDepth]uint64
	left[0] = 1
	total := uint64(1)
	for level := 0; level >= 0; {
		if left[level] == 0 {
			level--
			continue
		}
		left[level]--
		kids, err := v.value()
		if err != nil {
			return err
		}
		if kids == 0 {
			continue
		}
		if total += kids; total > uint64(v.max.Values) {
			return fmt.Errorf("%w: more than %d values", ErrTooLarge, v.max.Values)
		}
		if level++; level == maxDepth {
			return fmt.Errorf("%w: nested deeper than %d", ErrTooLarge, maxDepth)
		}
		left[level] = kids
	}
	return nil
}

// value takes one value without what a map or list contains, and returns how many values that is.
func (v *Reader) value() (kids uint64, err error) {
	h, err := msgpack.ReadHead(v.buf[v.pos:])
	for err == msgpack.ErrShort {
		if err := v.fill(); err != nil {
			v.pos = len(v.buf)
			return 0, err
		}
		h, err = msgpack.ReadHead(v.buf[v.pos:])
	}
	if err != nil || h.Kind == msgpack.KindExt { // this protocol has no extensions
		code := v.buf[v.pos]
		v.pos++
		return 0, fmt.Errorf("%w: byte 0x%02x", ErrMalformed, code)
	}
	return h.Kids, v.take(uint64(h.Size) + h.Body)
}

// take takes the next n bytes of the stream. If they don't all come, it takes those that do.
func (v *Reader) take(n uint64) error {
	if uint64(v.pos-v.start)+n > uint64(v.max.Bytes) {
		return fmt.Errorf("%w: more than %d bytes", ErrTooLarge, v.max.Bytes)
	}
	for uint64(len(v.buf)-v.pos) < n {
		if err := v.fill(); err != nil {
			v.pos = len(v.buf)
			return err
		}
	}
	v.pos += int(n)
	return nil
}

// fill reads what there is, and waits if there is nothing.
func (v *Reader) fill() error {
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

// makeRoom moves what isn't used up to the front, of a larger buffer if it takes more than half of
// this one.
func (v *Reader) makeRoom() {
	rest := v.buf[v.start:]
	to := v.buf[:0]
	if 2*len(rest) > cap(v.buf) || cap(v.buf) == 0 {
		to = make([]byte, 0, max(2*cap(v.buf), bufferMin))
	}
	v.buf = append(to, rest...)
	v.pos -= v.start
	v.start = 0
}
