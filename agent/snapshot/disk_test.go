package snapshot

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"maps"
	"slices"
	"sync"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"serf/agent/disk"
)

var (
	errKilled = errors.New("killed")
	errBroken = errors.New("input/output error")
)

const testPath = "dir/snapshot"

// memDisk is a file system in memory that fails on demand. It also knows what a power loss would
// leave.
type memDisk struct {
	mu      sync.Mutex
	files   map[string]*inode
	durable map[string]*inode // of the directory, at its last sync
	ops     int
	open    int // files open for writing

	killAt  int  // the operation at which, and after which, nothing works any more; 0: none
	brokeAt int  // the one operation that fails
	room    int  // bytes until the disk is full; negative: no end
	half    bool // what fails in a write writes half

	gate chan struct{} // if set, operations wait until it is closed
}

type inode struct {
	data   []byte
	synced int // bytes that outlast a loss of power
}

func newMemDisk(content string) *memDisk {
	d := &memDisk{files: make(map[string]*inode), room: -1}
	if content != "" {
		d.files[testPath] = &inode{data: []byte(content), synced: len(content)}
	}
	d.durable = maps.Clone(d.files)
	return d
}

// begin counts an operation and reports whether it fails.
func (d *memDisk) begin() error {
	d.mu.Lock()
	gate := d.gate
	d.mu.Unlock()
	if gate != nil {
		<-gate
	}
	d.mu.Lock()
	d.ops++
	switch {
	case d.killAt > 0 && d.ops >= d.killAt:
		return errKilled
	case d.ops == d.brokeAt:
		return errBroken
	}
	return nil
}

func (d *memDisk) Open(path string) (io.ReadCloser, error) {
	defer d.mu.Unlock()
	if err := d.begin(); err != nil {
		return nil, err
	}
	f, ok := d.files[path]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return io.NopCloser(bytes.NewReader(slices.Clone(f.data))), nil
}

func (d *memDisk) Append(path string) (file, error) {
	defer d.mu.Unlock()
	if err := d.begin(); err != nil {
		return nil, err
	}
	f, ok := d.files[path]
	if !ok {
		return nil, fs.ErrNotExist
	}
	d.open++
	return &memFile{d, f}, nil
}

func (d *memDisk) New(path string) (file, error) {
	f, err := d.Create(path)
	if err != nil {
		return nil, err
	}
	return f.(*memFile), nil
}

func (d *memDisk) Create(path string) (disk.File, error) {
	defer d.mu.Unlock()
	if err := d.begin(); err != nil {
		return nil, err
	}
	f := &inode{}
	d.files[path] = f
	d.open++
	return &memFile{d, f}, nil
}

func (d *memDisk) Rename(from, to string) error {
	defer d.mu.Unlock()
	if err := d.begin(); err != nil {
		return err
	}
	f, ok := d.files[from]
	if !ok {
		return fs.ErrNotExist
	}
	delete(d.files, from)
	d.files[to] = f
	return nil
}

func (d *memDisk) Remove(path string) error {
	defer d.mu.Unlock()
	if err := d.begin(); err != nil {
		return err
	}
	delete(d.files, path)
	return nil
}

func (d *memDisk) SyncDir(string) error {
	defer d.mu.Unlock()
	if err := d.begin(); err != nil {
		return err
	}
	d.durable = maps.Clone(d.files)
	return nil
}

type memFile struct {
	d *memDisk
	f *inode
}

func (f *memFile) Write(b []byte) (int, error) {
	defer f.d.mu.Unlock()
	n := len(b)
	err := f.d.begin()
	switch {
	case err != nil && f.d.half:
		n /= 2
	case err != nil:
		n = 0
	case f.d.room >= 0 && n > f.d.room:
		n, err = f.d.room, syscall.ENOSPC
	}
	if f.d.room >= 0 {
		f.d.room -= n
	}
	f.f.data = append(f.f.data, b[:n]...)
	return n, err
}

func (f *memFile) Sync() error {
	defer f.d.mu.Unlock()
	if err := f.d.begin(); err != nil {
		return err
	}
	f.f.synced = len(f.f.data)
	return nil
}

func (f *memFile) Close() error {
	defer f.d.mu.Unlock()
	err := f.d.begin()
	f.d.open--
	return err
}

func (f *memFile) At(path string) bool {
	defer f.d.mu.Unlock()
	return f.d.begin() == nil && f.d.files[path] == f.f
}

// content is the file's content as processes see it.
func (d *memDisk) content() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	if f := d.files[testPath]; f != nil {
		return string(f.data)
	}
	return ""
}

func (d *memDisk) setRoom(n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.room = n
}

// remove removes the file without the agent's knowledge.
func (d *memDisk) remove() {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.files, testPath)
}

// afterPowerLoss returns the possible contents of the file then: the directory in its old or new
// state, and of unsynced data none, some or all.
func (d *memDisk) afterPowerLoss() (contents []string) {
	for _, dir := range []map[string]*inode{d.durable, d.files} {
		f := dir[testPath]
		if f == nil {
			contents = append(contents, "")
			continue
		}
		for _, n := range []int{f.synced, (f.synced + len(f.data)) / 2, len(f.data)} {
			contents = append(contents, string(f.data[:n]))
		}
	}
	return contents
}

// loaded is the state in a file with that content.
func loaded(t interface {
	Helper()
	Fatal(...any)
}, text string, rejoin bool) State {
	t.Helper()
	c, err := load(bytes.NewReader([]byte(text)), rejoin)
	if err != nil {
		t.Fatal(err)
	}
	return c.export()
}

// wantState compares states.
func wantState(t *testing.T, why string, want, got State) {
	t.Helper()
	if d := cmp.Diff(want, got, cmpAddr); d != "" {
		t.Errorf("%s: -want +got:\n%s", why, d)
	}
}
