package paged

import "slices"

// Encoded has the bytes that the elements of an array make in a message, page by page, so that who
// shares a page needn't encode it, and who receives those very bytes needn't read them.
type Encoded struct {
	buf []byte
	at  []int // where each page begins, and the end
}

// Encode returns the encoding of a, whose pages appendPage appends.
func Encode[T any](a *Array[T], appendPage func(b []byte, page int) []byte) *Encoded {
	e := &Encoded{at: make([]int, 1, a.Pages()+1)}
	for p := range a.Pages() {
		e.buf = appendPage(e.buf, p)
		e.at = append(e.at, len(e.buf))
	}
	return e
}

// Run returns the bytes of pages from to to-1: shared, to be read only.
func (e *Encoded) Run(from, to int) []byte { return e.buf[e.at[from]:e.at[to]] }

// Page returns the bytes of one page: shared, to be read only.
func (e *Encoded) Page(p int) []byte { return e.Run(p, p+1) }

// Find tells which pages piece is the run of, if it is one in memory and not only by content.
func (e *Encoded) Find(piece []byte) (from, to int, ok bool) {
	if e == nil || len(piece) == 0 {
		return 0, 0, false
	}
	start := cap(e.buf) - cap(piece) // Run keeps the capacity
	if start < 0 || start >= len(e.buf) || &e.buf[start] != &piece[0] {
		return 0, 0, false
	}
	from, begins := slices.BinarySearch(e.at, start)
	to, ends := slices.BinarySearch(e.at, start+len(piece))
	return from, to, begins && ends
}
