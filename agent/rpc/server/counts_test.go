package server

import (
	"maps"
	"testing"

	"github.com/google/go-cmp/cmp"

	"serf/agent/rpc/internal/protocol"
)

func TestRequestsAreCountedByCommand(t *testing.T) {
	r := newRequests()
	for _, command := range []string{protocol.CmdMembers, protocol.CmdMembers, protocol.CmdJoin, "made-up", "made-up-2", ""} {
		r.add(command)
	}
	got := maps.Collect(r.all())
	if len(got) != len(commandTable)+1 {
		t.Errorf("%d names for %d commands and the unknown ones", len(got), len(commandTable))
	}
	maps.DeleteFunc(got, func(_ string, n uint64) bool { return n == 0 })
	if d := cmp.Diff(map[string]uint64{"members": 2, "join": 1, "unknown": 3}, got); d != "" {
		t.Error("-want +got:\n", d)
	}
	if n := r.sum(); n != 6 {
		t.Errorf("%d in all, want 6", n)
	}
}
