package agent

import (
	"context"
	"log"
	"log/slog"
	"strings"
	"time"
)

// Logger takes the lines of an agent's log. A *slog.Logger is one, and so is a *Log.
type Logger interface {
	Enabled(ctx context.Context, level slog.Level) bool
	LogAttrs(ctx context.Context, level slog.Level, message string, attrs ...slog.Attr)
}

// componentKey is the attribute that says which part of the agent reports: agent, serf, memberlist
// and so on.
const componentKey = "component"

// LogTo starts a log that passes its lines to l, as Config.Logger describes it. It is for what has
// to log before there is an agent, such as package snapshot; an agent whose Logger it is uses it,
// too. Close it when they have ended.
func LogTo(l Logger) *Log {
	log, _ := logFor(l)
	return log
}

// logFor returns the log of an agent that writes to l, and whether it is the agent's own, to be
// closed. It is nil, which discards, if l wants nothing.
func logFor(l Logger) (_ *Log, own bool) {
	if log, is := l.(*Log); is {
		return log, false
	}
	if s, is := l.(*slog.Logger); l == nil || is && s == nil {
		l = standardLog{}
	}
	ctx := context.Background()
	if !l.Enabled(ctx, slog.LevelError) {
		return nil, false
	}
	level := slog.LevelDebug // these lines are made anyway; what l wants may change
	if l.Enabled(ctx, LevelTrace) {
		level = LevelTrace
	}
	return startLog(level, func(m *Monitor) (lines int) {
		line, ok := m.Next()
		if !ok {
			return 0
		}
		if component, message := line.split(); l.Enabled(ctx, line.Level) {
			l.LogAttrs(ctx, line.Level, message, slog.String(componentKey, component))
		}
		return 1
	}), true
}

// standardLog is the default logger of package log, in the form that slog has with it. If the
// program has set a default for slog, that gets what is written there.
type standardLog struct{}

func (standardLog) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelInfo }

func (standardLog) LogAttrs(_ context.Context, level slog.Level, message string, attrs ...slog.Attr) {
	log.Print(level.String() + " " + withAttrs(message, attrs))
}

// withAttrs adds attributes to a message, as text.
func withAttrs(message string, attrs []slog.Attr) string {
	var b strings.Builder
	b.WriteString(message)
	for _, a := range attrs {
		b.WriteString(" " + a.String())
	}
	return b.String()
}

// Enabled implements [Logger].
func (l *Log) Enabled(_ context.Context, level slog.Level) bool { return l.wants(level) }

// LogAttrs implements [Logger]. The attribute "component" takes the place of the line's component,
// which is agent without it; others follow the message.
func (l *Log) LogAttrs(_ context.Context, level slog.Level, message string, attrs ...slog.Attr) {
	if !l.wants(level) {
		return
	}
	component, rest := "agent", make([]slog.Attr, 0, len(attrs))
	for _, a := range attrs {
		if a.Key == componentKey {
			component = a.Value.String()
			continue
		}
		rest = append(rest, a)
	}
	line := NewLine(time.Now(), level, component, withAttrs(message, rest))
	l.mu.Lock()
	defer l.mu.Unlock()
	l.add(line)
}
