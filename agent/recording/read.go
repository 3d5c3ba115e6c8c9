package recording

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"time"

	"serf/internal/checkpoint"
	"serf/swim"
)

// suffix of the names of segments.
const suffix = ".serfrec"

// segmentMax bounds the size of a segment that is read, in bytes: it is read as a whole.
const segmentMax = 1 << 30

// Recording is a directory of segments.
type Recording struct {
	Dir string
	// Segments are those of each run of the agent, one run after the other.
	Segments []*Segment
}

// Segment is one file.
type Segment struct {
	Path string
	// Header is guessed from the file's name and the files before it if it can't be read.
	Header
	// Err is why the file can't be read.
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
		return nil, fmt.Errorf("%s: no segments of a recording (*%s)", dir, suffix)
	}
	r := &Recording{Dir: dir}
	runs := make(map[string]int)
	for _, name := range names {
		s := &Segment{Path: filepath.Join(dir, name)}
		if s.Err = s.readHeader(); s.Err != nil {
			s.guess(name, r.Segments)
		} else if _, known := runs[s.Run]; !known {
			runs[s.Run] = len(runs)
		}
		r.Segments = append(r.Segments, s)
	}
	sort.SliceStable(r.Segments, func(i, k int) bool {
		a, b := r.Segments[i], r.Segments[k]
		return runs[a.Run] < runs[b.Run] || a.Run == b.Run && a.Segment < b.Segment
	})
	for i, s := range r.Segments[1:] {
		if before := r.Segments[i]; s.Err == nil && before.Err == nil && s.Run == before.Run &&
			s.Segment == before.Segment {
			s.Err = fmt.Errorf("%s: is segment %d of its run, as %s is", s.Path, s.Segment+1,
				filepath.Base(before.Path))
		}
	}
	return r, nil
}

// guess sets the header of a file that comes after others.
func (s *Segment) guess(name string, before []*Segment) {
	if len(before) > 0 {
		last := before[len(before)-1]
		s.Run, s.Segment, s.Time = last.Run, last.Segment+1, last.Time
	}
	_, begun, _ := strings.Cut(strings.TrimSuffix(name, suffix), "-")
	if t, err := time.Parse(nameTime, begun); err == nil {
		s.Time = t
	}
}

// segmentNames lists the segments in a directory in their order.
func segmentNames(dir string) (names []string, err error) {
	entries, err := os.ReadDir(dir) // sorted
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), suffix) {
			continue
		}
		info, err := os.Stat(filepath.Join(dir, e.Name()))
		if err != nil || info.Mode().IsRegular() {
			names = append(names, e.Name())
		}
	}
	return names, err
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
		return fmt.Errorf("%s: %w", s.Path, err)
	}
	return nil
}

// Reader reads the entries of a segment.
type Reader struct {
	Checkpoint *Checkpoint
	// End is set when all entries have been read.
	End End

	keys   Keys
	path   string
	size   int    // of the file
	frames []byte // not yet read
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
	if s.Err != nil {
		return nil, s.Err
	}
	info, err := os.Stat(s.Path)
	if err != nil {
		return nil, err
	}
	if info.Size() > segmentMax {
		return nil, fmt.Errorf("%s: %d bytes, at most %d", s.Path, info.Size(), segmentMax)
	}
	b, err := os.ReadFile(s.Path)
	if err != nil {
		return nil, err
	}
	r := &Reader{keys: keys, path: s.Path, size: len(b)}
	if _, r.frames, err = parseHeader(b); err != nil {
		return nil, fmt.Errorf("%s: %w", s.Path, err)
	}
	at := r.offset()
	content, kind, err := r.frame()
	if err == nil && kind != frameCheckpoint {
		err = fmt.Errorf("%w: it doesn't begin with a checkpoint", errFormat)
	}
	if err == nil {
		r.Checkpoint, err = parseCheckpoint(content)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: at byte %d: %w", s.Path, at, err)
	}
	r.at = r.Checkpoint.At
	return r, nil
}

// offset is how many bytes have been read.
func (r *Reader) offset() int { return r.size - len(r.frames) }

// Entries yields the entries. The sequence can be taken once. An error is the last that it yields.
// A frame that is cut off at the end is none: the recording ends there.
func (r *Reader) Entries() iter.Seq2[*Entry, error] {
	return func(yield func(*Entry, error) bool) {
		for len(r.frames) > 0 {
			at := r.offset()
			content, kind, err := r.frame()
			switch {
			case errors.Is(err, errTorn):
				r.End.Torn, r.frames = true, nil
				return
			case err != nil:
			case kind == frameEnd && len(r.frames) > 0:
				err = fmt.Errorf("%w: %d bytes after the end", errFormat, len(r.frames))
			case kind == frameEnd:
				err = json.Unmarshal(content, &r.End)
			case kind == frameEntries:
				var more bool
				if more, err = r.entries(content, yield); err == nil && !more {
					return
				}
			default:
				err = fmt.Errorf("%w: a frame of type %q", errFormat, kind)
			}
			if err != nil {
				yield(nil, fmt.Errorf("%s: at byte %d, after %d inputs: %w", r.path, at, r.number,
					err))
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
func (r *Reader) entries(content []byte, yield func(*Entry, error) bool) (more bool, err error) {
	for c := checkpoint.Restorer(content); c.Left() > 0; r.number++ {
		e := &Entry{Number: r.number}
		if e.decode(c, r.at); c.Err() != nil {
			return false, c.Err()
		}
		if err := e.findKeys(r.keys); err != nil {
			return false, err
		}
		if r.at = e.At; !yield(e, nil) {
			return false, nil
		}
	}
	return true, nil
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
