package netsim

import (
	"testing"

	"pgregory.net/rapid"
)

// The count of wrong views, kept up to date by steps, is that of a plain table.
func TestBeliefsCountTheDifferences(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.SampledFrom([]int{1, 2, 5, 64, 65, 70}).Draw(t, "members")
		b := newBeliefs(n)
		views := make([][]bool, n)
		for i := range views {
			views[i] = make([]bool, n)
		}
		truth, holds := make([]bool, n), make([]bool, n)
		member := rapid.IntRange(0, n-1)
		for range rapid.IntRange(0, 60).Draw(t, "steps") {
			o, s, on := member.Draw(t, "observer"), member.Draw(t, "subject"), rapid.Bool().Draw(t, "on")
			switch rapid.IntRange(0, 3).Draw(t, "what") {
			case 0:
				b.setTruth(s, on)
				truth[s] = on
			case 1:
				b.setHolds(o, on)
				if holds[o] && !on {
					clear(views[o])
				}
				holds[o] = on
			default:
				b.learn(o, s, on)
				views[o][s] = on
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
