package agent

import (
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func readFile(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestLogFileIsAppendedTo(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "serf.log")
	for _, text := range []string{"first", "second"} {
		l := NewLog(io.Discard, slog.LevelError)
		l.Infof("agent", "%s", text) // before it is opened
		x, err := OpenLogFile(l, slog.LevelInfo, path, LogText)
		if err != nil {
			t.Fatal(err)
		}
		l.Debugf("agent", "hidden")
		l.Close()
		x.Close()
	}
	wantWritten(t, readFile(t, path), "[INFO] agent: first", "[INFO] agent: second")
	if info, err := os.Stat(path); runtime.GOOS != "windows" && (err != nil || info.Mode().Perm()&^0o640 != 0) {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}

func TestLogFileThatCannotBeOpened(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "gone", "serf.log")
	l := NewLog(io.Discard, slog.LevelError)
	defer l.Close()
	_, err := OpenLogFile(l, slog.LevelInfo, path, LogText)
	if !errors.Is(err, fs.ErrNotExist) || !strings.HasPrefix(err.Error(), path+": ") {
		t.Errorf("%v, want one that begins with %s", err, path)
	}
}

// memoryFile is a file whose writes can fail or wait.
type memoryFile struct {
	syncBuffer
	take   func(b []byte) (int, error) // nil: all of it
	closed bool
}

func (f *memoryFile) Write(b []byte) (int, error) {
	n, err := len(b), error(nil)
	if f.take != nil {
		n, err = f.take(b)
	}
	f.syncBuffer.Write(b[:n])
	return n, err
}

func (f *memoryFile) Close() error { f.closed = true; return nil }

// onMemory logs to files in turn: the next one is opened by Reopen.
func onMemory(t *testing.T, log *syncBuffer, files ...*memoryFile) (*Log, *LogFile) {
	t.Helper()
	l := NewLog(log, slog.LevelInfo)
	next := 0
	x, err := openLogFile(l, slog.LevelInfo, "x", LogText, func(string) (io.WriteCloser, error) {
		if next == len(files) {
			return nil, errors.New("x: no more files")
		}
		next++
		return files[next-1], nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return l, x
}

func TestReopenedLogFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out syncBuffer
		old, next := &memoryFile{}, &memoryFile{}
		l, x := onMemory(t, &out, old, next)
		l.Infof("agent", "one")
		synctest.Wait()
		x.Reopen()
		synctest.Wait()
		l.Infof("agent", "two")
		synctest.Wait()
		x.Reopen() // fails
		synctest.Wait()
		l.Infof("agent", "three")
		l.Close()
		x.Close()
		wantWritten(t, old.String(), "[INFO] agent: one")
		wantWritten(t, next.String(), "[INFO] agent: Opened the log file again: x", "[INFO] agent: two",
			"[ERR] agent: Failed to open the log file again, the old one stays in use: x: no more files", "[INFO] agent: three")
		if !old.closed || !next.closed {
			t.Error("a file stays open")
		}
	})
}

// A disk that is full for a while: what is lost is counted, and the file itself says so.
func TestLogFileThatTakesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out syncBuffer
		f := &memoryFile{}
		l, x := onMemory(t, &out, f)
		l.Infof("agent", "one")
		synctest.Wait()
		f.take = func(b []byte) (int, error) { return 0, errors.New("disk full") }
		for range 3 { // the first failure is logged, and lost as well
			l.Infof("agent", "lost")
			synctest.Wait()
		}
		if got := x.Lost(); got != 4 {
			t.Errorf("%d lines lost, want 4", got)
		}
		f.take = nil
		l.Infof("agent", "two")
		synctest.Wait()
		l.Close()
		x.Close()
		wantWritten(t, f.String(), "[INFO] agent: one", "[INFO] agent: two",
			"[ERR] agent: The log file takes no lines, they are lost: x: disk full (3 more)", "[INFO] agent: The log file takes lines again; lost so far: 4")
		if n := strings.Count(out.String(), "they are lost"); n != 2 {
			t.Errorf("the failure is logged %d times:\n%s", n, out.String())
		}
	})
}

// A line that was cut off doesn't swallow the next one.
func TestLogFileThatTakesPartOfALine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out syncBuffer
		f := &memoryFile{}
		l, x := onMemory(t, &out, f)
		f.take = func(b []byte) (int, error) { f.take = nil; return len(b) - 3, errors.New("disk full") }
		l.Infof("agent", "torn")
		synctest.Wait()
		l.Close()
		x.Close()
		if got := x.Lost(); got != 1 {
			t.Errorf("%d lines lost, want 1", got)
		}
		wantWritten(t, f.String(), "[INFO] agent: to", "[ERR] agent: The log file takes no lines, they are lost: x: disk full",
			"[INFO] agent: The log file takes lines again; lost so far: 1")
	})
}

func TestStuckLogFileHoldsUpNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out syncBuffer
		hold := make(chan struct{})
		f := &memoryFile{take: func(b []byte) (int, error) { <-hold; return len(b), nil }}
		l, x := onMemory(t, &out, f)
		l.Infof("agent", "in hand")
		synctest.Wait()
		for range logFileQueue + 3 {
			l.Infof("agent", "more")
		}
		if got := x.Lost(); got != 3 {
			t.Errorf("%d lines lost, want 3: the queue has room for the rest", got)
		}
		began := time.Now()
		x.Reopen()
		x.Close()
		if took := time.Since(began); took != logFileCloseWait {
			t.Errorf("Reopen and Close took %v, want %v", took, logFileCloseWait)
		}
		close(hold)
		l.Close()
	})
}
