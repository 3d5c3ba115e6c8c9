package lamport

import "serf/internal/invariant"

const (
	ringStart = 4 // slots of the first allocation; they double up to WindowTimes
	// reuseMax is the most items for which a slot keeps its memory for the next time.
	reuseMax = 4
)

// ring holds the items of the times from floor on, which span less than WindowTimes. It grows with
// what it holds: most members of a large simulation see few events.
type ring[T any] struct {
	slots []slot[T] // a power of two; time t is at t modulo the length
	floor Time      // everything before is gone
	top   Time      // one after the newest time held
	min   Time      // the owner refuses older times, see judge
	times int       // slots in use
}

// slot holds the items of one time. It is free while it has none.
type slot[T any] struct {
	time  Time
	items []T
}

// judge says whether time t can be looked up at all.
func (r *ring[T]) judge(now, t Time) Verdict {
	switch {
	case t >= now:
		return Ahead
	case t < r.min:
		return BeforeMin
	case t < r.floor:
		return TooOld
	}
	return Fresh
}

// at returns the items of time t, borrowed.
func (r *ring[T]) at(t Time) []T {
	if s := r.slot(t); s != nil && s.time == t {
		return s.items
	}
	return nil
}

// slot returns the slot of time t, which another time may occupy; nil if there are no slots.
func (r *ring[T]) slot(t Time) *slot[T] {
	if len(r.slots) == 0 {
		return nil
	}
	return &r.slots[t&Time(len(r.slots)-1)]
}

// add puts an item under time t, which must be in the window.
func (r *ring[T]) add(t Time, item T) {
	s := r.slot(t)
	for s == nil || len(s.items) > 0 && s.time != t {
		r.grow()
		s = r.slot(t)
	}
	if len(s.items) == 0 {
		s.time = t
		r.times++
	}
	s.items = append(s.items, item)
	r.top = max(r.top, t+1)
}

// grow doubles the slots. Two times of one window never collide in WindowTimes slots.
func (r *ring[T]) grow() {
	n := max(2*len(r.slots), ringStart)
	invariant.Check(n <= WindowTimes, "lamport: a time outside of the window was added")
	old := r.slots
	r.slots = make([]slot[T], n)
	for _, s := range old {
		if len(s.items) > 0 {
			*r.slot(s.time) = s
		}
	}
}

// raise drops all times before floor, after showing their items to forget.
func (r *ring[T]) raise(floor Time, forget func(Time, []T)) {
	for t := r.floor; t < min(floor, r.top); t++ {
		if items := r.at(t); len(items) > 0 {
			forget(t, items)
			r.slot(t).release()
			r.times--
		}
	}
	r.floor = max(r.floor, floor)
}

// release frees the slot.
func (s *slot[T]) release() {
	if cap(s.items) > reuseMax {
		s.items = nil
		return
	}
	clear(s.items)
	s.items = s.items[:0]
}

// oldest returns the first time that has items.
func (r *ring[T]) oldest() (Time, bool) {
	for t := range r.all {
		return t, true
	}
	return 0, false
}

// all yields times and their items, oldest first.
func (r *ring[T]) all(yield func(Time, []T) bool) {
	for t := r.floor; t < r.top; t++ {
		if items := r.at(t); len(items) > 0 && !yield(t, items) {
			return
		}
	}
}
