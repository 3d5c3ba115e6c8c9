// Package paged has arrays that share memory until they are written to. A simulation
// of n members has n tables of n records, nearly all of them equal: each table begins as a
// fork of one that is shared, and has pages of its own only where it differs.
//
// A table that isn't forked, such as an agent's, lies in one piece: whoever uses it sees no difference.
package paged

const (
	// PageLen is the number of elements of a page. One write copies a page, and one death in a view
	// of its cluster writes to four: larger ones cost memory, smaller ones time for the whole.
	PageLen  = 1 << pageBits
	pageBits = 5

	// dirLen is the number of pages of a directory. A fork's first write copies one directory
	// and the list of all: with 100,000 elements 900 bytes in all, instead of 25,000 for a flat list.
	dirLen  = 1 << dirBits
	dirBits = 6
)

// Array is a growable array. The zero Array is empty. An Array isn't to be copied by
// assignment if both are used after; see Fork.
type Array[T any] struct {
	flat []T       // all elements, unless this is a fork
	dirs []*dir[T] // of the pages of a fork, or of flat for forks: see Seal
	base *Array[T] // forked from: its directories and pages are read only. Nil if none
	len  int       // of a fork
}

type dir[T any] [dirLen]*page[T]

type page[T any] [PageLen]T

// Seal prepares an array that isn't to change any more for being forked.
func (a *Array[T]) Seal() {
	n := len(a.flat)
	padded := append(a.flat, make([]T, a.Pages()*PageLen-n)...)
	a.flat = padded[:n]
	for p := range a.Pages() {
		if p%dirLen == 0 {
			a.dirs = append(a.dirs, new(dir[T]))
		}
		a.dirs[p>>dirBits][p%dirLen] = (*page[T])(padded[p*PageLen:])
	}
}

// Fork returns an array of the same elements that shares all memory with a, which must have been
// sealed. Forks may be used concurrently, each by one goroutine.
func (a *Array[T]) Fork() Array[T] { return Array[T]{dirs: a.dirs, base: a, len: len(a.flat)} }

// Len is the number of elements.
func (a *Array[T]) Len() int {
	if a.base == nil {
		return len(a.flat)
	}
	return a.len
}

// Pages is the number of pages that the elements take.
func (a *Array[T]) Pages() int { return (a.Len() + PageLen - 1) >> pageBits }

// At returns element i, or the zero value beyond the end.
func (a *Array[T]) At(i int) T {
	if uint(i) < uint(len(a.flat)) {
		return a.flat[i]
	}
	return a.inPage(i)
}

// inPage is At for a fork.
func (a *Array[T]) inPage(i int) T {
	if uint(i) < uint(a.len) {
		if p := a.dirs[i>>(pageBits+dirBits)][i>>pageBits%dirLen]; p != nil {
			return p[i%PageLen]
		}
	}
	var none T
	return none
}

// Page returns the elements of page p, to read only: up to PageLen, nil if none was written.
func (a *Array[T]) Page(p int) []T {
	if a.base == nil {
		return a.flat[p<<pageBits : min(len(a.flat), (p+1)<<pageBits)]
	}
	if page := a.dirs[p>>dirBits][p%dirLen]; page != nil {
		return page[:min(PageLen, a.len-p<<pageBits)]
	}
	return nil
}

// Shares tells whether page p is as it was when the array was forked, because it is the same memory.
func (a *Array[T]) Shares(p int) bool {
	b := a.base
	return b != nil && p < b.Pages() && a.dirs[p>>dirBits][p%dirLen] == b.dirs[p>>dirBits][p%dirLen]
}

// SharedRun is the number of pages from p on that are shared.
func (a *Array[T]) SharedRun(p int) int {
	if a.base == nil {
		return 0
	}
	from, end := p, min(a.Pages(), a.base.Pages())
	for p < end {
		switch d := p >> dirBits; {
		case a.dirs[d] == a.base.dirs[d]:
			p = min(end, (d+1)<<dirBits)
		case a.Shares(p):
			p++
		default:
			return p - from
		}
	}
	return max(p-from, 0)
}

// Edit returns element i to be changed, until the next call. It grows the array if it ends before i.
func (a *Array[T]) Edit(i int) *T {
	if a.base == nil {
		if i >= len(a.flat) {
			a.flat = append(a.flat, make([]T, i+1-len(a.flat))...)
		}
		return &a.flat[i]
	}
	if i >= a.len {
		a.grow(i + 1)
	}
	d, p := i>>(pageBits+dirBits), i>>pageBits%dirLen
	a.own(d, p)
	at := &a.dirs[d][p]
	if *at == nil {
		*at = new(page[T])
	}
	return &(*at)[i%PageLen]
}

// Append adds an element at the end.
func (a *Array[T]) Append(v T) { *a.Edit(a.Len()) = v }

// Truncate cuts the array to n elements. Those cut off are not cleared.
func (a *Array[T]) Truncate(n int) {
	a.flat, a.len = a.flat[:min(len(a.flat), n)], min(a.len, n)
}

// grow makes room for n elements in a fork.
func (a *Array[T]) grow(n int) {
	need := (n-1)>>(pageBits+dirBits) + 1
	if need > len(a.dirs) {
		a.ownList()
	}
	for len(a.dirs) < need {
		a.dirs = append(a.dirs, new(dir[T]))
	}
	a.len = n
}

// own makes page p of directory d the array's own, and what leads there.
func (a *Array[T]) own(d, p int) {
	b := a.base
	if d >= len(b.dirs) {
		return // beyond the end of what was forked
	}
	if a.dirs[d] == b.dirs[d] {
		a.ownList()
		copied := *b.dirs[d]
		a.dirs[d] = &copied
	}
	if shared := b.dirs[d][p]; shared != nil && a.dirs[d][p] == shared {
		copied := *shared
		a.dirs[d][p] = &copied
	}
}

// ownList makes the list of directories the array's own.
func (a *Array[T]) ownList() {
	if b := a.base; len(a.dirs) > 0 && len(b.dirs) > 0 && &a.dirs[0] == &b.dirs[0] {
		a.dirs = append(make([]*dir[T], 0, len(a.dirs)+1), a.dirs...)
	}
}
