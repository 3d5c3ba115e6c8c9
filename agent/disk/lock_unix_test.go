//go:build unix && !solaris && !aix

package disk

import (
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// A user who may write to /dev could otherwise turn a device into a file. A pipe stands in for the
// device: a test that fails must not leave a system without its /dev/null.
func TestDeviceIsNotReplaced(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	pipe, link := filepath.Join(dir, "pipe"), filepath.Join(dir, "link")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Skip("pipes can't be made here: ", err)
	}
	if err := os.Symlink(pipe, link); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{pipe, link} {
		if err := Replace(path, []byte("x")); err == nil {
			t.Errorf("%s was replaced", path)
		}
	}
	if info, err := os.Stat(pipe); err != nil || info.Mode().Type() != fs.ModeNamedPipe {
		t.Errorf("it is something else now: %v", err)
	}
}

// A process that opens a lock file just before its owner removes it locks a file that nobody else
// will find.
func TestLockThatIsRemovedMeanwhileIsNone(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "lock")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if !at(f, path) {
		t.Error("it is there")
	}
	if err := os.Remove(path); err != nil || at(f, path) {
		t.Errorf("it is gone: %v", err)
	}
	if other, err := os.Create(path); err != nil || other.Close() != nil || at(f, path) {
		t.Errorf("it is another: %v", err)
	}
}
