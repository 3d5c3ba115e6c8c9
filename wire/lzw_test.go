package wire

import (
	"bytes"
	"compress/lzw"
	"io"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"

	"serf/internal/invariant"
)

// lzwInput draws data that compresses in different ways: runs, repeated words, and noise.
func lzwInput(t *rapid.T) []byte {
	var b []byte
	for range rapid.IntRange(0, 20).Draw(t, "pieces") {
		word := rapid.SliceOfN(rapid.Byte(), 1, 40).Draw(t, "word")
		b = append(b, bytes.Repeat(word, rapid.IntRange(1, 200).Draw(t, "times"))...)
	}
	return b
}

func (e *lzwEncoder) all(src []byte) []byte {
	out, ok := e.encode(nil, src, 2*len(src)+10)
	invariant.Check(ok, "wire: limit too low for a test")
	return out
}

func (d *lzwDecoder) all(src []byte, hard int) ([]byte, error) {
	d.start(src)
	out, _, err := d.decode(nil, hard+1, hard)
	return out, err
}

func TestLZWAsStandardLibrary(t *testing.T) {
	var enc lzwEncoder // used again and again: nothing of an input must show in the next
	var dec lzwDecoder
	rapid.Check(t, func(t *rapid.T) {
		plain := lzwInput(t)
		var std bytes.Buffer
		w := lzw.NewWriter(&std, lzw.LSB, 8)
		w.Write(plain)
		w.Close()
		if got := enc.all(plain); !bytes.Equal(got, std.Bytes()) {
			t.Fatalf("%d bytes: encoded differently", len(plain))
		}
		got, err := dec.all(std.Bytes(), len(plain))
		if err != nil || !bytes.Equal(got, plain) {
			t.Fatalf("%d bytes: decoded %d, %v", len(plain), len(got), err)
		}
	})
}

// Long inputs fill the table many times, noise fastest.
func TestLZWLongInputs(t *testing.T) {
	noise := make([]byte, 1<<20)
	r := rand.NewChaCha8([32]byte{1})
	r.Read(noise)
	var enc lzwEncoder
	var dec lzwDecoder
	for name, plain := range map[string][]byte{
		"noise": noise, "zeros": make([]byte, 1<<20), "state": bigPushPull(5000, 0),
	} {
		want := lzwBytes(t, plain)
		if got := enc.all(plain); !bytes.Equal(got, want) {
			t.Errorf("%s: encoded differently", name)
		}
		if got, err := dec.all(want, len(plain)); err != nil || !bytes.Equal(got, plain) {
			t.Errorf("%s: decoded %d bytes of %d, %v", name, len(got), len(plain), err)
		}
	}
}

// Both decoders agree on any bytes.
func TestLZWDecodesGarbageAsStandardLibrary(t *testing.T) {
	var dec lzwDecoder
	rapid.Check(t, func(t *rapid.T) {
		data := rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "data")
		compareLZW(t, &dec, data)
	})
}

func compareLZW(t interface {
	Fatalf(string, ...any)
}, dec *lzwDecoder, data []byte) {
	const limit = 1 << 20
	want, wantErr := io.ReadAll(io.LimitReader(lzw.NewReader(bytes.NewReader(data), lzw.LSB, 8), limit+1))
	got, err := dec.all(data, limit)
	if len(want) > limit {
		if err != ErrLimit {
			t.Fatalf("more than the limit: error %v", err)
		}
		return
	}
	if !bytes.Equal(got, want) || (err == nil) != (wantErr == nil) {
		t.Fatalf("%x\n got %x, %v\nwant %x, %v", data, got, err, want, wantErr)
	}
}

func TestLZWSteps(t *testing.T) {
	plain := bigPushPull(1000, 0)
	var dec lzwDecoder
	dec.start(lzwBytes(t, plain))
	var out []byte
	for soft, done := 1, false; !done; soft += 997 {
		var err error
		if out, done, err = dec.decode(out, soft, len(plain)); err != nil {
			t.Fatal(err)
		}
		if !done && (len(out) < soft || len(out) > soft+lzwMaxCode) {
			t.Fatalf("step to %d stopped at %d", soft, len(out))
		}
	}
	if !bytes.Equal(out, plain) {
		t.Error("the steps don't add up to the input")
	}
}

func TestLZWLimits(t *testing.T) {
	plain := bigPushPull(100, 0)
	data := lzwBytes(t, plain)
	var enc lzwEncoder
	var dec lzwDecoder
	if _, ok := enc.encode(nil, plain, len(data)); !ok {
		t.Error("encoder gives up at the limit")
	}
	if out, ok := enc.encode(nil, plain, len(data)-1); ok {
		t.Error("encoder exceeds its limit")
	} else if len(out) > len(data)+8 {
		t.Errorf("encoder went on to %d bytes", len(out))
	}
	if _, err := dec.all(data, len(plain)); err != nil {
		t.Errorf("decoder at the limit: %v", err)
	}
	if out, err := dec.all(data, len(plain)-1); err != ErrLimit || len(out) >= len(plain) {
		t.Errorf("decoder beyond the limit: %d bytes, %v", len(out), err)
	}
}

// After 2^32 generations old entries of the encoder's table must not look new.
func TestLZWGenerationWraps(t *testing.T) {
	plain := []byte("words words words")
	want := lzwBytes(t, plain)
	var enc lzwEncoder
	enc.all(plain) // as generation 1
	enc.gen = 1<<32 - 1
	enc.all([]byte("other")) // the last generation
	for range 2 {
		if got := enc.all(plain); !bytes.Equal(got, want) {
			t.Fatalf("generation %d: encoded differently", enc.gen)
		}
	}
}

// The original never continues after the table is full, but its decoder accepts it.
func TestLZWFullTable(t *testing.T) {
	codes := []uint{lzwClear}
	for i := range 5000 {
		codes = append(codes, uint(i%251))
	}
	codes = append(codes, lzwMaxCode, lzwMaxCode-1, 300, lzwMaxCode, lzwClear, 'a', 258, 258,
		lzwEOF)
	var dec lzwDecoder
	compareLZW(t, &dec, lzwCodes(codes))
	if out, err := dec.all(lzwCodes(codes), 1<<20); err != nil ||
		!bytes.HasSuffix(out, []byte("aaaaa")) {
		t.Errorf("%d bytes, %v", len(out), err)
	}
}

// lzwCodes writes codes in the widths that a reader expects.
func lzwCodes(codes []uint) []byte {
	var e lzwEncoder
	entries := uint(lzwEOF)
	for e.width = lzwMinWidth; len(codes) > 0; codes = codes[1:] {
		e.write(uint32(codes[0]))
		if codes[0] == lzwClear {
			e.width, entries = lzwMinWidth, lzwEOF
		} else if entries++; entries == 1<<e.width && e.width < lzwMaxWidth {
			e.width++
		}
	}
	return append(e.dst, byte(e.bits))
}
