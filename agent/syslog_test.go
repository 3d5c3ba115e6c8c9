package agent

import (
	"errors"
	"io"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// fakeSyslog remembers lines with their severity. It is read after Close.
type fakeSyslog struct {
	lines  []string
	closed bool
	err    error
	hold   chan struct{} // if set, each line waits until it is closed
}

func (f *fakeSyslog) take(severity, line string) error {
	if f.hold != nil {
		<-f.hold
	}
	f.lines = append(f.lines, severity+" "+line)
	return f.err
}

func (f *fakeSyslog) Debug(s string) error   { return f.take("debug", s) }
func (f *fakeSyslog) Info(s string) error    { return f.take("info", s) }
func (f *fakeSyslog) Notice(s string) error  { return f.take("notice", s) }
func (f *fakeSyslog) Warning(s string) error { return f.take("warning", s) }
func (f *fakeSyslog) Err(s string) error     { return f.take("err", s) }
func (f *fakeSyslog) Close() error           { f.closed = true; return nil }

// logTo returns a log that goes to w from level on, and to nothing else.
func logTo(t *testing.T, level slog.Level, w syslogWriter) (*Log, *Syslog) {
	log := NewLog(io.Discard, slog.LevelError)
	t.Cleanup(log.Close)
	return log, newSyslog(log, level, w)
}

func TestSyslogMapsLevels(t *testing.T) {
	log := NewLog(io.Discard, slog.LevelError) // whatever the output shows
	defer log.Close()
	log.Infof("agent", "before [it] began")
	w := &fakeSyslog{}
	s := newSyslog(log, LevelTrace, w)
	log.Tracef("a", "1")
	log.Debugf("a", "2")
	log.Infof("a", "3")
	log.Warnf("a", "4")
	log.Errorf("a", "5")
	s.Close()
	want := []string{"notice agent: before [it] began", "debug a: 1", "info a: 2", "notice a: 3", "warning a: 4", "err a: 5"}
	if d := cmp.Diff(want, w.lines); d != "" || !w.closed {
		t.Errorf("closed %v; -want +got:\n%s", w.closed, d)
	}
}

func TestSyslogFollowsLevel(t *testing.T) {
	w := &fakeSyslog{}
	log, s := logTo(t, slog.LevelWarn, w)
	log.Infof("a", "hidden")
	if log.wants(LevelTrace) {
		t.Error("trace lines are made although nobody wants them")
	}
	s.SetLevel(LevelTrace)
	log.Tracef("a", "shown")
	s.Close()
	if d := cmp.Diff([]string{"debug a: shown"}, w.lines); d != "" {
		t.Error(d)
	}
}

func TestSyslogDropsWhatFindsNoRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &fakeSyslog{hold: make(chan struct{})}
		log, s := logTo(t, slog.LevelInfo, w)
		log.Infof("a", "in hand")
		synctest.Wait()
		for range syslogQueue + 3 {
			log.Infof("a", "more")
		}
		if got := s.Dropped(); got != 3 {
			t.Errorf("%d dropped, want 3: the queue has room for the rest", got)
		}
		close(w.hold)
		synctest.Wait()
		s.Close()
		if got, want := w.lines[len(w.lines)-1], "warning agent: 3 lines of the log were dropped: syslog takes no more"; got != want {
			t.Errorf("last line %q, want %q", got, want)
		}
	})
}

func TestSyslogCloseDoesNotWaitForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &fakeSyslog{hold: make(chan struct{})}
		log, s := logTo(t, slog.LevelInfo, w)
		log.Infof("a", "stuck")
		began := time.Now()
		s.Close()
		if took := time.Since(began); took != syslogCloseWait {
			t.Errorf("Close took %v, want %v", took, syslogCloseWait)
		}
		close(w.hold)
	})
}

func TestSyslogCountsFailures(t *testing.T) {
	log := NewLog(io.Discard, slog.LevelError)
	w := &fakeSyslog{err: errors.New("gone")}
	s := newSyslog(log, slog.LevelInfo, w)
	log.Infof("a", "lost")
	log.Close() // ends the monitor
	s.Close()
	if got := s.Dropped(); got < 1 {
		t.Errorf("%d dropped, though syslog takes nothing", got)
	}
}

func TestFacilityNumbers(t *testing.T) {
	for name, want := range map[string]int{"KERN": 0, "FTP": 11, "LOCAL0": 16, "local7": 23, "Daemon": 3} {
		if got, err := facilityNumber(name); got != want || err != nil {
			t.Errorf("%s: %d, error %v, want %d", name, got, err, want)
		}
	}
	_, err := facilityNumber("LOCAL8")
	if err == nil || !strings.Contains(err.Error(), `"LOCAL8", allowed KERN, USER,`) || !slices.Contains(SyslogFacilities, "LOCAL0") {
		t.Errorf("error %v doesn't name what is allowed", err)
	}
}
