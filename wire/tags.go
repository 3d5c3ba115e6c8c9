package wire

import "serf/internal/msgpack"

// tagsMagic begins metadata that is a map of tags. Members that predate tags have a role instead,
// as plain text.
const tagsMagic = 255

const roleTag = "role"

// Tag is one of a member's tags.
type Tag struct {
	Key, Value string
}

// Tags is an encoded map of tags. It is borrowed when it was parsed.
type Tags struct {
	n   int
	raw []byte // the pairs; not nil unless the map is

	role    []byte // the metadata of an old member, instead of pairs
	hasRole bool
}

// NewTags encodes pairs, which must be sorted by key.
func NewTags(pairs []Tag) Tags {
	return Tags{n: len(pairs), raw: appendPairs([]byte{}, pairs)}
}

// AppendTags appends metadata with pairs, which must be sorted by key.
func AppendTags(b []byte, pairs []Tag) []byte {
	return appendPairs(msgpack.AppendMap(append(b, tagsMagic), len(pairs)), pairs)
}

func appendPairs(b []byte, pairs []Tag) []byte {
	for _, p := range pairs {
		b = msgpack.AppendRaw(msgpack.AppendRaw(b, p.Key), p.Value)
	}
	return b
}

// ParseTags parses metadata. Metadata that doesn't begin as tags do is the role of an old member,
// and becomes the tag "role". The result borrows from meta.
func ParseTags(meta []byte) (Tags, error) {
	if len(meta) == 0 || meta[0] != tagsMagic {
		return Tags{n: 1, role: meta, hasRole: true}, nil
	}
	c := msgpack.Cursor{P: meta[1:]}
	t := parseTagPairs(&c)
	return t, c.Err
}

func parseTagPairs(c *msgpack.Cursor) Tags {
	n, isNil := c.Map()
	if isNil {
		return Tags{}
	}
	start := c.P
	for i := 0; i < n && c.OK(); i++ {
		c.Name()
		c.Name()
	}
	return Tags{n: n, raw: c.Since(start)}
}

func (t Tags) append(b []byte) []byte {
	switch {
	case t.hasRole:
		return msgpack.AppendRaw(msgpack.AppendRaw(msgpack.AppendMap(b, 1), roleTag), t.role)
	case t.raw == nil:
		return append(b, msgpack.Nil)
	}
	return append(msgpack.AppendMap(b, t.n), t.raw...)
}

// Len is the number of tags. If a key occurs more than once, the last one counts.
func (t Tags) Len() int { return t.n }

// Iter returns an iterator over the tags, in their order on the wire.
func (t Tags) Iter() TagIter { return TagIter{tags: t, c: msgpack.Cursor{P: t.raw}, left: t.n} }

// TagIter yields tags: for it.Next() { use it.Key and it.Value }.
type TagIter struct {
	Key, Value []byte // borrowed; set by Next

	tags Tags
	c    msgpack.Cursor
	left int
}

// Next moves to the next tag, and returns false at the end.
func (it *TagIter) Next() bool {
	if it.left == 0 {
		return false
	}
	it.left--
	if it.tags.hasRole {
		it.Key, it.Value = []byte(roleTag), it.tags.role
		return true
	}
	it.Key, it.Value = it.c.Name(), it.c.Name()
	return it.c.OK()
}
