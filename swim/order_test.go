package swim

import (
	"math"
	"testing"
)

// A round is a permutation, for every size.
func TestOrderVisitsEachOnce(t *testing.T) {
	for _, n := range []int{0, 1, 2, 3, 4, 5, 7, 16, 17, 100, 1000, 4097} {
		var o probeOrder
		o.start(n, uint64(n)*7919)
		seen := make([]bool, n)
		for i := range n {
			x, ok := o.step()
			if !ok || x < 0 || x >= n || seen[x] {
				t.Fatalf("size %d, step %d: %d, %v", n, i, x, ok)
			}
			seen[x] = true
		}
		if _, ok := o.step(); ok {
			t.Fatalf("size %d: the round doesn't end", n)
		}
	}
}

// Over many keys each member comes at each place about equally often. Otherwise some would be
// probed late in round after round.
func TestOrderIsUniform(t *testing.T) {
	for _, n := range []int{3, 5, 10, 37} {
		const keys = 20_000
		count := make([][]int, n)
		for i := range count {
			count[i] = make([]int, n)
		}
		r := newRNG(uint64(n))
		var o probeOrder
		for range keys {
			o.start(n, r.pcg.Uint64())
			for i := range n {
				x, _ := o.step()
				count[i][x]++
			}
		}
		// Chi-squared over n*n cells; its standard deviation is sqrt(2*df), five of them are
		// generous.
		want := float64(keys) / float64(n)
		chi := 0.0
		for i := range n {
			for x := range n {
				d := float64(count[i][x]) - want
				chi += d * d / want
			}
		}
		df := float64((n - 1) * (n - 1))
		if limit := df + 5*1.4142*math.Sqrt(df) + 10; chi > limit {
			t.Errorf("%d members: chi-squared %.0f, limit %.0f: places are not uniform",
				n, chi, limit)
		}
	}
}
