package std

import "sync"

// Guarded is a value that any goroutine may read and change.
type Guarded[T any] struct {
	mu sync.Mutex
	v  T
}

// Change calls f with the value, which is f's alone until it returns.
func (g *Guarded[T]) Change(f func(v *T)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	f(&g.v)
}

// Load returns a copy of the value.
func (g *Guarded[T]) Load() T {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.v
}
