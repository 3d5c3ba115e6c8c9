//go:build unix && !solaris && !aix

package disk

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// openLock opens and locks a file that may not be there yet.
func openLock(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, fileMode)
	if err != nil {
		return nil, err
	}
	err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		err = errLocked
	}
	if err == nil && !at(f, path) {
		err = errLocked // its last owner has just removed it
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// at reports whether path leads to f.
func at(f *os.File, path string) bool {
	own, err := f.Stat()
	if err != nil {
		return false
	}
	there, err := os.Lstat(path)
	return err == nil && os.SameFile(own, there)
}

// remove removes the file while it is locked: whoever has opened it meanwhile notices.
func (l *Lock) remove() { os.Remove(l.path) }

// heldOpen: a file that is open can be replaced here.
func heldOpen(error) bool { return false }
