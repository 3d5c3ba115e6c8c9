package msgpack

import (
	"encoding/binary"
	"errors"
	"math"
)

// Reasons to refuse bytes, returned unwrapped: refusing allocates nothing and == tells them apart.
var (
	ErrShort  = errors.New("msgpack: message cut short")
	ErrFormat = errors.New("msgpack: malformed message")
	ErrRange  = errors.New("msgpack: number doesn't fit its field")
)

// Kind is the family of a value.
type Kind uint8

const (
	KindNil Kind = iota
	KindBool
	KindInt
	KindFloat
	KindRaw // text or bytes, of either specification
	KindArray
	KindMap
	KindExt
)

func (k Kind) String() string {
	return [...]string{
		"nil", "a boolean", "a number", "a float", "text or bytes", "a list", "a map",
		"an extension",
	}[k]
}

// Head is what the first bytes of a value say about it: Size bytes of head, then Body bytes of its
// own, then Kids values. Body and Kids are the sender's word and may be anything up to 2^33.
type Head struct {
	Kind Kind
	Size int
	Body uint64
	Kids uint64
}

// ReadHead reads the head of the value at the start of p. ErrShort means that more bytes are needed
// to tell.
func ReadHead(p []byte) (Head, error) {
	if len(p) == 0 {
		return Head{}, ErrShort
	}
	b := p[0]
	switch {
	case b < fixMap || b >= negativeFix:
		return Head{Kind: KindInt, Size: 1}, nil
	case b < fixArray:
		return Head{Kind: KindMap, Size: 1, Kids: 2 * uint64(b-fixMap)}, nil
	case b < fixRaw:
		return Head{Kind: KindArray, Size: 1, Kids: uint64(b - fixArray)}, nil
	case b < Nil:
		return Head{Kind: KindRaw, Size: 1, Body: uint64(b - fixRaw)}, nil
	case b == Nil:
		return Head{Kind: KindNil, Size: 1}, nil
	case b == codeFalse || b == codeTrue:
		return Head{Kind: KindBool, Size: 1}, nil
	case b == codeFloat32 || b == Float64:
		return Head{Kind: KindFloat, Size: 1, Body: 4 << (b - codeFloat32)}, nil
	case b >= codeUint8 && b <= codeUint64:
		return Head{Kind: KindInt, Size: 1, Body: 1 << (b - codeUint8)}, nil
	case b >= codeInt8 && b <= codeInt64:
		return Head{Kind: KindInt, Size: 1, Body: 1 << (b - codeInt8)}, nil
	case b >= codeFixExt1 && b < codeStr8:
		return Head{Kind: KindExt, Size: 1, Body: 1 + 1<<(b-codeFixExt1)}, nil
	}
	return countedHead(p)
}

// countedHead reads the heads that end in a count of 1, 2 or 4 bytes.
func countedHead(p []byte) (Head, error) {
	var k Kind
	var width int
	b := p[0]
	switch {
	case b >= codeBin8 && b < codeExt8:
		k, width = KindRaw, 1<<(b-codeBin8)
	case b >= codeExt8 && b < codeFloat32:
		k, width = KindExt, 1<<(b-codeExt8)
	case b >= codeStr8 && b <= codeRaw32:
		k, width = KindRaw, 1<<(b-codeStr8)
	case b == codeArray16 || b == codeArray32:
		k, width = KindArray, 2<<(b-codeArray16)
	case b == codeMap16 || b == codeMap32:
		k, width = KindMap, 2<<(b-codeMap16)
	default:
		return Head{}, ErrFormat // c1, the only byte without a meaning
	}
	if len(p) < 1+width {
		return Head{}, ErrShort
	}
	n := bigEndian(p[1 : 1+width])
	h := Head{Kind: k, Size: 1 + width}
	switch k {
	case KindRaw:
		h.Body = n
	case KindExt:
		h.Body = n + 1 // the byte of its type
	case KindArray:
		h.Kids = n
	case KindMap:
		h.Kids = 2 * n
	}
	return h, nil
}

func bigEndian(p []byte) uint64 {
	var v uint64
	for _, b := range p {
		v = v<<8 | uint64(b)
	}
	return v
}

// Cursor reads values one after the other from P, what is left of a message. The first failure
// sticks: from then on every read returns zero, and loops that test OK end. So parsers check Err
// once, at the end. Byte strings that it returns borrow from the message, to read only.
type Cursor struct {
	P   []byte
	Err error
}

// OK tells whether nothing has failed yet.
func (c *Cursor) OK() bool { return c.Err == nil }

// Fail makes the cursor fail, unless it has already.
func (c *Cursor) Fail(err error) {
	if c.Err == nil {
		c.Err = err
	}
	c.P = nil
}

// Take returns the next n bytes. Their capacity is clipped: appending to what was parsed must not
// write into the rest of the packet.
func (c *Cursor) Take(n uint64) []byte {
	if n > uint64(len(c.P)) {
		c.Fail(ErrShort)
		return nil
	}
	v := c.P[:n:n]
	c.P = c.P[n:]
	return v
}

// Kind is that of the next value; KindNil if there is none.
func (c *Cursor) Kind() Kind {
	h, err := ReadHead(c.P)
	if err != nil {
		c.Fail(err)
	}
	return h.Kind
}

// Open consumes the head of a value of kind k. It returns false for nil, which any field may be,
// and for failure.
func (c *Cursor) Open(k Kind) (Head, bool) {
	h, err := ReadHead(c.P)
	switch {
	case err != nil:
		c.Fail(err)
	case h.Kind == k:
		c.P = c.P[h.Size:]
		return h, true
	case h.Kind == KindNil:
		c.P = c.P[1:]
	default:
		c.Fail(ErrFormat)
	}
	return Head{}, false
}

// Bytes reads a byte string in any of its forms; nil if it is nil.
func (c *Cursor) Bytes() []byte {
	if p := c.P; len(p) > 0 && p[0]&^fixRawMax == fixRaw { // nearly all of them
		if n := 1 + int(p[0]&fixRawMax); n <= len(p) {
			c.P = p[n:]
			return p[1:n:n]
		}
	}
	return c.longBytes()
}

func (c *Cursor) longBytes() []byte {
	h, ok := c.Open(KindRaw)
	if !ok {
		return nil
	}
	return c.Take(h.Body)
}

// Name reads a string; never nil unless the message is bad.
func (c *Cursor) Name() []byte {
	if b := c.Bytes(); b != nil || c.Err != nil {
		return b
	}
	return []byte{}
}

// integer reads any integer. If negative is set, v is its two's complement.
func (c *Cursor) integer() (v uint64, negative bool) {
	// The usual forms come first: reading one of these takes a dozen instructions, any form a
	// hundred.
	switch p := c.P; {
	case len(p) >= 1 && p[0] < fixMap:
		c.P = p[1:]
		return uint64(p[0]), false
	case len(p) >= 3 && p[0] == codeUint16:
		c.P = p[3:]
		return uint64(binary.BigEndian.Uint16(p[1:])), false
	case len(p) >= 5 && p[0] == codeUint32:
		c.P = p[5:]
		return uint64(binary.BigEndian.Uint32(p[1:])), false
	case len(p) >= 1 && p[0] >= negativeFix:
		c.P = p[1:]
		return uint64(int8(p[0])), true
	}
	return c.wideInteger()
}

func (c *Cursor) wideInteger() (v uint64, negative bool) {
	signed := len(c.P) > 0 && c.P[0] >= codeInt8 && c.P[0] <= codeInt64
	h, ok := c.Open(KindInt)
	if !ok {
		return 0, false
	}
	v = bigEndian(c.Take(h.Body))
	if signed {
		unused := 64 - 8*h.Body
		v = uint64(int64(v<<unused) >> unused)
	}
	return v, signed && int64(v) < 0
}

// Uint reads an integer from 0 to most. A nil is 0, here and in the other functions for numbers.
func (c *Cursor) Uint(most uint64) uint64 {
	v, negative := c.integer()
	if negative || v > most {
		c.Fail(ErrRange)
		return 0
	}
	return v
}

func (c *Cursor) Uint8() uint8   { return uint8(c.Uint(math.MaxUint8)) }
func (c *Cursor) Uint16() uint16 { return uint16(c.Uint(math.MaxUint16)) }
func (c *Cursor) Uint32() uint32 { return uint32(c.Uint(math.MaxUint32)) }
func (c *Cursor) Uint64() uint64 { return c.Uint(math.MaxUint64) }

// Int64 reads an integer that may be negative.
func (c *Cursor) Int64() int64 {
	v, negative := c.integer()
	if !negative && v > math.MaxInt64 {
		c.Fail(ErrRange)
		return 0
	}
	return int64(v)
}

// Bool reads a boolean; a nil is false.
func (c *Cursor) Bool() bool {
	v := len(c.P) > 0 && c.P[0] == codeTrue
	_, ok := c.Open(KindBool)
	return ok && v
}

// Float reads a float of either width, or an integer, as HashiCorp's decoder does.
func (c *Cursor) Float() float64 {
	h, err := ReadHead(c.P)
	if err != nil {
		c.Fail(err)
		return 0
	}
	if h.Kind == KindInt {
		v, negative := c.integer()
		if negative {
			return float64(int64(v))
		}
		return float64(v)
	}
	if _, ok := c.Open(KindFloat); !ok {
		return 0
	}
	bits := bigEndian(c.Take(h.Body))
	if h.Body == 4 {
		return float64(math.Float32frombits(uint32(bits)))
	}
	return math.Float64frombits(bits)
}

// Array opens an array and returns the number of its elements, which is at most the number of bytes
// left: loops over it are bounded by the input.
func (c *Cursor) Array() (n int, isNil bool) { return c.list(KindArray, 1) }

// Map opens a map and returns the number of its pairs, bounded likewise.
func (c *Cursor) Map() (n int, isNil bool) { return c.list(KindMap, 2) }

func (c *Cursor) list(k Kind, valuesEach uint64) (n int, isNil bool) {
	h, ok := c.Open(k)
	if !ok {
		return 0, true
	}
	if h.Kids > uint64(len(c.P)) {
		c.Fail(ErrShort)
		return 0, true
	}
	return int(h.Kids / valuesEach), false
}

// Fields opens the map that a struct is, and returns the number of its fields; nil is a struct of
// zeros. Each field is a key, read by Bytes, and a value.
func (c *Cursor) Fields() int {
	if p := c.P; len(p) > 0 && p[0]&^fixCountMax == fixMap { // nearly all of them
		if n := int(p[0] & fixCountMax); 2*n < len(p) {
			c.P = p[1:]
			return n
		}
	}
	n, _ := c.Map()
	return n
}

// Literal passes the bytes of s, if they are next.
func (c *Cursor) Literal(s string) bool {
	if len(c.P) < len(s) || string(c.P[:len(s)]) != s {
		return false
	}
	c.P = c.P[len(s):]
	return true
}

// Skip passes one value of whatever kind. It counts the values still to pass instead of keeping a
// stack, so that no depth of nesting costs anything; a count that lies ends with the input.
func (c *Cursor) Skip() {
	for need := uint64(1); need > 0; need-- {
		h, err := ReadHead(c.P)
		if err != nil {
			c.Fail(err)
			return
		}
		c.P = c.P[h.Size:]
		c.Take(h.Body)
		need += h.Kids
	}
}

// Since returns what was read since P was start.
func (c *Cursor) Since(start []byte) []byte {
	n := len(start) - len(c.P)
	return start[:n:n]
}
