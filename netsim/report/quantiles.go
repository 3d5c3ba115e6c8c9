package report

import (
	"cmp"
	"slices"
	"time"
)

// Quantiles sums up some values: how many, the middle one, those that 99, 10 and 90 of 100 don't
// exceed, and the greatest. The zero value is that of none.
type Quantiles[T cmp.Ordered] struct {
	Count              int
	Median, P99, Worst T
	P10, P90           T
}

// Durations sums up durations.
type Durations = Quantiles[time.Duration]

// QuantilesOf sorts list.
func QuantilesOf[T cmp.Ordered](list []T) Quantiles[T] {
	if len(list) == 0 {
		return Quantiles[T]{}
	}
	slices.Sort(list)
	n := len(list)
	return Quantiles[T]{Count: n, Median: list[n/2], P99: list[rank(n, 99)], Worst: list[n-1],
		P10: list[rank(n, 10)], P90: list[rank(n, 90)]}
}

// rank is the index, in a sorted list of n, of the least value that so many percent don't exceed.
func rank(n, percent int) int { return (n*percent+99)/100 - 1 }

// Counts counts small numbers by value, so that a run's worth of samples is summed up exactly.
type Counts struct {
	count []int // by value; what is more than maxDepth counts as maxDepth
	total int
}

// maxDepth is above every queue's limit, several of which make up a depth.
const maxDepth = 1 << 16

// Add counts one sample.
func (d *Counts) Add(depth int) {
	depth = min(depth, maxDepth)
	for len(d.count) <= depth {
		d.count = append(d.count, 0)
	}
	d.count[depth]++
	d.total++
}

// Quantiles returns the quantiles of all samples so far; zero if there are none.
func (d *Counts) Quantiles() Quantiles[int] {
	if d.total == 0 {
		return Quantiles[int]{}
	}
	n := d.total
	return Quantiles[int]{Count: n, Median: d.at(n / 2), P99: d.at(rank(n, 99)),
		Worst: d.at(n - 1), P10: d.at(rank(n, 10)), P90: d.at(rank(n, 90))}
}

// at is the value with index k of all in order.
func (d *Counts) at(k int) int {
	for depth, n := range d.count {
		if k -= n; k < 0 {
			return depth
		}
	}
	panic("BUG: netsim: rank beyond the count")
}

// Reset forgets all samples, and keeps the memory.
func (d *Counts) Reset() {
	clear(d.count)
	d.count, d.total = d.count[:0], 0
}
