//go:build unix

package handler

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"serf/internal/eventfilter"
)

// gate makes a named pipe. A script that reads it is held up.
func (f *fixture) gate(name string) string {
	f.t.Helper()
	path := filepath.Join(f.dir, name)
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		f.t.Fatal(err)
	}
	return path
}

// arrive waits until a script is at the gate. open lets it through, and all that come later.
func (f *fixture) arrive(gate string) (open func()) {
	f.t.Helper()
	pipe := f.open(gate, os.O_WRONLY)
	return func() {
		wide := gate + ".open"
		if err := errors.Join(os.WriteFile(wide, nil, 0o600), os.Rename(wide, gate), pipe.Close()); err != nil {
			f.t.Error(err)
		}
	}
}

// open opens a named pipe once a script has opened the other end.
func (f *fixture) open(path string, flag int) *os.File {
	f.t.Helper()
	opened := make(chan *os.File, 1)
	go func() {
		file, _ := os.OpenFile(path, flag, 0)
		opened <- file
	}()
	select {
	case file := <-opened:
		f.t.Cleanup(func() { _ = file.Close() })
		return file
	case <-time.After(patience):
		f.t.Fatalf("no script came to %s", path)
		return nil
	}
}

func TestScriptGetsEnvironmentAndStdin(t *testing.T) {
	f := newFixture(t, Config{})
	f.set("member-join=env | grep ^SERF_ | sort > DIR/env; cat > DIR/stdin")
	f.Handle(Event{Kind: eventfilter.MemberJoin, Members: []Member{{Name: "n2", Addr: netip.MustParseAddr("10.0.0.2")}}})
	f.finish()
	want := "SERF_EVENT=member-join\nSERF_SELF_NAME=n1\nSERF_SELF_ROLE=web\nSERF_TAG_DC=east\nSERF_TAG_ROLE=web\n"
	if diff := cmp.Diff(want, f.read("env")); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff("n2\t10.0.0.2\t\t\n", f.read("stdin")); diff != "" {
		t.Error(diff)
	}
}

func TestQueryIsAnsweredWithTheOutput(t *testing.T) {
	for _, tc := range []struct {
		name, script, want, log string
	}{
		{"both outputs", "cat; echo err >&2", "ping\nerr\n", "DEBUG Event 'query' script output: err"},
		{"failure", "echo no; exit 3", "", "ERROR Error invoking script 'echo no; exit 3': exit status 3, for query: load; its last line of output: no"},
		{"no output", "true", "", "DEBUG Event 'query' script output: "},
		{"the end of long output", "printf %08192d 1; printf %08192d 2", strings.Repeat("0", outputMax-1) + "2",
			"generated 16384 bytes of output, truncated to 8192"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := newFixture(t, Config{})
			f.set(tc.script)
			got := f.answer()
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
			f.wantLog(tc.log)
		})
	}
}

func TestAnswerThatFailsIsLogged(t *testing.T) {
	f := newFixture(t, Config{})
	f.set("echo late")
	f.Handle(Event{Kind: eventfilter.Query, Name: "load", Respond: func([]byte) error { return errors.New("past deadline") }})
	f.finish()
	f.wantLog("WARN Failed to respond to query 'query: load': past deadline")
}

func TestHandlerKeepsOrder(t *testing.T) {
	f := newFixture(t, Config{})
	f.set("user=cat >> DIR/out")
	var want strings.Builder
	for i := range 30 {
		f.Handle(Event{Kind: eventfilter.User, Payload: fmt.Append(nil, i)})
		fmt.Fprintln(&want, i)
	}
	f.finish()
	if diff := cmp.Diff(want.String(), f.read("out")); diff != "" {
		t.Error(diff)
	}
}

func TestSlowHandlerDelaysNoOther(t *testing.T) {
	f := newFixture(t, Config{})
	f.slow = time.Millisecond
	slow, quick := f.gate("slow"), f.gate("quick")
	f.set("cat "+slow, "cat "+quick)
	f.Handle(user("1"))
	openSlow := f.arrive(slow)
	f.arrive(quick)() // while the other still runs
	openSlow()
	f.finish()
}

func TestWorkersLimitScriptsAtOnce(t *testing.T) {
	f := newFixture(t, Config{Workers: 1})
	f.slow = time.Hour
	gate := f.gate("gate")
	f.set("user:1=cat "+gate, "user:2=echo ran > DIR/out")
	f.Handle(user("1"))
	open := f.arrive(gate)
	f.Handle(user("2"))
	if s := f.Stats(); s.Waiting != 1 || s.Running != 1 || !s.Handlers[1].Began.IsZero() {
		t.Errorf("the only worker is taken, but: %+v", s)
	}
	open()
	f.finish()
	if got := f.read("out"); got != "ran\n" {
		t.Errorf("the second handler wrote %q", got)
	}
}

// A handler that hangs costs a bounded queue, and what it misses is counted.
func TestHangingHandlerIsBounded(t *testing.T) {
	f := newFixture(t, Config{Queue: 10})
	f.slow = time.Hour // not the line that this is about
	gate := f.gate("gate")
	f.set("cat " + gate)
	f.Handle(user("hang"))
	f.arrive(gate)
	for i := range 5000 {
		f.Handle(join(fmt.Sprint(i)))
		f.Handle(leave(fmt.Sprint(i)))
	}
	want := Stats{
		Handlers: []HandlerStats{{Handler: "*=cat " + gate, Waiting: 10, Counts: Counts{Dropped: 9990}}},
		Waiting:  10, Running: 1,
		Total: Counts{Dropped: 9990},
	}
	got := f.Stats()
	if since := time.Since(got.Handlers[0].Began); since < 0 || since > patience {
		t.Errorf("the script has run for %v", since)
	}
	got.Handlers[0].Began = time.Time{}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	f.wantLog("doesn't keep up, 1 events dropped so far")
	if n := len(f.logs); n != 1 {
		t.Errorf("%d log lines for one repeated condition", n)
	}
}

func TestTimeoutKillsScript(t *testing.T) {
	f := newFixture(t, Config{Timeout: time.Millisecond})
	f.set("cat " + f.gate("never")) // until killed
	f.Handle(user("1"))
	f.finish()
	if diff := cmp.Diff(Counts{Runs: 1, Failed: 1, TimedOut: 1}, f.Stats().Total); diff != "" {
		t.Error(diff)
	}
	f.wantLog("killed: not done after 1ms, for user-event: 1; it printed nothing")
	if took := f.Stats().Handlers[0].Took; took.N() != 1 || took.Sum < time.Millisecond {
		t.Errorf("durations: %+v, want one of a millisecond or more", took)
	}
}

func TestCloseKillsTheWholeProcessGroup(t *testing.T) {
	f := newFixture(t, Config{})
	pipe := f.gate("pipe")
	never := f.gate("never")
	// The grandchildren hold the pipe open as long as they live.
	f.set("exec 3>" + pipe + "; (cat " + never + " & cat " + never + ") & wait")
	f.Handle(user("1"))
	f.Handle(user("2"))
	alive := f.open(pipe, os.O_RDONLY)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := f.Close(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Close: %v, want that it had to kill", err)
	}
	if _, err := io.ReadAll(alive); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff(Counts{Runs: 1, Failed: 1, Killed: 1, Lost: 1}, f.Stats().Total); diff != "" {
		t.Error(diff)
	}
}

func TestChildThatHoldsTheOutputDoesNotHang(t *testing.T) {
	f := newFixture(t, Config{})
	f.grace = 200 * time.Millisecond
	gate := f.gate("gate")
	f.set("cat " + gate + " & echo started")
	var got string
	f.Handle(Event{Kind: eventfilter.Query, Respond: func(b []byte) error { got = string(b); return nil }})
	open := f.arrive(gate)
	f.finish()
	open() // only now may the child end
	if got != "started\n" {
		t.Errorf("answered %q", got)
	}
	if diff := cmp.Diff(Counts{Runs: 1}, f.Stats().Total); diff != "" {
		t.Error(diff)
	}
}

func TestSlowScriptIsLogged(t *testing.T) {
	f := newFixture(t, Config{})
	f.slow = time.Microsecond
	gate := f.gate("gate")
	f.set("cat " + gate)
	f.Handle(user("1"))
	open := f.arrive(gate)
	select {
	case line := <-f.logs:
		if want := "WARN Script 'cat " + gate + "' slow, execution exceeding 1µs"; line != want {
			t.Errorf("logged %q, want %q", line, want)
		}
	case <-time.After(patience):
		t.Error("nothing logged")
	}
	open()
	f.finish()
}

func TestSetKeepsTheQueueOfAHandlerThatStays(t *testing.T) {
	f := newFixture(t, Config{})
	f.slow = time.Millisecond
	gateStays, gateGoes := f.gate("gate1"), f.gate("gate2")
	stays, goes, comes := "cat "+gateStays+" - >> DIR/stays", "cat "+gateGoes+" - >> DIR/goes", "cat >> DIR/comes"
	f.set(stays, goes)
	handle := func(payload string) { f.Handle(Event{Kind: eventfilter.User, Payload: []byte(payload)}) }
	handle("1")
	openStays, openGoes := f.arrive(gateStays), f.arrive(gateGoes)
	handle("2")
	f.set(comes, stays)
	handle("3")
	if s := f.Stats().Handlers[1]; s.Waiting != 2 {
		t.Errorf("the handler that stays: %+v, want 2 events waiting", s)
	}
	openStays()
	openGoes()
	f.finish()
	for file, want := range map[string]string{"stays": "1\n2\n3\n", "goes": "1\n2\n", "comes": "3\n"} {
		if diff := cmp.Diff(want, f.read(file)); diff != "" {
			t.Errorf("%s: %s", file, diff)
		}
	}
	if got := f.Stats().Total.Runs; got != 6 {
		t.Errorf("%d runs counted, want 6: those of former handlers count", got)
	}
}

func TestSameHandlerTwiceRunsTwice(t *testing.T) {
	f := newFixture(t, Config{})
	f.set("echo x >> DIR/out", "echo x >> DIR/out")
	f.set("echo x >> DIR/out", "echo x >> DIR/out") // each finds its queue again
	f.Handle(user("1"))
	f.finish()
	if got := f.read("out"); got != "x\nx\n" {
		t.Errorf("wrote %q", got)
	}
}

func TestHandleAfterCloseDoesNothing(t *testing.T) {
	f := newFixture(t, Config{})
	f.set("echo x > DIR/out")
	f.finish()
	f.Handle(user("1"))
	f.finish() // Close may be called again
	if diff := cmp.Diff(Counts{}, f.Stats().Total); diff != "" {
		t.Error(diff)
	}
}

func TestObserveIsToldOfEachRun(t *testing.T) {
	var scripts []string
	f := newFixture(t, Config{Observe: func(script string, took time.Duration) {
		if took <= 0 {
			t.Errorf("%q took %v", script, took)
		}
		scripts = append(scripts, script)
	}})
	f.set("user=true", "query=false")
	f.Handle(user("1"))
	f.finish()
	if diff := cmp.Diff([]string{"true"}, scripts); diff != "" {
		t.Error(diff)
	}
}

func TestUnansweredQueries(t *testing.T) {
	for _, tc := range []struct {
		name     string
		handlers []string
		refused  bool // the answer can't be sent
		want     int
	}{
		{"no output", []string{"query=true"}, false, 1},
		{"a failure", []string{"query=echo no; exit 1"}, false, 1},
		{"an answer", []string{"query=echo yes"}, false, 0},
		{"an answer that is refused", []string{"query=echo yes"}, true, 1},
		{"one of two answers", []string{"query=true", "*=echo yes"}, false, 0},
		{"neither of two answers", []string{"query=true", "*=false"}, false, 1},
		{"it isn't for them", []string{"user=true"}, false, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := newFixture(t, Config{})
			f.set(tc.handlers...)
			var mu sync.Mutex
			got := 0
			f.Handle(Event{Kind: eventfilter.Query, Name: "q",
				Respond: func([]byte) error {
					if tc.refused {
						return errors.New("too large")
					}
					return nil
				},
				Unanswered: func() {
					mu.Lock()
					defer mu.Unlock()
					got++
				},
			})
			f.finish()
			if got != tc.want {
				t.Errorf("told %d times that there is no answer, want %d", got, tc.want)
			}
		})
	}
}
