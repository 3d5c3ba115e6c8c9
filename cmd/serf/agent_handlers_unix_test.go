//go:build unix

package main

import (
	"testing"

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
