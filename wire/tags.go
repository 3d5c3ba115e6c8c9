package wire

// tagsMagic starts node metadata that is a map of tags. Members from before there were
// tags have a role there instead, as plain text.
const tagsMagic = 255

const roleTag = "role"

// Tag is one pair of a member's tags.
type Tag struct {
	Key, Value string
}

// Tags is a map of tags, encoded: borrowed when it was parsed.
type Tags struct {
	n   int
	raw []byte // the pairs; not nil unless the map is

	role    []byte // instead of pairs: metadata of an old member
	hasRole bool
}

// NewTags encodes pairs, which the caller has sorted by key.
func NewTags(pairs []Tag) Tags {
	return Tags{n: len(pairs), raw: appendPairs([]byte{}, pairs)}
}

// AppendTags appends node metadata with pairs, which the caller has sorted by key.
func AppendTags(b []byte, pairs []Tag) []byte {
	return appendPairs(appendMapHeader(append(b, tagsMagic), len(pairs)), pairs)
}

func appendPairs(b []byte, pairs []Tag) []byte {
	for _, p := range pairs {
		b = appendName(appendName(b, p.Key), p.Value)
	}
	return b
}

// ParseTags parses node metadata. Metadata that doesn't start as tags do is the
// role of an old member, which is given as the tag "role". The result
// borrows from meta.
func ParseTags(meta []byte) (Tags, error) {
	if len(meta) == 0 || meta[0] != tagsMagic {
		return Tags{n: 1, role: meta, hasRole: true}, nil
	}
	c := cursor{p: meta[1:]}
	t := c.tags()
	return t, c.err
}

func (c *cursor) tags() Tags {
	n, isNil := c.mapping()
	if isNil {
		return Tags{}
	}
	start := c.p
	for i := 0; i < n && c.ok(); i++ {
		c.name()
		c.name()
	}
	return Tags{n: n, raw: c.since(start)}
}

func (t Tags) append(b []byte) []byte {
	switch {
	case t.hasRole:
		return appendName(appendName(appendMapHeader(b, 1), roleTag), t.role)
	case t.raw == nil:
		return append(b, mpNil)
	}
	return append(appendMapHeader(b, t.n), t.raw...)
}

// Len is the number of tags. A key may occur more than once: the last one counts.
func (t Tags) Len() int { return t.n }

// Iter returns an iterator over the tags, in the order of the wire.
func (t Tags) Iter() TagIter { return TagIter{tags: t, c: cursor{p: t.raw}, left: t.n} }

// TagIter yields tags: for it.Next() { use it.Key and it.Value }.
type TagIter struct {
	Key, Value []byte // borrowed; set by Next

	tags Tags
	c    cursor
	left int
}

// Next moves to the next tag; false at the end.
func (it *TagIter) Next() bool {
	if it.left == 0 {
		return false
	}
	it.left--
	if it.tags.hasRole {
		it.Key, it.Value = []byte(roleTag), it.tags.role
		return true
	}
	it.Key, it.Value = it.c.name(), it.c.name()
	return it.c.ok()
}
