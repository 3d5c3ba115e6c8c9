// Package paged has arrays that share memory until they are written to. A simulation of n members
// has n tables of n records, nearly all of them equal: each table starts as a fork of a shared one,
// and keeps the elements that differ.
//
// The shared array also has the encoding of its pages. A table sends the pages that it shares
// without encoding them, and knows them again when it receives them.
//
// A table that isn't forked, such as an agent's, lies in one piece.
package paged

import "iter"

const (
	// PageLen is the number of elements of a page: an element that differs keeps so many from being
	// sent as the base's.
	PageLen  = 1 << pageBits
	pageBits = 5

	// slotsStart is how many slots a fork has at first; they double when three quarters are taken.
	slotsStart = 8
	// flatShare: a fork in which more than one in so many elements differ becomes one piece, which
	// takes no more memory then.
	flatShare = 4
)

// Array is a growable array. The zero Array is empty. Don't use both an Array and a copy of it made
// by assignment; see Fork.
type Array[T any] struct {
	flat []T // all elements, unless this is a fork in which few differ
	len  int // of such a fork
	base *Array[T]

	// A fork has the elements that were written to in a hash table.
	filter uint64    // bit p%64: some of page p were
	slots  []slot[T] // a power of two
	taken  int
	dirty  []uint64 // bit p: some of page p were

	sealed *sealed // what forks need besides
}

// slot has a value of a fork. Slots have no pointers, if T has none.
type slot[T any] struct {
	key   uint32 // index of the element + 1; 0: free
	value T
}

// Seal prepares an array that won't change any more for being forked. appendElem appends the
// encoding of element i to b: no bytes if it has none. digest is what Digests returns of element i.
func (a *Array[T]) Seal(
	appendElem func(b []byte, i int, v T) []byte, digest func(i int, v T) uint64,
) {
	a.sealed = seal(a, appendElem, digest)
}

// Fork returns an array with the same elements that shares all memory with a, which must have been
// sealed. Forks may be used concurrently, each by one goroutine.
func (a *Array[T]) Fork() Array[T] { return Array[T]{base: a, len: len(a.flat)} }

// Len is the number of elements.
func (a *Array[T]) Len() int {
	if a.flat != nil || a.base == nil {
		return len(a.flat)
	}
	return a.len
}

// Pages is the number of pages.
func (a *Array[T]) Pages() int { return (a.Len() + PageLen - 1) >> pageBits }

// At returns element i, or the zero value beyond the end.
func (a *Array[T]) At(i int) T {
	if uint(i) < uint(len(a.flat)) {
		return a.flat[i]
	}
	if v := a.inFork(i); v != nil {
		return *v
	}
	return *new(T)
}

// inFork is where a fork has element i; nil beyond the end.
func (a *Array[T]) inFork(i int) *T {
	if uint(i) >= uint(a.len) {
		return nil
	}
	if a.filter>>(i>>pageBits%64)&1 == 1 {
		if s := a.find(i); s.key != 0 {
			return &s.value
		}
	}
	if i < len(a.base.flat) {
		return &a.base.flat[i]
	}
	return nil
}

// find returns the slot of element i, or the free one in which it belongs.
func (a *Array[T]) find(i int) *slot[T] {
	const golden = 0x9e3779b97f4a7c15
	last := uint64(len(a.slots) - 1)
	for at := uint64(i) * golden >> 32; ; at++ {
		if s := &a.slots[at&last]; s.key == uint32(i+1) || s.key == 0 {
			return s
		}
	}
}

// Shares tells whether page p is as in the array that this one was forked from, since it wasn't
// written to.
func (a *Array[T]) Shares(p int) bool {
	return a.base != nil && p < a.base.Pages() && !a.written(p)
}

func (a *Array[T]) written(p int) bool {
	return p/64 < len(a.dirty) && a.dirty[p/64]>>(p%64)&1 == 1
}

// Digests returns the digests of n elements from i on, all of one page that is shared; otherwise
// nil. They are read-only.
func (a *Array[T]) Digests(i, n int) []uint64 {
	if n == 0 || !a.Shares(i>>pageBits) {
		return nil
	}
	return a.base.sealed.digests[i : i+n]
}

// Runs yields all pages in order: shared ones in runs as long as possible, each other one by
// itself.
func (a *Array[T]) Runs(yield func(r Run, shared bool) bool) {
	for p := 0; p < a.Pages(); {
		end := p
		for end < a.Pages() && a.Shares(end) {
			end++
		}
		r := Run{p, max(end, p+1)}
		if !yield(r, end > p) {
			return
		}
		p = r.To
	}
}

// In yields the elements of a run and their indexes.
func (a *Array[T]) In(r Run) iter.Seq2[int, T] {
	return func(yield func(int, T) bool) {
		for i := r.From << pageBits; i < min(r.To<<pageBits, a.Len()); i++ {
			if !yield(i, a.At(i)) {
				return
			}
		}
	}
}

// Edit returns element i for changing, valid until the next call. It grows the array to hold i.
func (a *Array[T]) Edit(i int) *T {
	if a.base != nil {
		a.write(i)
	}
	if a.flat != nil || a.base == nil {
		if i >= len(a.flat) {
			a.flat = append(a.flat, make([]T, i+1-len(a.flat))...)
		}
		return &a.flat[i]
	}
	s := a.find(i)
	if s.key == 0 {
		s.key = uint32(i + 1)
		if a.taken++; i < len(a.base.flat) {
			s.value = a.base.flat[i]
		}
	}
	return &s.value
}

// write prepares a fork for a change of element i.
func (a *Array[T]) write(i int) {
	p := i >> pageBits
	if !a.written(p) {
		if need := max(p, a.base.Pages()-1)/64 + 1; need > len(a.dirty) {
			a.dirty = append(a.dirty, make([]uint64, need-len(a.dirty))...)
		}
		a.dirty[p/64] |= 1 << (p % 64)
		a.filter |= 1 << (p % 64)
	}
	switch {
	case a.flat != nil:
		return
	case len(a.slots) == 0:
		a.slots = make([]slot[T], slotsStart)
	case a.taken > max(len(a.base.flat)/flatShare, slotsStart):
		a.flatten()
		return
	case 4*a.taken >= 3*len(a.slots):
		a.grow()
	}
	a.len = max(a.len, i+1)
}

// grow doubles the slots.
func (a *Array[T]) grow() {
	old := a.slots
	a.slots = make([]slot[T], 2*len(old))
	for i := range old {
		if s := &old[i]; s.key != 0 {
			*a.find(int(s.key - 1)) = *s
		}
	}
}

// flatten makes a fork one piece. It stays a fork, whose other pages are as in the base.
func (a *Array[T]) flatten() {
	flat := make([]T, a.len)
	for i := range flat {
		flat[i] = a.At(i)
	}
	a.flat, a.len, a.slots, a.filter = flat, 0, nil, 0
}

// Append adds an element at the end.
func (a *Array[T]) Append(v T) { *a.Edit(a.Len()) = v }

// Truncate cuts the array to n elements. The others aren't cleared.
func (a *Array[T]) Truncate(n int) {
	a.flat, a.len = a.flat[:min(len(a.flat), n)], min(a.len, n)
}
