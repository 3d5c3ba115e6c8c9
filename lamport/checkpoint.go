package lamport

import "serf/internal/checkpoint"

// Code saves the clock or restores it.
func (c *Clock) Code(s *checkpoint.Coder) {
	checkpoint.Uint(s, &c.passed)
	s.Bool(&c.synced)
}

// Code saves the window or restores it.
func (w *Events) Code(s *checkpoint.Coder) {
	w.ring.code(s, func(e *Event) {
		s.Bytes(&e.Name)
		s.Bytes(&e.Payload)
		if s.Restoring() {
			w.bytes += e.size()
		}
	})
	w.past.code(s)
}

// Code saves the window or restores it.
func (w *Queries) Code(s *checkpoint.Coder) {
	w.ring.code(s, func(id *uint32) { checkpoint.Uint(s, id) })
	w.past.code(s)
}

func (r *ring[T]) code(s *checkpoint.Coder, item func(*T)) {
	checkpoint.Uint(s, &r.floor, &r.top, &r.min)
	s.Check(r.top <= r.floor || r.top-r.floor <= WindowTimes)
	n := s.Len(r.times, 3)
	if s.Restoring() {
		for range n {
			r.restoreSlot(s, item)
		}
		s.Check(r.times == n)
		return
	}
	for t, items := range r.all {
		checkpoint.Uint(s, &t)
		for i := range checkpoint.Slice(s, &items, 1) {
			item(&items[i])
		}
	}
}

func (r *ring[T]) restoreSlot(s *checkpoint.Coder, item func(*T)) {
	var t Time
	checkpoint.Uint(s, &t)
	s.Check(t >= r.floor && t < r.top)
	for range s.Len(0, 1) {
		var x T
		if item(&x); s.Err() == nil {
			r.add(t, x)
		}
	}
}

func (p *past) code(s *checkpoint.Coder) {
	for i := range checkpoint.Slice(s, &p.keys, 8) {
		s.Hash(&p.keys[i])
	}
	checkpoint.Int(s, &p.next)
	s.Check(len(p.keys) <= pastMax && p.next >= 0 && p.next < pastMax)
}
