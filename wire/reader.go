package wire

import "serf/internal/invariant"

// streamStep is the memory in bytes that a stream starts with: most messages are smaller.
const streamStep = 4 << 10

// StreamReader finds the end of the block that arrives on a stream. The driver reads into Space and
// reports to Fed, until that says that the block is complete:
//
//	r := NewStreamReader(s)
//	for {
//		n, err := conn.Read(r.Space())
//		done, bad := r.Fed(n)
//		...
//	}
//
// Memory grows with the bytes that have arrived, not with those announced. A block whose first
// bytes the Sealer would refuse is refused at once.
type StreamReader struct {
	sealer  *Sealer
	answer  bool // without a label header
	buf     []byte
	f       framer
	started bool // the label is off and the first byte admitted
	done    bool
	err     error
}

// NewStreamReader returns a reader of the block that opens a stream, for s.OpenStream.
func NewStreamReader(s *Sealer) *StreamReader { return &StreamReader{sealer: s} }

// NewAnswerReader returns a reader of the block that answers another, for s.OpenAnswer.
func NewAnswerReader(s *Sealer) *StreamReader { return &StreamReader{sealer: s, answer: true} }

// Space returns memory to read into, never empty.
func (r *StreamReader) Space() []byte {
	if n := r.Taking(); n > 0 {
		r.buf = resized(r.buf, n)
	}
	return r.buf[len(r.buf):cap(r.buf)]
}

// Taking is how many bytes the next call of Space will allocate: none while there is room. The
// present memory is held until it has been copied.
func (r *StreamReader) Taking() int {
	if len(r.buf) < cap(r.buf) {
		return 0
	}
	return cap(r.buf) + r.growth()
}

// growth doubles the memory, or adds what is missing if that is known to be less.
func (r *StreamReader) growth() int {
	n := max(streamStep, cap(r.buf))
	if missing := r.f.skip + r.f.tail; missing > 0 && r.f.need == 0 {
		n = int(min(uint64(n), missing))
	}
	return n
}

// resized returns b with exactly this capacity, which append and slices.Grow exceed.
func resized(b []byte, capacity int) []byte {
	return append(make([]byte, 0, capacity), b...)
}

// Fed reports that the first n bytes of Space were read. When it returns true, Block is complete.
// Errors stick. ErrShort is never returned: only the driver knows whether the stream has ended.
func (r *StreamReader) Fed(n int) (done bool, err error) {
	if r.done || r.err != nil {
		return r.done, r.err
	}
	r.buf = r.buf[:len(r.buf)+n]
	if !r.started {
		r.started, r.err = r.start()
	}
	if r.started && r.err == nil {
		r.done, r.err = r.f.scan(r.buf)
	}
	return r.done, r.err
}

func (r *StreamReader) start() (bool, error) {
	rest, err := r.takeLabel()
	if err == ErrShort || err == nil && len(rest) == 0 {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	r.f = framer{limit: StreamBlockMax, pos: len(r.buf) - len(rest)}
	return true, r.sealer.admits(Type(rest[0]))
}

func (r *StreamReader) takeLabel() ([]byte, error) {
	if !r.answer {
		rest, _, err := r.sealer.takeLabel(r.buf)
		return rest, err
	}
	if len(r.buf) > 0 && Type(r.buf[0]) == TypeLabel {
		return nil, ErrLabel
	}
	return r.buf, nil
}

// Block returns the block once Fed has returned true, for the Sealer to open. It is the reader's
// memory, which the reader doesn't use any more. Bytes after the block are left out.
func (r *StreamReader) Block() []byte {
	invariant.Check(r.done, "wire: stream block taken before it is whole")
	return r.buf[:r.f.pos:r.f.pos]
}

// Memory is how many bytes r holds, for a driver that bounds all streams together.
func (r *StreamReader) Memory() int { return cap(r.buf) }
