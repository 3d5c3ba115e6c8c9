package wire

import (
	"encoding/binary"
	"math"
)

// First bytes of MessagePack values, as far as they are written or told apart.
const (
	mpFixMap   = 0x80
	mpFixArray = 0x90
	mpFixRaw   = 0xa0
	mpNil      = 0xc0
	mpFalse    = 0xc2
	mpTrue     = 0xc3
	mpBin8     = 0xc4
	mpExt8     = 0xc7
	mpFloat32  = 0xca
	mpFloat64  = 0xcb
	mpUint8    = 0xcc
	mpUint16   = 0xcd
	mpUint32   = 0xce
	mpUint64   = 0xcf
	mpInt8     = 0xd0
	mpInt16    = 0xd1
	mpInt32    = 0xd2
	mpInt64    = 0xd3
	mpFixExt1  = 0xd4
	mpStr8     = 0xd9
	mpRaw16    = 0xda
	mpRaw32    = 0xdb
	mpArray16  = 0xdc
	mpArray32  = 0xdd
	mpMap16    = 0xde
	mpMap32    = 0xdf
	mpNegFix   = 0xe0

	mpFixRawMax   = 31
	mpFixCountMax = 15
)

type text interface{ ~string | ~[]byte }

// appendName appends s in the old raw family, which all versions read.
func appendName[S text](b []byte, s S) []byte {
	switch n := len(s); {
	case n <= mpFixRawMax:
		b = append(b, mpFixRaw|byte(n))
	case n <= math.MaxUint16:
		b = append(b, mpRaw16, byte(n>>8), byte(n))
	default:
		b = binary.BigEndian.AppendUint32(append(b, mpRaw32), uint32(n))
	}
	return append(b, s...)
}

// appendBytes is appendName for byte strings, of which nil is a value of its own.
func appendBytes(b, v []byte) []byte {
	if v == nil {
		return append(b, mpNil)
	}
	return appendName(b, v)
}

func appendUint(b []byte, v uint64) []byte {
	switch {
	case v <= math.MaxInt8:
		return append(b, byte(v))
	case v <= math.MaxUint8:
		return append(b, mpUint8, byte(v))
	case v <= math.MaxUint16:
		return append(b, mpUint16, byte(v>>8), byte(v))
	case v <= math.MaxUint32:
		return binary.BigEndian.AppendUint32(append(b, mpUint32), uint32(v))
	}
	return binary.BigEndian.AppendUint64(append(b, mpUint64), v)
}

// appendInt writes signed fields, which never use the unsigned forms, nor int8
// for positive numbers: that is how the reference tells its types apart.
func appendInt(b []byte, v int64) []byte {
	switch {
	case v >= -32 && v <= math.MaxInt8:
		return append(b, byte(v))
	case v >= math.MinInt8 && v < 0:
		return append(b, mpInt8, byte(v))
	case v >= math.MinInt16 && v <= math.MaxInt16:
		return append(b, mpInt16, byte(v>>8), byte(v))
	case v >= math.MinInt32 && v <= math.MaxInt32:
		return binary.BigEndian.AppendUint32(append(b, mpInt32), uint32(v))
	}
	return binary.BigEndian.AppendUint64(append(b, mpInt64), uint64(v))
}

func appendBool(b []byte, v bool) []byte {
	if v {
		return append(b, mpTrue)
	}
	return append(b, mpFalse)
}

func appendFloat(b []byte, v float64) []byte {
	return binary.BigEndian.AppendUint64(append(b, mpFloat64), math.Float64bits(v))
}

func appendArrayHeader(b []byte, n int) []byte {
	switch {
	case n <= mpFixCountMax:
		return append(b, mpFixArray|byte(n))
	case n <= math.MaxUint16:
		return append(b, mpArray16, byte(n>>8), byte(n))
	}
	return binary.BigEndian.AppendUint32(append(b, mpArray32), uint32(n))
}

func appendMapHeader(b []byte, n int) []byte {
	switch {
	case n <= mpFixCountMax:
		return append(b, mpFixMap|byte(n))
	case n <= math.MaxUint16:
		return append(b, mpMap16, byte(n>>8), byte(n))
	}
	return binary.BigEndian.AppendUint32(append(b, mpMap32), uint32(n))
}

// Fields: a key, at most mpFixRawMax bytes, and its value.

func appendKey(b []byte, key string) []byte {
	return append(append(b, mpFixRaw|byte(len(key))), key...)
}

func fieldName[S text](b []byte, key string, v S) []byte { return appendName(appendKey(b, key), v) }
func fieldBytes(b []byte, key string, v []byte) []byte   { return appendBytes(appendKey(b, key), v) }
func fieldUint(b []byte, key string, v uint64) []byte    { return appendUint(appendKey(b, key), v) }
func fieldInt(b []byte, key string, v int64) []byte      { return appendInt(appendKey(b, key), v) }
func fieldBool(b []byte, key string, v bool) []byte      { return appendBool(appendKey(b, key), v) }
func fieldFloat(b []byte, key string, v float64) []byte  { return appendFloat(appendKey(b, key), v) }

// kind is the family of a value.
type kind uint8

const (
	kindNil kind = iota
	kindBool
	kindInt
	kindFloat
	kindRaw
	kindArray
	kindMap
	kindExt
)

// shape is what the first bytes of a value say about it: head bytes (those first
// bytes), then body bytes of its own, then kids values. body and kids are the
// sender's word and may be anything up to 2^33.
type shape struct {
	kind kind
	head int
	body uint64
	kids uint64
}

// shapeOf reads the head of the value at the start of p. ErrShort means that
// more bytes are needed to tell.
func shapeOf(p []byte) (shape, error) {
	if len(p) == 0 {
		return shape{}, ErrShort
	}
	b := p[0]
	switch {
	case b < mpFixMap || b >= mpNegFix:
		return shape{kind: kindInt, head: 1}, nil
	case b < mpFixArray:
		return shape{kind: kindMap, head: 1, kids: 2 * uint64(b-mpFixMap)}, nil
	case b < mpFixRaw:
		return shape{kind: kindArray, head: 1, kids: uint64(b - mpFixArray)}, nil
	case b < mpNil:
		return shape{kind: kindRaw, head: 1, body: uint64(b - mpFixRaw)}, nil
	case b == mpNil:
		return shape{kind: kindNil, head: 1}, nil
	case b == mpFalse || b == mpTrue:
		return shape{kind: kindBool, head: 1}, nil
	case b == mpFloat32 || b == mpFloat64:
		return shape{kind: kindFloat, head: 1, body: 4 << (b - mpFloat32)}, nil
	case b >= mpUint8 && b <= mpUint64:
		return shape{kind: kindInt, head: 1, body: 1 << (b - mpUint8)}, nil
	case b >= mpInt8 && b <= mpInt64:
		return shape{kind: kindInt, head: 1, body: 1 << (b - mpInt8)}, nil
	case b >= mpFixExt1 && b < mpStr8:
		return shape{kind: kindExt, head: 1, body: 1 + 1<<(b-mpFixExt1)}, nil
	}
	return countedShape(p)
}

// countedShape reads the heads that end in a count of 1, 2 or 4 bytes.
func countedShape(p []byte) (shape, error) {
	var k kind
	var width int
	b := p[0]
	switch {
	case b >= mpBin8 && b < mpExt8:
		k, width = kindRaw, 1<<(b-mpBin8)
	case b >= mpExt8 && b < mpFloat32:
		k, width = kindExt, 1<<(b-mpExt8)
	case b >= mpStr8 && b <= mpRaw32:
		k, width = kindRaw, 1<<(b-mpStr8)
	case b == mpArray16 || b == mpArray32:
		k, width = kindArray, 2<<(b-mpArray16)
	case b == mpMap16 || b == mpMap32:
		k, width = kindMap, 2<<(b-mpMap16)
	default:
		return shape{}, ErrFormat // c1, the only byte without a meaning
	}
	if len(p) < 1+width {
		return shape{}, ErrShort
	}
	n := bigEndian(p[1 : 1+width])
	s := shape{kind: k, head: 1 + width}
	switch k {
	case kindRaw:
		s.body = n
	case kindExt:
		s.body = n + 1 // the byte of its type
	case kindArray:
		s.kids = n
	case kindMap:
		s.kids = 2 * n
	}
	return s, nil
}

func bigEndian(p []byte) uint64 {
	var v uint64
	for _, b := range p {
		v = v<<8 | uint64(b)
	}
	return v
}

// cursor reads values one after the other from p, what is left of a message. The
// first failure sticks: from then on every read returns zero, and loops that
// test ok end. So parsers check err once, at the end.
type cursor struct {
	p   []byte
	err error
}

func (c *cursor) ok() bool { return c.err == nil }

func (c *cursor) fail(err error) {
	if c.err == nil {
		c.err = err
	}
	c.p = nil
}

// take returns the next n bytes. Their capacity is clipped: appending to what
// was parsed must not write into the rest of the packet.
func (c *cursor) take(n uint64) []byte {
	if n > uint64(len(c.p)) {
		c.fail(ErrShort)
		return nil
	}
	v := c.p[:n:n]
	c.p = c.p[n:]
	return v
}

// open consumes the head of a value of kind k. It returns false for nil, which any
// field may be, and for failure.
func (c *cursor) open(k kind) (shape, bool) {
	s, err := shapeOf(c.p)
	switch {
	case err != nil:
		c.fail(err)
	case s.kind == k:
		c.p = c.p[s.head:]
		return s, true
	case s.kind == kindNil:
		c.p = c.p[1:]
	default:
		c.fail(ErrFormat)
	}
	return shape{}, false
}

// bytes reads a byte string in any of its forms; nil if it is nil.
func (c *cursor) bytes() []byte {
	if p := c.p; len(p) > 0 && p[0]&^mpFixRawMax == mpFixRaw { // nearly all of them
		if n := 1 + int(p[0]&mpFixRawMax); n <= len(p) {
			c.p = p[n:]
			return p[1:n:n]
		}
	}
	return c.longBytes()
}

func (c *cursor) longBytes() []byte {
	s, ok := c.open(kindRaw)
	if !ok {
		return nil
	}
	return c.take(s.body)
}

// name reads a string; never nil unless the message is bad.
func (c *cursor) name() []byte {
	if b := c.bytes(); b != nil || c.err != nil {
		return b
	}
	return []byte{}
}

// integer reads any integer. If negative is set, v is its two's complement.
func (c *cursor) integer() (v uint64, negative bool) {
	// What is written nearly always first: a read of these is a dozen instructions, that of
	// any shape a hundred.
	switch p := c.p; {
	case len(p) >= 1 && p[0] < mpFixMap:
		c.p = p[1:]
		return uint64(p[0]), false
	case len(p) >= 3 && p[0] == mpUint16:
		c.p = p[3:]
		return uint64(binary.BigEndian.Uint16(p[1:])), false
	case len(p) >= 5 && p[0] == mpUint32:
		c.p = p[5:]
		return uint64(binary.BigEndian.Uint32(p[1:])), false
	case len(p) >= 1 && p[0] >= mpNegFix:
		c.p = p[1:]
		return uint64(int8(p[0])), true
	}
	return c.wideInteger()
}

func (c *cursor) wideInteger() (v uint64, negative bool) {
	signed := len(c.p) > 0 && c.p[0] >= mpInt8 && c.p[0] <= mpInt64
	s, ok := c.open(kindInt)
	if !ok {
		return 0, false
	}
	v = bigEndian(c.take(s.body))
	if signed {
		unused := 64 - 8*s.body
		v = uint64(int64(v<<unused) >> unused)
	}
	return v, signed && int64(v) < 0
}

func (c *cursor) uint(max uint64) uint64 {
	v, negative := c.integer()
	if negative || v > max {
		c.fail(ErrRange)
		return 0
	}
	return v
}

func (c *cursor) uint8() uint8   { return uint8(c.uint(math.MaxUint8)) }
func (c *cursor) uint16() uint16 { return uint16(c.uint(math.MaxUint16)) }
func (c *cursor) uint32() uint32 { return uint32(c.uint(math.MaxUint32)) }
func (c *cursor) uint64() uint64 { return c.uint(math.MaxUint64) }

func (c *cursor) int64() int64 {
	v, negative := c.integer()
	if !negative && v > math.MaxInt64 {
		c.fail(ErrRange)
		return 0
	}
	return int64(v)
}

// count reads a length or number of things that is at most max.
func (c *cursor) count(max int) int {
	n := c.int64()
	if n < 0 {
		c.fail(ErrRange)
		return 0
	}
	if n > int64(max) {
		c.fail(ErrLimit)
		return 0
	}
	return int(n)
}

func (c *cursor) bool() bool {
	v := len(c.p) > 0 && c.p[0] == mpTrue
	_, ok := c.open(kindBool)
	return ok && v
}

// float reads a float of either width, or an integer, which the reference takes too.
func (c *cursor) float() float64 {
	s, err := shapeOf(c.p)
	if err != nil {
		c.fail(err)
		return 0
	}
	if s.kind == kindInt {
		v, negative := c.integer()
		if negative {
			return float64(int64(v))
		}
		return float64(v)
	}
	if _, ok := c.open(kindFloat); !ok {
		return 0
	}
	bits := bigEndian(c.take(s.body))
	if s.body == 4 {
		return float64(math.Float32frombits(uint32(bits)))
	}
	return math.Float64frombits(bits)
}

// array opens an array and returns the number of its elements, which is at most
// the number of bytes left: loops over it are bounded by the input.
func (c *cursor) array() (n int, isNil bool) { return c.list(kindArray, 1) }

// mapping opens a map and returns the number of its pairs, bounded likewise.
func (c *cursor) mapping() (n int, isNil bool) { return c.list(kindMap, 2) }

func (c *cursor) list(k kind, valuesEach uint64) (n int, isNil bool) {
	s, ok := c.open(k)
	if !ok {
		return 0, true
	}
	if s.kids > uint64(len(c.p)) {
		c.fail(ErrShort)
		return 0, true
	}
	return int(s.kids / valuesEach), false
}

// fields opens the map that a struct is; nil is a struct of zeros.
func (c *cursor) fields() int {
	if p := c.p; len(p) > 0 && p[0]&^mpFixCountMax == mpFixMap { // nearly all of them
		if n := int(p[0] & mpFixCountMax); 2*n < len(p) {
			c.p = p[1:]
			return n
		}
	}
	n, _ := c.mapping()
	return n
}

// lit passes the bytes of s, if they are next.
func (c *cursor) lit(s string) bool {
	if len(c.p) < len(s) || string(c.p[:len(s)]) != s {
		return false
	}
	c.p = c.p[len(s):]
	return true
}

// key reads the key of a field, nil for one that can't be any of ours.
func (c *cursor) key() []byte { return c.bytes() }

// skip passes one value of whatever kind. It counts the values still to pass
// instead of keeping a stack, so that no depth of nesting costs anything; a count
// that lies ends with the input.
func (c *cursor) skip() {
	for need := uint64(1); need > 0; need-- {
		s, err := shapeOf(c.p)
		if err != nil {
			c.fail(err)
			return
		}
		c.p = c.p[s.head:]
		c.take(s.body)
		need += s.kids
	}
}

// since returns what was read since the cursor was at start.
func (c *cursor) since(start []byte) []byte {
	n := len(start) - len(c.p)
	return start[:n:n]
}
