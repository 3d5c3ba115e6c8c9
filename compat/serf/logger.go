package serf

import (
	"bytes"
	"io"
	"log"
	"log/slog"
	"os"

	"serf/agent"
)

// newLog starts the agent's log, which writes to what the configuration names.
func newLog(c *Config) *agent.Log {
	m := c.MemberlistConfig
	return agent.NewLog(&lines{
		serf:       lineWriter(c.Logger, c.LogOutput),
		membership: lineWriter(m.Logger, m.LogOutput),
	}, slog.LevelDebug)
}

// lines takes the agent's lines, which come several at a time, and passes them on one by one.
type lines struct {
	serf, membership func(line []byte)
}

func (l *lines) Write(p []byte) (int, error) {
	for line := range bytes.Lines(p) {
		switch {
		case bytes.Contains(line, []byte("] memberlist: ")):
			l.membership(line)
		case bytes.Contains(line, []byte("[INFO] agent: ")), bytes.Contains(line, []byte("[DEBUG] agent: ")):
			// The calls and events that they report are the program's own.
		default:
			l.serf(line)
		}
	}
	return len(p), nil
}

// lineWriter returns a function that writes one line, with its newline, to a logger or else an
// output.
func lineWriter(logger *log.Logger, out io.Writer) func(line []byte) {
	switch {
	case logger != nil:
		return func(line []byte) { logger.Print(string(line[min(len(timeFormat), len(line)):])) }
	case out == nil:
		out = os.Stderr
	}
	return func(line []byte) { out.Write(line) } // nobody to tell about an error
}

// timeFormat is how lines of the log begin; a Logger has a time of its own.
const timeFormat = "2006/01/02 15:04:05 "
