package handler

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// patience is how long a test waits for what should happen immediately.
const patience = 20 * time.Second

// fixture is a runner whose scripts live in a folder of their own. Scripts that should be seen to
// run come to a gate, which is different on each kind of system, and wait there until they are let
// through.
type fixture struct {
	*Runner
	t   *testing.T
	dir string

	mu    sync.Mutex
	lines []string
	logs  chan string // the same as they come
	ran   chan string // scripts that have ended
}

func newFixture(t *testing.T, cfg Config) *fixture {
	f := &fixture{t: t, dir: t.TempDir(), logs: make(chan string, 100), ran: make(chan string, 100)}
	cfg.Self = func() (string, map[string]string) { return "n1", map[string]string{"role": "web", "dc": "east"} }
	cfg.Log = f.log
	if cfg.Observe == nil {
		cfg.Observe = func(script string, _ time.Duration) {
			select {
			case f.ran <- script:
			default: // nobody waits for that many
			}
		}
	}
	f.Runner = New(cfg)
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_ = f.Close(ctx)
	})
	return f
}

func (f *fixture) log(level slog.Level, format string, args ...any) {
	line := level.String() + " " + fmt.Sprintf(format, args...)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lines = append(f.lines, line)
	select {
	case f.logs <- line:
	default: // nobody waits for that many
	}
}

// set sets handlers; DIR in a specification is the fixture's folder.
func (f *fixture) set(specs ...string) {
	f.t.Helper()
	var all []Handler
	for _, s := range specs {
		h, err := Parse(strings.ReplaceAll(s, "DIR", f.dir))
		if err != nil {
			f.t.Fatal(err)
		}
		all = append(all, h)
	}
	f.Set(all)
}

// finish lets the scripts end.
func (f *fixture) finish() {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(f.t.Context(), patience)
	defer cancel()
	if err := f.Close(ctx); err != nil {
		f.t.Fatalf("scripts didn't end: %v", err)
	}
}

// wantLog checks that a line was logged.
func (f *fixture) wantLog(want string) {
	f.t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, l := range f.lines {
		if strings.Contains(l, want) {
			return
		}
	}
	f.t.Errorf("no log line %q, but:\n%s", want, strings.Join(f.lines, "\n"))
}

// wantLogged waits for a line.
func (f *fixture) wantLogged(want string) {
	f.t.Helper()
	late := time.After(patience)
	for {
		select {
		case line := <-f.logs:
			if strings.Contains(line, want) {
				return
			}
		case <-late:
			f.t.Fatalf("nothing logged that has %q", want)
		}
	}
}

// wantRun waits until a script with this text has run n more times.
func (f *fixture) wantRun(text string, n int) {
	f.t.Helper()
	late := time.After(patience)
	for n > 0 {
		select {
		case script := <-f.ran:
			if strings.Contains(script, text) {
				n--
			}
		case <-late:
			f.t.Fatalf("%q has still to run %d times; %+v", text, n, f.Stats())
		}
	}
}

// read returns a file that scripts wrote.
func (f *fixture) read(name string) string {
	f.t.Helper()
	b, err := os.ReadFile(filepath.Join(f.dir, name))
	if err != nil {
		f.t.Error(err)
	}
	return string(b)
}
