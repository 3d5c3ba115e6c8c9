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

// Changes sums up Episodes by kind, in the order in which they first happened.
func (r *Report) Changes() []ChangeFigures {
	list := []ChangeFigures{}
	var took [][]time.Duration
	for _, e := range r.Episodes {
		k := slices.IndexFunc(list, func(c ChangeFigures) bool { return c.What == e.What })
		if k < 0 {
			k = len(list)
			list, took = append(list, ChangeFigures{What: e.What}), append(took, nil)
		}
		list[k].Count++
		if e.Settled != swim.Never {
			took[k] = append(took[k], e.Settled.Sub(e.At))
		}
	}
	for k := range list {
		list[k].AgreedSeconds = inSeconds(QuantilesOf(took[k]))
	}
	return list
}
