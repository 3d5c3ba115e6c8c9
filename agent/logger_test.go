package agent

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// An agent logs to the program's logger: the level as it is, and the part that reports as an attribute.
func TestAgentLogsToSlog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out syncBuffer
		c := memConfig(newMemNetwork(), "a", 1)
		c.Logger = slog.New(slog.NewJSONHandler(&out, nil))
		a := begin(t, c)
		a.log.Debugf("agent", "nobody wants this")
		a.Close()
		var first, last struct{ Level, Msg, Component string }
		lines := bytes.Split(bytes.TrimSpace([]byte(out.String())), []byte("\n"))
		if err := json.Unmarshal(lines[0], &first); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(lines[len(lines)-1], &last); err != nil {
			t.Fatal(err)
		}
		if first.Level != "INFO" || first.Msg != "Serf agent starting" || first.Component != "agent" {
			t.Errorf("first line: %+v", first)
		}
		if last.Level != "WARN" || last.Msg != "Shutdown without a Leave" || last.Component != "serf" {
			t.Errorf("last line: %+v", last)
		}
		if strings.Contains(out.String(), "nobody") {
			t.Error("a line is below the level")
		}
	})
}

// A program that begins to want debug lines gets them.
func TestLevelOfALoggerMayChange(t *testing.T) {
	var out syncBuffer
	var level slog.LevelVar
	l, own := logFor(slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: &level})))
	if !own {
		t.Fatal("whose is it?")
	}
	l.Debugf("agent", "too early")
	l.Flush()
	level.Set(slog.LevelDebug)
	l.Debugf("agent", "now")
	l.Close()
	if got := out.String(); strings.Contains(got, "early") || !strings.Contains(got, "level=DEBUG msg=now component=agent") {
		t.Error(got)
	}
}

// A handler that blocks keeps no one waiting; when it takes lines again, one says how many are lost.
func TestLoggerThatBlocksDelaysNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out syncBuffer
		held := heldWriter{make(chan struct{}), &out}
		l, _ := logFor(slog.New(slog.NewTextHandler(held, nil)))
		for range logQueue + 10 {
			l.Infof("agent", "line")
		}
		close(held.free)
		l.Flush()
		l.Close()
		if got := out.String(); !strings.Contains(got, "lines of the log were dropped") {
			t.Errorf("%d bytes, none about lost lines", len(got))
		}
	})
}

type heldWriter struct {
	free chan struct{}
	to   io.Writer
}

func (w heldWriter) Write(p []byte) (int, error) {
	<-w.free
	return w.to.Write(p)
}

func TestLoggerThatWantsNothingCostsNothing(t *testing.T) {
	if l, own := logFor(silent); l != nil || own {
		t.Error("there is a log")
	}
	var none *slog.Logger
	l, own := logFor(none)
	if !own || !l.wants(slog.LevelInfo) {
		t.Error("a nil *slog.Logger isn't like none")
	}
	l.Close()
}

// Without a Logger, lines go where those of package log go. It isn't parallel: that is a global.
func TestStandardLogIsTheDefault(t *testing.T) {
	var out syncBuffer
	was, flags := log.Writer(), log.Flags()
	log.SetOutput(&out)
	log.SetFlags(0)
	defer func() { log.SetOutput(was); log.SetFlags(flags) }()
	l, own := logFor(nil)
	l.Debugf("agent", "not shown")
	l.Warnf("serf", "Shutdown")
	l.Close()
	if got := out.String(); !own || got != "WARN Shutdown component=serf\n" {
		t.Errorf("%q", got)
	}
}

// A *Log takes what other parts of the program log by its methods for slog.
func TestLogIsALogger(t *testing.T) {
	var out syncBuffer
	l := NewLog(&out, slog.LevelInfo)
	if got, own := logFor(l); got != l || own {
		t.Error("it isn't used as it is")
	}
	ctx := context.Background()
	l.LogAttrs(ctx, slog.LevelInfo, "started", slog.Int("port", 80), slog.String("component", "web"))
	l.LogAttrs(ctx, slog.LevelWarn, "late", slog.Duration("by", time.Second))
	l.LogAttrs(ctx, LevelTrace, "not shown")
	got := written(l, &out)
	for _, want := range []string{"[INFO] web: started port=80\n", "[WARN] agent: late by=1s\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in %q", want, got)
		}
	}
	if l.Enabled(ctx, LevelTrace) || !l.Enabled(ctx, slog.LevelInfo) || strings.Contains(got, "not shown") {
		t.Errorf("levels: %q", got)
	}
}
