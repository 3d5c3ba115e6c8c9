package paged

import "slices"

// Run is a run of pages, from From to To-1.
type Run struct{ From, To int }

// sealed has the bytes that the elements of a sealed array make in a message, page by page: the
// sender of a fork's elements need not encode the pages that it shares, and a receiver of those
// very bytes need not read them.
type sealed struct {
	buf     []byte
	at      []int    // offset of each page, and the end
	sums    []int    // elements before each page, and all
	digests []uint64 // of all elements, and of none up to the end of the last page
}

func seal[T any](
	a *Array[T], appendElem func(b []byte, i int, v T) []byte, digest func(i int, v T) uint64,
) *sealed {
	s := &sealed{
		at: make([]int, 1, a.Pages()+1), sums: make([]int, 1, a.Pages()+1),
		digests: make([]uint64, a.Pages()*PageLen),
	}
	elements := 0
	for i, v := range a.flat {
		had := len(s.buf)
		if s.buf = appendElem(s.buf, i, v); len(s.buf) > had {
			elements++
		}
		s.digests[i] = digest(i, v)
		if (i+1)%PageLen == 0 || i == len(a.flat)-1 {
			s.at, s.sums = append(s.at, len(s.buf)), append(s.sums, elements)
		}
	}
	return s
}

// Bytes returns the encoding of a run of the array that a was forked from: shared, read-only.
func (a *Array[T]) Bytes(r Run) []byte {
	s := a.base.sealed
	return s.buf[s.at[r.From]:s.at[r.To]]
}

// Encoded is the number of elements in Bytes(r): those that have an encoding.
func (a *Array[T]) Encoded(r Run) int {
	sums := a.base.sealed.sums
	return sums[r.To] - sums[r.From]
}

// Find returns the run that piece is the encoding of: the same memory, not only the same content.
// An array that isn't forked has none.
func (a *Array[T]) Find(piece []byte) (r Run, ok bool) {
	if a.base == nil || len(piece) == 0 {
		return Run{}, false
	}
	s := a.base.sealed
	start := cap(s.buf) - cap(piece) // Bytes keeps the capacity
	if start < 0 || start >= len(s.buf) || &s.buf[start] != &piece[0] {
		return Run{}, false
	}
	from, begins := slices.BinarySearch(s.at, start)
	to, ends := slices.BinarySearch(s.at, start+len(piece))
	if !begins || !ends {
		return Run{}, false
	}
	return Run{from, to}, true
}

// EncodedIn is Encoded of the run that piece is, 0 if it isn't one.
func (a *Array[T]) EncodedIn(piece []byte) int {
	r, ok := a.Find(piece)
	if !ok {
		return 0
	}
	return a.Encoded(r)
}
