package agent

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"serf/internal/repeats"
)

// syncBuffer is a bytes.Buffer for concurrent use.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// written closes l and returns what it wrote.
func written(l *Log, out *syncBuffer) string {
	l.Close()
	return out.String()
}

// wantWritten checks the lines of an output, without their times.
func wantWritten(t *testing.T, got string, want ...string) {
	t.Helper()
	var texts []string
	for line := range strings.Lines(got) {
		texts = append(texts, strings.TrimSpace(line[len("2006/01/02 15:04:05 "):]))
	}
	if d := cmp.Diff(want, texts); d != "" {
		t.Errorf("lines (-want +got):\n%s", d)
	}
}

func TestLogLine(t *testing.T) {
	at := time.Date(2026, 11, 22, 9, 26, 31, 0, time.Local)
	for _, tt := range []struct {
		why  string
		text string
		want string
	}{
		{"as people grep for it", "EventMemberJoin: a 127.0.0.1", "2026/11/22 09:26:31 [INFO] serf: EventMemberJoin: a 127.0.0.1"},
		{"a newline can't forge a line", "a\n2026/11/22 [ERR] x", `2026/11/22 09:26:31 [INFO] serf: a\n2026/11/22 [ERR] x`},
		{"one at the end is the caller's habit", "a\n", "2026/11/22 09:26:31 [INFO] serf: a"},
		{"the end of a line of Windows is none in the middle", "a\r\nb\rc\r\n", `2026/11/22 09:26:31 [INFO] serf: a\r\nb\rc`},
		{"an escape can't drive a terminal", "a\x1b[2Jb\x9bc", "2026/11/22 09:26:31 [INFO] serf: a?[2Jb\ufffdc"},
		{"other languages are welcome", "größe 大", "2026/11/22 09:26:31 [INFO] serf: größe 大"},
	} {
		if got := NewLine(at, slog.LevelInfo, "serf", tt.text).Text; got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.why, got, tt.want)
		}
	}
}

func TestLogLineIsCut(t *testing.T) {
	got := NewLine(time.Now(), slog.LevelInfo, "serf", strings.Repeat("é", logLineMax)).Text
	if len(got) > logLineMax+len("...") || !strings.HasSuffix(got, "é...") {
		t.Errorf("got %d bytes ending in %q, want at most %d and whole characters",
			len(got), got[len(got)-6:], logLineMax+3)
	}
}

func TestParseLevel(t *testing.T) {
	for text, want := range map[string]slog.Level{"trace": LevelTrace, "DEBUG": slog.LevelDebug, "Info": slog.LevelInfo, "warn": slog.LevelWarn, "err": slog.LevelError} {
		if got, err := ParseLevel(text); err != nil || got != want {
			t.Errorf("ParseLevel(%q) = %v, %v, want %v", text, got, err, want)
		}
	}
	if _, err := ParseLevel("loud"); err == nil || !strings.Contains(err.Error(), "loud") {
		t.Errorf("ParseLevel(loud): got error %v, want one that names it", err)
	}
}

func TestLogLevelChangesAtRunTime(t *testing.T) {
	var out syncBuffer
	l := NewLog(&out, slog.LevelWarn)
	l.Infof("agent", "one")
	l.Warnf("agent", "two")
	l.SetLevel(slog.LevelInfo)
	l.Infof("agent", "three")
	got := written(l, &out)
	if strings.Contains(got, "one") || !strings.Contains(got, "[WARN] agent: two") || !strings.Contains(got, "[INFO] agent: three") {
		t.Errorf("got %q, want two and three", got)
	}
}

func TestNilLogDiscards(t *testing.T) {
	var l *Log
	l.Errorf("agent", "x")
	l.Repeatf(slog.LevelError, "agent", "k", "x")
	l.SetLevel(LevelTrace)
	l.Flush()
	l.Close()
	if line, ok := l.Monitor(LevelTrace, 1, "").Next(); ok {
		t.Errorf("the monitor of no log has the line %v", line)
	}
}

func TestMonitorStartsWithTheLastLines(t *testing.T) {
	var out syncBuffer
	l := NewLog(&out, slog.LevelError)
	defer l.Close()
	for i := range logRing + 10 {
		l.Infof("agent", "line %d", i)
	}
	m := l.Monitor(slog.LevelInfo, 1, "")
	defer m.Close()
	if m.Len() != logRing {
		t.Fatalf("%d lines from before, want %d", m.Len(), logRing)
	}
	for i := range logRing {
		line, _ := m.Next()
		if want := fmt.Sprintf("line %d", i+10); !strings.HasSuffix(line.Text, want) {
			t.Fatalf("%q, want %q", line.Text, want)
		}
	}
}

func TestMonitorHasItsOwnLevel(t *testing.T) {
	var out syncBuffer
	l := NewLog(&out, slog.LevelWarn)
	m := l.Monitor(LevelTrace, 4, "")
	l.Tracef("agent", "detail")
	if line, _ := m.Next(); line.Level != LevelTrace {
		t.Errorf("got %v, want the trace line", line)
	}
	if n := l.Monitor(slog.LevelInfo, 4, "").Len(); n != 0 {
		t.Errorf("%d lines from before, of which none is important enough", n)
	}
	m.Close()
	if l.wants(LevelTrace) {
		t.Error("trace lines are still made after the monitor has gone")
	}
	if got := written(l, &out); got != "" {
		t.Errorf("output %q, want nothing", got)
	}
}

func TestMuteMonitorIsNotSpokenOf(t *testing.T) {
	var out syncBuffer
	l := NewLog(&out, LevelTrace)
	m := l.Monitor(LevelTrace, 1, "")
	for range 1000 {
		l.Infof("agent", "x")
	}
	if got := m.Dropped(); got != 999 {
		t.Errorf("dropped %d lines, want 999", got)
	}
	if lines := strings.Count(written(l, &out), "\n"); lines != 1000 {
		t.Errorf("output has %d lines, want the 1000 logged and none about the monitor", lines)
	}
}

// A reader that never catches up is also told how much it misses, but not after each line.
func TestMonitorThatIsAlwaysBehindIsTold(t *testing.T) {
	l := NewLog(io.Discard, slog.LevelError)
	defer l.Close()
	m := l.Monitor(slog.LevelInfo, 4, "slow")
	told := 0
	for range 50 {
		for range 5 {
			l.Infof("agent", "x")
		}
		if line, _ := m.Next(); strings.Contains(line.Text, "dropped: slow") {
			told++
		}
	}
	if told < 5 || told > 10 {
		t.Errorf("told %d times in 50 lines, want once in 5", told)
	}
}

// stuckWriter takes nothing until it is released.
type stuckWriter struct {
	syncBuffer
	release chan struct{}
}

func (w *stuckWriter) Write(p []byte) (int, error) {
	<-w.release
	return w.syncBuffer.Write(p)
}

func TestSlowOutputLosesLinesAndSaysSo(t *testing.T) {
	w := &stuckWriter{release: make(chan struct{})}
	l := NewLog(w, slog.LevelInfo)
	const lines = 3 * logQueue
	for range lines {
		l.Infof("agent", "a line of more than forty bytes") // must not wait
	}
	close(w.release)
	l.Close()
	got := w.String()
	lost := 0
	for _, m := range regexp.MustCompile(`(\d+) lines of the log were dropped`).FindAllStringSubmatch(got, -1) {
		n, _ := strconv.Atoi(m[1])
		lost += n
	}
	if lost == 0 {
		t.Fatal("nothing in the log says that lines were dropped")
	}
	if n := strings.Count(got, "forty bytes"); n+lost != lines {
		t.Errorf("%d of %d lines written and %d said to be lost", n, lines, lost)
	}
}

func TestStuckOutputDoesNotHoldUpClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &stuckWriter{release: make(chan struct{})}
		l := NewLog(w, slog.LevelInfo)
		l.Infof("agent", "x")
		began := time.Now()
		l.Flush()
		l.Close()
		if took := time.Since(began); took != 2*logCloseWait {
			t.Errorf("Flush and Close took %v, want %v each", took, logCloseWait)
		}
		close(w.release) // let the writer go
	})
}

func TestFlushWaitsForTheOutput(t *testing.T) {
	var out syncBuffer
	l := NewLog(&out, slog.LevelInfo)
	defer l.Close()
	for i := range 100 {
		l.Infof("agent", "line %d.", i)
		l.Flush()
		if want := fmt.Sprintf("line %d.", i); !strings.Contains(out.String(), want) {
			t.Fatalf("%q isn't written after Flush", want)
		}
	}
}

func TestRepeatedConditionIsCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out syncBuffer
		l := NewLog(&out, slog.LevelInfo)
		for range 100 {
			l.Repeatf(slog.LevelWarn, "memberlist", "key", "it is bad")
		}
		l.Repeatf(slog.LevelWarn, "memberlist", "other", "so is this")
		time.Sleep(repeats.Every + time.Second)
		l.Repeatf(slog.LevelWarn, "memberlist", "key", "it is bad")
		time.Sleep(10 * repeats.Every)
		l.Repeatf(slog.LevelWarn, "memberlist", "key", "it is bad again")
		wantWritten(t, written(l, &out),
			"[WARN] memberlist: it is bad",
			"[WARN] memberlist: so is this",
			"[WARN] memberlist: it is bad (99 more in the last 30s)",
			"[WARN] memberlist: it is bad (1 more in the last 30s)",
			"[WARN] memberlist: it is bad again",
		)
	})
}

// What was counted isn't reported after the condition is over, and the condition is news when it
// comes back.
func TestConditionThatIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out syncBuffer
		l := NewLog(&out, slog.LevelInfo)
		for range 3 {
			l.Repeatf(slog.LevelError, "agent", "disk", "it is full")
		}
		l.Overf(slog.LevelInfo, "agent", "disk", "it has room")
		time.Sleep(2 * repeats.Every)
		l.Overf(slog.LevelInfo, "agent", "disk", "it still has")
		l.Repeatf(slog.LevelError, "agent", "disk", "it is full")
		time.Sleep(2 * repeats.Every)
		wantWritten(t, written(l, &out),
			"[ERR] agent: it is full",
			"[ERR] agent: it is full (2 more)",
			"[INFO] agent: it has room",
			"[INFO] agent: it still has",
			"[ERR] agent: it is full",
		)
	})
}

func TestRepeatedConditionsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out syncBuffer
		l := NewLog(&out, slog.LevelInfo)
		for i := range repeats.KeysMax + 500 {
			l.Repeatf(slog.LevelWarn, "memberlist", fmt.Sprint(i), "from %d", i)
		}
		time.Sleep(repeats.Every + time.Second)
		got := written(l, &out)
		if n := strings.Count(got, "from "); n != repeats.KeysMax {
			t.Errorf("%d conditions told apart, limit %d", n, repeats.KeysMax)
		}
		if !strings.Contains(got, "further conditions of this kind (500 more in the last 30s)") {
			t.Error("the 500 beyond the limit aren't counted")
		}
	})
}

func TestRareConditionIsToldOnceAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out syncBuffer
		l := NewLog(&out, slog.LevelInfo)
		for range 10*60 - 1 { // and not up to the moment of the tenth summary
			l.repeat(slog.LevelWarn, "memberlist", repeats.Key{Text: "key", Rare: true}, func() string { return "a stranger" })
			time.Sleep(time.Second)
		}
		got := written(l, &out)
		if n := strings.Count(got, " more in the last 1m0s)"); n != 9 || strings.Count(got, "\n") != 10 {
			t.Errorf("in ten minutes, at one a second:\n%s", got)
		}
	})
}
