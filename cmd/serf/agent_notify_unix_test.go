//go:build unix

package main

import (
	"net"
	"os"
	"regexp"
	"syscall"
	"testing"
	"time"

	"serf/internal/systest"
)

// serviceManager is a socket that gets what a service manager is told.
type serviceManager struct {
	t    *testing.T
	conn *net.UnixConn
	vars map[string]string
}

func startServiceManager(t *testing.T) *serviceManager {
	t.Helper()
	path := systest.SocketPath(t)
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &serviceManager{t, conn, map[string]string{"NOTIFY_SOCKET": path}}
}

// want reads messages until one matches, and returns those before.
func (m *serviceManager) want(pattern string) (before []string) {
	m.t.Helper()
	expr, b := regexp.MustCompile("^(?:"+pattern+")$"), make([]byte, 1024)
	m.conn.SetReadDeadline(time.Now().Add(testPatience))
	for {
		n, err := m.conn.Read(b)
		if err != nil {
			m.t.Fatalf("no %q after %q: %v", pattern, before, err)
		}
		if text := string(b[:n]); !expr.MatchString(text) {
			before = append(before, text)
			continue
		}
		return before
	}
}

func TestServiceManagerIsTold(t *testing.T) {
	t.Parallel()
	m := startServiceManager(t)
	m.vars["WATCHDOG_USEC"] = "20000"
	path := configFile(t, `{}`)
	r := runTestAgentIn(t, m.vars, "-config-file", path)
	if before := m.want("READY=1"); len(before) > 0 {
		t.Errorf("before the agent is ready: %q", before)
	}
	r.client() // it listens
	m.want("STATUS=members: 1 alive")
	m.want("WATCHDOG=1")
	r.started()
	rewrite(t, path, "{")
	for range 2 { // whether the reload succeeds or not
		r.send(syscall.SIGHUP)
		m.want(`RELOADING=1\nMONOTONIC_USEC=\d+`)
		m.want("READY=1")
		rewrite(t, path, `{"log_level": "warn"}`)
	}
	r.send(os.Interrupt)
	m.want("STOPPING=1")
	r.wantExit(exitOK)
}

func TestServiceManagerIsToldWhyTheStartFails(t *testing.T) {
	t.Parallel()
	m := startServiceManager(t)
	r := runTestAgentIn(t, m.vars, "-rpc-addr=192.0.2.1:7373")
	r.wantExit(exitError)
	if before := m.want("STATUS=Error starting RPC listener: 192.0.2.1:7373: no interface of this host has that address; .*"); len(before) > 0 {
		t.Errorf("before: %q", before)
	}
}

// A manager that isn't there is no reason not to run.
func TestServiceManagerThatIsNotThere(t *testing.T) {
	t.Parallel()
	r := runTestAgentIn(t, map[string]string{"NOTIFY_SOCKET": "/nowhere/notify"}).started()
	r.stdout.await(t, `==> Warning: The service manager isn't told how the agent is: NOTIFY_SOCKET: `)
	stop(r)
}
