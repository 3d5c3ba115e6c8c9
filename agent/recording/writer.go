package recording

import (
	"io"
	"sync/atomic"
	"time"

	"serf/internal/std"
	"serf/swim"
)

// Config says where to record.
type Config struct {
	// Dir is the directory, made if there is none; nothing is recorded without one. It is for one
	// agent at a time, and a restarted one goes on there.
	Dir string
	// Limit is how many bytes the files there take in all: the oldest are removed. At least
	// LimitMin; 0 means LimitDefault.
	Limit int64
	// Build names the program that records, so that a replay by another one can say so.
	Build string
}

// Limits of Config.Limit, in bytes: the least has room for some segments.
const (
	LimitDefault = 256 << 20
	LimitMin     = 1 << 20
)

// Logger gets what there is to say.
type Logger interface {
	Infof(component, format string, args ...any)
	Warnf(component, format string, args ...any)
	Errorf(component, format string, args ...any)
}

// queueMax bounds the chunks that wait for the writer, queueFree the buffers kept for reuse.
const (
	queueMax  = 256
	queueFree = 4
)

// chunk is one frame to be written.
type chunk struct {
	kind    frameType
	header  *Header // of a new segment, which the checkpoint begins
	content []byte
	inputs  uint64
	seal    *seal
	done    chan<- struct{} // closed when it was taken; nil if nobody waits
}

// writer is the goroutine that writes segments, and what it shares with the recorder.
type writer struct {
	log    Logger
	chunks chan chunk
	free   chan []byte
	ended  chan struct{}
	behind atomic.Int64 // bytes that wait
	failed atomic.Bool

	inputs, lostInputs, removed atomic.Uint64
	bytes                       atomic.Int64 // of all segments
	problem                     atomic.Pointer[string]

	files files
}

// Open begins to record in a directory a node, whose times clock turns into those of the host's
// clock. The error names the path.
func Open(c Config, clock func(swim.Time) time.Time, log Logger) (*Recorder, error) {
	return open(c, clock, log, createFile)
}

// open is Open with a function that makes files.
func open(
	c Config, clock func(swim.Time) time.Time, log Logger,
	create func(path string) (io.WriteCloser, error),
) (*Recorder, error) {
	if c.Limit == 0 {
		c.Limit = LimitDefault
	}
	w := &writer{log: log, chunks: make(chan chunk, queueMax), free: make(chan []byte, queueFree),
		ended: make(chan struct{}), files: files{dir: c.Dir, limit: c.Limit, create: create}}
	if err := w.files.open(); err != nil {
		return nil, err
	}
	w.bytes.Store(w.files.total)
	go w.write()
	log.Infof("agent", "Recording to %s, at most %s; tags, payloads and addresses are in it",
		c.Dir, SizeText(c.Limit))
	return &Recorder{writer: w, clock: clock, limit: c.Limit, build: c.Build}, nil
}

// Stats are the figures of a recorder.
type Stats struct {
	// On is false once the recording has stopped; Problem says why, if there was one.
	On      bool
	Problem string
	Dir     string
	// Bytes are those of all segments, Inputs what was recorded, Lost what a slow disk, or one that
	// failed, left out. Removed are segments that the limit had no room for.
	Bytes                 int64
	Inputs, Lost, Removed uint64
}

// Stats returns the present figures; it may be called by any goroutine, and on nil.
func (r *Recorder) Stats() (s Stats, ok bool) {
	if r == nil {
		return Stats{}, false
	}
	w := r.writer
	s = Stats{Dir: w.files.dir, Bytes: w.bytes.Load(), Inputs: w.inputs.Load(),
		Lost: w.lostInputs.Load(), Removed: w.removed.Load()}
	select {
	case <-w.ended:
	default:
		s.On = !w.failed.Load()
	}
	if problem := w.problem.Load(); problem != nil {
		s.Problem = *problem
	}
	return s, true
}

// buffer returns memory for entries.
func (w *writer) buffer() []byte {
	select {
	case b := <-w.free:
		return b
	default:
		return nil
	}
}

// full tells whether there is no room for a chunk, and one that ends the segment.
func (w *writer) full() bool { return len(w.chunks) >= cap(w.chunks)-2 }

// send hands a chunk over. There is room: see full.
func (w *writer) send(c chunk) {
	w.behind.Add(int64(len(c.content)))
	select {
	case w.chunks <- c:
	default: // the process is about to end
		w.behind.Add(-int64(len(c.content)))
	}
}

// wait waits until all has been written that was handed over.
func (w *writer) wait(most time.Duration) {
	done := make(chan struct{})
	w.send(chunk{done: done})
	std.Await(done, most)
}

// close ends the writer.
func (w *writer) close(most time.Duration) {
	close(w.chunks)
	if !std.Await(w.ended, most) {
		w.log.Warnf("agent", "Recording: the disk is too slow, the end is missing")
	}
}

// write is the goroutine.
func (w *writer) write() {
	defer close(w.ended)
	defer w.files.close()
	var frame []byte
	for c := range w.chunks {
		if c.done != nil {
			close(c.done)
			continue
		}
		if !w.failed.Load() {
			frame = w.writeChunk(frame[:0], &c)
		}
		if w.failed.Load() {
			w.lostInputs.Add(c.inputs)
		} else {
			w.inputs.Add(c.inputs)
		}
		w.behind.Add(-int64(len(c.content)))
		if cap(c.content) <= 2*writeSize {
			select {
			case w.free <- c.content:
			default:
			}
		}
		if cap(frame) > 2*writeSize {
			frame = nil
		}
	}
}

// writeChunk writes one frame, with this memory.
func (w *writer) writeChunk(b []byte, c *chunk) []byte {
	if c.header != nil {
		b = c.header.append(b)
	}
	b = appendFrame(b, c.kind, c.content, c.seal)
	err := w.files.write(b, c.header)
	w.bytes.Store(w.files.total)
	w.removed.Store(w.files.removed)
	if err != nil {
		text := err.Error()
		w.problem.Store(&text)
		w.failed.Store(true)
		w.log.Errorf("agent", "Recording has stopped, the agent goes on: %v", err)
	}
	return b
}
