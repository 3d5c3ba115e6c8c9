package rpc

import (
	"encoding/binary"

	"github.com/vmihailenco/msgpack/v5/msgpcode"
)

// cursor reads MessagePack values from bytes that a valueReader has taken as a whole. After the first failure
// everything reads as zero.
type cursor struct {
	p   []byte
	err error
}

// kind is what a value is.
type kind uint8

const (
	kindNil kind = iota
	kindFloat
	kindFlag     // a boolean: 0 or 1
	kindNumber   // not below 0
	kindNegative // as two's complement
	kindText     // strings and bytes: some write the one for the other
	kindList
	kindMap
)

func (k kind) String() string {
	return [...]string{"nil", "a float", "a boolean", "a number", "a negative number", "text or bytes", "a list", "a map"}[k]
}

// next takes a value, without what a list or map contains. n is a number or flag, or how much a list or map contains.
func (c *cursor) next() (k kind, n uint64, text []byte) {
	code := c.take(1)
	if code == nil {
		return kindNil, 0, nil
	}
	switch b := code[0]; {
	case b <= msgpcode.PosFixedNumHigh:
		return kindNumber, uint64(b), nil
	case msgpcode.IsFixedNum(b):
		return kindNegative, uint64(int64(int8(b))), nil
	case msgpcode.IsFixedString(b):
		return kindText, 0, c.take(uint64(b & msgpcode.FixedStrMask))
	case msgpcode.IsFixedMap(b):
		return kindMap, uint64(b & msgpcode.FixedMapMask), nil
	case msgpcode.IsFixedArray(b):
		return kindList, uint64(b & msgpcode.FixedArrayMask), nil
	default:
		return c.wide(b)
	}
}

// wide takes a value whose code is followed by a number or length.
func (c *cursor) wide(code byte) (k kind, n uint64, text []byte) {
	switch code {
	case msgpcode.Nil:
		return kindNil, 0, nil
	case msgpcode.False, msgpcode.True:
		return kindFlag, uint64(code - msgpcode.False), nil
	case msgpcode.Float:
		c.take(4)
		return kindFloat, 0, nil
	case msgpcode.Double:
		c.take(8)
		return kindFloat, 0, nil
	case msgpcode.Uint8, msgpcode.Uint16, msgpcode.Uint32, msgpcode.Uint64:
		return kindNumber, c.integer(1 << (code - msgpcode.Uint8)), nil
	case msgpcode.Int8, msgpcode.Int16, msgpcode.Int32, msgpcode.Int64:
		width := 1 << (code - msgpcode.Int8)
		unused := 64 - 8*width
		n := int64(c.integer(width)<<unused) >> unused
		if n < 0 {
			return kindNegative, uint64(n), nil
		}
		return kindNumber, uint64(n), nil
	case msgpcode.Str8, msgpcode.Str16, msgpcode.Str32:
		return kindText, 0, c.take(c.integer(1 << (code - msgpcode.Str8)))
	case msgpcode.Bin8, msgpcode.Bin16, msgpcode.Bin32:
		return kindText, 0, c.take(c.integer(1 << (code - msgpcode.Bin8)))
	case msgpcode.Array16, msgpcode.Array32:
		return kindList, c.integer(2 << (code - msgpcode.Array16)), nil
	case msgpcode.Map16, msgpcode.Map32:
		return kindMap, c.integer(2 << (code - msgpcode.Map16)), nil
	}
	c.fail()
	return kindNil, 0, nil
}

func (c *cursor) fail() {
	c.p, c.err = nil, errMalformed
}

// take returns the next n bytes; nil and a failure if there are fewer.
func (c *cursor) take(n uint64) []byte {
	if n > uint64(len(c.p)) {
		c.fail()
		return nil
	}
	b := c.p[:n:n]
	c.p = c.p[n:]
	return b
}

// integer takes a big-endian number.
func (c *cursor) integer(width int) uint64 {
	var full [8]byte
	copy(full[8-width:], c.take(uint64(width)))
	return binary.BigEndian.Uint64(full[:])
}

// count begins a list or map, as want says: so many values follow, or so many pairs. Nil is an empty one.
func (c *cursor) count(want kind) int {
	k, n, _ := c.next()
	switch {
	case k == kindNil:
		return 0
	case k != want, n > uint64(len(c.p)): // each takes a byte at least
		c.fail()
		return 0
	}
	return int(n)
}

// text takes a string or bytes, borrowed. Nil is empty.
func (c *cursor) text() []byte {
	k, _, text := c.next()
	if k != kindText && k != kindNil {
		c.fail()
	}
	return text
}

// number takes a number up to most. Nil is 0.
func (c *cursor) number(most uint64) uint64 {
	k, n, _ := c.next()
	if k != kindNumber && k != kindNil || n > most {
		c.fail()
		return 0
	}
	return n
}

// skip takes a value with all that is in it.
func (c *cursor) skip() {
	for left := uint64(1); left > 0 && c.err == nil; left-- {
		switch k, n, _ := c.next(); k {
		case kindList:
			left += n
		case kindMap:
			left += 2 * n
		}
	}
}
