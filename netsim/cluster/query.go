package cluster

import (
	"serf/swim"
	"serf/swim/serf"
)

// Query is a query in progress, or finished, and the replies to it.
type Query struct {
	From    int
	Acks    []string // names, sorted
	Answers []string // "name: payload", sorted
	Agreed  int      // members that did what a query about keys asked for
	Done    bool
	DoneAt  swim.Time

	keys    bool // it is about keys
	account int  // index in Cluster.querySpreads, or uncounted
}

// uncounted is the account of queries beyond MaxEvents.
const uncounted = -1

type queryKey struct {
	host int
	op   swim.OpID
}

// count counts an answer that confirms what a query about keys asked for.
func (q *Query) count(answer []byte) {
	if !q.keys {
		return
	}
	if a, err := serf.ParseKeyAnswer(answer); err == nil && a.OK {
		q.Agreed++
	}
}
