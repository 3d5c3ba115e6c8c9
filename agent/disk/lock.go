package disk

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"
)

// lockSuffix is added to the name of a file for the one that is locked instead of it: the file
// itself is replaced now and then.
const lockSuffix = ".lock"

// ErrInUse means that another process, or another part of this one, has the file.
var ErrInUse = errors.New("another agent uses this file; each needs one of its own")

// errLocked: somebody else has the lock just now.
var errLocked = errors.New("locked")

const (
	// lockWait is how long the lock of a process that was just killed may last: the system releases
	// it when it has cleaned up.
	lockWait = 200 * time.Millisecond
	// lockPause is the time between two tries.
	lockPause = 20 * time.Millisecond
)

// Lock keeps others from using a file. It ends with the process, however that ends.
type Lock struct {
	path string
	f    *os.File
}

// LockFile locks the file at path, which need not exist. The error is ErrInUse if somebody else has
// the lock; any other means that the file can't be locked, for instance in a directory that can't
// be written, where it can't be replaced either.
func LockFile(path string) (*Lock, error) {
	path, err := Follow(path)
	if err != nil {
		return nil, err
	}
	if strings.HasSuffix(path, lockSuffix) { // it would be replaced, and lock nothing any more
		return nil, fmt.Errorf("a name in %s is that of a lock: %w", lockSuffix, ErrInUse)
	}
	path += lockSuffix
	for waited := time.Duration(0); ; waited += lockPause {
		if err := ownLock(path); err != nil {
			return nil, err
		}
		f, err := openLock(path)
		switch {
		case err == nil:
			return &Lock{path, f}, nil
		case errors.Is(err, errLocked) && waited >= lockWait:
			return nil, ErrInUse
		case !errors.Is(err, errLocked) && (!heldOpen(err) || waited >= lockWait):
			return nil, err
		}
		time.Sleep(lockPause)
	}
}

// ownLock returns an error if the file at path isn't a lock. A lock is always empty.
func ownLock(path string) error {
	info, err := present(path)
	if info != nil && (!info.Mode().IsRegular() || info.Size() > 0) {
		return fmt.Errorf("%s is in the way of a lock", path)
	}
	return err
}

// Release releases the lock. It may be called again, and on nil.
func (l *Lock) Release() {
	if l == nil || l.f == nil {
		return
	}
	l.remove()
	l.f.Close()
	l.f = nil
}
