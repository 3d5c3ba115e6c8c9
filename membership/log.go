package membership

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"serf/driver"
	"serf/internal/notes"
	"serf/internal/repeats"
	"serf/swim"
)

// logQueue bounds the lines that wait for the logger: beyond it they are dropped and counted.
const logQueue = 512

// logger writes lines to a *slog.Logger, from a goroutine of its own: it may wait. What is repeated
// is counted.
type logger struct {
	to      *slog.Logger
	lines   chan *slog.Record // capacity logQueue
	written chan struct{}     // closed when all is written
	// abandoned: the logger took too long, and gets no more lines.
	abandoned atomic.Bool

	mu      sync.Mutex
	repeats repeats.Conditions
	timer   *time.Timer // runs while there are repeats
	closed  bool
	lost    uint64
}

func newLogger(to *slog.Logger) *logger {
	l := &logger{to: to, lines: make(chan *slog.Record, logQueue), written: make(chan struct{})}
	go l.run()
	return l
}

func (l *logger) run() {
	defer close(l.written)
	for r := range l.lines {
		if l.abandoned.Load() {
			return
		}
		l.to.Handler().Handle(context.Background(), *r)
	}
}

// close waits until all is written; what comes later is dropped.
func (l *logger) close() {
	l.mu.Lock()
	if !l.closed {
		l.closed = true
		if l.timer != nil {
			l.timer.Stop()
		}
		close(l.lines)
	}
	l.mu.Unlock()
	<-l.written
}

func (l *logger) enabled(level slog.Level) bool {
	return l.to.Enabled(context.Background(), level)
}

// write writes a line; l.mu is held.
func (l *logger) write(level slog.Level, text string, args ...any) {
	if l.closed {
		return
	}
	r := slog.NewRecord(time.Now(), level, text, 0)
	r.Add(args...)
	select {
	case l.lines <- &r:
	default:
		l.lost++
	}
}

func (l *logger) warn(text string, args ...any) {
	if !l.enabled(slog.LevelWarn) {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.write(slog.LevelWarn, text, args...)
}

// repeat writes a line about a condition that may last, and then how often it came again.
func (l *logger) repeat(level slog.Level, key repeats.Key, text func() string) {
	if !l.enabled(level) {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || !l.repeats.Note(key, level, "") {
		return
	}
	t := text()
	l.repeats.Keep(key, t)
	l.write(level, t)
	if l.timer == nil {
		l.timer = time.AfterFunc(repeats.Every, l.tellRepeats)
	}
}

// tellRepeats writes what was repeated since the last time.
func (l *logger) tellRepeats() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, r := range l.repeats.Due() {
		l.write(r.Level, fmt.Sprintf("%s (%d times more in %v)", r.Text, r.Count, r.Period()))
	}
	l.timer = nil
	if !l.closed && !l.repeats.Empty() {
		l.timer = time.AfterFunc(repeats.Every, l.tellRepeats)
	}
}

// note writes a note of the core.
func (l *logger) note(core *swim.Node, x *swim.Note) {
	level := slog.Level(x.Level)
	if x.Code == swim.NoteJoinFailed {
		level = slog.LevelDebug // Join returns it, and the search for Config.Join logs its own
	}
	if !l.enabled(level) {
		return
	}
	w := notes.Of(x.Code)
	text := func() string {
		return w.Fill(x, func(id swim.MemberID) (string, netip.AddrPort) {
			m, _ := core.View(id)
			if m.Name == "" {
				m.Name = core.Roster().Name(id)
			}
			return m.Name, m.Addr
		})
	}
	if w.Limited {
		l.repeat(level, notes.Key(x), text)
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.write(level, text())
}

// problem writes a problem of the driver.
func (l *logger) problem(p driver.Problem) { l.repeat(p.Level(), notes.ProblemKey(p), p.String) }

// failed writes why something failed that is tried again.
func (l *logger) failed(what, text string, err error) {
	l.failedAt(slog.LevelWarn, what, text, err)
}

func (l *logger) failedAt(level slog.Level, what, text string, err error) {
	l.repeat(level, repeats.Key{Text: what}, func() string { return text + err.Error() })
}

// dropped writes that something from another member found no room.
func (l *logger) dropped(what string, from netip.AddrPort) {
	l.repeat(slog.LevelWarn, repeats.Key{Text: "dropped " + what}, func() string {
		return fmt.Sprintf("Dropped a %s from %v: too many wait for the program", what, from)
	})
}
