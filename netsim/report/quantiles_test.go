package report

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestQuantilesAreOfTheSortedValues(t *testing.T) {
	upTo := func(n int) (list []int) {
		for i := range n {
			list = append(list, (i*7)%n+1) // 1 to n, if n is no multiple of 7
		}
		return list
	}
	tests := []struct {
		list []int
		want Quantiles[int]
	}{
		{nil, Quantiles[int]{}},
		{[]int{5}, Quantiles[int]{1, 5, 5, 5, 5, 5}},
		{[]int{3, 1, 2}, Quantiles[int]{3, 2, 3, 3, 1, 3}},
		{upTo(99), Quantiles[int]{99, 50, 99, 99, 10, 90}},
		{upTo(100), Quantiles[int]{100, 51, 99, 100, 10, 90}},
		{upTo(1000), Quantiles[int]{1000, 501, 990, 1000, 100, 900}},
	}
	for _, tt := range tests {
		if got := QuantilesOf(tt.list); got != tt.want {
			t.Errorf("%d values: %+v, want %+v", len(tt.list), got, tt.want)
		}
	}
}

func TestDepthsSumUpAsAListDoes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		list := rapid.SliceOf(rapid.IntRange(0, 40)).Draw(t, "depths")
		var d Counts
		for _, x := range list {
			d.Add(x)
		}
		if diff := cmp.Diff(QuantilesOf(list), d.Quantiles()); diff != "" {
			t.Error(diff)
		}
	})
}

func TestDepthsAreBounded(t *testing.T) {
	var d Counts
	d.Add(maxDepth)
	d.Add(maxDepth + 1)
	if q := d.Quantiles(); q.Worst != maxDepth || len(d.count) != maxDepth+1 {
		t.Errorf("worst %d with %d counts, limit %d", q.Worst, len(d.count), maxDepth)
	}
	if d.Reset(); d.Quantiles() != (Quantiles[int]{}) {
		t.Error("what was reset isn't empty")
	}
}
