package snapshot

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"

	"serf/agent/disk"
	"serf/internal/std"
)

// When a file is rewritten, as by HashiCorp's Serf.
const (
	compactMin     = 128 << 10 // bytes; a smaller file isn't worth it
	bytesPerMember = 128       // what a member is expected to take
	compactFactor  = 2         // how much larger than expected a file may be
)

// retryInterval is the pause after a failed rewrite: asking a full disk often doesn't empty it.
const retryInterval = 5 * time.Second

var errTooLarge = fmt.Errorf("file would exceed %d bytes", fileMax)

// writer owns the file and the state in it. One goroutine uses it.
type writer struct {
	disk   files
	path   string
	rejoin bool
	counts *std.Guarded[Counters]
	// observe is called with the duration of each operation. May be nil.
	observe func(what string, took time.Duration)

	state *state
	file  file  // nil if it couldn't be opened again
	size  int64 // bytes in it
	base  int64 // its size after the last rewrite
	// damaged means that the file lacks something or ends in the middle of a line: nothing may be
	// appended before it is rewritten.
	damaged bool
	failed  error     // of the last rewrite
	retry   time.Time // if it failed: no other before

	out []byte // scratch
}

// open reads the file and opens it for writing, or creates it.
func (w *writer) open() (content, error) {
	c := content{state: newState()}
	r, err := w.disk.Open(w.path)
	if err == nil {
		c, err = load(r, w.rejoin)
		r.Close() // it was only read
		if err == nil {
			err = c.foreign()
		}
		if err != nil {
			return c, fmt.Errorf("%s: %w", w.path, err)
		}
		w.file, err = w.disk.Append(w.path)
	} else if errors.Is(err, fs.ErrNotExist) {
		if w.file, err = w.disk.New(w.path); err == nil {
			err = w.disk.SyncDir(filepath.Dir(w.path))
		}
	}
	if err != nil {
		return c, errors.Join(err, w.close())
	}
	w.state, w.size = c.state, c.size
	// A line that was cut off must not be continued by the next one. And with rejoin, what came
	// before a leave has to be repeated after it.
	w.damaged = c.torn || c.left && w.rejoin
	return c, nil
}

// save applies a batch and writes it as far as the disk allows; what the disk refuses is part of
// the next rewrite. sync asks for an fsync, and for a rewrite even if one failed a moment ago; so
// does a leave. An error means that the file isn't, or still isn't, as it should be.
func (w *writer) save(b batch, now time.Time, sync bool) error {
	lines := w.apply(b)
	sync = sync || w.state.left
	if w.file == nil || !w.file.At(w.path) {
		w.damaged = true // removed or replaced under us
	}
	var err error
	if !w.damaged {
		err = w.timed("appendLine", func() error { return w.append(lines, sync) })
		w.damaged = err != nil
	}
	if !w.damaged && w.size <= w.limit() {
		return nil
	}
	if w.failed == nil || sync || !now.Before(w.retry) {
		w.failed, w.retry = w.timed("compact", w.rewrite), now.Add(retryInterval)
		if w.failed == nil {
			return nil // whatever went wrong before, the state is in the file now
		}
		w.counts.Change(func(c *Counters) { c.Failures++ })
	}
	return errors.Join(err, w.failed)
}

// timed calls f and reports how long it took.
func (w *writer) timed(what string, f func() error) error {
	if w.observe == nil {
		return f()
	}
	began := time.Now()
	err := f()
	w.observe(what, time.Since(began))
	return err
}

// apply applies a batch to the state and returns the lines to append. Lines that couldn't be read
// again are left out.
func (w *writer) apply(b batch) []byte {
	w.out = w.out[:0]
	var lines uint64
	skipped := b.merged.unknown
	for line := range bytes.Lines(b.lines) {
		r, ok := parseLine(string(line[:len(line)-1]))
		if !ok {
			skipped++
			continue
		}
		w.state.apply(r, w.rejoin)
		w.out = append(w.out, line...)
		lines++
	}
	w.counts.Change(func(c *Counters) {
		c.Lines += lines
		c.Skipped += skipped
		c.Merged += b.merged.merged
	})
	if b.merged.last != nil {
		b.merged.applyTo(w.state, w.rejoin)
		w.damaged = true // these lines aren't there to be appended
	}
	return w.out
}

func (w *writer) append(lines []byte, sync bool) error {
	if len(lines) > 0 {
		if w.size+int64(len(lines)) > fileMax {
			return errTooLarge
		}
		n, err := w.file.Write(lines)
		w.size += int64(n)
		if err != nil {
			return err
		}
	}
	if sync {
		return w.file.Sync()
	}
	return nil
}

// limit is the size beyond which the file is rewritten. Twice the size after the last rewrite keeps
// long names from causing one rewrite after the other.
func (w *writer) limit() int64 {
	members := int64(len(w.state.alive) + len(w.state.failed))
	return max(compactMin, compactFactor*bytesPerMember*members, compactFactor*w.base)
}

// rewrite replaces the file by one with the state alone. A crash at any moment leaves the old file
// or the new one.
func (w *writer) rewrite() error {
	w.counts.Change(func(c *Counters) { c.Rewrites++ })
	if err := w.checkPlace(); err != nil {
		return err
	}
	w.close() // Windows doesn't let an open file be replaced; an error is of no interest then
	w.out = w.state.appendTo(w.out[:0])
	err := disk.ReplaceIn(w.disk, w.path, w.out)
	if err == nil {
		w.size, w.base = int64(len(w.out)), int64(len(w.out))
	}
	err = errors.Join(err, w.reopen())
	w.damaged = err != nil
	return err
}

// checkPlace returns an error if the file that is at the path now must not be replaced, because it
// is no snapshot.
func (w *writer) checkPlace() error {
	if w.file != nil && w.file.At(w.path) {
		return nil
	}
	r, err := w.disk.Open(w.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	c, err := load(r, w.rejoin)
	r.Close() // it was only read
	if err == nil {
		err = c.foreign()
	}
	if err != nil {
		return fmt.Errorf("%s, which has come to the place of the snapshot: %w", w.path, err)
	}
	return nil
}

// reopen opens the file that is at the path now, if none is open.
func (w *writer) reopen() error {
	if w.file != nil {
		return nil
	}
	f, err := w.disk.Append(w.path)
	if err != nil {
		w.damaged = true
		return err
	}
	w.file = f
	return nil
}

// close closes the file, if it is open.
func (w *writer) close() error {
	if w.file == nil {
		return nil
	}
	err := w.file.Close()
	w.file = nil
	return err
}
