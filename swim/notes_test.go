package swim

import "testing"

// Updates are counted on whatever way they come, and only if they are new.
func TestUpdatesAreCountedOnce(t *testing.T) {
	tn := converse(t)
	tn.believeDeaths()
	want := func(reason string, alive, suspect, dead uint64, states [Left + 1]int) {
		t.Helper()
		c := tn.n.Counters()
		if c.AliveUpdates != alive || c.SuspectUpdates != suspect || c.DeadUpdates != dead {
			t.Errorf("%s: counted %d alive, %d suspect, %d dead, want %d, %d, %d",
				reason, c.AliveUpdates, c.SuspectUpdates, c.DeadUpdates, alive, suspect, dead)
		}
		if got := tn.n.States(); got != states {
			t.Errorf("%s: alive, suspect, dead, left: %v, want %v", reason, got, states)
		}
	}
	want("this member itself", 1, 0, 0, [...]int{1, 0, 0, 0})
	tn.recv("b", alive("b", 1), alive("b", 1))
	want("by gossip, twice", 2, 0, 0, [...]int{2, 0, 0, 0})
	tn.request("b", pushPullMsg(false, "", entry{name: "b", state: Alive, inc: 1}, entry{name: "c", state: Alive, inc: 1},
		entry{name: "d", state: Alive, inc: 1}, entry{name: "e", state: Alive, inc: 1}))
	want("three by an exchange", 5, 0, 0, [...]int{5, 0, 0, 0})
	tn.recv("b", suspect("c", 1, "b"), suspect("c", 1, "d"), suspect("c", 1, "d"), suspect("x", 1, "b"))
	want("suspected by two, and of a stranger", 5, 1, 0, [...]int{4, 1, 0, 0})
	tn.recv("c", alive("c", 2), suspect("c", 1, "b"))
	want("refuted", 6, 1, 0, [...]int{5, 0, 0, 0})
	tn.recv("b", suspect("d", 1, "b"), dead("d", 1, "b"), dead("d", 1, "c"), dead("d", 2, "c"))
	tn.recv("e", dead("e", 1, "e"))
	want("one dead, one left", 6, 2, 2, [...]int{3, 0, 1, 1})
	if err := tn.n.SetMeta(tn.now, []byte("m"), &tn.out); err != nil {
		t.Fatal(err)
	}
	want("own news", 7, 2, 2, [...]int{3, 0, 1, 1})
}
