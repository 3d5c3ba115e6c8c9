package wire

import "serf/internal/msgpack"

// FilterKind is the first byte of a filter.
type FilterKind uint8

// The kinds of filters.
const (
	FilterNode FilterKind = iota // a NodeFilter
	FilterTag                    // a TagFilter
)

// FilterList is the encoded filters of a query, all of which must match. The zero list is nil on
// the wire and matches every member. It is borrowed when it was parsed, and owned when it was
// built.
type FilterList struct {
	list List
}

// AddNodes adds a filter that matches the members of these names.
func (l *FilterList) AddNodes(names ...string) {
	f := msgpack.AppendArray([]byte{byte(FilterNode)}, len(names))
	for _, n := range names {
		f = msgpack.AppendRaw(f, n)
	}
	l.list.Add(f)
}

// AddTag adds a filter that matches the members whose tag matches the regular expression.
func (l *FilterList) AddTag(tag, expr string) {
	f := msgpack.AppendMap([]byte{byte(FilterTag)}, 2)
	f = msgpack.RawField(f, "Expr", expr)
	f = msgpack.RawField(f, "Tag", tag)
	l.list.Add(f)
}

// Len is the number of filters.
func (l FilterList) Len() int { return l.list.n }

// Iter returns an iterator over the filters.
func (l FilterList) Iter() FilterIter { return FilterIter{list: l.list.Iter()} }

// FilterIter yields filters: for it.Next() { use it.Kind and it.Body }.
type FilterIter struct {
	Kind FilterKind // may be unknown
	Body []byte     // for ParseNodeFilter or ParseTagFilter; borrowed
	// Err is set if Next stopped at a filter without a kind: the query matches no member.
	Err error

	list ListIter
}

// Next moves to the next filter; false at the end.
func (it *FilterIter) Next() bool {
	if it.Err != nil || !it.list.Next() {
		return false
	}
	if len(it.list.Elem) == 0 {
		it.Err = ErrShort
		return false
	}
	it.Kind, it.Body = FilterKind(it.list.Elem[0]), it.list.Elem[1:]
	return true
}

// NodeFilter matches the members of these names.
type NodeFilter struct {
	Names List
}

// ParseNodeFilter parses the body of a FilterNode. The result borrows from body.
func ParseNodeFilter(body []byte) (NodeFilter, error) {
	c := msgpack.Cursor{P: body}
	m := NodeFilter{Names: parseList(&c)}
	return m, c.Err
}

// TagFilter matches the members whose Tag matches the regular expression Expr.
type TagFilter struct {
	Expr, Tag []byte
}

// ParseTagFilter parses the body of a FilterTag. The result borrows from body.
func ParseTagFilter(body []byte) (TagFilter, error) {
	var m TagFilter
	c := msgpack.Cursor{P: body}
	for n := c.Fields(); n > 0 && c.OK(); n-- {
		switch string(c.Bytes()) {
		case "Expr":
			m.Expr = c.Name()
		case "Tag":
			m.Tag = c.Name()
		default:
			c.Skip()
		}
	}
	return m, c.Err
}
