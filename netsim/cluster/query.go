package cluster

import (
	"serf/swim"
	"serf/swim/serf"
)

// Query is a query on its way and what came back.
type Query struct {
	From    int
	Acks    []string // names, sorted
	Answers []string // "name: payload", sorted
	Agreed  int      // members that have done what a query about keys asked for
	Done    bool
	DoneAt  swim.Time

	keys    bool // it is about keys
	account int  // index in Cluster.asked, or uncounted
}

// uncounted is the account of a query that is one too many.
const uncounted = -1

type queryKey struct {
	host int
	op   swim.OpID
}

// count takes in an answer, which says whether its sender did what a query about keys asked for.
func (q *Query) count(answer []byte) {
	if !q.keys {
		return
	}
	if a, err := serf.ParseKeyAnswer(answer); err == nil && a.OK {
		q.Agreed++
	}
}
