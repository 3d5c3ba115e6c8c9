package paged

import "serf/internal/checkpoint"

// Code saves an array or restores it, whose elements take at least a byte each. Restored into a fork,
// elements that are as in its base stay shared.
func Code[T comparable](c *checkpoint.Coder, a *Array[T], elem func(v *T)) {
	n := c.Len(a.Len(), 1)
	if !c.Restoring() {
		for i := range n {
			v := a.At(i)
			elem(&v)
		}
		return
	}
	if a.Truncate(n); a.base == nil {
		a.flat = make([]T, n)
	} else if n > 0 {
		a.len = n
	}
	for i := range n {
		var v T
		if elem(&v); v != a.At(i) {
			*a.Edit(i) = v
		}
	}
}
