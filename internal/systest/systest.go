// Package systest has what tests need on systems that differ.
package systest

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	_ "serf/internal/systest/lazygc"
)

// NoSuchFile is what this system says of a file that isn't there.
func NoSuchFile(t testing.TB) string {
	t.Helper()
	_, err := os.Open(filepath.Join(t.TempDir(), "none"))
	var of *fs.PathError
	if !errors.As(err, &of) {
		t.Fatal("a file that isn't there:", err)
	}
	return of.Err.Error()
}

// NeedGo skips a test where the go command isn't at hand, as under Wine.
func NeedGo(t testing.TB) {
	t.Helper()
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip(err)
	}
}

// Symlink makes a link at path. The test is skipped where that isn't allowed, or where one is made
// that isn't one, as by Wine.
func Symlink(t testing.TB, to, path string) {
	t.Helper()
	if err := os.Symlink(to, path); err != nil {
		t.Skip("links can't be made here: ", err)
	}
	if got, err := os.Readlink(path); err != nil || got != to {
		t.Skipf("a link to %s leads to %q here, %v", to, got, err)
	}
}
