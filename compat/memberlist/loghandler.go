package memberlist

import (
	"context"
	"log"
	"log/slog"
	"os"
	"strings"

	"serf/internal/textwrap"
)

// lines is a slog.Handler that writes lines such as "[WARN] memberlist: Refuting a suspect message":
// programs filter by that.
type lines struct {
	logger *log.Logger
	group  string // in front of keys
	attrs  string // what each line ends with
}

// loggerOf returns where a configuration wants its log.
func loggerOf(c *Config) *log.Logger {
	switch {
	case c.Logger != nil:
		return c.Logger
	case c.LogOutput != nil:
		return log.New(c.LogOutput, "", log.LstdFlags)
	}
	return log.New(os.Stderr, "", log.LstdFlags)
}

// Enabled is always true: whoever reads the lines filters them.
func (h lines) Enabled(context.Context, slog.Level) bool { return true }

// Handle writes a record, in one line: names of members that are in it have any bytes.
func (h lines) Handle(_ context.Context, r slog.Record) error {
	var b strings.Builder
	b.WriteString("[" + levelName(r.Level) + "] memberlist: " + r.Message + h.attrs)
	r.Attrs(func(a slog.Attr) bool {
		b.WriteString(h.format(a))
		return true
	})
	h.logger.Print(textwrap.Escape(b.String(), ""))
	return nil
}

// WithAttrs returns a handler that adds attrs to each line.
func (h lines) WithAttrs(attrs []slog.Attr) slog.Handler {
	for _, a := range attrs {
		h.attrs += h.format(a)
	}
	return h
}

// WithGroup returns a handler whose keys begin with name.
func (h lines) WithGroup(name string) slog.Handler {
	h.group += name + "."
	return h
}

func (h lines) format(a slog.Attr) string { return " " + h.group + a.String() }

func levelName(l slog.Level) string {
	switch {
	case l < slog.LevelInfo:
		return "DEBUG"
	case l < slog.LevelWarn:
		return "INFO"
	case l < slog.LevelError:
		return "WARN"
	}
	return "ERR"
}
