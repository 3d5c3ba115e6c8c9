package scenario

import (
	"slices"
	"testing"
)

func TestShardsDealAllRunsOnceInEqualShares(t *testing.T) {
	t.Parallel()
	heavy := func(i int) float64 { return float64(i % 4) }
	for _, n := range []int{0, 1, 5, 48} {
		for _, of := range []int{1, 2, 3, 4, 7, 60} {
			var all []int
			for part := 1; part <= of; part++ {
				own := Shard{part, of}.Deal(n, heavy)
				if len(own) < n/of || len(own) > (n+of-1)/of {
					t.Errorf("%d runs in %d parts: %d in one", n, of, len(own))
				}
				all = append(all, own...)
			}
			slices.Sort(all)
			for i, k := range all {
				if i != k || len(all) != n {
					t.Fatalf("%d runs in %d parts: %v", n, of, all)
				}
			}
		}
	}
}

// A shard whose number fits the grid gets the same mixture as the others: as many of each weight,
// and of equal ones not every fourth.
func TestShardsGetTheSameMixture(t *testing.T) {
	t.Parallel()
	const runs, shards, weights = 64, 4, 4
	spread := false
	for part := 1; part <= shards; part++ {
		count := make(map[int]int)
		last := weights
		for _, i := range (Shard{part, shards}.Deal(runs, func(i int) float64 { return float64(i % weights) })) {
			count[i%weights]++
			if i%weights > last {
				t.Errorf("part %d: greater weights don't come first", part)
			}
			last = i % weights
			spread = spread || i/weights%shards != part-1
		}
		for w := range weights {
			if count[w] != runs/shards/weights {
				t.Errorf("part %d has %d runs of weight %d", part, count[w], w)
			}
		}
	}
	if !spread {
		t.Error("each shard has every fourth of equal runs, which may have something in common")
	}
}
