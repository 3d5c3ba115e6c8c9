package swim

import (
	"testing"
	"time"
)

func (tn *conversation) updateMeta(meta string) OpID {
	tn.t.Helper()
	op, err := tn.n.UpdateMeta(tn.now, []byte(meta), &tn.out)
	if err != nil {
		tn.t.Fatal(err)
	}
	tn.collect()
	return op
}

func TestMetadataAreTold(t *testing.T) {
	tn := converse(t, "b", "c")
	tn.updateMeta("x")
	tn.want("changed here", "event updated a")
	tn.wantNone("nobody else knows", "event meta-done*")
	tn.advance(time.Second)
	tn.want("told", "b: alive a@2", "c: alive a@2", "event meta-done, op 1: <nil>")
	tn.wantNone("once", "event meta-done*")
	if d := tn.n.Deadline(); d <= tn.now {
		t.Errorf("due at %v, it is %v: the node is done", d, tn.now)
	}
}

func TestMetadataOfALoneMember(t *testing.T) {
	tn := converse(t)
	tn.updateMeta("x")
	tn.want("nobody is to be told", "event updated a", "event meta-done, op 1: <nil>")
}

func TestMetadataThatStay(t *testing.T) {
	tn := converse(t, "b")
	if first, again := tn.updateMeta("x"), tn.updateMeta("x"); first != again {
		t.Errorf("a second call is operation %d, not %d", again, first)
	}
	tn.advance(time.Second)
	tn.want("told", "event meta-done, op 1: <nil>")
	tn.updateMeta("x")
	tn.want("all know", "event meta-done, op 2: <nil>")

	tn.n.SetMeta(tn.now, []byte("y"), &tn.out)
	tn.updateMeta("y")
	tn.wantNone("set before, not told yet", "event meta-done*")
	tn.advance(time.Second)
	tn.want("told", "event meta-done, op 3: <nil>")
}

func TestMetadataAreSuperseded(t *testing.T) {
	tn := converse(t, "b")
	tn.updateMeta("x")
	tn.updateMeta("y")
	tn.want("by the next", "event meta-done, op 1: superseded by a later change")
	tn.n.SetMeta(tn.now, []byte("z"), &tn.out)
	tn.collect()
	tn.want("reported or not", "event meta-done, op 2: superseded by a later change")
	tn.updateMeta("w")
	tn.n.Leave(tn.now, &tn.out)
	tn.collect()
	tn.want("by the departure", "event meta-done, op 3: this node is leaving")
	if _, err := tn.n.UpdateMeta(tn.now, nil, &tn.out); err != ErrLeaving {
		t.Errorf("while leaving: %v", err)
	}
}

// A refutation replaces the broadcast, and carries the same metadata.
func TestMetadataAreToldByARefutation(t *testing.T) {
	tn := converse(t, "b")
	tn.updateMeta("x")
	tn.recv("b", suspect("a", 2, "b"))
	tn.wantNone("not superseded", "event meta-done*")
	tn.advance(time.Second)
	tn.want("told", "b: alive a@3", "event meta-done, op 1: <nil>")
}
