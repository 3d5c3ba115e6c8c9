package membership

// ring is a queue. Places are used again, with what was in them.
type ring[T any] struct {
	items   []T
	head, n int
}

// push adds a place at the end, which has what was in it before.
func (r *ring[T]) push() *T {
	if r.n == len(r.items) {
		larger := make([]T, max(2*len(r.items), 8))
		for i := range r.n {
			larger[i] = r.items[(r.head+i)%len(r.items)]
		}
		r.items, r.head = larger, 0
	}
	r.n++
	return &r.items[(r.head+r.n-1)%len(r.items)]
}

// first returns the first place; there must be one.
func (r *ring[T]) first() *T { return &r.items[r.head] }

// drop removes the first place. An empty ring keeps memory for keep values at most.
func (r *ring[T]) drop(keep int) {
	r.head = (r.head + 1) % len(r.items)
	r.n--
	if r.n == 0 && len(r.items) > keep {
		r.items, r.head = nil, 0
	}
}
