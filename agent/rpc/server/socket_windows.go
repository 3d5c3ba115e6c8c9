package server

import (
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"
)

// errConnRefused is WSAECONNREFUSED; the constant of that name in package syscall is a number that
// only Go knows.
const errConnRefused = syscall.Errno(10061)

// isSocket can't tell a socket from other files that are no regular ones.
func isSocket(info fs.FileInfo) bool { return !info.Mode().IsRegular() && !info.IsDir() }

func checkFolder(path string) error {
	_, err := os.Stat(filepath.Dir(path))
	return err
}

func bindUnix(path string) (*net.UnixListener, error) {
	return net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
}

// permit: who may use a socket is decided by its folder.
func permit(string, fs.FileMode, int) error { return nil }
