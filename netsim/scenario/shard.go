package scenario

import (
	"cmp"
	"fmt"
	"sort"

	"serf/netsim"
)

// Shard is a share of the runs of an experiment that several processes divide among them: number
// Part of Of, from 1.
type Shard struct {
	Part int `json:"part"`
	Of   int `json:"of"`
}

// MaxShards is as many as a sweep has runs at most.
const MaxShards = maxRuns

func (s Shard) String() string { return fmt.Sprintf("%d/%d", s.Part, s.Of) }

// Deal returns which of n units of work are the shard's, in the order in which to do them. Units of
// greater weight come first, and each shard gets as many of each weight, but for one; those of
// equal weight are shuffled, always in the same way. So no shard has all that takes long, and the
// shards that are done early are about all of the experiment.
func (s Shard) Deal(n int, weight func(i int) float64) []int {
	const shuffle = 1 << 45 // apart from what draws use of a seed
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	sort.Slice(order, func(i, j int) bool {
		a, b := order[i], order[j]
		return cmp.Or(cmp.Compare(weight(b), weight(a)),
			cmp.Compare(netsim.Mix(shuffle, uint64(a)), netsim.Mix(shuffle, uint64(b))), a-b) < 0
	})
	var own []int
	for k := s.Part - 1; k < n; k += s.Of {
		own = append(own, order[k])
	}
	return own
}
