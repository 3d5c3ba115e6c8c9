package recording

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"serf/agent/disk"
)

// Other users are kept out: tags, payloads and addresses are private.
const fileMode, dirMode = 0o600, 0o700

// numberDigits is how long the number is that a segment's name begins with: names sort by it.
const numberDigits = 8

// nameTime is the form of the time that follows it.
const nameTime = "20060102T150405Z"

// lockName is the file whose lock keeps other agents out.
const lockName = "recording"

// files are the segments on the disk, which the writer owns.
type files struct {
	dir     string
	limit   int64
	lock    *disk.Lock
	list    []segmentFile // oldest first
	total   int64         // bytes
	removed uint64
	number  int            // of the last
	current io.WriteCloser // the last of list; nil if none is written

	create func(path string) (io.WriteCloser, error)
}

type segmentFile struct {
	path string
	size int64
}

// open finds what earlier runs have left. The error names the path.
func (f *files) open() (err error) {
	if err := os.MkdirAll(f.dir, dirMode); err != nil {
		return err
	}
	if f.lock, err = disk.LockFile(filepath.Join(f.dir, lockName)); err != nil {
		if errors.Is(err, disk.ErrInUse) {
			err = fmt.Errorf("%s: another agent records there; each needs a directory of its own",
				f.dir)
		}
		return err
	}
	names, err := segmentNames(f.dir)
	if err != nil {
		f.lock.Release()
		return err
	}
	for _, name := range names {
		digits, _, _ := strings.Cut(name, "-")
		n, notOurs := strconv.Atoi(digits)
		if notOurs != nil || len(digits) != numberDigits {
			continue // whoever put it there removes it
		}
		path := filepath.Join(f.dir, name)
		f.number = max(f.number, n)
		if info, err := os.Stat(path); err == nil {
			f.list = append(f.list, segmentFile{path, info.Size()})
			f.total += info.Size()
		}
	}
	return nil
}

func createFile(path string) (io.WriteCloser, error) {
	return os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, fileMode)
}

// write writes bytes to the current segment, or begins one with them if there is a header.
func (f *files) write(b []byte, h *Header) error {
	if err := f.makeRoom(int64(len(b)), h != nil); err != nil {
		return err
	}
	if h != nil {
		if err := f.next(h.Time); err != nil {
			return err
		}
	}
	n, err := f.current.Write(b)
	f.list[len(f.list)-1].size += int64(n)
	f.total += int64(n)
	if err != nil && h != nil {
		f.discard()
	}
	return err
}

// discard removes the current segment: one without its checkpoint can't be replayed.
func (f *files) discard() {
	last := len(f.list) - 1
	f.end()
	if os.Remove(f.list[last].path) == nil {
		f.total -= f.list[last].size
		f.list = f.list[:last]
	}
}

// next begins a segment.
func (f *files) next(now time.Time) error {
	f.end()
	f.number++
	name := fmt.Sprintf("%0*d-%s%s", numberDigits, f.number, now.Format(nameTime), suffix)
	path := filepath.Join(f.dir, name)
	w, err := f.create(path)
	if err != nil {
		return err
	}
	f.current = w
	f.list = append(f.list, segmentFile{path: path})
	return nil
}

// end ends the current segment, if there is one.
func (f *files) end() {
	if f.current != nil {
		f.current.Close()
		f.current = nil
	}
}

// makeRoom removes the oldest segments until n bytes more are within the limit. The current one
// stays, unless it is over. What can't have room removes nothing.
func (f *files) makeRoom(n int64, over bool) error {
	removable := f.list
	if !over && f.current != nil {
		removable = f.list[:len(f.list)-1]
	}
	least := f.total + n
	for i := range removable {
		least -= removable[i].size
	}
	if least > f.limit {
		return fmt.Errorf("%s: the limit of %s has no room for %d bytes more: a segment takes a "+
			"part of it", f.dir, SizeText(f.limit), n)
	}
	for i := 0; f.total+n > f.limit; {
		if i == len(removable) {
			return fmt.Errorf("%s: no old segment could be removed, the limit is reached", f.dir)
		}
		if err := os.Remove(removable[i].path); err != nil && !errors.Is(err, os.ErrNotExist) {
			i++ // somebody has it open, where that matters
			continue
		}
		f.total -= removable[i].size
		f.removed++
		f.list = slices.Delete(f.list, i, i+1)
		removable = removable[:len(removable)-1]
	}
	return nil
}

// close ends the recording.
func (f *files) close() {
	f.end()
	f.lock.Release()
}
