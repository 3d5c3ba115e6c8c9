package agent

import (
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"
)

// monitorMax bounds the lines that a monitor can hold.
const monitorMax = 1 << 16

// Monitor is a reader of the log. Nothing waits for it: lines that it has no room for are dropped
// and counted, and a line of its own reports them. One goroutine at a time may call Next and Len.
type Monitor struct {
	log   *Log
	level slog.Level // guarded by log.mu
	slow  string     // why lines are dropped, for the line that reports them

	backlog  []Line // lines from before, oldest first; owned by the reader
	c        chan Line
	accepted uint64        // lines put into c; guarded by log.mu
	dropped  atomic.Uint64 // lines that found no room, or were lost later
	told     uint64        // the part of dropped that was reported
	since    int           // lines read since that report
}

// Monitor starts a reader of the lines of level and above, whatever the output's level, beginning
// with those in the log's memory. At most capacity lines may wait; slow is the reason that the
// report of dropped lines gives. Close it.
func (l *Log) Monitor(level slog.Level, capacity int, slow string) *Monitor {
	m := &Monitor{log: l, level: level, slow: slow,
		c: make(chan Line, min(max(capacity, 1), monitorMax))}
	if l == nil {
		close(m.c)
		return m
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range l.ringLen {
		line := l.ring[(l.ringNext-l.ringLen+i+logRing)%logRing]
		if line.Level >= level {
			m.backlog = append(m.backlog, line)
		}
	}
	if l.closed {
		close(m.c)
		return m
	}
	l.monitors = append(l.monitors, m)
	l.updateLowest()
	return m
}

// Next waits for the next line. It returns false after Close, or the end of the log, once all lines
// have been read.
func (m *Monitor) Next() (Line, bool) {
	if len(m.backlog) > 0 {
		line := m.backlog[0]
		m.backlog = m.backlog[1:]
		return line, true
	}
	m.backlog = nil
	// Report dropped lines where they are missing, if possible, and not again before another line
	// was read: the report itself may get lost.
	dropped := m.Dropped()
	if dropped > m.told && m.since > 0 && (len(m.c) == 0 || m.since > cap(m.c)) {
		text := fmt.Sprintf("%d lines of the log were dropped: %s", dropped-m.told, m.slow)
		m.told, m.since = dropped, 0
		return NewLine(time.Now(), slog.LevelWarn, "agent", text), true
	}
	line, ok := <-m.c
	m.since++
	return line, ok
}

// appendNext waits for the next line and appends it to b, with those that wait behind it as far as
// they are to be written in one go. It returns how many they are, 0 where Next returns false.
func (m *Monitor) appendNext(b []byte, f LogFormat) (_ []byte, lines int) {
	line, ok := m.Next()
	if !ok {
		return b, 0
	}
	b, lines = f.Append(b, line), 1
	for m.Len() > 0 && len(b) < logWriteMax {
		line, ok := m.Next()
		if !ok {
			break
		}
		b, lines = f.Append(b, line), lines+1
	}
	return b, lines
}

// Len is the number of lines, at least, that Next returns without waiting.
func (m *Monitor) Len() int { return len(m.backlog) + len(m.c) }

// offer gives m a line if it wants it and has room. The log's lock is held.
func (m *Monitor) offer(line Line) {
	if line.Level < m.level {
		return
	}
	select {
	case m.c <- line:
		m.accepted++
	default:
		m.dropped.Add(1)
	}
}

// SetLevel changes which lines the monitor gets from now on.
func (m *Monitor) SetLevel(level slog.Level) {
	if m.log == nil {
		return
	}
	m.log.mu.Lock()
	defer m.log.mu.Unlock()
	m.level = level
	m.log.updateLowest()
}

// Dropped is how many lines found no room.
func (m *Monitor) Dropped() uint64 { return m.dropped.Load() }

// Close ends the monitor. It may be called again.
func (m *Monitor) Close() {
	l := m.log
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if i := slices.Index(l.monitors, m); i >= 0 {
		l.monitors = slices.Delete(l.monitors, i, i+1)
		close(m.c)
	}
	l.updateLowest()
}
