package paged

import "serf/internal/checkpoint"

// Code saves an array or restores it, whose elements take at least a byte each. A fork is restored
// into one of the same array: only the pages that were written to are saved.
func Code[T comparable](c *checkpoint.Coder, a *Array[T], elem func(i int, v *T)) {
	if a.base != nil {
		codeFork(c, a, elem)
		return
	}
	n := c.Len(len(a.flat), 1)
	if c.Restoring() {
		a.flat = make([]T, n)
	}
	for i := range a.flat {
		elem(i, &a.flat[i])
	}
}

// codeFork is Code for a fork. Of a page that was written to it keeps the elements that differ.
func codeFork[T comparable](c *checkpoint.Coder, a *Array[T], elem func(i int, v *T)) {
	n := a.Len()
	if checkpoint.Int(c, &n); c.Restoring() {
		a.len = n
	}
	for p := 0; p<<pageBits < n; p++ {
		shared := a.Shares(p)
		if c.Bool(&shared); shared {
			continue
		}
		if c.Restoring() {
			a.write(p << pageBits)
		}
		for i := p << pageBits; i < min(n, (p+1)<<pageBits); i++ {
			v := a.At(i)
			if c.Restoring() {
				v = *new(T)
			}
			if elem(i, &v); v != a.At(i) {
				*a.Edit(i) = v
			}
		}
	}
}
