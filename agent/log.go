package agent

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"time"

	"serf/internal/repeats"
	"serf/internal/std"
)

// LevelTrace is the level of lines that are made only when somebody wants them. The other levels
// are those of slog.
const LevelTrace = slog.LevelDebug - 4

// levels lists the levels with their names, the lowest first.
var levels = []struct {
	level slog.Level
	name  string
}{
	{LevelTrace, "TRACE"},
	{slog.LevelDebug, "DEBUG"},
	{slog.LevelInfo, "INFO"},
	{slog.LevelWarn, "WARN"},
	{slog.LevelError, "ERR"},
}

// levelName is a level as log lines show it: TRACE, DEBUG, INFO, WARN or ERR.
func levelName(level slog.Level) string {
	name := levels[0].name
	for _, l := range levels {
		if level >= l.level {
			name = l.name
		}
	}
	return name
}

// ParseLevel reads a level's name in any case.
func ParseLevel(s string) (slog.Level, error) {
	for _, l := range levels {
		if strings.EqualFold(s, l.name) {
			return l.level, nil
		}
	}
	return 0, fmt.Errorf("log level %q: want trace, debug, info, warn or err", s)
}

// Limits of the log.
const (
	// logRing is how many lines a new monitor is given first, as clients of the RPC expect.
	logRing = 512
	// logLineMax cuts longer lines, in bytes: names chosen by others must not flood the log.
	logLineMax = 4096
	// logQueue is how many lines wait for a slow output; lines beyond are dropped and counted.
	logQueue = 2048
	// logWriteMax bounds, in bytes, the lines that are written in one go.
	logWriteMax = 64 << 10
	// logCloseWait bounds how long Close waits for an output that takes nothing.
	logCloseWait = 2 * time.Second
)

// Log writes lines such as
//
//	2026/11/22 09:26:31 [INFO] agent: Serf agent starting
//
// and hands them to monitors. No call waits for the output or for a monitor: one goroutine writes,
// and what doesn't fit is dropped and counted. A nil *Log discards.
type Log struct {
	out    *Monitor      // what the output gets
	lowest slog.LevelVar // the lowest level that anyone wants
	done   chan struct{} // closed when the output has all it gets

	mu       sync.Mutex
	ring     [logRing]Line
	ringLen  int
	ringNext int
	monitors []*Monitor // out is one of them
	repeats  repeats.Conditions
	timer    *time.Timer   // for their counts; nil if there are none
	written  uint64        // of out.accepted, those that are written
	idle     chan struct{} // closed when all is written; nil if nobody waits
	closed   bool
}

// Line is one line of the log. Text is all of it in the form LogText, without a newline.
type Line struct {
	Time  time.Time
	Level slog.Level
	Text  string
}

// NewLog starts a log that writes the lines of level and above to w, in the form LogText. Close it.
func NewLog(w io.Writer, level slog.Level) *Log { return NewLogAs(LogText, w, level) }

// NewLogAs is NewLog for a choice of formats.
func NewLogAs(f LogFormat, w io.Writer, level slog.Level) *Log {
	var b []byte
	return startLog(level, func(m *Monitor) (lines int) {
		if b, lines = m.appendNext(b[:0], f); lines > 0 {
			w.Write(b) // if the output fails there is nowhere to report it
		}
		return lines
	})
}

// startLog starts a log of which write takes the next lines of level and above, and returns how many
// it took: 0 at the end. One goroutine calls it.
func startLog(level slog.Level, write func(*Monitor) (lines int)) *Log {
	l := &Log{done: make(chan struct{})}
	l.out = l.Monitor(level, logQueue, "the output is too slow")
	go func() {
		defer close(l.done)
		for write(l.out) > 0 {
			l.noteWritten()
		}
	}()
	return l
}

// SetLevel changes what the output gets.
func (l *Log) SetLevel(level slog.Level) {
	if l != nil {
		l.out.SetLevel(level)
	}
}

// wants reports whether a line of this level goes anywhere.
func (l *Log) wants(level slog.Level) bool { return l != nil && level >= l.lowest.Level() }

// updateLowest computes lowest; l.mu is held. Debug lines are made at any level of the output, for
// the ring and later monitors; trace lines only on demand.
func (l *Log) updateLowest() {
	lowest := slog.LevelDebug
	for _, m := range l.monitors {
		lowest = min(lowest, m.level)
	}
	l.lowest.Set(lowest)
}

// Tracef adds a line of the lowest level; Debugf, Infof, Warnf and Errorf add one of theirs. The
// component is the part that reports: agent, serf, memberlist, agent.ipc.
func (l *Log) Tracef(component, format string, args ...any) {
	l.Logf(LevelTrace, component, format, args...)
}

// Debugf is like Tracef.
func (l *Log) Debugf(component, format string, args ...any) {
	l.Logf(slog.LevelDebug, component, format, args...)
}

// Infof is like Tracef.
func (l *Log) Infof(component, format string, args ...any) {
	l.Logf(slog.LevelInfo, component, format, args...)
}

// Warnf is like Tracef.
func (l *Log) Warnf(component, format string, args ...any) {
	l.Logf(slog.LevelWarn, component, format, args...)
}

// Errorf is like Tracef.
func (l *Log) Errorf(component, format string, args ...any) {
	l.Logf(slog.LevelError, component, format, args...)
}

// Logf adds a line.
func (l *Log) Logf(level slog.Level, component, format string, args ...any) {
	if !l.wants(level) {
		return
	}
	line := NewLine(time.Now(), level, component, fmt.Sprintf(format, args...))
	l.mu.Lock()
	defer l.mu.Unlock()
	l.add(line)
}

// Repeatf adds a line about a condition that may occur again and again: the first line with this
// key is written, further ones are counted, and the count is written every 30 s while it grows.
func (l *Log) Repeatf(level slog.Level, component, key, format string, args ...any) {
	l.repeat(level, component, repeats.Key{Text: key},
		func() string { return fmt.Sprintf(format, args...) })
}

// Overf adds a line saying that the condition that Repeatf reported with this key is over.
// Occurrences counted since the last line are written before it. If the condition comes back, that
// is written at once.
func (l *Log) Overf(level slog.Level, component, key, format string, args ...any) {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return
	}
	now := time.Now()
	if r, ok := l.repeats.Over(repeats.Key{Text: key}); ok && r.Count > 0 {
		l.add(NewLine(now, r.Level, r.Component, fmt.Sprintf("%s (%d more)", r.Text, r.Count)))
	}
	if l.wants(level) {
		l.add(NewLine(now, level, component, fmt.Sprintf(format, args...)))
	}
}

// repeat is Repeatf; text is called for the first line only.
func (l *Log) repeat(level slog.Level, component string, key repeats.Key, text func() string) {
	if !l.wants(level) {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return
	}
	if !l.repeats.Note(key, level, component) {
		return
	}
	if l.timer == nil {
		l.timer = time.AfterFunc(repeats.Every, l.tellRepeats)
	}
	t := text()
	l.repeats.Keep(key, t)
	l.add(NewLine(time.Now(), level, component, t))
}

// tellRepeats writes the counts of the last period.
func (l *Log) tellRepeats() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return
	}
	now := time.Now()
	for _, r := range l.repeats.Due() {
		text := fmt.Sprintf("%s (%d more in the last %v)", r.Text, r.Count, r.Period())
		l.add(NewLine(now, r.Level, r.Component, text))
	}
	if l.repeats.Empty() {
		l.timer = nil
		return
	}
	l.timer = time.AfterFunc(repeats.Every, l.tellRepeats)
}

// NewLine makes a line. Control characters are replaced: a name or payload of another member can't
// forge a line or drive a terminal.
func NewLine(now time.Time, level slog.Level, component, text string) Line {
	b := make([]byte, 0, 64+len(text))
	b = now.AppendFormat(b, "2006/01/02 15:04:05")
	b = append(b, " ["...)
	b = append(b, levelName(level)...)
	b = append(b, "] "...)
	b = append(b, component...)
	b = append(b, ": "...)
	b = appendPrintable(b, strings.TrimRight(text, "\r\n"))
	if len(b) > logLineMax {
		b = append(bytes.ToValidUTF8(b[:logLineMax], nil), "..."...)
	}
	return Line{Time: now, Level: level, Text: string(b)}
}

func appendPrintable(b []byte, text string) []byte {
	for _, r := range text {
		switch {
		case r == '\n':
			b = append(b, `\n`...)
		case r == '\r':
			b = append(b, `\r`...)
		case r == '\t' || r >= ' ' && r != 0x7f && (r < 0x80 || r > 0x9f):
			b = append(b, string(r)...)
		default:
			b = append(b, '?')
		}
	}
	return b
}

// add hands a line to the ring and the monitors. l.mu is held.
func (l *Log) add(line Line) {
	if l.closed {
		return
	}
	l.ring[l.ringNext] = line
	l.ringNext = (l.ringNext + 1) % logRing
	l.ringLen = min(l.ringLen+1, logRing)
	for _, m := range l.monitors {
		m.offer(line)
	}
}

func (l *Log) noteWritten() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.written = l.out.accepted - uint64(l.out.Len())
	if l.written == l.out.accepted && l.idle != nil {
		close(l.idle)
		l.idle = nil
	}
}

// Flush waits until everything logged so far is written, for 2 s at most.
func (l *Log) Flush() {
	if l == nil {
		return
	}
	l.mu.Lock()
	if l.written == l.out.accepted {
		l.mu.Unlock()
		return
	}
	if l.idle == nil {
		l.idle = make(chan struct{})
	}
	idle := l.idle
	l.mu.Unlock()
	std.Await(idle, logCloseWait)
}

// Close writes what is pending, for 2 s at most, and ends the log and its monitors. Lines that come
// later are discarded.
func (l *Log) Close() {
	if l == nil {
		return
	}
	l.mu.Lock()
	if !l.closed {
		l.closed = true
		if l.timer != nil {
			l.timer.Stop()
		}
		for _, m := range l.monitors {
			close(m.c)
		}
		l.monitors = nil
	}
	l.mu.Unlock()
	std.Await(l.done, logCloseWait)
}
