// Package disk replaces, locks and reads the files that an agent keeps.
package disk

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"time"
)

// TempSuffix is added to the name of a file for the one that is to replace it. It is always the
// same, so that what a crash leaves behind is overwritten instead of piling up; and no other
// program uses it.
const TempSuffix = ".serf-new"

// fileMode keeps other users out: keys are secrets, and the members of a cluster and their
// addresses are private.
const fileMode = 0o600

// FS is the part of the file system that replacing a file uses. Tests have one that fails.
type FS interface {
	// Create makes a new file for writing, replacing one that a crash left there.
	Create(path string) (File, error)
	// Rename atomically moves a file, replacing one that is there.
	Rename(from, to string) error
	Remove(path string) error
	// SyncDir makes the effects of Create, Rename and Remove in a directory survive a power loss.
	SyncDir(path string) error
}

// File is open for writing.
type File interface {
	io.WriteCloser
	Sync() error
}

// Replace writes data to the file at path, readable by its owner alone, so that a crash at any
// moment leaves either the old content or the new. A link stays a link, and the file that it leads
// to is replaced.
func Replace(path string, data []byte) error {
	path, err := Follow(path)
	if err != nil {
		return err
	}
	if err := replaceable(path); err != nil {
		return err
	}
	return ReplaceIn(OS{}, path, data)
}

// ReplaceIn is Replace on a file system, for a path that is no link. On Windows the file must not
// be open.
func ReplaceIn(disk FS, path string, data []byte) error {
	temp := path + TempSuffix
	f, err := disk.Create(temp)
	if err != nil {
		return err
	}
	if err = write(f, data); err == nil {
		err = disk.Rename(temp, path)
	}
	if err != nil {
		disk.Remove(temp) // if this fails too, the next replacement overwrites the file
		return err
	}
	return disk.SyncDir(filepath.Dir(path))
}

// write writes and syncs data, because the rename could otherwise reach the disk first, and closes
// the file.
func write(f File, data []byte) error {
	_, err := f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// linksMax is how many links in a row are followed, as by systems.
const linksMax = 40

// Follow returns what path leads to, even if there is nothing yet.
func Follow(path string) (string, error) {
	for range linksMax {
		to, err := os.Readlink(path)
		if err != nil {
			return path, nil // no link; any other problem will show later
		}
		if !filepath.IsAbs(to) {
			to = filepath.Join(filepath.Dir(path), to)
		}
		path = to
	}
	return "", fmt.Errorf("%s: too many links", path)
}

// replaceable returns an error if a file must not replace what is at path: a device or a pipe would
// be gone.
func replaceable(path string) error {
	info, err := present(path)
	if info != nil && !info.Mode().IsRegular() {
		return fmt.Errorf("%s is not a regular file", path)
	}
	return err
}

// present describes the file at path; nil if there is none.
func present(path string) (fs.FileInfo, error) {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return info, err
}

// OS is the file system of this machine.
type OS struct{}

// Create doesn't write into an existing file, which could be a link to another.
func (OS) Create(path string) (File, error) {
	const flags = os.O_WRONLY | os.O_APPEND | os.O_CREATE | os.O_EXCL
	f, err := os.OpenFile(path, flags, fileMode)
	if errors.Is(err, fs.ErrExist) {
		if err := removeLeftover(path); err != nil {
			return nil, err
		}
		f, err = os.OpenFile(path, flags, fileMode)
	}
	if err != nil {
		return nil, err
	}
	return f, nil
}

// removeLeftover removes a file or link, and nothing else.
func removeLeftover(path string) error {
	info, err := os.Lstat(path)
	if err != nil {
		return err
	}
	if kind := info.Mode().Type(); kind != 0 && kind != fs.ModeSymlink {
		return fmt.Errorf("%s is in the way", path)
	}
	return os.Remove(path)
}

const (
	// renameWait is how long a program that reads the file for a moment, such as a virus scanner or
	// a backup, may delay its replacement. Only Windows lets it.
	renameWait = time.Second
	// renamePause is the time between two tries.
	renamePause = 20 * time.Millisecond
)

// Rename replaces to by from. Where a reader delays that, it tries again for up to renameWait.
func (OS) Rename(from, to string) error {
	for waited := time.Duration(0); ; waited += renamePause {
		err := os.Rename(from, to)
		if err == nil || !heldOpen(err) || waited >= renameWait {
			return err
		}
		time.Sleep(renamePause)
	}
}

// Remove deletes a file.
func (OS) Remove(path string) error { return os.Remove(path) }

// SyncDir does nothing where directories can't be synced: on Windows, on some network file systems,
// and in directories that may be written but not read. It only protects from a power loss.
func (OS) SyncDir(path string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(path)
	if err == nil {
		err = errors.Join(d.Sync(), d.Close())
	}
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EINVAL) ||
		errors.Is(err, errors.ErrUnsupported) {
		return nil
	}
	return err
}
