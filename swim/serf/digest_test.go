package serf

import (
	"testing"
	"time"
)

// The figures are part of the protocol: agents of other versions and processors must get the same.
func TestDigestIsThatOfTheProtocol(t *testing.T) {
	for name, want := range map[string]string{
		"":      "f52a15e9a9b5e89b",
		"m1":    "b1f1c6d5119a7801",
		"web-1": "f576b188329f7edd",
	} {
		if got := nameHash(name).String(); got != want {
			t.Errorf("%q: %s, want %s", name, got, want)
		}
	}
	if got := (nameHash("m1") + nameHash("web-1")).String(); got != "a768785d4439f6de" {
		t.Errorf("both: %s", got)
	}
}

func TestDigestDoesNotDependOnOrder(t *testing.T) {
	a, b := converse(t, "b", "c", "d"), converse(t, "d", "b", "c")
	if a.n.Digest() != b.n.Digest() {
		t.Errorf("%v and %v of the same members", a.n.Digest(), b.n.Digest())
	}
	if c := converse(t, "b", "c"); c.n.Digest() == a.n.Digest() {
		t.Errorf("%v without d, too", c.n.Digest())
	}
}

// A digest covers the members that are here. How and when the others went isn't a disagreement.
func TestDigestIsOfTheMembersThatAreHere(t *testing.T) {
	tn, without := converse(t, "b", "c", "d"), converse(t, "b", "d")
	with := tn.n.Digest()
	check := func(why string, want Digest) {
		t.Helper()
		if got := tn.n.Digest(); got != want {
			t.Errorf("%s: %v, want %v", why, got, want)
		}
	}
	tn.recv("b", leaveIntent("c", 10))
	check("c is leaving", with)
	tn.member("c", dead("c", "c", 1))
	check("c has left", without.n.Digest())
	tn.member("c", alive("c", 2))
	check("c is back", with)
	tn.fails("c", "b", 2)
	check("c has failed", without.n.Digest())
	tn.advance(25 * time.Hour)
	tn.wantStatus("after a day", "c", StatusNone)
	check("c was reaped", without.n.Digest())
}

func TestDigestCostsNoMemory(t *testing.T) {
	tn := converse(t, "b", "c")
	b := tn.n.lookup([]byte("b"))
	got := testing.AllocsPerRun(100, func() {
		tn.n.table.set(b, "b", StatusFailed, tn.now)
		tn.n.table.set(b, "b", StatusAlive, tn.now)
		_ = tn.n.Digest()
	})
	if got != 0 {
		t.Errorf("%v allocations", got)
	}
}

func BenchmarkDigest(b *testing.B) {
	var d Digest
	for b.Loop() {
		d.move("web-1.example.org", false, true)
	}
}
