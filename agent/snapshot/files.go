package snapshot

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"
	"syscall"
)

// files is what a snapshot needs of the file system. Tests bring one that fails.
type files interface {
	// Open opens a file for reading.
	Open(path string) (io.ReadCloser, error)
	// Append opens a file that exists for writing at its end.
	Append(path string) (file, error)
	// Create makes a new file for writing, in the place of one that is there already.
	Create(path string) (file, error)
	// Rename moves a file, in the place of one that is there already, at once.
	Rename(from, to string) error
	Remove(path string) error
	// SyncDir makes what Create, Rename and Remove did in a directory outlast a loss of power.
	SyncDir(path string) error
}

type file interface {
	io.WriteCloser
	Sync() error
	// At tells whether path still leads to this file.
	At(path string) bool
}

// fileMode keeps others out: who is in a cluster and where is nobody's business.
const fileMode = 0o600

type osFiles struct{}

func (osFiles) Open(path string) (io.ReadCloser, error) {
	// To open a pipe would wait for somebody who writes.
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, err
	case info.IsDir():
		return nil, fmt.Errorf("%s is a directory, want a file", path)
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is not a regular file", path)
	}
	return os.Open(path)
}

func (osFiles) Append(path string) (file, error) {
	return wrap(os.OpenFile(path, os.O_WRONLY|os.O_APPEND, fileMode))
}

// Create doesn't write into a file that is there: it could be another's, or a link to one.
func (osFiles) Create(path string) (file, error) {
	const flags = os.O_WRONLY | os.O_APPEND | os.O_CREATE | os.O_EXCL
	f, err := os.OpenFile(path, flags, fileMode)
	if errors.Is(err, fs.ErrExist) {
		if err := os.Remove(path); err != nil {
			return nil, err
		}
		f, err = os.OpenFile(path, flags, fileMode)
	}
	return wrap(f, err)
}

func (osFiles) Rename(from, to string) error { return os.Rename(from, to) }
func (osFiles) Remove(path string) error     { return os.Remove(path) }

// SyncDir does nothing where directories can't be synced: on Windows, on some network
// file systems, and in directories that may be written but not read. What it adds is
// protection from a loss of power only.
func (osFiles) SyncDir(path string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(path)
	if err == nil {
		err = errors.Join(d.Sync(), d.Close())
	}
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EINVAL) || errors.Is(err, errors.ErrUnsupported) {
		return nil
	}
	return err
}

type osFile struct{ *os.File }

func wrap(f *os.File, err error) (file, error) {
	if err != nil {
		return nil, err
	}
	return osFile{f}, nil
}

func (f osFile) At(path string) bool {
	own, err := f.Stat()
	if err != nil {
		return false
	}
	there, err := os.Stat(path)
	return err == nil && os.SameFile(own, there)
}
