package report

import (
	"slices"
	"time"

	"serf/swim"
)

// Episode is a change of the cluster and how long it took until all views agreed with the truth
// again.
type Episode struct {
	What    string
	Member  int // or -1
	At      swim.Time
	Settled swim.Time // or Never
}

// A Change is the episodes of one kind: what happened, and how long it took until all views agreed.
type Change struct {
	What   string
	Count  int
	Agreed Durations // of those after which they did
}

// Changes sums up Episodes by kind, in the order in which they first happened.
func (r *Report) Changes() []Change {
	var list []Change
	var took [][]time.Duration
	for _, e := range r.Episodes {
		k := slices.IndexFunc(list, func(c Change) bool { return c.What == e.What })
		if k < 0 {
			k = len(list)
			list, took = append(list, Change{What: e.What}), append(took, nil)
		}
		list[k].Count++
		if e.Settled != swim.Never {
			took[k] = append(took[k], e.Settled.Sub(e.At))
		}
	}
	for k := range list {
		list[k].Agreed = QuantilesOf(took[k])
	}
	return list
}
