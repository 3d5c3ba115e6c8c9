package handler

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"serf/internal/eventfilter"
)

// TestMain lets scripts run this program, too: with an address it comes to the gate there, and ends
// when it is let through; otherwise it prints its arguments.
func TestMain(m *testing.M) {
	if len(os.Args) < 2 || os.Args[1] != helper {
		os.Exit(m.Run())
	}
	if len(os.Args) == 3 {
		if c, err := net.Dial("tcp", os.Args[2]); err == nil {
			_, _ = io.ReadAll(c)
			os.Exit(0)
		}
	}
	fmt.Printf("%q", os.Args[2:])
	os.Exit(0)
}

const helper = "serf-test-helper"

// program is the command that runs this program as the helper.
func program(t *testing.T) string {
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return `"` + path + `" ` + helper
}

// gate is a listener. A script that runs command is held up.
type gate struct {
	net.Listener
	command string
}

func (f *fixture) gate() gate {
	f.t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { _ = l.Close() })
	return gate{l, program(f.t) + " " + l.Addr().String()}
}

// arrive waits until a script is at the gate. Closing the connection lets it through; the
// connection also ends with the script.
func (f *fixture) arrive(g gate) net.Conn {
	f.t.Helper()
	_ = g.Listener.(*net.TCPListener).SetDeadline(time.Now().Add(patience))
	c, err := g.Accept()
	if err != nil {
		f.t.Fatal("no script came: ", err)
	}
	f.t.Cleanup(func() { _ = c.Close() })
	return c
}

// batch writes a batch file and returns its path, which has a space in it.
func (f *fixture) batch(lines ...string) string {
	f.t.Helper()
	path := filepath.Join(f.dir, "a handler.bat")
	if err := os.WriteFile(path, []byte("@echo off\r\n"+strings.Join(lines, "\r\n")+"\r\n"), 0o600); err != nil {
		f.t.Fatal(err)
	}
	return path
}

func TestScriptGetsEnvironmentAndStdin(t *testing.T) {
	f := newFixture(t, Config{})
	f.set(`member-join=(set SERF_) > DIR\env & sort > DIR\stdin`)
	f.Handle(Event{Kind: eventfilter.MemberJoin, Members: []Member{{Name: "n2", Addr: netip.MustParseAddr("10.0.0.2")}}})
	f.finish()
	want := "SERF_EVENT=member-join\r\nSERF_SELF_NAME=n1\r\nSERF_SELF_ROLE=web\r\nSERF_TAG_DC=east\r\nSERF_TAG_ROLE=web\r\n"
	if diff := cmp.Diff(want, f.read("env")); diff != "" {
		t.Error(diff)
	}
	if got := strings.TrimRight(f.read("stdin"), "\r\n"); got != "n2\t10.0.0.2\t\t" {
		t.Errorf("standard input %q", got)
	}
}

func TestBatchFileWithASpaceInItsName(t *testing.T) {
	f := newFixture(t, Config{})
	path := f.batch(`echo %SERF_USER_EVENT% %~1 %2> "%~dp0out"`)
	f.set(`user="` + path + `" "two words" &echo after>DIR\after`)
	f.Handle(user("deploy"))
	f.finish()
	if got := f.read("out"); got != "deploy two words \r\n" {
		t.Errorf("wrote %q", got)
	}
	if got := f.read("after"); got != "after\r\n" {
		t.Errorf("then wrote %q", got)
	}
}

func TestQueryIsAnsweredWithTheOutput(t *testing.T) {
	for _, tc := range []struct {
		name, script, want, log string
	}{
		{"both outputs", "echo out& echo err>&2", "out\r\nerr\r\n", "DEBUG Event 'query' script output: err"},
		{"standard input", `sort`, "ping", "DEBUG Event 'query' script output: ping"},
		{"failure", "echo no& exit 3", "", "ERROR Error invoking script 'echo no& exit 3': exit status 3, for query: load; its last line of output: no"},
		{"no output", "rem", "", "DEBUG Event 'query' script output: "},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := newFixture(t, Config{})
			f.set(tc.script)
			got := f.answer()
			if strings.TrimRight(got, "\r\n") != strings.TrimRight(tc.want, "\r\n") { // sort may end the line, or not
				t.Errorf("answered %q, want %q", got, tc.want)
			}
			f.wantLog(tc.log)
			for _, line := range f.lines {
				if strings.ContainsAny(line, "\r\\") {
					t.Errorf("the end of a line is in the log: %q", line)
				}
			}
		})
	}
}

func TestHandlerKeepsOrder(t *testing.T) {
	f := newFixture(t, Config{})
	f.set(`user=echo %SERF_USER_EVENT%>> DIR\out`)
	var want strings.Builder
	for i := range 10 {
		f.Handle(user(fmt.Sprint("e", i)))
		fmt.Fprintf(&want, "e%d\r\n", i)
	}
	f.finish()
	if diff := cmp.Diff(want.String(), f.read("out")); diff != "" {
		t.Error(diff)
	}
}

func TestSlowHandlerDelaysNoOther(t *testing.T) {
	f := newFixture(t, Config{})
	f.slow = time.Millisecond
	slow, quick := f.gate(), f.gate()
	f.set(slow.command, quick.command)
	f.Handle(user("1"))
	c := f.arrive(slow)
	f.arrive(quick).Close() // while the other still runs
	c.Close()
	f.finish()
	if diff := cmp.Diff(Counts{Runs: 2}, f.Stats().Total); diff != "" {
		t.Error(diff)
	}
}

func TestTimeoutKillsScript(t *testing.T) {
	f := newFixture(t, Config{Timeout: time.Second})
	g := f.gate()
	f.set(g.command)
	f.Handle(user("1"))
	c := f.arrive(g)
	f.finish()
	if _, err := c.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the script still runs: %v", err)
	}
	if diff := cmp.Diff(Counts{Runs: 1, Failed: 1, TimedOut: 1}, f.Stats().Total); diff != "" {
		t.Error(diff)
	}
	f.wantLog("killed: not done after 1s, for user-event: 1; it printed nothing")
}

func TestCloseKillsTheWholeTree(t *testing.T) {
	for name, script := range map[string]string{
		"a child and its child":   `cmd /C "%s"`,
		"a child whose own ended": `cmd /C "start /B cmd /C "%s"" & ` + strings.Repeat(" ", 1) + `%[1]s`,
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, Config{})
			g := f.gate()
			f.set(fmt.Sprintf(script, g.command))
			f.Handle(user("1"))
			f.Handle(user("2"))
			all := []net.Conn{f.arrive(g)}
			if strings.Contains(script, "start") {
				all = append(all, f.arrive(g))
			}
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			if err := f.Close(ctx); !errors.Is(err, context.Canceled) {
				t.Errorf("Close: %v, want that it had to kill", err)
			}
			for _, c := range all {
				_ = c.SetReadDeadline(time.Now().Add(patience))
				if _, err := c.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
					t.Errorf("a script still runs: %v", err)
				}
			}
			if diff := cmp.Diff(Counts{Runs: 1, Failed: 1, Killed: 1, Lost: 1}, f.Stats().Total); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestChildThatHoldsTheOutputDoesNotHang(t *testing.T) {
	f := newFixture(t, Config{})
	f.grace = 200 * time.Millisecond
	g := f.gate()
	f.set(`start /B "" ` + g.command + ` & echo started`)
	var got string
	f.Handle(Event{Kind: eventfilter.Query, Respond: func(b []byte) error { got = string(b); return nil }})
	c := f.arrive(g)
	f.finish()
	c.Close() // only now may the child end
	if got != "started\r\n" {
		t.Errorf("answered %q", got)
	}
	if diff := cmp.Diff(Counts{Runs: 1}, f.Stats().Total); diff != "" {
		t.Error(diff)
	}
}

// hostile is a name of an event of which cmd would run a part.
const hostile = "x&echo PWNED>pwned"

func (f *fixture) wantHarmless(out string) {
	f.t.Helper()
	if got := f.read("out"); got != out {
		f.t.Errorf("wrote %q, want %q", got, out)
	}
	for _, dir := range []string{f.dir, "."} {
		if _, err := os.Stat(filepath.Join(dir, "pwned")); err == nil {
			f.t.Error("a command in an event's name was run")
		}
	}
}

// No shell reads what an event brings: arguments stay as written.
func TestProgramWithoutShell(t *testing.T) {
	f := newFixture(t, Config{})
	f.set("query=exec:" + program(t) + ` %SERF_QUERY_NAME% "a  b" *&id`)
	var got string
	f.Handle(Event{Kind: eventfilter.Query, Name: hostile, Respond: func(b []byte) error { got = string(b); return nil }})
	f.finish()
	if want := `["%SERF_QUERY_NAME%" "a  b" "*&id"]`; got != want {
		t.Errorf("its arguments are %s, want %s", got, want)
	}
}

// As the help advises.
func TestDelayedExpansionRunsNothing(t *testing.T) {
	f := newFixture(t, Config{})
	path := f.batch("setlocal EnableDelayedExpansion", `echo !SERF_USER_EVENT!> "%~dp0out"`)
	f.set(`"` + path + `"`)
	f.Handle(user(hostile))
	f.finish()
	f.wantHarmless(hostile + "\r\n")
}

func TestProgramThatIsMissing(t *testing.T) {
	f := newFixture(t, Config{})
	f.set(`exec:C:\does\not\exist.exe a`)
	f.Handle(user("1"))
	f.finish()
	f.wantLog(`ERROR Error invoking script 'exec:C:\does\not\exist.exe a': exec: `)
}
