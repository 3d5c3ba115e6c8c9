package agent

import (
	"fmt"
	"log/slog"
	"strings"
)

// LogFormat is how lines of a log are written.
type LogFormat uint8

const (
	// LogText is a line such as "2026/11/22 09:26:31 [INFO] agent: Serf agent starting".
	LogText LogFormat = iota
	// LogJSON is an object in a line of its own, as the JSON handler of log/slog writes it:
	// {"time":"2026-11-22T09:26:31.123+01:00","level":"INFO","msg":"...","component":"agent"}.
	LogJSON
)

// logFormatNames are the names of the formats, by their values.
var logFormatNames = []string{LogText: "text", LogJSON: "json"}

// ParseLogFormat reads a format's name in any case.
func ParseLogFormat(s string) (LogFormat, error) {
	for i, name := range logFormatNames {
		if strings.EqualFold(s, name) {
			return LogFormat(i), nil
		}
	}
	return 0, fmt.Errorf("log format %q: want %s", s, strings.Join(logFormatNames, " or "))
}

// Append appends a line with its newline.
func (f LogFormat) Append(b []byte, line Line) []byte {
	if f == LogJSON {
		return appendJSON(b, line)
	}
	return append(append(b, line.Text...), '\n')
}

// jsonTime is RFC 3339 with milliseconds.
const jsonTime = "2006-01-02T15:04:05.000Z07:00"

// appendJSON appends a line as an object.
func appendJSON(b []byte, line Line) []byte {
	component, message := line.split()
	b = append(b, `{"time":"`...)
	b = line.Time.AppendFormat(b, jsonTime)
	b = append(b, `","level":"`...)
	b = append(b, jsonLevel(line.Level)...)
	b = append(b, `","msg":"`...)
	b = appendEscaped(b, message)
	b = append(b, `","component":"`...)
	b = appendEscaped(b, component)
	return append(b, "\"}\n"...)
}

// jsonLevel is a level's name as slog has it; there is none for LevelTrace.
func jsonLevel(level slog.Level) string {
	if level < slog.LevelDebug {
		return "TRACE"
	}
	return level.String()
}

// appendEscaped appends text that has no control characters but tabs, and is valid UTF-8, for a
// string of JSON.
func appendEscaped(b []byte, text string) []byte {
	for i := range len(text) {
		switch c := text[i]; c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\t':
			b = append(b, `\t`...)
		default:
			b = append(b, c)
		}
	}
	return b
}

// split takes a line's text apart.
func (l Line) split() (component, message string) {
	_, text, _ := strings.Cut(l.Text, "] ")
	component, message, _ = strings.Cut(text, ": ")
	return component, message
}
