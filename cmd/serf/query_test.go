package main

import (
	"strings"
	"syscall"
	"testing"
	"time"
)

// F24: a query is over when all have answered, however long it might have taken.
func TestQueryDoesNotTakeItsWholeTimeout(t *testing.T) {
	t.Parallel()
	first := runTestAgent(t, "-event-handler=query:load=echo 1").started()
	second := runTestAgent(t, "-node=b", "-bind=127.0.0.1:0", "-join", first.addr("Bind"), "-event-handler=query:load=echo 2").started()
	first.stdout.await(t, `EventMemberJoin: b `)
	began := time.Now()
	r := runLine(t.Context(), nil, "query", "-timeout=30s", "-rpc-addr="+second.addr("RPC"), "load")
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("it took %v though both have answered", took)
	}
	for _, want := range []string{"Response from 'a': 1\n", "Response from 'b': 2\n", "Total Acks: 2\nTotal Responses: 2\n"} {
		if r.code != exitOK || !strings.Contains(r.stdout, want) {
			t.Errorf("exit %d, no %q in\n%s%s", r.code, want, r.stdout, r.stderr)
		}
	}
	for _, r := range []*running{first, second} { // an interrupt would leave, and take its time
		r.send(syscall.SIGTERM)
		r.wantExit(exitError)
	}
}
