//go:build unix

package agent

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"serf/agent/handler"
	"serf/internal/eventfilter"
)

// Scripts that still ran and events that still waited when the agent stopped are counted and
// logged.
func TestEndSaysWhatHandlersLose(t *testing.T) {
	t.Parallel()
	gate := filepath.Join(t.TempDir(), "gate")
	if err := syscall.Mkfifo(gate, 0o600); err != nil {
		t.Fatal(err)
	}
	var out syncBuffer
	log := NewLog(&out, slog.LevelWarn)
	a := &Agent{log: log}
	a.tags.Store(&map[string]string{})
	a.runner = a.newRunner()
	h, err := handler.Parse("user:x=cat " + gate)
	if err != nil {
		t.Fatal(err)
	}
	a.runner.Set([]handler.Handler{h})
	for range 3 {
		a.runner.Handle(handler.Event{Kind: eventfilter.User, Name: "x"})
	}
	f, err := os.OpenFile(gate, os.O_WRONLY, 0) // as soon as the script runs
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	a.closeScripts(0)
	log.Close()
	want := "[WARN] agent: Event handlers didn't end within 0s; scripts killed: 1, events lost that waited: 2; '" + h.String() + "' killed 1, lost 2\n"
	if got := out.String(); !strings.Contains(got, want) {
		t.Errorf("no line %q, but:\n%s", want, got)
	}
}
