package server

import "sync"

// askedMax is how many queries sent to a client can still be answered. A query lives for some
// seconds.
const askedMax = 1024

// askedQueries numbers the queries that are sent to one client, from 1 on. The agent's own numbers
// may be too large for clients in languages whose numbers are floats.
type askedQueries struct {
	mu   sync.Mutex
	last uint64   // the number given last
	ids  []uint64 // the agent's; that of number n at (n-1) % askedMax
}

// add returns the client's number for a query of the agent.
func (q *askedQueries) add(id uint64) uint64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	if slot := q.last % askedMax; slot < uint64(len(q.ids)) {
		q.ids[slot] = id
	} else {
		q.ids = append(q.ids, id)
	}
	q.last++
	return q.last
}

// find returns the agent's number for one of the client's, if it is among the newest.
func (q *askedQueries) find(n uint64) (id uint64, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if n == 0 || n > q.last || q.last-n >= askedMax {
		return 0, false
	}
	return q.ids[(n-1)%askedMax], true
}
