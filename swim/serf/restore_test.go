package serf

import (
	"bytes"
	"flag"
	"testing"

	"pgregory.net/rapid"

	"serf/internal/checkpoint"
	"serf/swim/history"
	"serf/wire"
)

var restoreAll = flag.Bool("restore", false, "restore each node of a conversation after each of its steps")

// restores replace a node again and again by what is restored of its state: a large one less often.
type restores struct {
	wait int
	log  *history.Log // that the test has
}

func (r *restores) step(t testing.TB, n *Node) {
	t.Helper()
	if r.wait--; !*restoreAll || r.wait >= 0 {
		return
	}
	if r.log == nil {
		r.log = n.swim.History()
	}
	const often = 4 << 10 // bytes
	r.wait = restored(t, n) / often
	if r.log != nil {
		*r.log = *n.swim.History()
	}
}

// restored replaces n by what Restore makes of its state, in place, and checks that this has the
// same state, of so many bytes.
func restored(t rapid.TB, n *Node) (size int) {
	t.Helper()
	state := n.AppendState(nil)
	keyOf := keysOf(n)
	cfg, queries, changes := n.cfg, n.queries, n.table.changes
	cfg.Addr, cfg.Families, cfg.Zones = addrOf("z"), 0, Zones{} // as they were when it began
	*n = Node{}
	if err := n.restore(cfg, keyOf, state); err != nil {
		t.Fatalf("restore: %v", err)
	}
	if !bytes.Equal(n.AppendState(nil), state) {
		t.Fatal("a restored node has another state")
	}
	n.table.changes = changes
	for i, q := range queries { // that the test has
		*q = *n.queries[i]
		n.queries[i] = q
	}
	return len(state)
}

// keysOf returns the keys of n by their fingerprints: those in use, and those under way.
func keysOf(n *Node) func(wire.Fingerprint) []byte {
	keys := make(map[wire.Fingerprint][]byte)
	collect := func(msg *[]byte) {
		for _, k := range keysIn(*msg) {
			keys[wire.FingerprintOf(k.key)] = k.key
		}
	}
	n.gossip.queries.Code(checkpoint.Saver(nil), collect)
	for _, q := range n.queries {
		collect(&q.repeat.msg)
	}
	for _, q := range n.inbound.open {
		collect(&q.response)
	}
	if ring := n.keyring(); ring != nil {
		for _, key := range ring.Keys() {
			keys[wire.FingerprintOf(key)] = key
		}
	}
	return func(f wire.Fingerprint) []byte { return keys[f] }
}
