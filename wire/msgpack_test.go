package wire

import (
	"bytes"
	"slices"
	"testing"

	"serf/internal/msgpack"
)

// unknownValues has one value of each form that an unknown field may have.
func unknownValues() [][]byte {
	deep := append(bytes.Repeat([]byte{0x91}, 100_000), 1)
	return [][]byte{
		[]byte("\xc0"), []byte("\xc3"), []byte("\x01"), []byte("\xff"),
		[]byte("\xcc\x01"), []byte("\xcd\x00\x01"), []byte("\xce\x00\x00\x00\x01"),
		[]byte("\xcf\x00\x00\x00\x00\x00\x00\x00\x01"),
		[]byte("\xd0\x01"), []byte("\xd1\x00\x01"), []byte("\xd2\x00\x00\x00\x01"),
		[]byte("\xd3\x00\x00\x00\x00\x00\x00\x00\x01"),
		[]byte("\xca\x00\x00\x00\x00"), []byte("\xcb\x00\x00\x00\x00\x00\x00\x00\x00"),
		[]byte("\xa3abc"), []byte("\xd9\x03abc"), []byte("\xda\x00\x03abc"),
		[]byte("\xdb\x00\x00\x00\x03abc"),
		[]byte("\xc4\x03abc"), []byte("\xc5\x00\x03abc"), []byte("\xc6\x00\x00\x00\x03abc"),
		[]byte("\x92\x01\xa1x"), []byte("\xdc\x00\x02\x01\x02"),
		[]byte("\xdd\x00\x00\x00\x02\x01\x02"),
		[]byte("\x81\x92\x01\x02\x80"), []byte("\xde\x00\x01\x01\x02"),
		[]byte("\xdf\x00\x00\x00\x01\x01\x02"),
		[]byte("\xd4\x01x"), []byte("\xd5\x01xx"), []byte("\xd6\x01xxxx"),
		[]byte("\xd7\x01xxxxxxxx"), []byte("\xd8\x01xxxxxxxxxxxxxxxx"),
		[]byte("\xc7\x03\x01abc"), []byte("\xc8\x00\x03\x01abc"),
		[]byte("\xc9\x00\x00\x00\x03\x01abc"),
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
		// The reader of streams skips it as well.
		if _, done, err := feed(NewStreamReader(nil), append([]byte{byte(TypePushPull)}, body...), 1000); !done || err != nil {
			t.Errorf("%x: stream done %v, %v", short, done, err)
		}
		for n := max(0, len(v)-20); n < len(v); n++ {
			c := msgpack.Cursor{P: v[:n]}
			if c.Skip(); c.Err != ErrShort {
				t.Errorf("%x cut to %d bytes: error %v, want %v", short, n, c.Err, ErrShort)
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

// Appending to what was parsed must not write into the rest of the packet.
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
