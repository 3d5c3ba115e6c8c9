package server

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"time"

	"serf/agent/disk"
)

// NoGroup leaves a socket to the group that the system gives it.
const NoGroup = -1

// probeTimeout bounds how long it may take to see whether a program answers at a socket.
const probeTimeout = time.Second

// Errors of ListenUnix.
var (
	ErrSocketInUse = errors.New("a running agent or another program listens there")
	ErrNoSocket    = errors.New("something else than a socket is there, and is left alone")
	ErrOpenFolder  = errors.New("all users may replace files in its folder; use another folder, or " +
		"take that right away")
)

// ListenUnix listens on a Unix socket at path, which clients with the permissions mode may connect
// to: nobody else may at any time. A socket that a dead agent left there is replaced. The listener
// removes its own when it is closed. On Windows mode and gid do nothing.
func ListenUnix(path string, mode fs.FileMode, gid int) (net.Listener, error) {
	if err := checkFolder(path); err != nil {
		return nil, err
	}
	lock, err := disk.LockFile(path)
	if errors.Is(err, disk.ErrInUse) {
		return nil, ErrSocketInUse
	}
	if err != nil {
		return nil, err
	}
	ln, err := listenLocked(path, mode, gid)
	if err != nil {
		lock.Release()
		return nil, err
	}
	return &unixListener{ln, lock}, nil
}

// listenLocked is ListenUnix while no other agent uses path.
func listenLocked(path string, mode fs.FileMode, gid int) (*net.UnixListener, error) {
	if err := removeStale(path); err != nil {
		return nil, err
	}
	ln, err := bindUnix(path)
	if err != nil {
		return nil, err
	}
	if err := permit(path, mode, gid); err != nil {
		ln.Close()
		return nil, err
	}
	return ln, nil
}

// removeStale removes a socket at which nobody listens.
func removeStale(path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case !isSocket(info):
		return ErrNoSocket
	}
	ctx, cancel := context.WithTimeout(context.Background(), probeTimeout)
	defer cancel()
	var d net.Dialer
	c, err := d.DialContext(ctx, "unix", path)
	if err == nil {
		c.Close()
		return ErrSocketInUse
	}
	if !errors.Is(err, errConnRefused) { // such as a listener whose queue is full
		return fmt.Errorf("%w: %w", ErrSocketInUse, err)
	}
	return os.Remove(path)
}

// unixListener releases the lock after the socket is removed.
type unixListener struct {
	*net.UnixListener
	lock *disk.Lock
}

func (l *unixListener) Close() error {
	err := l.UnixListener.Close()
	if !errors.Is(err, net.ErrClosed) {
		l.lock.Release()
	}
	return err
}
