package agent

import (
	"fmt"
	"log/slog"
	"strings"
	"time"

	"serf/internal/std"
)

const (
	// syslogQueue is how many lines may wait for a slow syslog daemon. Further ones are dropped and
	// counted.
	syslogQueue = 1024
	// syslogCloseWait bounds how long Close waits for a daemon that takes nothing.
	syslogCloseWait = 2 * time.Second
)

// syslogTag is the tag of the lines.
const syslogTag = "serf"

// syslogWriter sends lines of one severity each. [log/syslog.Writer] implements it.
type syslogWriter interface {
	Debug(line string) error
	Info(line string) error
	Notice(line string) error
	Warning(line string) error
	Err(line string) error
	Close() error
}

// Syslog copies a log to the system's syslog. Nothing waits for it.
type Syslog struct {
	monitor *Monitor
	writer  syslogWriter
	done    chan struct{}
}

// StartSyslog sends the lines of level and above that l has and will have. facility is one of
// SyslogFacilities, in any case. The Syslog may be closed before or after l.
func StartSyslog(l *Log, level slog.Level, facility string) (*Syslog, error) {
	w, err := openSyslog(facility)
	if err != nil {
		return nil, err
	}
	return newSyslog(l, level, w), nil
}

func newSyslog(l *Log, level slog.Level, w syslogWriter) *Syslog {
	s := &Syslog{
		monitor: l.Monitor(level, syslogQueue, "syslog takes no more"),
		writer:  w, done: make(chan struct{}),
	}
	go s.run()
	return s
}

// SetLevel changes what is sent from now on.
func (s *Syslog) SetLevel(level slog.Level) { s.monitor.SetLevel(level) }

// Dropped is how many lines were lost, because there was no room for them or syslog refused them.
func (s *Syslog) Dropped() uint64 { return s.monitor.Dropped() }

// Close sends the lines that wait, for 2 s at most. It may be called again.
func (s *Syslog) Close() {
	s.monitor.Close()
	std.Await(s.done, syslogCloseWait)
}

// run is the goroutine that writes.
func (s *Syslog) run() {
	defer close(s.done)
	defer s.writer.Close()
	for {
		line, ok := s.monitor.Next()
		if !ok {
			return
		}
		s.write(line)
	}
}

// write sends a line. Trace, debug and info get the severity above their own, as users of Serf are
// used to: systems hide LOG_INFO and show LOG_NOTICE.
func (s *Syslog) write(line Line) {
	send := s.writer.Debug
	switch line.Level {
	case slog.LevelDebug:
		send = s.writer.Info
	case slog.LevelInfo:
		send = s.writer.Notice
	case slog.LevelWarn:
		send = s.writer.Warning
	case slog.LevelError:
		send = s.writer.Err
	}
	if send(syslogText(line)) != nil {
		s.monitor.dropped.Add(1)
	}
}

// syslogText is a line without time and level, which syslog adds itself.
func syslogText(line Line) string {
	if _, text, ok := strings.Cut(line.Text, "] "); ok {
		return text
	}
	return line.Text
}

// SyslogFacilities are the facilities that StartSyslog accepts.
var SyslogFacilities = []string{"KERN", "USER", "MAIL", "DAEMON", "AUTH", "SYSLOG", "LPR", "NEWS",
	"UUCP", "CRON", "AUTHPRIV", "FTP",
	"LOCAL0", "LOCAL1", "LOCAL2", "LOCAL3", "LOCAL4", "LOCAL5", "LOCAL6", "LOCAL7"}

// facilityNumber is the number that syslog has for a facility.
func facilityNumber(name string) (int, error) {
	for i, f := range SyslogFacilities {
		if !strings.EqualFold(f, name) {
			continue
		}
		if i >= syslogLocal0 {
			i += syslogReserved
		}
		return i, nil
	}
	return 0, fmt.Errorf("syslog facility %q, allowed %s", name,
		strings.Join(SyslogFacilities, ", "))
}

// RFC 5424 numbers the facilities in the order of SyslogFacilities, but reserves four for the
// system's own use before LOCAL0.
const (
	syslogLocal0   = 12
	syslogReserved = 4
)
