package protocol

import (
	"bytes"
	"fmt"
	"math"
	"reflect"
	"slices"
	"sort"
	"sync"

	"serf/internal/msgpack"
)

// An Appender is a list that appends its own encoding to b.
type Appender interface{ AppendTo(b []byte) []byte }

// A Parser is a list that reads its own encoding.
type Parser interface{ ParseFrom(c *msgpack.Cursor) }

// A bounded is a list of structs that has a limit.
type bounded interface{ most() int }

// Append appends the encodings of values to b: booleans, numbers, texts, bytes, lists, maps with
// texts as keys, and structs of these. It panics if it is given anything else.
func Append(b []byte, values ...any) []byte {
	for _, v := range values {
		b = appendValue(b, reflect.ValueOf(v))
	}
	return b
}

func appendValue(b []byte, v reflect.Value) []byte {
	switch v.Kind() {
	case reflect.Invalid: // nil
		return append(b, msgpack.Nil)
	case reflect.Pointer:
		return appendValue(b, v.Elem())
	case reflect.Bool:
		return msgpack.AppendBool(b, v.Bool())
	case reflect.Uint8, reflect.Uint16, reflect.Uint64:
		return msgpack.AppendUint(b, v.Uint())
	case reflect.Int, reflect.Int64:
		return msgpack.AppendInt(b, v.Int())
	case reflect.Float64:
		return msgpack.AppendFloat(b, v.Float())
	case reflect.String:
		return msgpack.AppendString(b, v.String())
	case reflect.Slice:
		return appendSlice(b, v)
	case reflect.Map:
		return appendMap(b, v)
	case reflect.Struct:
		sorted := layoutOf(v.Type()).sorted
		b = msgpack.AppendMap(b, len(sorted))
		for _, f := range sorted {
			b = appendValue(msgpack.AppendKey(b, f.name), v.Field(f.index))
		}
		return b
	}
	panic("BUG: rpc: encode " + v.Type().String())
}

func appendSlice(b []byte, v reflect.Value) []byte {
	switch v.Type().Elem().Kind() {
	case reflect.Uint8:
		return msgpack.AppendBinary(b, v.Bytes())
	case reflect.Struct:
		if a, ok := v.Interface().(Appender); ok {
			return a.AppendTo(b)
		}
	default:
		if v.IsNil() {
			return append(b, msgpack.Nil)
		}
	}
	b = msgpack.AppendArray(b, v.Len())
	for i := range v.Len() {
		b = appendValue(b, v.Index(i))
	}
	return b
}

// appendMap writes a map in the order of its keys.
func appendMap(b []byte, v reflect.Value) []byte {
	if v.IsNil() {
		return append(b, msgpack.Nil)
	}
	keys := v.MapKeys()
	sort.Slice(keys, func(i, j int) bool { return keys[i].String() < keys[j].String() })
	b = msgpack.AppendMap(b, len(keys))
	for _, key := range keys {
		b = appendValue(msgpack.AppendString(b, key.String()), v.MapIndex(key))
	}
	return b
}

// layout is the fields of a type of struct.
type layout struct{ declared, sorted []field }

type field struct {
	name  string
	index int
}

var layouts sync.Map // of *layout by reflect.Type

func layoutOf(t reflect.Type) *layout {
	if l, ok := layouts.Load(t); ok {
		return l.(*layout)
	}
	l := new(layout)
	for i := range t.NumField() {
		l.declared = append(l.declared, field{t.Field(i).Name, i})
	}
	l.sorted = slices.Clone(l.declared)
	sort.Slice(l.sorted, func(i, j int) bool { return l.sorted[i].name < l.sorted[j].name })
	layouts.Store(t, l)
	return l
}

// Parse reads a whole value to where to points, and keeps nothing of p.
//
// It accepts every form that the original accepts: text for bytes and bytes for text, either as a
// list of small numbers, 0 and 1 for booleans, nil or an empty list or map for anything empty, and a
// struct as a list of its first fields, in the order in which they are declared.
func Parse(p []byte, to any) error {
	c := msgpack.Cursor{P: p}
	parseValue(&c, reflect.ValueOf(to).Elem())
	return c.Err
}

func parseValue(c *msgpack.Cursor, v reflect.Value) {
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(parseBool(c))
	case reflect.Uint8, reflect.Uint16, reflect.Uint64:
		v.SetUint(c.Uint(math.MaxUint64 >> (64 - v.Type().Bits())))
	case reflect.Int, reflect.Int64:
		n := c.Int64()
		if v.OverflowInt(n) {
			c.Fail(msgpack.ErrRange)
			return
		}
		v.SetInt(n)
	case reflect.Float64:
		v.SetFloat(c.Float())
	case reflect.String:
		v.SetString(string(parseBytes(c)))
	case reflect.Slice:
		parseSlice(c, v)
	case reflect.Map:
		parseMap(c, v)
	case reflect.Struct:
		parseStruct(c, v)
	default:
		panic("BUG: rpc: decode " + v.Type().String())
	}
}

func parseStruct(c *msgpack.Cursor, v reflect.Value) {
	fields := layoutOf(v.Type()).declared
	switch kind := c.Kind(); kind {
	case msgpack.KindArray:
		n, _ := c.Array()
		for i := 0; i < n && c.OK(); i++ {
			if i < len(fields) {
				parseField(c, fields[i].name, v.Field(i))
			} else {
				c.Skip() // of a later version
			}
		}
	case msgpack.KindMap, msgpack.KindNil:
		for n, _ := c.Map(); n > 0 && c.OK(); n-- {
			parseNamed(c, fields, v)
		}
	default:
		c.Fail(fmt.Errorf("want a map or a list, got %v", kind))
	}
}

// parseNamed reads the name of a field and its value, and skips unknown fields.
func parseNamed(c *msgpack.Cursor, fields []field, v reflect.Value) {
	name := parseBytes(c)
	if !c.OK() {
		c.Err = fmt.Errorf("name of a field: %w", c.Err)
		return
	}
	for _, f := range fields {
		if string(name) == f.name {
			parseField(c, f.name, v.Field(f.index))
			return
		}
	}
	c.Skip()
}

func parseField(c *msgpack.Cursor, name string, v reflect.Value) {
	before := *c
	if parseValue(c, v); c.OK() {
		return
	}
	c.Err = fmt.Errorf("%s: can't be taken from %v: %w", name, before.Kind(), c.Err)
}

// parseBytes reads text, bytes or a list of numbers up to 255; the result may be borrowed.
func parseBytes(c *msgpack.Cursor) []byte {
	n, isList := parseList(c)
	if !isList {
		return c.Bytes()
	}
	list := make([]byte, n)
	for i := range list {
		list[i] = c.Uint8()
	}
	return list
}

// parseList opens a list, or a map as a list of its keys and values in turn.
func parseList(c *msgpack.Cursor) (n int, isList bool) {
	switch c.Kind() {
	case msgpack.KindArray:
		n, _ = c.Array()
	case msgpack.KindMap:
		n, _ = c.Map()
		n *= 2
	default:
		return 0, false
	}
	return n, true
}

func parseBool(c *msgpack.Cursor) bool {
	if c.Kind() == msgpack.KindInt {
		return c.Uint(1) == 1
	}
	return c.Bool()
}

func parseSlice(c *msgpack.Cursor, v reflect.Value) {
	switch v.Type().Elem().Kind() {
	case reflect.Uint8:
		v.SetBytes(bytes.Clone(parseBytes(c)))
		return
	case reflect.Struct:
		if p, ok := v.Addr().Interface().(Parser); ok {
			p.ParseFrom(c)
			return
		}
	}
	n, isList := parseList(c)
	if !isList {
		c.Open(msgpack.KindArray) // a nil is an empty list
	}
	if l, ok := v.Interface().(bounded); ok && n > l.most() {
		c.Fail(msgpack.ErrRange)
		return
	}
	v.SetZero()
	for ; n > 0 && c.OK(); n-- {
		e := reflect.New(v.Type().Elem()).Elem()
		parseValue(c, e)
		v.Set(reflect.Append(v, e))
	}
}

func parseMap(c *msgpack.Cursor, v reflect.Value) {
	v.Set(reflect.MakeMap(v.Type()))
	if c.Kind() == msgpack.KindArray {
		if n, _ := c.Array(); n > 0 {
			c.Fail(msgpack.ErrFormat)
		}
		return
	}
	for n, _ := c.Map(); n > 0 && c.OK(); n-- {
		key := reflect.ValueOf(string(parseBytes(c)))
		e := reflect.New(v.Type().Elem()).Elem()
		parseValue(c, e)
		v.SetMapIndex(key, e)
	}
}
