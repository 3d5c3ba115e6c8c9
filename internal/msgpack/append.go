// Package msgpack writes and reads MessagePack: [Cursor] reads values one by one from bytes that it
// borrows, the Append functions write them. Nothing here allocates or recurses, and no count or
// length is believed before the bytes behind it are there.
//
// MessagePack has had two ways to write byte strings. The old one has a single family, raw, for
// text and bytes; gossip uses it, because every version of Serf reads it. The new one tells text
// from bytes; RPC uses that. A Cursor reads both.
package msgpack

import (
	"encoding/binary"
	"math"
)

// First bytes of values. Those between two of them that differ only in width are in order of width.
const (
	fixMap      = 0x80
	fixArray    = 0x90
	fixRaw      = 0xa0
	Nil         = 0xc0
	codeFalse   = 0xc2
	codeTrue    = 0xc3
	codeBin8    = 0xc4
	codeExt8    = 0xc7
	codeFloat32 = 0xca
	Float64     = 0xcb
	codeUint8   = 0xcc
	codeUint16  = 0xcd
	codeUint32  = 0xce
	codeUint64  = 0xcf
	codeInt8    = 0xd0
	codeInt16   = 0xd1
	codeInt32   = 0xd2
	codeInt64   = 0xd3
	codeFixExt1 = 0xd4
	codeStr8    = 0xd9
	codeRaw16   = 0xda // str16 in the new specification
	codeRaw32   = 0xdb
	codeArray16 = 0xdc
	codeArray32 = 0xdd
	codeMap16   = 0xde
	codeMap32   = 0xdf
	negativeFix = 0xe0

	fixRawMax   = 31 // bytes
	fixCountMax = 15 // elements or pairs
)

// Text is what byte strings are written from.
type Text interface{ ~string | ~[]byte }

// AppendRaw appends s in the old raw family.
func AppendRaw[S Text](b []byte, s S) []byte {
	if n := len(s); n <= fixRawMax {
		b = append(b, fixRaw|byte(n))
	} else {
		b = appendLength(b, codeRaw16, n)
	}
	return append(b, s...)
}

// appendLength begins a value of n bytes, elements or pairs. code is its first byte if n takes two
// bytes; the next one is for four.
func appendLength(b []byte, code byte, n int) []byte {
	if n <= math.MaxUint16 {
		return append(b, code, byte(n>>8), byte(n))
	}
	return binary.BigEndian.AppendUint32(append(b, code+1), uint32(n))
}

// AppendRawOrNil is AppendRaw for byte strings, of which nil is a value of its own.
func AppendRawOrNil(b, v []byte) []byte {
	if v == nil {
		return append(b, Nil)
	}
	return AppendRaw(b, v)
}

// AppendString appends s as text of the new specification.
func AppendString[S Text](b []byte, s S) []byte {
	if n := len(s); fixRawMax < n && n <= math.MaxUint8 {
		return append(append(b, codeStr8, byte(n)), s...)
	}
	return AppendRaw(b, s) // the two families share the other forms
}

// AppendBinary appends v as bytes of the new specification; nil is a value of its own.
func AppendBinary(b, v []byte) []byte {
	switch n := len(v); {
	case v == nil:
		return append(b, Nil)
	case n <= math.MaxUint8:
		b = append(b, codeBin8, byte(n))
	default:
		b = appendLength(b, codeBin8+1, n)
	}
	return append(b, v...)
}

// AppendUint appends v in the shortest form.
func AppendUint(b []byte, v uint64) []byte {
	switch {
	case v <= math.MaxInt8:
		return append(b, byte(v))
	case v <= math.MaxUint8:
		return append(b, codeUint8, byte(v))
	case v <= math.MaxUint16:
		return append(b, codeUint16, byte(v>>8), byte(v))
	case v <= math.MaxUint32:
		return binary.BigEndian.AppendUint32(append(b, codeUint32), uint32(v))
	}
	return binary.BigEndian.AppendUint64(append(b, codeUint64), v)
}

// AppendInt appends a signed field. It never uses the unsigned forms, nor int8 for positive
// numbers: that is how HashiCorp's encoder tells its types apart.
func AppendInt(b []byte, v int64) []byte {
	switch {
	case v >= -32 && v <= math.MaxInt8:
		return append(b, byte(v))
	case v >= math.MinInt8 && v < 0:
		return append(b, codeInt8, byte(v))
	case v >= math.MinInt16 && v <= math.MaxInt16:
		return append(b, codeInt16, byte(v>>8), byte(v))
	case v >= math.MinInt32 && v <= math.MaxInt32:
		return binary.BigEndian.AppendUint32(append(b, codeInt32), uint32(v))
	}
	return binary.BigEndian.AppendUint64(append(b, codeInt64), uint64(v))
}

// AppendBool appends a boolean.
func AppendBool(b []byte, v bool) []byte {
	if v {
		return append(b, codeTrue)
	}
	return append(b, codeFalse)
}

// AppendFloat appends a float of 64 bits.
func AppendFloat(b []byte, v float64) []byte {
	return binary.BigEndian.AppendUint64(append(b, Float64), math.Float64bits(v))
}

// AppendArray begins an array; n values follow.
func AppendArray(b []byte, n int) []byte {
	if n <= fixCountMax {
		return append(b, fixArray|byte(n))
	}
	return appendLength(b, codeArray16, n)
}

// AppendMap begins a map; n pairs of a key and a value follow.
func AppendMap(b []byte, n int) []byte {
	if n <= fixCountMax {
		return append(b, fixMap|byte(n))
	}
	return appendLength(b, codeMap16, n)
}

// AppendKey appends the key of a field, at most 31 bytes.
func AppendKey(b []byte, key string) []byte {
	return append(append(b, fixRaw|byte(len(key))), key...)
}

// The functions below append a field: its key and its value. They aren't inlined: that would make
// the program 40 kB larger, to save about 2 ns a field.

func RawField[S Text](b []byte, key string, v S) []byte { return AppendRaw(AppendKey(b, key), v) }

func UintField(b []byte, key string, v uint64) []byte { return AppendUint(AppendKey(b, key), v) }

func IntField(b []byte, key string, v int64) []byte { return AppendInt(AppendKey(b, key), v) }

func BoolField(b []byte, key string, v bool) []byte { return AppendBool(AppendKey(b, key), v) }

func RawOrNilField(b []byte, key string, v []byte) []byte {
	return AppendRawOrNil(AppendKey(b, key), v)
}

func FloatField(b []byte, key string, v float64) []byte { return AppendFloat(AppendKey(b, key), v) }
