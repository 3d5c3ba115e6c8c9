package wire

import (
	"bytes"
	"math"
	"slices"
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
		c := cursor{p: []byte(test.in)}
		if got := c.uint32(); got != test.want || c.err != test.err {
			t.Errorf("%x: %d, %v, want %d, %v", test.in, got, c.err, test.want, test.err)
		}
	}
}

func TestFieldWidths(t *testing.T) {
	for _, test := range []struct {
		name string
		max  uint64
		read func(*cursor) uint64
	}{
		{"uint8", math.MaxUint8, func(c *cursor) uint64 { return uint64(c.uint8()) }},
		{"uint16", math.MaxUint16, func(c *cursor) uint64 { return uint64(c.uint16()) }},
		{"uint32", math.MaxUint32, func(c *cursor) uint64 { return uint64(c.uint32()) }},
		{"int64", math.MaxInt64, func(c *cursor) uint64 { return uint64(c.int64()) }},
	} {
		c := cursor{p: appendUint(nil, test.max)}
		if got := test.read(&c); got != test.max || c.err != nil {
			t.Errorf("%s: %d gives %d, %v", test.name, test.max, got, c.err)
		}
		c = cursor{p: appendUint(nil, test.max+1)}
		if got := test.read(&c); got != 0 || c.err != ErrRange {
			t.Errorf("%s: %d gives %d, %v", test.name, test.max+1, got, c.err)
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
		if got := appendInt(nil, test.want); string(got) != test.hex {
			t.Errorf("%d is written %x, want %x", test.want, got, test.hex)
		}
		c := cursor{p: []byte(test.hex)}
		if got := c.int64(); got != test.want || c.err != nil {
			t.Errorf("%x: %d, %v, want %d", test.hex, got, c.err, test.want)
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
		c := cursor{p: []byte(test.in)}
		got := c.bytes()
		if !bytes.Equal(got, test.want) || (got == nil) != (test.want == nil) || c.err != test.err {
			t.Errorf("%x: %#v, %v, want %#v, %v", test.in, got, c.err, test.want, test.err)
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
		if got := appendName(nil, make([]byte, test.n)); string(got[:len(got)-test.n]) != test.raw {
			t.Errorf("head of %d bytes: %x, want %x", test.n, got[:len(got)-test.n], test.raw)
		}
		if got := appendArrayHeader(nil, test.n); string(got) != test.array {
			t.Errorf("array of %d: %x, want %x", test.n, got, test.array)
		}
		if got := appendMapHeader(nil, test.n); string(got) != test.mmap {
			t.Errorf("map of %d: %x, want %x", test.n, got, test.mmap)
		}
		c := cursor{p: append(appendArrayHeader(nil, test.n), make([]byte, test.n)...)}
		if n, isNil := c.array(); n != test.n || isNil || c.err != nil {
			t.Errorf("array of %d read as %d, %v", test.n, n, c.err)
		}
		c = cursor{p: append(appendMapHeader(nil, test.n), make([]byte, 2*test.n)...)}
		if n, isNil := c.mapping(); n != test.n || isNil || c.err != nil {
			t.Errorf("map of %d read as %d, %v", test.n, n, c.err)
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
		c := cursor{p: []byte(test.in)}
		if got := c.float(); got != test.want || c.err != test.err {
			t.Errorf("%x: %v, %v, want %v, %v", test.in, got, c.err, test.want, test.err)
		}
	}
}

// unknownValues is one value of each form that a field unknown to us may have.
func unknownValues() [][]byte {
	deep := append(bytes.Repeat([]byte{0x91}, 100_000), 1)
	return [][]byte{
		[]byte("\xc0"), []byte("\xc3"), []byte("\x01"), []byte("\xff"),
		[]byte("\xcc\x01"), []byte("\xcd\x00\x01"), []byte("\xce\x00\x00\x00\x01"), []byte("\xcf\x00\x00\x00\x00\x00\x00\x00\x01"),
		[]byte("\xd0\x01"), []byte("\xd1\x00\x01"), []byte("\xd2\x00\x00\x00\x01"), []byte("\xd3\x00\x00\x00\x00\x00\x00\x00\x01"),
		[]byte("\xca\x00\x00\x00\x00"), []byte("\xcb\x00\x00\x00\x00\x00\x00\x00\x00"),
		[]byte("\xa3abc"), []byte("\xd9\x03abc"), []byte("\xda\x00\x03abc"), []byte("\xdb\x00\x00\x00\x03abc"),
		[]byte("\xc4\x03abc"), []byte("\xc5\x00\x03abc"), []byte("\xc6\x00\x00\x00\x03abc"),
		[]byte("\x92\x01\xa1x"), []byte("\xdc\x00\x02\x01\x02"), []byte("\xdd\x00\x00\x00\x02\x01\x02"),
		[]byte("\x81\x92\x01\x02\x80"), []byte("\xde\x00\x01\x01\x02"), []byte("\xdf\x00\x00\x00\x01\x01\x02"),
		[]byte("\xd4\x01x"), []byte("\xd5\x01xx"), []byte("\xd6\x01xxxx"), []byte("\xd7\x01xxxxxxxx"), []byte("\xd8\x01xxxxxxxxxxxxxxxx"),
		[]byte("\xc7\x03\x01abc"), []byte("\xc8\x00\x03\x01abc"), []byte("\xc9\x00\x00\x00\x03\x01abc"),
		deep,
	}
}

func TestUnknownFieldsAreSkipped(t *testing.T) {
	for _, v := range unknownValues() {
		short := v[:min(len(v), 20)]
		body := slices.Concat([]byte("\x82\xa7Unknown"), v, []byte("\xa5SeqNo\x07"))
		if m, err := ParseNack(body); err != nil || m.Seq != 7 {
			t.Errorf("%x: %+v, %v", short, m, err)
		}
		// The reader of streams passes it as well.
		if _, done, err := feed(NewStreamReader(nil), append([]byte{byte(TypePushPull)}, body...), 1000); !done || err != nil {
			t.Errorf("%x: stream done %v, %v", short, done, err)
		}
		for n := max(0, len(v)-20); n < len(v); n++ {
			c := cursor{p: v[:n]}
			if c.skip(); c.err != ErrShort {
				t.Errorf("%x cut to %d bytes: error %v, want %v", short, n, c.err, ErrShort)
			}
		}
	}
}

func TestFieldsThatRepeat(t *testing.T) {
	if m, err := ParseNack([]byte("\x82\xa5SeqNo\x07\xa5SeqNo\x08")); err != nil || m.Seq != 8 {
		t.Errorf("%+v, %v, want the last", m, err)
	}
	m, err := ParseSuspect([]byte("\x82\xa4Node\xa1x\xa4Node\xc0"))
	if err != nil || len(m.Node) != 0 {
		t.Errorf("%+v, %v, want the last, nil", m, err)
	}
}

func TestStructsThatAreNone(t *testing.T) {
	for _, test := range []struct {
		in  string
		err error
	}{
		{"\xc0", nil}, // a struct of zeros
		{"\x80", nil},
		{"", ErrShort},
		{"\x90", ErrFormat},
		{"\xa1x", ErrFormat},
		{"\x81", ErrShort},
		{"\x81\x01\x02", ErrFormat}, // a key that is no string
		{"\xdf\xff\xff\xff\xff\xa1x\x01", ErrShort},
	} {
		if m, err := ParseNack([]byte(test.in)); m.Seq != 0 || err != test.err {
			t.Errorf("%x: %+v, %v, want %v", test.in, m, err, test.err)
		}
	}
}

// What was parsed must not let anybody write into the rest of the packet.
func TestBorrowedBytesAreClipped(t *testing.T) {
	body := (&Suspect{Inc: 1, Node: []byte("n2"), From: []byte("n1")}).Append(nil)[1:]
	before := bytes.Clone(body)
	m, err := ParseSuspect(body)
	if err != nil {
		t.Fatal(err)
	}
	_ = append(m.From, "overwritten"...)
	if !bytes.Equal(body, before) {
		t.Errorf("the packet is %x now, was %x", body, before)
	}
}

// A count that the bytes can't hold is refused before anybody loops over it.
func TestCountsThatLie(t *testing.T) {
	for _, in := range []string{"\x93\x01\x02", "\xdd\xff\xff\xff\xff", "\xdc\x00\x01"} {
		c := cursor{p: []byte(in)}
		if n, _ := c.array(); n != 0 || c.err != ErrShort {
			t.Errorf("array %x: %d elements, %v", in, n, c.err)
		}
	}
	for _, in := range []string{"\x81\x01", "\xdf\xff\xff\xff\xff", "\xde\x00\x01\x01"} {
		c := cursor{p: []byte(in)}
		if n, _ := c.mapping(); n != 0 || c.err != ErrShort {
			t.Errorf("map %x: %d pairs, %v", in, n, c.err)
		}
	}
}
