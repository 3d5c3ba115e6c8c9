package cluster

import (
	"iter"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// The count of wrong views, kept up to date by steps, is that of a plain table.
func TestBeliefsCountTheDifferences(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.SampledFrom([]int{1, 2, 5, 64, 65, 150}).Draw(t, "members")
		b := newViewTracker(n)
		views := make([][]bool, n)
		for i := range views {
			views[i] = make([]bool, n)
		}
		truth, holds := make([]bool, n), make([]bool, n)
		member := rapid.IntRange(0, n-1)
		for range rapid.IntRange(0, 60).Draw(t, "steps") {
			o, s, on := member.Draw(t, "observer"), member.Draw(t, "subject"), rapid.Bool().Draw(t, "on")
			switch rapid.IntRange(0, 5).Draw(t, "what") {
			case 0:
				b.setTruth(s, on)
				truth[s] = on
			case 1:
				b.begin(o, false)
				holds[o] = true
			case 2:
				b.end(o)
				clear(views[o])
				holds[o] = false
			case 3: // a change of which all hear, in any order
				for _, o := range rapid.Permutation(slices.Collect(rangeOf(n))).Draw(t, "order") {
					b.learn(o, s, on)
					views[o][s] = on && holds[o]
				}
			default:
				b.learn(o, s, on)
				views[o][s] = on && holds[o]
			}
			for o := range n {
				for s := range n {
					if want := holds[o] && (o == s || views[o][s]); b.sees(o, s) != want {
						t.Fatalf("%d believes in %d: %v, want %v", o, s, !want, want)
					}
				}
			}
			wrong := 0
			for o := range n {
				for s := range n {
					if holds[o] && o != s && views[o][s] != truth[s] {
						wrong++
					}
				}
			}
			if b.wrong != wrong {
				t.Fatalf("%d views are wrong, counted %d", wrong, b.wrong)
			}
		}
	})
}

func rangeOf(n int) iter.Seq[int] {
	return func(yield func(int) bool) {
		for i := range n {
			if !yield(i) {
				return
			}
		}
	}
}

func TestKnowingMembersBeginWithWhatIsUsual(t *testing.T) {
	t.Parallel()
	const n = 200
	b := newViewTracker(n)
	for i := range n {
		b.setTruth(i, true)
		b.expect(i)
	}
	for i := range n {
		b.begin(i, true)
	}
	if b.wrong != 0 || b.exceptions[5].count != 0 {
		t.Errorf("%d wrong views, %d deviations, want none", b.wrong, b.exceptions[5].count)
	}
}

func TestDeviationsAreAListOrBits(t *testing.T) {
	t.Parallel()
	const n = 1000
	var d deviations
	for s := range fewDeviations {
		d.toggle(5*s, n/64+1)
	}
	if d.many != nil {
		t.Fatal("bits for what a list can hold")
	}
	d.toggle(n-1, n/64+1)
	if d.few != nil || d.count != fewDeviations+1 {
		t.Fatalf("a list of %d for %d", len(d.few), d.count)
	}
	for s := range fewDeviations / 2 {
		d.toggle(5*s, n/64+1)
	}
	d.toggle(n-1, n/64+1)
	if d.many != nil || len(d.few) != fewDeviations/2 || !d.has(5*(fewDeviations-1)) || d.has(0) {
		t.Errorf("left: %v", d.few)
	}
}
