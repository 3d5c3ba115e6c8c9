//go:build unix

package server

import (
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"
)

const errConnRefused = syscall.ECONNREFUSED

// privateMask takes all rights from all but the owner.
const privateMask = 0o177

func isSocket(info fs.FileInfo) bool { return info.Mode()&fs.ModeSocket != 0 }

// checkFolder refuses a folder in which others could put a link in place of the socket, whose mode
// would then be changed.
func checkFolder(path string) error {
	info, err := os.Stat(filepath.Dir(path))
	if err != nil {
		return err
	}
	if info.Mode()&0o002 != 0 && info.Mode()&fs.ModeSticky == 0 {
		return ErrOpenFolder
	}
	return nil
}

// bindUnix makes a socket that its owner alone can use. The mask holds for the whole process, but
// only for this moment, and takes more away than it must: files made meanwhile are at worst more
// private.
func bindUnix(path string) (*net.UnixListener, error) {
	defer syscall.Umask(syscall.Umask(privateMask))
	return net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
}

// permit gives a socket its group, and then its mode.
func permit(path string, mode fs.FileMode, gid int) error {
	if gid != NoGroup {
		if err := os.Lchown(path, -1, gid); err != nil {
			return err
		}
	}
	return os.Chmod(path, mode)
}
