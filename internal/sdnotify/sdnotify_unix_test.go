//go:build unix

package sdnotify

import (
	"fmt"
	"net"
	"os"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"serf/internal/systest"
)

// variables is an environment.
type variables map[string]string

func (v variables) lookup(name string) (string, bool) { s, ok := v[name]; return s, ok }

// fakeManager is a socket that gets messages, and its environment for the service.
func fakeManager(t *testing.T, path string) (*net.UnixConn, variables) {
	t.Helper()
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c, variables{"NOTIFY_SOCKET": path}
}

func fromEnv(t *testing.T, env variables) *Manager {
	t.Helper()
	m, err := FromEnv(env.lookup)
	if err != nil || m == nil {
		t.Fatal(m, err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

func receive(t *testing.T, c *net.UnixConn) string {
	t.Helper()
	b := make([]byte, 1024)
	c.SetReadDeadline(time.Now().Add(10 * time.Second))
	n, err := c.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	return string(b[:n])
}

func TestMessages(t *testing.T) {
	t.Parallel()
	paths := []string{systest.SocketPath(t)}
	if runtime.GOOS == "linux" { // has abstract sockets
		paths = append(paths, fmt.Sprintf("@serf-test-%d", os.Getpid()))
	}
	for _, path := range paths {
		c, env := fakeManager(t, path)
		m := fromEnv(t, env)
		long := strings.Repeat("é", statusMax)
		for _, tc := range []struct {
			send func() error
			want string
		}{
			{m.Ready, "READY=1"},
			{m.Reloading, `RELOADING=1\nMONOTONIC_USEC=\d+`},
			{m.Stopping, "STOPPING=1"},
			{m.Alive, "WATCHDOG=1"},
			{func() error { return m.Status("3 members") }, "STATUS=3 members"},
			{func() error { return m.Status("a\nREADY=1\x00") }, "STATUS=a READY=1 "},
			{func() error { return m.Status(long) }, "STATUS=" + long[:statusMax]},
		} {
			if err := tc.send(); err != nil {
				t.Fatal(err)
			}
			if got := receive(t, c); !regexp.MustCompile("^" + tc.want + "$").MatchString(got) {
				t.Errorf("%s: %q, want %q", path, got, tc.want)
			}
		}
	}
}

// systemd takes READY for an answer to RELOADING if its clock says that it came later.
func TestReloadingHasTheTimeOfTheSystem(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("only systemd compares")
	}
	uptime, err := os.ReadFile("/proc/uptime") // without the time asleep it can't be less
	if err != nil {
		t.Skip(err)
	}
	seconds, err := strconv.ParseFloat(strings.Fields(string(uptime))[0], 64)
	if got := monotonic().Seconds(); err != nil || got <= 0 || got > seconds+60 {
		t.Errorf("%v s, and the system runs for %v s", got, seconds)
	}
}

func TestWatchdog(t *testing.T) {
	t.Parallel()
	_, env := fakeManager(t, systest.SocketPath(t))
	if m := fromEnv(t, env); m.Watchdog != 0 {
		t.Error("unasked for:", m.Watchdog)
	}
	env["WATCHDOG_USEC"] = "30000000"
	if m := fromEnv(t, env); m.Watchdog != 30*time.Second {
		t.Error(m.Watchdog)
	}
	env["WATCHDOG_PID"] = strconv.Itoa(os.Getpid())
	if m := fromEnv(t, env); m.Watchdog != 30*time.Second {
		t.Error("with this process:", m.Watchdog)
	}
	env["WATCHDOG_PID"] = "1"
	if m := fromEnv(t, env); m.Watchdog != 0 {
		t.Error("with another process:", m.Watchdog)
	}
	delete(env, "WATCHDOG_PID")
	for _, usec := range []string{"", "0", "-1", "x", "9223372036854775807"} {
		env["WATCHDOG_USEC"] = usec
		if _, err := FromEnv(env.lookup); err == nil || err.Error() != fmt.Sprintf("WATCHDOG_USEC: %q, want a number of microseconds", usec) {
			t.Errorf("%q: %v", usec, err)
		}
	}
}

func TestNobodyManages(t *testing.T) {
	t.Parallel()
	for _, env := range []variables{{}, {"NOTIFY_SOCKET": ""}} {
		m, err := FromEnv(env.lookup)
		if m != nil || err != nil {
			t.Fatal(m, err)
		}
		for _, f := range []func() error{m.Ready, m.Reloading, m.Stopping, m.Alive, m.Close, func() error { return m.Status("x") }} {
			if err := f(); err != nil {
				t.Error(err)
			}
		}
	}
	for _, path := range []string{"vsock:2:1", "relative"} {
		if _, err := FromEnv(variables{"NOTIFY_SOCKET": path}.lookup); err == nil || err.Error() != fmt.Sprintf("NOTIFY_SOCKET: %q, want an absolute path or @name", path) {
			t.Error(err)
		}
	}
	if _, err := FromEnv(variables{"NOTIFY_SOCKET": systest.SocketPath(t)}.lookup); err == nil {
		t.Error("nobody listens there, and there is no error")
	}
}
