package wire

import "serf/internal/msgpack"

// List is an encoded list of byte strings. It is borrowed when it was parsed, and owned when it was
// built by Add. The zero List is nil on the wire.
type List struct {
	n   int
	raw []byte // the elements; not nil unless the list is
}

// NewList returns a list of the given elements, which are copied.
func NewList[S msgpack.Text](elems ...S) List {
	l := List{raw: []byte{}}
	for _, e := range elems {
		l.n++
		l.raw = msgpack.AppendRaw(l.raw, e)
	}
	return l
}

// Add appends a copy of v. It must not be called on a parsed list, which borrows.
func (l *List) Add(v []byte) {
	l.n++
	l.raw = msgpack.AppendRaw(l.raw, v)
}

// Len is the number of elements.
func (l List) Len() int { return l.n }

// Iter returns an iterator over the elements.
func (l List) Iter() ListIter { return ListIter{c: msgpack.Cursor{P: l.raw}, left: l.n} }

// ListIter yields the elements of a list: for it.Next() { use it.Elem }.
type ListIter struct {
	Elem []byte // borrowed; set by Next

	c    msgpack.Cursor
	left int
}

// Next moves to the next element, and returns false at the end.
func (it *ListIter) Next() bool {
	if it.left == 0 {
		return false
	}
	it.left--
	it.Elem = it.c.Name()
	return it.c.OK()
}

func (l List) append(b []byte) []byte {
	if l.raw == nil {
		return append(b, msgpack.Nil)
	}
	return append(msgpack.AppendArray(b, l.n), l.raw...)
}

// parseList reads and checks a list of byte strings.
func parseList(c *msgpack.Cursor) List {
	n, isNil := c.Array()
	if isNil {
		return List{}
	}
	start := c.P
	for i := 0; i < n && c.OK(); i++ {
		c.Bytes()
	}
	return List{n: n, raw: c.Since(start)}
}
