package swim

import (
	"bytes"
	"flag"
	"testing"

	"pgregory.net/rapid"

	"serf/internal/checkpoint"
)

var restoreAll = flag.Bool("restore", false, "restore the node of a conversation after each step")

// restores replace a node again and again by what is restored of its state: a large one less often.
type restores struct{ wait int }

func (r *restores) step(t testing.TB, n *Node) {
	t.Helper()
	if r.wait--; *restoreAll && r.wait < 0 {
		const often = 4 << 10 // bytes
		r.wait = restored(t, n) / often
	}
}

// restored replaces n by what Restore makes of its state, in place, and checks that this has the
// same state, of so many bytes.
func restored(t rapid.TB, n *Node) (size int) {
	t.Helper()
	s := checkpoint.Saver(nil)
	n.Code(s)
	cfg, changes, log := n.cfg, n.changes, n.History()
	cfg.Addr, cfg.Families = addrOf("z"), 0 // as they were when it began
	r := checkpoint.Restorer(s.Saved())
	m, err := Restore(cfg, cfg.sim, r)
	if err == nil {
		err = r.End()
	}
	if err != nil {
		t.Fatalf("restore: %v", err)
	}
	again := checkpoint.Saver(nil)
	if m.Code(again); !bytes.Equal(again.Saved(), s.Saved()) {
		t.Fatal("a restored node has another state")
	}
	m.changes = changes
	if log != nil {
		*log = *m.history.log
		m.history.log = log
	}
	m.roster.limit = n.roster.limit // set by a test
	*n = *m
	return len(s.Saved())
}
