package snapshot

import (
	"fmt"
	"io"
	"os"

	"serf/agent/disk"
)

// files is the part of the file system that a snapshot uses. Tests have one that fails.
type files interface {
	// Open opens a file for reading.
	Open(path string) (io.ReadCloser, error)
	// Append opens a file that exists for writing at its end, and New makes one that doesn't.
	Append(path string) (file, error)
	New(path string) (file, error)
	disk.FS // to replace one
}

type file interface {
	disk.File
	// At reports whether path still leads to this file.
	At(path string) bool
}

// fileMode keeps other users out: the members of a cluster and their addresses are private.
const fileMode = 0o600

type osFiles struct{ disk.OS }

func (*osFiles) Open(path string) (io.ReadCloser, error) {
	// Opening a pipe would wait for a writer.
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

func (*osFiles) Append(path string) (file, error) { return openFile(path, 0) }
func (*osFiles) New(path string) (file, error)    { return openFile(path, os.O_CREATE|os.O_EXCL) }

func openFile(path string, how int) (file, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|how, fileMode)
	if err != nil {
		return nil, err
	}
	return &osFile{f}, nil
}

type osFile struct{ *os.File }

func (f *osFile) At(path string) bool {
	own, err := f.Stat()
	if err != nil {
		return false
	}
	there, err := os.Stat(path)
	return err == nil && os.SameFile(own, there)
}
