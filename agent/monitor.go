package agent

import "sync/atomic"

// monitorMax bounds the lines that a monitor can hold.
const monitorMax = 1 << 16

// Monitor is a reader of the log. Nobody waits for it: lines that it has no room
// for are dropped, counted and never spoken of.
type Monitor struct {
	// Backlog holds the lines from before, oldest first.
	Backlog []Line
	// C carries the lines that follow. Closed by Close and by the end of the log.
	C <-chan Line

	c       chan Line
	level   Level
	log     *Log
	dropped atomic.Uint64
}

// Monitor starts a reader of the lines of level and above, whatever the
// output's level, with room for capacity lines. Close it.
func (l *Log) Monitor(level Level, capacity int) *Monitor {
	c := make(chan Line, min(max(capacity, 1), monitorMax))
	m := &Monitor{C: c, c: c, level: level, log: l}
	if l == nil {
		close(c)
		return m
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range l.ringLen {
		line := l.ring[(l.ringNext-l.ringLen+i+logRing)%logRing]
		if line.Level >= level {
			m.Backlog = append(m.Backlog, line)
		}
	}
	if l.closed {
		close(c)
		return m
	}
	l.monitors = append(l.monitors, m)
	l.updateLowest()
	return m
}

// offer gives m a line if it wants it and has room. The log's lock is held.
func (m *Monitor) offer(line Line) {
	if line.Level < m.level {
		return
	}
	select {
	case m.c <- line:
	default:
		m.dropped.Add(1)
	}
}

// SetLevel changes which lines the monitor gets from now on.
func (m *Monitor) SetLevel(level Level) {
	l := m.log
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	m.level = level
	l.updateLowest()
}

// Dropped is how many lines found no room.
func (m *Monitor) Dropped() uint64 { return m.dropped.Load() }

// Close ends the monitor and closes C. It may be called again.
func (m *Monitor) Close() {
	l := m.log
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, other := range l.monitors {
		if other == m {
			l.monitors = append(l.monitors[:i], l.monitors[i+1:]...)
			close(m.c)
			break
		}
	}
	l.updateLowest()
}
