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

	// bufferMin is the initial size of the buffer in bytes. It doubles when it is full, so memory
	// grows with what has arrived and not with an announced length.
	bufferMin = 4 << 10
	// bufferKept is how large a buffer may stay after a message: larger ones are exceptions.
	bufferKept = 64 << 10

	// emptyReads is how many reads in a row may return neither bytes nor an error.
	emptyReads = 100
)

// Limits bounds one received value.
type Limits struct {
	Bytes  int // of the encoding
	Values int // maps, lists, keys and their contents, counted one by one
}

var (
	// RequestLimits is for what clients send. The largest requests are a join of some thousand
	// addresses and an event, whose payload the cluster limits to 9 KB. The number of values bounds
	// the memory of a decoded request of many small values.
	RequestLimits = Limits{Bytes: 1 << 20, Values: 1 << 16}

	// AnswerLimits is for what agents send. A list of 100,000 members takes some 40 MB.
	AnswerLimits = Limits{Bytes: 256 << 20, Values: 16 << 20}
)

// ErrTooLarge means that a message exceeds the limit of size, number of values or nesting. It ends
// the connection.
var ErrTooLarge = errors.New("message over the limit")

// ErrMalformed means that a byte begins no MessagePack value.
var ErrMalformed = errors.New("not MessagePack")

// A Reader reads complete MessagePack values off a stream and checks their size and shape before
// they are decoded.
type Reader struct {
	r   io.Reader
	max Limits

	buf   []byte
	start int   // of the value that is being read, or was returned last
	pos   int   // where to continue in buf
	err   error // of the last read, returned when its bytes are used up
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

// read reads one value, with a counter of missing values for each level.
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

// value reads one value without the contents of a map or list, and returns how many values follow
// as its contents.
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

// take reads the next n bytes of the stream, or those there are before an error.
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

// fill reads some bytes, and waits for them.
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

// makeRoom moves the unused bytes to the front, of a larger buffer if they take more than half of
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
