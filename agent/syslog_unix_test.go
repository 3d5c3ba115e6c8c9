//go:build unix

package agent

import (
	"io"
	"log/slog"
	"log/syslog"
	"net"
	"path/filepath"
	"strings"
	"testing"
)

// The standard library's writer with a daemon of our own.
func TestSyslogOnTheSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	daemon, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path})
	if err != nil {
		t.Fatal(err)
	}
	defer daemon.Close()
	local3, err := facilityNumber("LOCAL3")
	if err != nil {
		t.Fatal(err)
	}
	w, err := syslog.Dial("unixgram", path, syslogPriority(local3), syslogTag)
	if err != nil {
		t.Fatal(err)
	}
	log := NewLog(io.Discard, slog.LevelError)
	defer log.Close()
	s := newSyslog(log, slog.LevelInfo, w)
	log.Errorf("serf", "bad news")
	s.Close()
	b := make([]byte, 1024)
	n, err := daemon.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	// 155: facility 19 (LOCAL3), severity 3 (error).
	if got := string(b[:n]); !strings.HasPrefix(got, "<155>") || !strings.Contains(got, " serf[") || !strings.HasSuffix(got, "]: serf: bad news\n") {
		t.Errorf("syslog got %q", got)
	}
}
