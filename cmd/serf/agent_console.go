package main

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"serf/agent"
	"serf/agent/config"
	"serf/internal/std"
)

const (
	// consoleQueue is how many pieces of output may wait for a slow terminal or pipe. Further
	// messages are dropped; the log waits, and counts what it drops.
	consoleQueue = 64
	// consoleCloseWait bounds how long the last output may take.
	consoleCloseWait = 2 * time.Second
	// valueColumn is the width of the names in the start-up output.
	valueColumn = 31
)

// console writes messages and the log, in order, and never makes the caller of a message wait: an
// agent whose output nobody reads must still obey signals.
type console struct {
	out, err io.Writer
	json     atomic.Bool   // messages and the log are for programs; else they are for people
	pieces   chan piece    // capacity consoleQueue
	opened   chan struct{} // closed when the log may be shown
	muted    chan struct{} // closed when the log is to be dropped
	closed   chan struct{} // closed when no more output is accepted
	done     chan struct{} // closed when all is written
	logOnce  sync.Once
	endOnce  sync.Once
}

type piece struct {
	to   io.Writer
	text []byte
}

// newConsole returns a console, which must be closed. The log waits until open.
func newConsole(out, err io.Writer) *console {
	c := &console{
		out: out, err: err,
		pieces: make(chan piece, consoleQueue),
		opened: make(chan struct{}), muted: make(chan struct{}), closed: make(chan struct{}),
		done: make(chan struct{}),
	}
	go c.write()
	return c
}

// write is the goroutine that owns both outputs.
func (c *console) write() {
	defer close(c.done)
	for {
		select {
		case p := <-c.pieces:
			p.to.Write(p.text) // a failing output has nowhere to be reported
			continue
		default:
		}
		select { // idle
		case p := <-c.pieces:
			p.to.Write(p.text)
		case <-c.closed:
			if len(c.pieces) == 0 {
				return
			}
		}
	}
}

// queue queues a piece of output, or drops it if too much waits.
func (c *console) queue(to io.Writer, text []byte) {
	select {
	case c.pieces <- piece{to, text}:
	default:
	}
}

// say prints a message, after the prefix that it has for people. Where programs read the output, it
// is a line of the log.
func (c *console) say(to io.Writer, level slog.Level, prefix, text string) {
	c.queue(to, c.appendMessage(nil, level, prefix, text))
}

func (c *console) appendMessage(b []byte, level slog.Level, prefix, text string) []byte {
	if !c.json.Load() {
		return append(b, prefix+text+"\n"...)
	}
	return agent.LogJSON.Append(b, agent.NewLine(time.Now(), level, "agent", text))
}

const (
	stepPrefix   = "==> "
	detailPrefix = "    "
)

// step prints what the agent does next.
func (c *console) step(format string, args ...any) {
	c.say(c.out, slog.LevelInfo, stepPrefix, fmt.Sprintf(format, args...))
}

// warn prints a warning.
func (c *console) warn(format string, args ...any) {
	c.say(c.out, slog.LevelWarn, stepPrefix+"Warning: ", fmt.Sprintf(format, args...))
}

// detail prints more about a step.
func (c *console) detail(format string, args ...any) {
	c.say(c.out, slog.LevelInfo, detailPrefix, fmt.Sprintf(format, args...))
}

// value prints one setting of the agent.
func (c *console) value(name, value string) {
	column := strings.Repeat(" ", max(valueColumn-len(name), 0))
	c.say(c.out, slog.LevelInfo, column, name+": "+value)
}

// fail prints a complaint to standard error.
func (c *console) fail(format string, args ...any) {
	c.say(c.err, slog.LevelError, stepPrefix, fmt.Sprintf(format, args...))
}

// problems prints each problem of a configuration.
func (c *console) problems(err error) {
	var b []byte // one piece: none of them may be dropped
	for _, p := range config.Problems(err) {
		b = c.appendMessage(b, slog.LevelError, stepPrefix, fmt.Sprintf("Error: %v", p))
	}
	c.queue(c.err, b)
}

// logFollows announces the log.
func (c *console) logFollows() {
	if !c.json.Load() {
		c.queue(c.out, []byte("\n"+stepPrefix+"Log data will now stream in as it occurs:\n\n"))
	}
	c.open()
}

// Write takes whole lines of the log. It waits until the console is open and has room; if it is
// muted or closed lines are dropped.
func (c *console) Write(lines []byte) (int, error) {
	var b bytes.Buffer
	for line := range bytes.Lines(lines) {
		if !c.json.Load() {
			b.WriteString(detailPrefix)
		}
		b.Write(line)
	}
	select {
	case <-c.opened:
	case <-c.muted:
		return len(lines), nil
	case <-c.closed:
		return 0, io.ErrClosedPipe
	}
	select {
	case c.pieces <- piece{c.out, b.Bytes()}:
		return len(lines), nil
	case <-c.closed:
		return 0, io.ErrClosedPipe
	}
}

// open lets the log through, and mute drops it. The first call of either decides.
func (c *console) open() { c.logOnce.Do(func() { close(c.opened) }) }
func (c *console) mute() { c.logOnce.Do(func() { close(c.muted) }) }

// close writes what waits, for consoleCloseWait at most. It may be called again.
func (c *console) close() {
	c.endOnce.Do(func() { close(c.closed) })
	std.Await(c.done, consoleCloseWait)
}
