package msgpack

import (
	"bytes"
	"math"
	"testing"
)

func TestUintForms(t *testing.T) {
	for _, test := range []struct {
		in   string
		want uint32
		err  error
	}{
		{"\x00", 0, nil},
		{"\x7f", 127, nil},
		{"\xcc\x80", 128, nil},
		{"\xcd\x00\x01", 1, nil},
		{"\xce\xff\xff\xff\xff", math.MaxUint32, nil},
		{"\xcf\x00\x00\x00\x00\xff\xff\xff\xff", math.MaxUint32, nil},
		{"\xcf\x00\x00\x00\x01\x00\x00\x00\x00", 0, ErrRange},
		{"\xd0\x7f", 127, nil},
		{"\xd0\x80", 0, ErrRange},
		{"\xd1\x7f\xff", 32767, nil},
		{"\xd2\x7f\xff\xff\xff", math.MaxInt32, nil},
		{"\xd3\x00\x00\x00\x00\xff\xff\xff\xff", math.MaxUint32, nil},
		{"\xd3\x00\x00\x00\x01\x00\x00\x00\x00", 0, ErrRange},
		{"\xd3\xff\xff\xff\xff\xff\xff\xff\xff", 0, ErrRange},
		{"\xe0", 0, ErrRange},
		{"\xff", 0, ErrRange},
		{"\xc0", 0, nil},
		{"\xc3", 0, ErrFormat},
		{"\xa1x", 0, ErrFormat},
		{"\xca\x00\x00\x00\x00", 0, ErrFormat},
		{"\x90", 0, ErrFormat},
		{"\xc1", 0, ErrFormat},
		{"\xcd\x00", 0, ErrShort},
		{"", 0, ErrShort},
	} {
		c := Cursor{P: []byte(test.in)}
		if got := c.Uint32(); got != test.want || c.Err != test.err {
			t.Errorf("%x: %d, %v, want %d, %v", test.in, got, c.Err, test.want, test.err)
		}
	}
}

func TestFieldWidths(t *testing.T) {
	for _, test := range []struct {
		name string
		max  uint64
		read func(*Cursor) uint64
	}{
		{"uint8", math.MaxUint8, func(c *Cursor) uint64 { return uint64(c.Uint8()) }},
		{"uint16", math.MaxUint16, func(c *Cursor) uint64 { return uint64(c.Uint16()) }},
		{"uint32", math.MaxUint32, func(c *Cursor) uint64 { return uint64(c.Uint32()) }},
		{"int64", math.MaxInt64, func(c *Cursor) uint64 { return uint64(c.Int64()) }},
	} {
		c := Cursor{P: AppendUint(nil, test.max)}
		if got := test.read(&c); got != test.max || c.Err != nil {
			t.Errorf("%s: %d gives %d, %v", test.name, test.max, got, c.Err)
		}
		c = Cursor{P: AppendUint(nil, test.max+1)}
		if got := test.read(&c); got != 0 || c.Err != ErrRange {
			t.Errorf("%s: %d gives %d, %v", test.name, test.max+1, got, c.Err)
		}
	}
}

func TestSignedForms(t *testing.T) {
	for _, test := range []struct {
		want int64
		hex  string // as the reference writes it
	}{
		{0, "\x00"},
		{127, "\x7f"},
		{128, "\xd1\x00\x80"},
		{300, "\xd1\x01\x2c"},
		{32768, "\xd2\x00\x00\x80\x00"},
		{1 << 31, "\xd3\x00\x00\x00\x00\x80\x00\x00\x00"},
		{math.MaxInt64, "\xd3\x7f\xff\xff\xff\xff\xff\xff\xff"},
		{-1, "\xff"},
		{-32, "\xe0"},
		{-33, "\xd0\xdf"},
		{-128, "\xd0\x80"},
		{-129, "\xd1\xff\x7f"},
		{-32769, "\xd2\xff\xff\x7f\xff"},
		{math.MinInt64, "\xd3\x80\x00\x00\x00\x00\x00\x00\x00"},
	} {
		if got := AppendInt(nil, test.want); string(got) != test.hex {
			t.Errorf("%d is written %x, want %x", test.want, got, test.hex)
		}
		c := Cursor{P: []byte(test.hex)}
		if got := c.Int64(); got != test.want || c.Err != nil {
			t.Errorf("%x: %d, %v, want %d", test.hex, got, c.Err, test.want)
		}
	}
}

func TestBytesForms(t *testing.T) {
	for _, test := range []struct {
		in   string
		want []byte
		err  error
	}{
		{"\xc0", nil, nil},
		{"\xa0", []byte{}, nil},
		{"\xa1x", []byte("x"), nil},
		{"\xd9\x01x", []byte("x"), nil},
		{"\xda\x00\x01x", []byte("x"), nil},
		{"\xdb\x00\x00\x00\x01x", []byte("x"), nil},
		{"\xc4\x01x", []byte("x"), nil},
		{"\xc5\x00\x01x", []byte("x"), nil},
		{"\xc6\x00\x00\x00\x01x", []byte("x"), nil},
		{"\xc6\x00\x00\x00\x00", []byte{}, nil},
		{"\xc6\xff\xff\xff\xffx", nil, ErrShort},
		{"\xa2x", nil, ErrShort},
		{"\xda\x00", nil, ErrShort},
		{"\x01", nil, ErrFormat},
		{"\xc7\x01\x01x", nil, ErrFormat},
	} {
		c := Cursor{P: []byte(test.in)}
		got := c.Bytes()
		if !bytes.Equal(got, test.want) || (got == nil) != (test.want == nil) || c.Err != test.err {
			t.Errorf("%x: %#v, %v, want %#v, %v", test.in, got, c.Err, test.want, test.err)
		}
	}
}

// Boundaries of the forms of byte strings, lists and maps as they are written.
func TestLengthForms(t *testing.T) {
	for _, test := range []struct {
		n                int
		raw, array, mmap string
	}{
		{15, "\xaf", "\x9f", "\x8f"},
		{16, "\xb0", "\xdc\x00\x10", "\xde\x00\x10"},
		{31, "\xbf", "\xdc\x00\x1f", "\xde\x00\x1f"},
		{32, "\xda\x00\x20", "\xdc\x00\x20", "\xde\x00\x20"},
		{65535, "\xda\xff\xff", "\xdc\xff\xff", "\xde\xff\xff"},
		{65536, "\xdb\x00\x01\x00\x00", "\xdd\x00\x01\x00\x00", "\xdf\x00\x01\x00\x00"},
	} {
		if got := AppendRaw(nil, make([]byte, test.n)); string(got[:len(got)-test.n]) != test.raw {
			t.Errorf("head of %d bytes: %x, want %x", test.n, got[:len(got)-test.n], test.raw)
		}
		if got := AppendArray(nil, test.n); string(got) != test.array {
			t.Errorf("array of %d: %x, want %x", test.n, got, test.array)
		}
		if got := AppendMap(nil, test.n); string(got) != test.mmap {
			t.Errorf("map of %d: %x, want %x", test.n, got, test.mmap)
		}
		c := Cursor{P: append(AppendArray(nil, test.n), make([]byte, test.n)...)}
		if n, isNil := c.Array(); n != test.n || isNil || c.Err != nil {
			t.Errorf("array of %d read as %d, %v", test.n, n, c.Err)
		}
		c = Cursor{P: append(AppendMap(nil, test.n), make([]byte, 2*test.n)...)}
		if n, isNil := c.Map(); n != test.n || isNil || c.Err != nil {
			t.Errorf("map of %d read as %d, %v", test.n, n, c.Err)
		}
	}
}

func TestFloatForms(t *testing.T) {
	for _, test := range []struct {
		in   string
		want float64
		err  error
	}{
		{"\xcb\x3f\xf8\x00\x00\x00\x00\x00\x00", 1.5, nil},
		{"\xca\x3f\xc0\x00\x00", 1.5, nil},
		{"\x02", 2, nil},
		{"\xfe", -2, nil},
		{"\xc0", 0, nil},
		{"\xcb\x7f\xf0\x00\x00\x00\x00\x00\x00", math.Inf(1), nil},
		{"\xca\x3f\xc0", 0, ErrShort},
		{"\xa0", 0, ErrFormat},
	} {
		c := Cursor{P: []byte(test.in)}
		if got := c.Float(); got != test.want || c.Err != test.err {
			t.Errorf("%x: %v, %v, want %v, %v", test.in, got, c.Err, test.want, test.err)
		}
	}
}

// A count that the bytes can't hold is refused before anybody loops over it.
func TestCountsThatLie(t *testing.T) {
	for _, in := range []string{"\x93\x01\x02", "\xdd\xff\xff\xff\xff", "\xdc\x00\x01"} {
		c := Cursor{P: []byte(in)}
		if n, _ := c.Array(); n != 0 || c.Err != ErrShort {
			t.Errorf("array %x: %d elements, %v", in, n, c.Err)
		}
	}
	for _, in := range []string{"\x81\x01", "\xdf\xff\xff\xff\xff", "\xde\x00\x01\x01"} {
		c := Cursor{P: []byte(in)}
		if n, _ := c.Map(); n != 0 || c.Err != ErrShort {
			t.Errorf("map %x: %d pairs, %v", in, n, c.Err)
		}
	}
}

// Boundaries of the forms of text and bytes of the new specification, and that a Cursor reads them.
func TestNewForms(t *testing.T) {
	for _, test := range []struct {
		n        int
		str, bin string
	}{
		{0, "\xa0", "\xc4\x00"},
		{31, "\xbf", "\xc4\x1f"},
		{32, "\xd9\x20", "\xc4\x20"},
		{255, "\xd9\xff", "\xc4\xff"},
		{256, "\xda\x01\x00", "\xc5\x01\x00"},
		{65535, "\xda\xff\xff", "\xc5\xff\xff"},
		{65536, "\xdb\x00\x01\x00\x00", "\xc6\x00\x01\x00\x00"},
	} {
		v := make([]byte, test.n)
		for want, got := range map[string][]byte{test.str: AppendString(nil, v), test.bin: AppendBinary(nil, v)} {
			if string(got[:len(got)-test.n]) != want {
				t.Errorf("head of %d bytes: %x, want %x", test.n, got[:len(got)-test.n], want)
			}
			c := Cursor{P: got}
			if back := c.Bytes(); !bytes.Equal(back, v) || c.Err != nil || len(c.P) > 0 {
				t.Errorf("%d bytes read as %d, %v", test.n, len(back), c.Err)
			}
		}
	}
	if got := AppendBinary(nil, nil); string(got) != "\xc0" {
		t.Errorf("nil is written %x", got)
	}
}

func TestKinds(t *testing.T) {
	for in, want := range map[string]Kind{
		"\xc0": KindNil, "\xc2": KindBool, "\x05": KindInt, "\xff": KindInt, "\xcb": KindFloat,
		"\xa1x": KindRaw, "\xc4\x00": KindRaw, "\x90": KindArray, "\x80": KindMap, "\xd4": KindExt,
	} {
		c := Cursor{P: []byte(in)}
		if got := c.Kind(); got != want || len(c.P) != len(in) || c.Err != nil {
			t.Errorf("%x is %v, %v, want %v", in, got, c.Err, want)
		}
	}
	c := Cursor{P: []byte("\xc1")}
	if got := c.Kind(); got != KindNil || c.Err != ErrFormat {
		t.Errorf("c1 is %v, %v", got, c.Err)
	}
}
