// Package paged has arrays that share memory until they are written to. A simulation of n members
// has n tables of n records, nearly all of them equal: each table starts as a fork of a shared one,
// and has pages of its own only where it differs.
//
// The shared array also has the encoding of its pages. A table sends the pages that it shares
// without encoding them, and knows them again when it receives them.
//
// A table that isn't forked, such as an agent's, lies in one piece.
package paged

const (
	// PageLen is the number of elements of a page. A write copies a page, and a death in a view
	// writes to four: larger pages cost memory, smaller ones time for the whole array.
	PageLen  = 1 << pageBits
	pageBits = 5

	// dirLen is the number of pages of a directory. A fork's first write copies one directory and
	// the list of directories: with 100,000 elements 900 bytes, instead of 25,000 for a flat list.
	dirLen  = 1 << dirBits
	dirBits = 6
)

// Array is a growable array. The zero Array is empty. Don't use both an Array and a copy of it made
// by assignment; see Fork.
type Array[T any] struct {
	flat []T       // all elements, unless this is a fork
	dirs []*dir[T] // of the pages of a fork, or of flat for forks: see Seal
	base *Array[T] // forked from: its directories and pages are read-only. Nil if none
	len  int       // of a fork

	encoded *encoded // of a sealed array
	digests []uint64 // likewise, of its elements
}

type dir[T any] [dirLen]*page[T]

type page[T any] [PageLen]T

// Seal prepares an array that won't change any more for being forked. appendElem appends the
// encoding of element i to b: no bytes if it has none. digest is what Digests returns of element i.
func (a *Array[T]) Seal(
	appendElem func(b []byte, i int, v T) []byte, digest func(i int, v T) uint64,
) {
	a.encoded = encode(a, appendElem)
	for i, v := range a.flat {
		a.digests = append(a.digests, digest(i, v))
	}
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

// Fork returns an array with the same elements that shares all memory with a, which must have been
// sealed. Forks may be used concurrently, each by one goroutine.
func (a *Array[T]) Fork() Array[T] { return Array[T]{dirs: a.dirs, base: a, len: len(a.flat)} }

// Len is the number of elements.
func (a *Array[T]) Len() int {
	if a.base == nil {
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

// Page returns the elements of page p, read-only: up to PageLen, nil if none was written.
func (a *Array[T]) Page(p int) []T {
	if a.base == nil {
		return a.flat[p<<pageBits : min(len(a.flat), (p+1)<<pageBits)]
	}
	if page := a.dirs[p>>dirBits][p%dirLen]; page != nil {
		return page[:min(PageLen, a.len-p<<pageBits)]
	}
	return nil
}

// Shares tells whether page p is still the memory that the array was forked from.
func (a *Array[T]) Shares(p int) bool {
	b := a.base
	return b != nil && p < b.Pages() && a.dirs[p>>dirBits][p%dirLen] == b.dirs[p>>dirBits][p%dirLen]
}

// Digests returns the digests of n elements from i on, all of one page, if it is still the memory
// that the array was forked from; otherwise nil. They are read-only.
func (a *Array[T]) Digests(i, n int) []uint64 {
	if n == 0 || !a.Shares(i>>pageBits) {
		return nil
	}
	return a.base.digests[i : i+n]
}

// Runs yields all pages in order: shared ones in runs as long as possible, each other one by
// itself.
func (a *Array[T]) Runs(yield func(r Run, shared bool) bool) {
	for p := 0; p < a.Pages(); {
		end := a.sharedFrom(p)
		r := Run{p, max(end, p+1)}
		if !yield(r, end > p) {
			return
		}
		p = r.To
	}
}

// sharedFrom returns the end of the shared pages that begin with page p.
func (a *Array[T]) sharedFrom(p int) int {
	if a.base == nil {
		return p
	}
	end := min(a.Pages(), a.base.Pages())
	for p < end {
		switch d := p >> dirBits; {
		case a.dirs[d] == a.base.dirs[d]:
			p = min(end, (d+1)<<dirBits)
		case a.Shares(p):
			p++
		default:
			return p
		}
	}
	return p
}

// Edit returns element i for changing, valid until the next call. It grows the array to hold i.
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

// Truncate cuts the array to n elements. The others aren't cleared.
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

// own makes page p of directory d, and the directory, the array's own.
func (a *Array[T]) own(d, p int) {
	b := a.base
	if d >= len(b.dirs) {
		return // beyond the end of the base
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
