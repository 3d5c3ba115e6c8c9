package server

import "sync"

// queryNumbersMax is how many of the latest queries that were sent to a client it can respond to. A
// query lasts some seconds.
const queryNumbersMax = 1024

// queryNumbers numbers the queries that are sent to one client from 1 on. The agent's own IDs may
// be too large for clients in languages whose numbers are floats.
type queryNumbers struct {
	mu   sync.Mutex
	last uint64   // the latest number
	ids  []uint64 // the agent's ID of number n is at (n-1) % queryNumbersMax
}

// add returns the client's number for a query of the agent.
func (q *queryNumbers) add(id uint64) uint64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	if slot := q.last % queryNumbersMax; slot < uint64(len(q.ids)) {
		q.ids[slot] = id
	} else {
		q.ids = append(q.ids, id)
	}
	q.last++
	return q.last
}

// find returns the agent's number for one of the client's, if it is among the newest.
func (q *queryNumbers) find(n uint64) (id uint64, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if n == 0 || n > q.last || q.last-n >= queryNumbersMax {
		return 0, false
	}
	return q.ids[(n-1)%queryNumbersMax], true
}
