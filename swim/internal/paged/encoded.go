package paged

import "slices"

// Run is a run of pages, from From to To-1.
type Run struct{ From, To int }

// encoded has the bytes that the elements of a sealed array make in a message, page by page: the
// sender of a fork's elements need not encode the pages that it shares, and a receiver of those
// very bytes need not read them.
type encoded struct {
	buf  []byte
	at   []int // offset of each page, and the end
	sums []int // elements before each page, and all
}

func encode[T any](a *Array[T], appendElem func(b []byte, i int, v T) []byte) *encoded {
	e := &encoded{at: make([]int, 1, a.Pages()+1), sums: make([]int, 1, a.Pages()+1)}
	elements := 0
	for p := range a.Pages() {
		for i, v := range a.Page(p) {
			had := len(e.buf)
			if e.buf = appendElem(e.buf, p*PageLen+i, v); len(e.buf) > had {
				elements++
			}
		}
		e.at, e.sums = append(e.at, len(e.buf)), append(e.sums, elements)
	}
	return e
}

// Bytes returns the encoding of a run of the array that a was forked from: shared, read-only.
func (a *Array[T]) Bytes(r Run) []byte {
	return a.base.encoded.buf[a.base.encoded.at[r.From]:a.base.encoded.at[r.To]]
}

// Encoded is the number of elements in Bytes(r): those that have an encoding.
func (a *Array[T]) Encoded(r Run) int {
	sums := a.base.encoded.sums
	return sums[r.To] - sums[r.From]
}

// Find returns the run that piece is the encoding of: the same memory, not only the same content.
// An array that isn't forked has none.
func (a *Array[T]) Find(piece []byte) (r Run, ok bool) {
	if a.base == nil || len(piece) == 0 {
		return Run{}, false
	}
	e := a.base.encoded
	start := cap(e.buf) - cap(piece) // Bytes keeps the capacity
	if start < 0 || start >= len(e.buf) || &e.buf[start] != &piece[0] {
		return Run{}, false
	}
	from, begins := slices.BinarySearch(e.at, start)
	to, ends := slices.BinarySearch(e.at, start+len(piece))
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
