package agent

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"serf/internal/std"
)

const (
	// logFileQueue is how many lines may wait for a slow disk. Further ones are dropped and
	// counted.
	logFileQueue = 2048
	// logFileCloseWait bounds how long Close waits for a disk that takes nothing.
	logFileCloseWait = 2 * time.Second
	// logFileMode lets the group read: those who collect logs.
	logFileMode = 0o640
)

// logFileKey marks lines about a log file that takes nothing.
const logFileKey = "log file"

// LogFile appends a log to a file, which can be opened again when it was renamed. Nothing waits for
// it.
type LogFile struct {
	path    string
	log     *Log
	format  LogFormat
	monitor *Monitor
	failed  atomic.Uint64 // lines
	done    chan struct{}

	open func(path string) (io.WriteCloser, error)

	writing sync.Mutex
	f       io.WriteCloser
	torn    bool // the file ends within a line
	closed  bool

	mu        sync.Mutex
	opening   bool // a goroutine opens the file again
	openAgain bool // and has to do so once more
}

// OpenLogFile appends the lines of level and above that l has and will have to the file at path,
// which is made if it isn't there. Close it, before or after l.
func OpenLogFile(l *Log, level slog.Level, path string, format LogFormat) (*LogFile, error) {
	return openLogFile(l, level, path, format, openAppend)
}

func openLogFile(l *Log, level slog.Level, path string, format LogFormat,
	open func(path string) (io.WriteCloser, error)) (*LogFile, error) {
	f, err := open(path)
	if err != nil {
		return nil, err
	}
	x := &LogFile{path: path, log: l, format: format, open: open, f: f, done: make(chan struct{}),
		monitor: l.Monitor(level, logFileQueue, "the log file takes no more")}
	go x.run()
	return x, nil
}

// openAppend opens a file to append to. A pipe that nobody reads is an error at once: without
// O_NONBLOCK the agent would wait for a reader before it starts.
func openAppend(path string) (io.WriteCloser, error) {
	const flags = os.O_WRONLY | os.O_APPEND | os.O_CREATE | syscall.O_NONBLOCK
	f, err := os.OpenFile(path, flags, logFileMode)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, std.WithoutPath(err))
	}
	return f, nil
}

// SetLevel changes what is written from now on.
func (x *LogFile) SetLevel(level slog.Level) { x.monitor.SetLevel(level) }

// Lost is how many lines were lost, because there was no room for them or the file took none.
func (x *LogFile) Lost() uint64 { return x.monitor.Dropped() + x.failed.Load() }

// Reopen opens the file at the path again, and makes it if it isn't there. If that fails the old
// one stays in use. It doesn't wait; how it went is logged.
func (x *LogFile) Reopen() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.openAgain = true
	if !x.opening {
		x.opening = true
		go x.reopen()
	}
}

// reopen is the goroutine that opens the file: that may take long.
func (x *LogFile) reopen() {
	for x.wantsOpen() {
		f, err := x.open(x.path)
		if err != nil {
			x.log.Errorf("agent", "Failed to open the log file again, the old one stays in use: %v",
				err)
			continue
		}
		if x.replace(f) {
			x.log.Infof("agent", "Opened the log file again: %s", x.path)
		}
	}
}

// wantsOpen reports whether the file is to be opened again; if not, the goroutine ends.
func (x *LogFile) wantsOpen() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	again := x.openAgain
	x.opening, x.openAgain = again, false
	return again
}

// replace makes f the file to write to, and reports false after Close.
func (x *LogFile) replace(f io.WriteCloser) bool {
	x.writing.Lock()
	defer x.writing.Unlock()
	if x.closed {
		f.Close()
		return false
	}
	x.f.Close()
	x.f, x.torn = f, false
	return true
}

// run is the goroutine that writes.
func (x *LogFile) run() {
	defer close(x.done)
	defer x.closeFile()
	var b []byte
	failing := false
	for {
		var n int
		if b, n = x.monitor.appendNext(b[:0], x.format); n == 0 {
			return
		}
		taken, err := x.write(b)
		switch {
		case err != nil:
			failing = true
			x.failed.Add(uint64(n - bytes.Count(b[:taken], []byte{'\n'})))
			x.log.Repeatf(slog.LevelError, "agent", logFileKey,
				"The log file takes no lines, they are lost: %s: %v", x.path, std.WithoutPath(err))
		case failing:
			failing = false
			x.log.Overf(slog.LevelInfo, "agent", logFileKey,
				"The log file takes lines again; lost so far: %d", x.Lost())
		}
	}
}

// write writes lines, and returns how many bytes the file took. It begins a new line after one that
// was cut off.
func (x *LogFile) write(b []byte) (taken int, err error) {
	x.writing.Lock()
	defer x.writing.Unlock()
	if x.torn {
		if _, err := x.f.Write([]byte{'\n'}); err != nil {
			return 0, err
		}
		x.torn = false
	}
	taken, err = x.f.Write(b)
	x.torn = taken > 0 && b[taken-1] != '\n'
	return taken, err
}

func (x *LogFile) closeFile() {
	x.writing.Lock()
	defer x.writing.Unlock()
	x.closed = true
	x.f.Close() // what isn't written has been reported
}

// Close writes the lines that wait, for 2 s at most. It may be called again.
func (x *LogFile) Close() {
	x.monitor.Close()
	std.Await(x.done, logFileCloseWait)
}
