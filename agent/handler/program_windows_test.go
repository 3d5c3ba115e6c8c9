package handler

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The system would hand a batch file to cmd, however it is named.
func TestBatchFilesAreNoPrograms(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a.bat", "b.cmd"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("echo ran\r\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", dir)
	for _, name := range []string{"a.bat", `C:\dir\A.BAT`, "b.Cmd ", "b.cmd."} {
		if _, err := Parse("exec:'" + name + "' x"); err == nil || !strings.Contains(err.Error(), "is a batch file") {
			t.Errorf("%q: %v", name, err)
		}
	}
	for _, name := range []string{"a", "b", filepath.Join(dir, "a"), filepath.Join(dir, "b")} {
		if path, err := findProgram(name); err == nil || !strings.Contains(err.Error(), "is a batch file") {
			t.Errorf("%q: found %q, %v", name, path, err)
		}
	}
}
