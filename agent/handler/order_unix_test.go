//go:build unix

package handler

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"serf/internal/eventfilter"
)

func TestHandlersOfOneEventRunInTheOrderOfTheConfiguration(t *testing.T) {
	f := newFixture(t, Config{})
	f.slow, f.hold = time.Hour, time.Hour
	f.set("user=sleep 0.02; echo a$SERF_USER_EVENT >> DIR/out", "member-join=echo no >> DIR/out",
		"*=echo b$SERF_USER_EVENT >> DIR/out", "user=echo c$SERF_USER_EVENT >> DIR/out")
	for i := range 5 {
		f.Handle(user(fmt.Sprint(i)))
	}
	f.finish()
	for i := range 5 { // of different events any may be first
		var order []string
		for line := range strings.Lines(f.read("out")) {
			if strings.HasSuffix(line, fmt.Sprintln(i)) {
				order = append(order, line[:1])
			}
		}
		if diff := cmp.Diff([]string{"a", "b", "c"}, order); diff != "" {
			t.Errorf("event %d: %s", i, diff)
		}
	}
}

func TestFailureLetsTheNextHandlerRun(t *testing.T) {
	f := newFixture(t, Config{})
	f.slow, f.hold = time.Hour, time.Hour
	f.set("exit 1", "exec:/does/not/exist", "echo ran > DIR/out")
	f.Handle(user("1"))
	f.finish()
	if got := f.read("out"); got != "ran\n" {
		t.Errorf("wrote %q", got)
	}
}

// The first to answer is the first in the configuration.
func TestFirstHandlerAnswersFirst(t *testing.T) {
	f := newFixture(t, Config{})
	f.slow, f.hold = time.Hour, time.Hour
	f.set("sleep 0.05; echo first", "echo second")
	var answers []string
	f.Handle(Event{Kind: eventfilter.Query, Respond: func(b []byte) error {
		answers = append(answers, string(b))
		return nil
	}})
	f.finish()
	if diff := cmp.Diff([]string{"first\n", "second\n"}, answers); diff != "" {
		t.Error(diff)
	}
}

// A handler that hangs is waited for once: for events that come while it is slow the next handler
// runs immediately.
func TestSlowHandlerIsWaitedForOnce(t *testing.T) {
	f := newFixture(t, Config{})
	f.slow, f.hold = 20*time.Millisecond, time.Hour
	slow := f.gate("slow")
	f.set("user=cat "+slow, "user=cat >> DIR/out; echo >> DIR/ran", "user:last=echo last >> DIR/out")
	f.Handle(user("1"))
	f.Handle(user("2"))
	open := f.arrive(slow)
	f.wantLogged("slow")
	for range 20 {
		f.Handle(Event{Kind: eventfilter.User, Payload: []byte("x")})
	}
	f.Handle(user("last"))
	f.wantRun("echo last", 1) // the third waits for the second, which had 23 to do
	if s := f.Stats().Handlers[0]; s.Runs != 0 || s.Waiting != 22 {
		t.Errorf("the slow one: %+v", s)
	}
	open()
	f.finish()
}

// A handler that was slow once is waited for again.
func TestQuickAgainIsWaitedForAgain(t *testing.T) {
	f := newFixture(t, Config{})
	f.slow, f.hold = 20*time.Millisecond, time.Hour
	first, second := f.gate("first"), f.gate("second")
	f.set("user=cat DIR/$SERF_USER_EVENT", "user=true")
	f.Handle(user("first"))
	open := f.arrive(first)
	f.wantRun("true", 1)
	f.slow = time.Hour // from the next run on
	open()
	f.wantRun("cat", 1)
	f.Handle(user("second"))
	open = f.arrive(second)
	if s := f.Stats(); s.Handlers[1].Waiting != 1 {
		t.Errorf("the second handler doesn't wait: %+v", s)
	}
	open()
	f.finish()
}

// newHeldUp returns a fixture whose first handler waits at a gate for event 1, which open lets
// through. No script counts as slow, and the second handler waits as long as hold.
func newHeldUp(
	t *testing.T, cfg Config, hold time.Duration, second string,
) (f *fixture, open func()) {
	t.Helper()
	f = newFixture(t, cfg)
	f.slow, f.hold = time.Hour, hold
	gate := f.gate("gate")
	f.set("user=cat "+gate, second)
	f.Handle(user("1"))
	return f, f.arrive(gate)
}

func TestBacklogHoldsNobodyUpForLong(t *testing.T) {
	f, open := newHeldUp(t, Config{}, 20*time.Millisecond, "user=true")
	f.wantRun("true", 1)
	open()
	f.finish()
}

func TestCrowdedHandlerWaitsForNobody(t *testing.T) {
	f, open := newHeldUp(t, Config{Queue: 10}, time.Hour, "user=true")
	for range 4 {
		f.Handle(user("2"))
	}
	if s := f.Stats().Handlers[1]; s.Waiting != 5 {
		t.Fatalf("half of the queue is in use: %+v", s)
	}
	f.Handle(user("3"))
	f.wantRun("true", 1)
	open()
	f.finish()
}

func TestEventDroppedByOneHandlerIsNotWaitedFor(t *testing.T) {
	f, open := newHeldUp(t, Config{Queue: 4}, time.Hour, "user:2=echo ran > DIR/out")
	f.Handle(user("2")) // waits for the first handler
	for range 4 {
		f.Handle(user("3")) // of these the last has it dropped there
	}
	f.wantRun("echo ran", 1)
	open()
	f.finish()
}

// deadlined is a context with a deadline that the test ends by hand.
type deadlined struct {
	context.Context
	at time.Time
}

func (d deadlined) Deadline() (time.Time, bool) { return d.at, true }

// A handler that hangs must not use up the others' time when the runner closes.
func TestCloseWaitsForOrderHalfOfItsTime(t *testing.T) {
	f := newFixture(t, Config{})
	f.slow, f.hold = time.Hour, time.Hour
	f.set("user=cat "+f.gate("never"), "user=echo ran > DIR/out")
	f.Handle(user("1"))
	ctx, cancel := context.WithCancel(t.Context())
	closed := make(chan error)
	go func() { closed <- f.Close(deadlined{ctx, time.Now().Add(20 * time.Millisecond)}) }()
	f.wantRun("echo ran", 1)
	cancel()
	if err := <-closed; !errors.Is(err, context.Canceled) {
		t.Errorf("Close: %v, want that it had to kill", err)
	}
	if diff := cmp.Diff(Counts{Runs: 2, Failed: 1, Killed: 1}, f.Stats().Total); diff != "" {
		t.Error(diff)
	}
}

func TestReloadThatTurnsTheOrderRound(t *testing.T) {
	f := newFixture(t, Config{})
	f.slow, f.hold = time.Hour, time.Hour
	a, b := "user=echo a$SERF_USER_EVENT >> DIR/out", "user=echo b$SERF_USER_EVENT >> DIR/out"
	for i := range 10 {
		f.set(a, b)
		f.Handle(user(fmt.Sprint(i)))
		f.set(b, a)
		f.Handle(user(fmt.Sprint(i)))
	}
	f.finish()
	if got := strings.Count(f.read("out"), "\n"); got != 40 {
		t.Errorf("%d runs, want 40", got)
	}
}

// However many scripts hang, the next one still runs.
func TestSlowScriptsTakeNoWorkers(t *testing.T) {
	f := newFixture(t, Config{Workers: 2})
	f.slow = time.Millisecond
	gate := f.gate("gate")
	f.set("cat "+gate, "cat "+gate+" -", "cat "+gate+" - -", "echo ran > DIR/out")
	f.Handle(user("1"))
	open := f.arrive(gate)
	f.wantRun("echo ran", 1)
	if s := f.Stats(); s.Running != 3 {
		t.Errorf("%+v", s)
	}
	open()
	f.finish()
	if f.slowRun != 0 || len(f.workers) != 0 {
		t.Errorf("%d slow scripts and %d workers are still counted", f.slowRun, len(f.workers))
	}
}

func TestTimeoutOfOneHandler(t *testing.T) {
	f := newFixture(t, Config{Timeout: -1})
	f.set("timeout:10ms=cat "+f.gate("never"), "echo ran")
	f.Handle(user("1"))
	f.finish()
	f.wantLog("killed: not done after 10ms, for user-event: 1")
	if diff := cmp.Diff(Counts{Runs: 2, Failed: 1, TimedOut: 1}, f.Stats().Total); diff != "" {
		t.Error(diff)
	}
}

func TestSetTimeoutHoldsForThoseWithoutOne(t *testing.T) {
	f := newFixture(t, Config{})
	f.SetTimeout(time.Millisecond)
	f.set("user:1=cat "+f.gate("never"), "user:2,timeout:0=sleep 0.05")
	f.Handle(user("1"))
	f.Handle(user("2"))
	f.finish()
	if diff := cmp.Diff(Counts{Runs: 2, Failed: 1, TimedOut: 1}, f.Stats().Total); diff != "" {
		t.Error(diff)
	}
}

func TestReloadChangesATimeoutAndKeepsTheQueue(t *testing.T) {
	f := newFixture(t, Config{})
	gate := f.gate("gate")
	f.set("timeout:1h=cat " + gate)
	f.Handle(user("1"))
	f.Handle(user("2"))
	open := f.arrive(gate)
	f.set("timeout:1m=cat " + gate)
	if s := f.Stats().Handlers[0]; s.Waiting != 1 || s.Handler != "*,timeout:1m0s=cat "+gate {
		t.Errorf("%+v", s)
	}
	open()
	f.finish()
}

// No shell reads what an event brings: arguments stay as written.
func TestProgramWithoutShell(t *testing.T) {
	f := newFixture(t, Config{})
	t.Setenv("SERF_TEST_X", "expanded")
	f.set(`user=exec:/bin/sh -c 'printf "%s|" "$@" > DIR/out; cat >> DIR/out' sh $SERF_TEST_X "a  b" *;id %PATH%`)
	f.Handle(Event{Kind: eventfilter.User, Name: "x&id>y", Payload: []byte("in")})
	f.finish()
	if diff := cmp.Diff("$SERF_TEST_X|a  b|*;id|%PATH%|in\n", f.read("out")); diff != "" {
		t.Error(diff)
	}
}

func TestProgramIsKilledWithItsGroup(t *testing.T) {
	f := newFixture(t, Config{})
	f.set("timeout:10ms=exec:cat " + f.gate("never"))
	f.Handle(user("1"))
	f.finish()
	f.wantLog("killed: not done after 10ms")
}

func TestProgramThatIsMissing(t *testing.T) {
	f := newFixture(t, Config{})
	f.set("exec:/does/not/exist a")
	f.Handle(user("1"))
	f.finish()
	f.wantLog("ERROR Error invoking script 'exec:/does/not/exist a': fork/exec /does/not/exist: no such file or directory, for user-event: 1; it printed nothing")
}
