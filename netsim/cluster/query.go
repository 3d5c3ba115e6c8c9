package cluster

import "serf/swim"

// Query is a query on its way and what came back.
type Query struct {
	From    int
	Acks    []string // names, sorted
	Answers []string // "name: payload", sorted
	Done    bool
	DoneAt  swim.Time

	account int // index in Cluster.asked, or uncounted
}

// uncounted is the account of a query that is one too many.
const uncounted = -1

type queryKey struct {
	host int
	op   swim.OpID
}
