//go:build unix

package agent

import (
	"errors"
	"io"
	"log/slog"
	"path/filepath"
	"syscall"
	"testing"
)

// An agent whose log goes to a pipe starts, or says that nobody reads there: it doesn't wait.
func TestLogFileIsAPipeThatNobodyReads(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Skip(err)
	}
	l := NewLog(io.Discard, slog.LevelError)
	defer l.Close()
	if x, err := OpenLogFile(l, slog.LevelInfo, path, LogText); !errors.Is(err, syscall.ENXIO) {
		x.Close()
		t.Error(err)
	}
}
