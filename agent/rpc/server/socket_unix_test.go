//go:build unix

package server

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"serf/internal/systest"
)

func TestSocketHasItsMode(t *testing.T) {
	t.Parallel()
	for _, mode := range []fs.FileMode{0o600, 0o660, 0o666} {
		path := systest.SocketPath(t)
		ln, err := ListenUnix(path, mode, os.Getgid())
		if err != nil {
			t.Fatal(err)
		}
		defer ln.Close()
		info, err := os.Lstat(path)
		if err != nil || info.Mode() != fs.ModeSocket|mode {
			t.Errorf("%v, %v, want %v", info.Mode(), err, mode)
		}
		if got := info.Sys().(*syscall.Stat_t).Gid; int(got) != os.Getgid() {
			t.Errorf("group %d", got)
		}
	}
}

// Before its mode is set a socket is private, whatever the mask of the process.
func TestSocketIsBornPrivate(t *testing.T) {
	was := syscall.Umask(0)
	defer syscall.Umask(was)
	path := systest.SocketPath(t)
	ln, err := bindUnix(path)
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	if info, err := os.Lstat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if mask := syscall.Umask(0); mask != 0 {
		t.Errorf("the mask of the process is now %o", mask)
	}
}

func TestSocketThatCannotBePermittedIsRemoved(t *testing.T) {
	t.Parallel()
	if os.Getuid() == 0 {
		t.Skip("root may give a socket to any group")
	}
	path := systest.SocketPath(t)
	if _, err := ListenUnix(path, 0o660, 0); err == nil {
		t.Fatal("no error")
	}
	if left, err := os.ReadDir(filepath.Dir(path)); len(left) > 0 || err != nil {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestFolderOfASocketThatAllCanChange(t *testing.T) {
	t.Parallel()
	path := systest.SocketPath(t)
	if err := os.Chmod(filepath.Dir(path), 0o777); err != nil {
		t.Fatal(err)
	}
	if _, err := ListenUnix(path, 0o600, NoGroup); !errors.Is(err, ErrOpenFolder) {
		t.Error(err)
	}
	if err := os.Chmod(filepath.Dir(path), 0o777|fs.ModeSticky); err != nil { // as /tmp
		t.Fatal(err)
	}
	listenUnix(t, path)
}
