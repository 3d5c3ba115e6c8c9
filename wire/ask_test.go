package wire

import (
	"bytes"
	"encoding/hex"
	"math"
	"slices"
	"testing"
)

func exampleAsk() Ask {
	return Ask{
		Sums: []byte{1, 2, 3, 4, 5, 6}, Depth: 8, Prefix: 0xab << 56, From: 1,
		Member: []byte("m7"), RoundTrips: true,
	}
}

func exampleAskAnswer() AskAnswer {
	return AskAnswer{
		Clock: 5_000_000, Digest: math.MaxUint64, Health: 2, Alive: 9, Suspect: 1, Leaving: 1,
		Failed: 2, Left: 3, Busy: true, Differ: []byte{2}, Listed: 1,
		Members: NewList("\x01m7", "\x04m8"), History: []byte{1, 0}, Status: 4,
		RoundTrips: []byte{1, 2, 3, 4, 5},
	}
}

// A question that asks for nothing in particular takes two bytes, and what is zero isn't sent.
func TestAsk(t *testing.T) {
	if b := new(Ask).Append([]byte("x")); string(b) != "x\x0a\x80" {
		t.Errorf("nothing in particular: %x", b)
	}
	if b := new(AskAnswer).Append(nil); string(b) != "\x0b\x80" {
		t.Errorf("nothing to tell: %x", b)
	}
	m := AskAnswer{Digest: 0x0102030405060708, Health: 1}
	if b := m.Append(nil); hex.EncodeToString(b) !=
		"0b82a6446967657374cf0102030405060708a64865616c746801" {
		t.Errorf("a digest and a score: %x", b)
	}
	ask, answer := exampleAsk(), exampleAskAnswer()
	for name, m := range map[string]message{"ask": &ask, "answer": &answer} {
		b := m.Append(nil)
		again, err := parseSerf(b)
		if err != nil || !bytes.Equal(again.Append(nil), b) {
			t.Errorf("%s: %x is read as %+v, %v", name, b, again, err)
		}
		for n := 1; n < len(b); n++ {
			if m, err := parseSerf(b[:n]); err == nil {
				t.Errorf("%s cut to %d of %d bytes gives %+v", name, n, len(b), m)
			}
		}
	}
}

func TestRoundTrips(t *testing.T) {
	want := []RoundTrip{{0xb1f1c6d5, 0}, {1, 127}, {2, 128}, {math.MaxUint32, math.MaxUint32}}
	var b []byte
	for _, r := range want {
		before := len(b)
		if b = AppendRoundTrip(b, r); len(b)-before > RoundTripMax {
			t.Errorf("%v takes %d bytes", r, len(b)-before)
		}
	}
	if got, err := ParseRoundTrips(b); err != nil || !slices.Equal(got, want) {
		t.Errorf("%v, %v, want %v", got, err, want)
	}
	for _, bad := range []string{"\x01", "\x01\x02\x03\x04", "\x01\x02\x03\x04\x80", "\x01\x02\x03\x04\x80\x80\x80\x80\x10"} {
		if got, err := ParseRoundTrips([]byte(bad)); err == nil {
			t.Errorf("%x is read as %v", bad, got)
		}
	}
	if got, err := ParseRoundTrips(nil); got != nil || err != nil {
		t.Errorf("nothing: %v, %v", got, err)
	}
}
