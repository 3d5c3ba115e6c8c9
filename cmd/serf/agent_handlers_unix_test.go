//go:build unix

package main

import (
	"fmt"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"serf/agent/rpc"
)

// A command in a script needs no options to reach the agent that runs it.
func TestHandlersFindTheirAgent(t *testing.T) {
	t.Parallel()
	path := configFile(t, `{"rpc_auth": "secret", "event_handlers": ["query:where=echo $SERF_RPC_ADDR $SERF_RPC_AUTH"]}`)
	r := runTestAgent(t, "-config-file", path).started()
	addr := r.addr("RPC")
	c, err := rpc.Dial(t.Context(), addr, rpc.Options{AuthKey: "secret"})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	answers, err := c.Query(t.Context(), rpc.QueryParams{Name: "where"})
	if err != nil {
		t.Fatal(err)
	}
	a, err := answers.Next(t.Context())
	if want := addr + " secret\n"; err != nil || string(a.Payload) != want {
		t.Errorf("a script finds %q, %v, want %q", a.Payload, err, want)
	}
}

func TestReloadTakesOverTheHandlerTimeout(t *testing.T) {
	t.Parallel()
	path := configFile(t, `{"event_handlers": ["user:hang=sleep 100"]}`)
	r := runTestAgent(t, "-config-file", path).started()
	rewrite(t, path, `{"event_handlers": ["user:hang=sleep 100"], "handler_timeout": "20ms"}`)
	r.send(syscall.SIGHUP)
	r.stdout.await(t, `==> Configuration reloaded: handler_timeout is 20ms, was 1h0m0s\n`)
	if err := r.client().UserEvent(t.Context(), "hang", nil, false); err != nil {
		t.Fatal(err)
	}
	r.stdout.await(t, `Error invoking script 'sleep 100': killed: not done after 20ms, for user-event: hang; it printed nothing\n`)
}

// The last metrics of an agent are the losses at its end.
func TestEndIsCountedInTheMetrics(t *testing.T) {
	if testing.Short() {
		t.Skip("a script that hangs is given a second")
	}
	t.Parallel()
	server, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	path := configFile(t, fmt.Sprintf(`{"statsd_addr": %q, "event_handlers": ["user:hang=sleep 100"]}`, server.LocalAddr()))
	r := runTestAgent(t, "-config-file", path).started()
	c := r.client()
	for range 2 {
		if err := c.UserEvent(t.Context(), "hang", nil, false); err != nil {
			t.Fatal(err)
		}
	}
	stop(r)
	got := ""
	b := make([]byte, 1<<16)
	for server.SetReadDeadline(time.Now().Add(testPatience)); !strings.Contains(got, "agent.handlers.lost:1.000000|c"); {
		n, _, err := server.ReadFrom(b)
		if err != nil {
			t.Fatalf("%v; sent:\n%s", err, got)
		}
		got += string(b[:n])
	}
	if !strings.Contains(got, "agent.handlers.killed:1.000000|c") {
		t.Errorf("the script that was killed isn't among:\n%s", got)
	}
}
