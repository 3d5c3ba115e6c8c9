package recording

import (
	"encoding/json"
	"errors"
	"io"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"serf/internal/checkpoint"
	"serf/internal/std"
	"serf/swim"
)

// suffix of the names of segments.
const suffix = ".serfrec"

// segmentMax bounds the size of a segment that is read, in bytes: it is read as a whole.
const segmentMax = 1 << 30

// Recording is a directory of segments.
type Recording struct {
	Dir  string
	Runs []*Run
}

// Run is one run of the agent, without the segments that have been deleted meanwhile.
type Run struct {
	ID       string
	Segments []*Segment
}

// Segment is one file.
type Segment struct {
	Path string
	Header
	// Err is why the file can't be read, beyond its header.
	Err error
}

// Read finds the segments of a recording, which may still be written. The error is one of the
// directory, or that it has no segments.
func Read(dir string) (*Recording, error) {
	names, err := segmentNames(dir)
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		return nil, std.Errorf("%s: no segments of a recording (*%s)", dir, suffix)
	}
	r := &Recording{Dir: dir}
	for _, name := range names {
		r.add(filepath.Join(dir, name))
	}
	return r, nil
}

// segmentNames lists the segments in a directory in their order.
func segmentNames(dir string) (names []string, err error) {
	entries, err := os.ReadDir(dir) // sorted
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), suffix) && e.Type().IsRegular() {
			names = append(names, e.Name())
		}
	}
	return names, err
}

// add adds a segment to its run.
func (r *Recording) add(path string) {
	s := &Segment{Path: path}
	s.Err = s.readHeader()
	i := slices.IndexFunc(r.Runs, func(run *Run) bool { return run.ID == s.Run })
	if i < 0 {
		i = len(r.Runs)
		r.Runs = append(r.Runs, &Run{ID: s.Run})
	}
	r.Runs[i].Segments = append(r.Runs[i].Segments, s)
}

// readHeader reads the header alone.
func (s *Segment) readHeader() error {
	f, err := os.Open(s.Path)
	if err != nil {
		return err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, int64(len(magic)+headerMax+1)))
	if err == nil {
		s.Header, _, err = parseHeader(b)
	}
	if err != nil {
		return std.Errorf("%s: %w", s.Path, err)
	}
	return nil
}

// read returns the frames.
func (s *Segment) read() (frames []byte, err error) {
	info, err := os.Stat(s.Path)
	if err != nil {
		return nil, err
	}
	if info.Size() > segmentMax {
		return nil, std.Errorf("%s: %d bytes, at most %d", s.Path, info.Size(), segmentMax)
	}
	b, err := os.ReadFile(s.Path)
	if err != nil {
		return nil, err
	}
	s.Header, frames, err = parseHeader(b)
	if err != nil {
		return nil, std.Errorf("%s: %w", s.Path, err)
	}
	return frames, nil
}

// Reader reads the entries of a segment.
type Reader struct {
	Checkpoint *Checkpoint
	// End is set when all entries have been read.
	End End

	keys   Keys
	frames []byte
	path   string
	at     swim.Time
	number int
}

// End is how a segment ends.
type End struct {
	Reason EndReason
	// Lost is how many inputs weren't recorded between this segment and the next.
	Lost uint64
	// Torn says that the last frame is cut off, as it is after a crash.
	Torn bool `json:",omitempty"`
}

// EndReason is why a segment ends.
type EndReason string

const (
	EndNone   EndReason = ""       // the process ended without a word, or still writes
	EndNext   EndReason = "next"   // the next segment begins where it ends
	EndClosed EndReason = "closed" // the agent stopped
	EndGap    EndReason = "gap"    // the disk was too slow: inputs are missing before the next one
)

// Open reads the checkpoint. keys may be added to while entries are read.
func (s *Segment) Open(keys Keys) (*Reader, error) {
	frames, err := s.read()
	if err != nil {
		return nil, err
	}
	fail := func(err error) (*Reader, error) { return nil, std.Errorf("%s: %w", s.Path, err) }
	f, frames, err := cutFrame(frames)
	if err != nil {
		return fail(err)
	}
	if f.kind != frameCheckpoint {
		return fail(std.Errorf("%w: it doesn't begin with a checkpoint", errFormat))
	}
	content, err := f.open(keys)
	if err != nil {
		return fail(err)
	}
	c, err := parseCheckpoint(content)
	if err != nil {
		return fail(err)
	}
	return &Reader{Checkpoint: c, keys: keys, frames: frames, path: s.Path, at: c.At}, nil
}

// Entries yields the entries. The sequence can be taken once. An error is the last that it yields.
// A frame that is cut off at the end is none: the recording ends there.
func (r *Reader) Entries() iter.Seq2[*Entry, error] {
	return func(yield func(*Entry, error) bool) {
		for len(r.frames) > 0 {
			content, kind, err := r.frame()
			if errors.Is(err, errTorn) {
				r.End.Torn, r.frames = true, nil
				return
			}
			if err == nil && kind == frameEnd {
				if err = json.Unmarshal(content, &r.End); err == nil {
					return
				}
			}
			if err != nil {
				yield(nil, std.Errorf("%s: after %d inputs: %w", r.path, r.number, err))
				return
			}
			if !r.entries(content, yield) {
				return
			}
		}
	}
}

// frame reads the next frame.
func (r *Reader) frame() (content []byte, kind frameType, err error) {
	f, rest, err := cutFrame(r.frames)
	if err != nil {
		return nil, 0, err
	}
	r.frames = rest
	content, err = f.open(r.keys)
	return content, f.kind, err
}

// entries yields those of a frame.
func (r *Reader) entries(content []byte, yield func(*Entry, error) bool) (more bool) {
	c := checkpoint.Restorer(content)
	for c.Left() > 0 {
		e := &Entry{Number: r.number}
		e.decode(c, r.at)
		err := c.Err()
		if err == nil {
			err = e.findKeys(r.keys)
		}
		if err != nil {
			yield(nil, std.Errorf("%s: input %d: %w", r.path, r.number, err))
			return false
		}
		r.at = e.At
		r.number++
		if !yield(e, nil) {
			return false
		}
	}
	return true
}

// decode reads an entry; last is the time of the one before.
func (e *Entry) decode(c *checkpoint.Coder, last swim.Time) {
	e.codeHead(c, last)
	e.code(c)
	for c.Left() > 0 {
		var a Answer
		if checkpoint.Uint(c, &a.Kind); a.Kind == ended {
			e.Ended = true
			e.Effects.read(c)
			return
		}
		a.code(c)
		e.Answers = append(e.Answers, a)
	}
}

// findKeys finds the keys of an entry.
func (e *Entry) findKeys(keys Keys) (err error) {
	if print := e.KeyPrint; print != nil {
		key, ok := keys[*print]
		if !ok {
			return &KeyError{*print}
		}
		e.Key = key
	}
	e.Ring, err = keys.Ring(e.Prints)
	return err
}
