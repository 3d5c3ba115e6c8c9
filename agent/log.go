package agent

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Level of a log line.
type Level uint8

const (
	LevelTrace Level = iota
	LevelDebug
	LevelInfo
	LevelWarn
	LevelError
)

var levelNames = [...]string{"TRACE", "DEBUG", "INFO", "WARN", "ERR"}

// String is the level as lines have it: TRACE, DEBUG, INFO, WARN or ERR.
func (l Level) String() string {
	if int(l) < len(levelNames) {
		return levelNames[l]
	}
	return fmt.Sprintf("LEVEL%d", uint8(l))
}

// ParseLevel reads a level's name in any case.
func ParseLevel(s string) (Level, error) {
	for i, name := range levelNames {
		if strings.EqualFold(s, name) {
			return Level(i), nil
		}
	}
	return 0, fmt.Errorf("log level %q: want trace, debug, info, warn or err", s)
}

// Limits of the log.
const (
	// logRing is how many lines a new monitor is given first (spec 4.5).
	logRing = 512
	// logLineMax cuts longer lines: what others put into names must not flood the log.
	logLineMax = 4096
	// logPendingMax bounds the bytes that wait for a slow output; lines beyond are dropped and counted.
	logPendingMax = 256 << 10
	// logCloseWait bounds how long Close waits for an output that takes nothing.
	logCloseWait = 2 * time.Second
)

// Log writes lines such as
//
//	2026/11/22 09:26:31 [INFO] agent: Serf agent starting
//
// and hands them to monitors. No call waits for the output or for a monitor:
// one goroutine writes, and what doesn't fit is dropped and counted. A nil *Log discards.
type Log struct {
	level  atomic.Uint32 // of the output
	lowest atomic.Uint32 // the most verbose level that anyone wants

	mu       sync.Mutex
	ring     [logRing]Line
	ringLen  int
	ringNext int
	monitors []*Monitor
	repeats  repeats
	pending  []byte
	writing  bool // the writer has taken lines and isn't done
	lost     uint64
	idle     chan struct{} // closed when all is written; nil if nobody waits

	wake   chan struct{} // capacity 1: the writer has work, or shall end
	closed bool
	done   chan struct{}
}

// Line is one line of the log, without a newline.
type Line struct {
	Level Level
	Text  string
}

// NewLog starts a log that writes the lines of level and above to w. Close it.
func NewLog(w io.Writer, level Level) *Log {
	l := &Log{wake: make(chan struct{}, 1), done: make(chan struct{})}
	l.level.Store(uint32(level))
	l.updateLowest()
	go l.write(w)
	return l
}

// SetLevel changes what the output gets.
func (l *Log) SetLevel(level Level) {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.level.Store(uint32(level))
	l.updateLowest()
}

// Level is what the output gets.
func (l *Log) Level() Level {
	if l == nil {
		return LevelError
	}
	return Level(l.level.Load())
}

// Enabled tells whether a line of this level goes anywhere.
func (l *Log) Enabled(level Level) bool { return l != nil && uint32(level) >= l.lowest.Load() }

// updateLowest computes lowest; l.mu is held, or nobody else has l. The ring
// keeps debug lines whatever the output's level, for monitors to come; trace
// lines are only made when someone asks for them.
func (l *Log) updateLowest() {
	lowest := min(l.level.Load(), uint32(LevelDebug))
	for _, m := range l.monitors {
		lowest = min(lowest, uint32(m.level))
	}
	l.lowest.Store(lowest)
}

// Tracef adds a line of the lowest level; Debugf, Infof, Warnf and Errorf add one of theirs. The
// component is the part that reports: agent, serf, memberlist, agent.ipc.
func (l *Log) Tracef(component, format string, args ...any) {
	l.Logf(LevelTrace, component, format, args...)
}

// Debugf is like Tracef.
func (l *Log) Debugf(component, format string, args ...any) {
	l.Logf(LevelDebug, component, format, args...)
}

// Infof is like Tracef.
func (l *Log) Infof(component, format string, args ...any) {
	l.Logf(LevelInfo, component, format, args...)
}

// Warnf is like Tracef.
func (l *Log) Warnf(component, format string, args ...any) {
	l.Logf(LevelWarn, component, format, args...)
}

// Errorf is like Tracef.
func (l *Log) Errorf(component, format string, args ...any) {
	l.Logf(LevelError, component, format, args...)
}

// Logf adds a line.
func (l *Log) Logf(level Level, component, format string, args ...any) {
	if !l.Enabled(level) {
		return
	}
	line := makeLine(time.Now(), level, component, fmt.Sprintf(format, args...))
	l.mu.Lock()
	defer l.mu.Unlock()
	l.add(line)
}

// Repeatf adds a line about a condition that may come again and again: the
// first line with this key is written, further ones are counted, and the count
// is written every 30 s for as long as there are any.
func (l *Log) Repeatf(level Level, component, key, format string, args ...any) {
	l.repeat(level, component, repeatKey{text: key}, func() string { return fmt.Sprintf(format, args...) })
}

// Overf adds a line that says that what Repeatf told with this key is over. What was counted since is told
// before it, not later, and when it comes again it is told at once.
func (l *Log) Overf(level Level, component, key, format string, args ...any) {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return
	}
	now := time.Now()
	if r, ok := l.repeats.over(repeatKey{text: key}); ok && r.count > 0 {
		l.add(makeLine(now, r.level, r.component, fmt.Sprintf("%s (%d more)", r.text, r.count)))
	}
	if l.Enabled(level) {
		l.add(makeLine(now, level, component, fmt.Sprintf(format, args...)))
	}
}

// repeat is Repeatf; text is called for the first line only.
func (l *Log) repeat(level Level, component string, key repeatKey, text func() string) {
	if !l.Enabled(level) {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return
	}
	first, arm := l.repeats.note(key, level, component)
	if arm {
		l.repeats.timer = time.AfterFunc(repeatEvery, l.tellRepeats)
	}
	if !first {
		return
	}
	t := text()
	l.repeats.keep(key, t)
	l.add(makeLine(time.Now(), level, component, t))
}

// tellRepeats writes the counts of the last period.
func (l *Log) tellRepeats() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return
	}
	now := time.Now()
	for _, r := range l.repeats.due() {
		text := fmt.Sprintf("%s (%d more in the last %v)", r.text, r.count, time.Duration(r.period())*repeatEvery)
		l.add(makeLine(now, r.level, r.component, text))
	}
	if l.repeats.empty() {
		l.repeats.timer = nil
		return
	}
	l.repeats.timer = time.AfterFunc(repeatEvery, l.tellRepeats)
}

// makeLine words a line. Control characters are replaced: a name or payload of
// another member can't forge a line or drive a terminal.
func makeLine(now time.Time, level Level, component, text string) Line {
	b := make([]byte, 0, 64+len(text))
	b = now.AppendFormat(b, "2006/01/02 15:04:05")
	b = append(b, " ["...)
	b = append(b, level.String()...)
	b = append(b, "] "...)
	b = append(b, component...)
	b = append(b, ": "...)
	b = appendPrintable(b, strings.TrimRight(text, "\r\n"))
	if len(b) > logLineMax {
		b = append(bytes.ToValidUTF8(b[:logLineMax], nil), "..."...)
	}
	return Line{Level: level, Text: string(b)}
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

// add hands a line to the ring, the monitors and the writer. l.mu is held.
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
	if uint32(line.Level) < l.level.Load() {
		return
	}
	if len(l.pending)+len(line.Text)+1 > logPendingMax {
		l.lost++
		return
	}
	l.pending = append(append(l.pending, line.Text...), '\n')
	l.signal()
}

func (l *Log) signal() {
	select {
	case l.wake <- struct{}{}:
	default: // it is awake already
	}
}

// write is the goroutine that owns the output.
func (l *Log) write(w io.Writer) {
	defer close(l.done)
	var b []byte
	for range l.wake {
		var closed bool
		for {
			b, closed = l.take(b)
			if len(b) == 0 {
				break
			}
			w.Write(b) // an output that fails has nowhere to be reported
		}
		if closed {
			return
		}
	}
}

// take swaps the pending lines for the written buffer b.
func (l *Log) take(b []byte) (lines []byte, closed bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	lines, l.pending = l.pending, b[:0]
	if l.lost > 0 && len(lines) > 0 {
		text := fmt.Sprintf("%d lines of the log were dropped: the output is too slow", l.lost)
		lines = append(append(lines, makeLine(time.Now(), LevelWarn, "agent", text).Text...), '\n')
		l.lost = 0
	}
	l.writing = len(lines) > 0
	if !l.writing && l.idle != nil {
		close(l.idle)
		l.idle = nil
	}
	return lines, l.closed
}

// Flush waits until everything logged so far is written, for 2 s at most.
func (l *Log) Flush() {
	if l == nil {
		return
	}
	l.mu.Lock()
	if len(l.pending) == 0 && !l.writing {
		l.mu.Unlock()
		return
	}
	if l.idle == nil {
		l.idle = make(chan struct{})
	}
	idle := l.idle
	l.mu.Unlock()
	l.wait(idle)
}

// Close writes what is pending, for 2 s at most, and ends the log and its
// monitors. Lines that come later are discarded.
func (l *Log) Close() {
	if l == nil {
		return
	}
	l.mu.Lock()
	if !l.closed {
		l.closed = true
		if l.repeats.timer != nil {
			l.repeats.timer.Stop()
		}
		for _, m := range l.monitors {
			close(m.c)
		}
		l.monitors = nil
		l.signal()
	}
	l.mu.Unlock()
	l.wait(l.done)
}

func (l *Log) wait(done <-chan struct{}) {
	t := time.NewTimer(logCloseWait)
	defer t.Stop()
	select {
	case <-done:
	case <-t.C:
	}
}
