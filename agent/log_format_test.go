package agent

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"
	"time"
)

// The lines are those of the JSON handler of log/slog, but for times with milliseconds.
func TestJSONIsAsSlogWritesIt(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 22, 9, 26, 31, 123456789, time.FixedZone("", 3600))
	for _, tt := range []struct {
		level           slog.Level
		component, text string
	}{
		{slog.LevelInfo, "agent", "Serf agent starting"},
		{slog.LevelDebug, "agent.ipc", `quotes " and \ and a	tab`},
		{slog.LevelWarn, "memberlist", "é, \u2028, 𝄞 and \xff"},
		{slog.LevelError, "serf", "a: b] c: d"},
		{LevelTrace, "serf", ""},
		{slog.LevelInfo, "serf", strings.Repeat("é", logLineMax)},
	} {
		line := NewLine(at, tt.level, tt.component, tt.text)
		got := LogJSON.Append([]byte("before "), line)
		var want bytes.Buffer
		want.WriteString("before ")
		rec := slog.NewRecord(at, tt.level, strings.TrimPrefix(line.Text, "2026/11/22 09:26:31 ["+levelName(tt.level)+"] "+tt.component+": "), 0)
		rec.AddAttrs(slog.String("component", tt.component))
		h := slog.NewJSONHandler(&want, &slog.HandlerOptions{Level: LevelTrace, ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			switch {
			case a.Key == slog.TimeKey:
				return slog.String(a.Key, "2026-11-22T09:26:31.123+01:00")
			case a.Key == slog.LevelKey && tt.level == LevelTrace:
				return slog.String(a.Key, "TRACE")
			}
			return a
		}})
		if err := h.Handle(context.Background(), rec); err != nil {
			t.Fatal(err)
		}
		var a, b map[string]string // slog writes some characters as \u2028 and the like
		if json.Unmarshal(got[len("before "):], &a) != nil || json.Unmarshal(want.Bytes()[len("before "):], &b) != nil {
			t.Fatalf("no JSON:\n%s%s", got, want.Bytes())
		}
		for key := range b {
			if a[key] != b[key] {
				t.Errorf("%s: %q, want %q", key, a[key], b[key])
			}
		}
		if plain := !strings.ContainsAny(tt.text, "\u2028"); plain && string(got) != want.String() {
			t.Errorf("%s\nwant %s", got, want.Bytes())
		}
	}
}

// A name that another member chose can't add fields or lines.
func TestJSONCannotBeForged(t *testing.T) {
	t.Parallel()
	b := LogJSON.Append(nil, NewLine(time.Now(), slog.LevelInfo, "serf", "x\"}\n{\"level\":\"ERROR\"\x00\x1b[31m"))
	var got map[string]string
	if err := json.Unmarshal(b, &got); err != nil || len(got) != 4 || bytes.Count(b, []byte("\n")) != 1 {
		t.Errorf("%v, %s", err, b)
	}
	if want := `x"}\n{"level":"ERROR"??[31m`; got["msg"] != want {
		t.Errorf("%q, want %q", got["msg"], want)
	}
}

func TestParseLogFormat(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]LogFormat{"text": LogText, "JSON": LogJSON} {
		if got, err := ParseLogFormat(s); got != want || err != nil {
			t.Errorf("%s: %v, %v", s, got, err)
		}
	}
	if _, err := ParseLogFormat("xml"); err == nil || err.Error() != `log format "xml": want text or json` {
		t.Error(err)
	}
}

func TestLogAsJSON(t *testing.T) {
	t.Parallel()
	var out syncBuffer
	l := NewLogAs(LogJSON, &out, slog.LevelInfo)
	l.Infof("agent", "one")
	l.Warnf("serf", "two")
	lines := strings.SplitAfter(written(l, &out), "\n")
	if len(lines) != 3 || !strings.HasSuffix(lines[0], `,"level":"INFO","msg":"one","component":"agent"}`+"\n") ||
		!strings.HasSuffix(lines[1], `,"level":"WARN","msg":"two","component":"serf"}`+"\n") {
		t.Errorf("%q", lines)
	}
}
