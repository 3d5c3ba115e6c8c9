package rpc

import (
	"encoding/binary"
	"maps"
	"math"
	"net/netip"
	"reflect"
	"slices"

	"github.com/vmihailenco/msgpack/v5/msgpcode"
)

// Lists of members are the one message that can be large: 2 MB at 10,000. So they are written and
// read here, without a look at types for every field. What is written is byte for byte what the library
// would write of wireMember.

// memberSize is about what a member takes on the wire, with some tags.
const memberSize = 160

// memberFloor is less than any member takes that is written with all its fields.
const memberFloor = 100

// membersResponse is the body that lists members.
type membersResponse struct{ Members []Member }

// appendBody implements bodyAppender.
func (r *membersResponse) appendBody(b []byte) []byte {
	b = slices.Grow(b, memberSize*(len(r.Members)+1))
	b = appendMembersHead(b, len(r.Members))
	tags := tagWriter{written: make(map[uintptr][2]int)}
	for i := range r.Members {
		b = tags.append(appendMember(b, &r.Members[i]), r.Members[i].Tags)
	}
	return b
}

// listing is an answer that lists all members, written as the agent tells of them, since a list of what is only
// to be written would be as large again. The next answer is written to the same memory; when none has been asked
// for during two collections of garbage, it is garbage too.
type listing struct {
	b    []byte // members, after room for what precedes them
	n    int    // members
	tags tagWriter
}

// listingRoom is for the header of a response (30 bytes at most), the field's name and the count.
const listingRoom = 64

func newListing() *listing {
	return &listing{b: make([]byte, listingRoom), tags: tagWriter{written: make(map[uintptr][2]int)}}
}

func (l *listing) reset() {
	l.b, l.n = l.b[:listingRoom], 0
	clear(l.tags.written)
}

// add appends a member of which so many follow.
func (l *listing) add(m *Member, left int) {
	if l.n == 0 {
		l.b = slices.Grow(l.b, memberSize*(left+1))
	}
	l.b = l.tags.append(appendMember(l.b, m), m.Tags)
	l.n++
}

// answer returns the whole answer, until the next reset.
func (l *listing) answer(seq uint64) []byte {
	head := appendValues(make([]byte, 0, listingRoom), &responseHeader{Seq: seq})
	head = appendMembersHead(head, l.n)
	b := l.b[listingRoom-len(head):]
	copy(b, head)
	return b
}

func appendMembersHead(b []byte, n int) []byte {
	b = appendText(append(b, msgpcode.FixedMapLow|1), "Members")
	return appendCount(b, n, msgpcode.FixedArrayLow, msgpcode.Array16)
}

// appendMember appends one member but for its tags, which come last.
func appendMember(b []byte, m *Member) []byte {
	const fields = 11
	b = append(b, msgpcode.FixedMapLow|fields)
	b = appendAddr(appendText(b, "Addr"), m.Addr.Addr())
	b = appendByte(appendText(b, "DelegateCur"), m.Delegate.Current)
	b = appendByte(appendText(b, "DelegateMax"), m.Delegate.Max)
	b = appendByte(appendText(b, "DelegateMin"), m.Delegate.Min)
	b = appendText(appendText(b, "Name"), m.Name)
	b = appendPort(appendText(b, "Port"), m.Addr.Port())
	b = appendByte(appendText(b, "ProtocolCur"), m.Protocol.Current)
	b = appendByte(appendText(b, "ProtocolMax"), m.Protocol.Max)
	b = appendByte(appendText(b, "ProtocolMin"), m.Protocol.Min)
	b = appendText(appendText(b, "Status"), m.Status)
	return appendText(b, "Tags")
}

// tagSetsMax bounds the sets of tags that are looked up while a list is written or read: most members share a few.
const tagSetsMax = 256

// tagWriter writes the tags of one list. Members may share the map of their tags: then they are copied from
// where they were written before.
type tagWriter struct {
	written map[uintptr][2]int // by map, which the list or the agent keeps where it is: begin and end
	keys    []string
}

func (w *tagWriter) append(b []byte, tags map[string]string) []byte {
	id := reflect.ValueOf(tags).Pointer()
	if at, ok := w.written[id]; ok {
		return append(b, b[at[0]:at[1]]...)
	}
	begin := len(b)
	b = w.appendSorted(b, tags)
	if len(w.written) < tagSetsMax {
		w.written[id] = [2]int{begin, len(b)}
	}
	return b
}

// appendSorted appends tags in the order of their keys; none are an empty map.
func (w *tagWriter) appendSorted(b []byte, tags map[string]string) []byte {
	sorted := slices.AppendSeq(w.keys[:0], maps.Keys(tags))
	slices.Sort(sorted)
	w.keys = sorted
	b = appendCount(b, len(tags), msgpcode.FixedMapLow, msgpcode.Map16)
	for _, key := range sorted {
		b = appendText(appendText(b, key), tags[key])
	}
	return b
}

func appendAddr(b []byte, ip netip.Addr) []byte {
	switch {
	case ip.Is4():
		raw := ip.As4()
		return append(append(b, msgpcode.Bin8, byte(len(raw))), raw[:]...)
	case ip.Is6():
		raw := ip.As16()
		return append(append(b, msgpcode.Bin8, byte(len(raw))), raw[:]...)
	}
	return append(b, msgpcode.Nil)
}

func appendByte(b []byte, n uint8) []byte {
	if n <= math.MaxInt8 {
		return append(b, n)
	}
	return append(b, msgpcode.Uint8, n)
}

func appendPort(b []byte, n uint16) []byte {
	if n <= math.MaxUint8 {
		return appendByte(b, uint8(n))
	}
	return binary.BigEndian.AppendUint16(append(b, msgpcode.Uint16), n)
}

// appendCount appends how much a list or map contains: in the code itself, in 16 bits after wide, or in 32 bits
// after the code that follows it.
func appendCount(b []byte, n int, fixed, wide byte) []byte {
	switch {
	case n < 16:
		return append(b, fixed|byte(n))
	case n <= math.MaxUint16:
		return binary.BigEndian.AppendUint16(append(b, wide), uint16(n))
	}
	return binary.BigEndian.AppendUint32(append(b, wide+1), uint32(n))
}

func appendText(b []byte, s string) []byte {
	switch n := len(s); {
	case n < 32:
		b = append(b, msgpcode.FixedStrLow|byte(n))
	case n <= math.MaxUint8:
		b = append(b, msgpcode.Str8, byte(n))
	case n <= math.MaxUint16:
		b = binary.BigEndian.AppendUint16(append(b, msgpcode.Str16), uint16(n))
	default:
		b = binary.BigEndian.AppendUint32(append(b, msgpcode.Str32), uint32(n))
	}
	return append(b, s...)
}

// parseBody implements bodyParser.
func (r *membersResponse) parseBody(p []byte) error {
	c := cursor{p: p}
	r.Members = nil
	for n := c.count(kindMap); n > 0 && c.err == nil; n-- {
		if string(c.text()) == "Members" {
			r.Members = c.members()
		} else {
			c.skip()
		}
	}
	return c.err
}

func (c *cursor) members() []Member {
	n := c.count(kindList)
	list := make([]Member, 0, min(n, len(c.p)/memberFloor+1)) // bounded by what arrived
	shared := make(map[string]map[string]string)
	for ; n > 0 && c.err == nil; n-- {
		list = append(list, c.member(shared))
	}
	return list
}

func (c *cursor) member(shared map[string]map[string]string) (m Member) {
	var ip netip.Addr
	var port uint16
	for n := c.count(kindMap); n > 0 && c.err == nil; n-- {
		switch string(c.text()) {
		case "Addr":
			ip, _ = netip.AddrFromSlice(c.text()) // else the zero Addr
		case "DelegateCur":
			m.Delegate.Current = uint8(c.number(math.MaxUint8))
		case "DelegateMax":
			m.Delegate.Max = uint8(c.number(math.MaxUint8))
		case "DelegateMin":
			m.Delegate.Min = uint8(c.number(math.MaxUint8))
		case "Name":
			m.Name = string(c.text())
		case "Port":
			port = uint16(c.number(math.MaxUint16))
		case "ProtocolCur":
			m.Protocol.Current = uint8(c.number(math.MaxUint8))
		case "ProtocolMax":
			m.Protocol.Max = uint8(c.number(math.MaxUint8))
		case "ProtocolMin":
			m.Protocol.Min = uint8(c.number(math.MaxUint8))
		case "Status":
			m.Status = statusText(c.text())
		case "Tags":
			m.Tags = c.tags(shared)
		default:
			c.skip()
		}
	}
	m.Addr = netip.AddrPortFrom(ip.Unmap(), port)
	return m
}

// statusText saves an allocation for each of the usual ones.
func statusText(b []byte) string {
	for _, usual := range [...]string{"alive", "failed", "left", "leaving", "none"} {
		if string(b) == usual {
			return usual
		}
	}
	return string(b)
}

// tags returns the tags of a member, which it may share with others that have the same.
func (c *cursor) tags(shared map[string]map[string]string) map[string]string {
	raw := c.p
	end := *c
	end.skip()
	raw = raw[:len(raw)-len(end.p)]
	if tags, ok := shared[string(raw)]; ok {
		*c = end
		return tags
	}
	n := c.count(kindMap)
	tags := make(map[string]string, min(n, len(raw)))
	for ; n > 0 && c.err == nil; n-- {
		key := string(c.text())
		tags[key] = string(c.text())
	}
	if len(shared) < tagSetsMax {
		shared[string(raw)] = tags
	}
	return tags
}
