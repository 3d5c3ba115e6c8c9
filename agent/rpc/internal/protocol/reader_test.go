package protocol

import (
	"bytes"
	"errors"
	"io"
	"runtime"
	"slices"
	"testing"
	"testing/iotest"
)

// One value of each form.
var forms = map[string][]byte{
	"positive fixnum": {0x7f},
	"negative fixnum": {0xe0},
	"fixmap":          {0x81, 0xa1, 'k', 0x01},
	"fixarray":        {0x92, 0x01, 0xc0},
	"fixstr":          {0xa2, 'h', 'i'},
	"nil":             {0xc0},
	"false":           {0xc2},
	"true":            {0xc3},
	"bin8":            {0xc4, 2, 1, 2},
	"bin16":           {0xc5, 0, 1, 9},
	"bin32":           {0xc6, 0, 0, 0, 1, 9},
	"float32":         {0xca, 1, 2, 3, 4},
	"float64":         {0xcb, 1, 2, 3, 4, 5, 6, 7, 8},
	"uint8":           {0xcc, 1},
	"uint16":          {0xcd, 1, 2},
	"uint32":          {0xce, 1, 2, 3, 4},
	"uint64":          {0xcf, 1, 2, 3, 4, 5, 6, 7, 8},
	"int8":            {0xd0, 1},
	"int16":           {0xd1, 1, 2},
	"int32":           {0xd2, 1, 2, 3, 4},
	"int64":           {0xd3, 1, 2, 3, 4, 5, 6, 7, 8},
	"str8":            {0xd9, 1, 'x'},
	"str16":           {0xda, 0, 1, 'x'},
	"str32":           {0xdb, 0, 0, 0, 1, 'x'},
	"array16":         {0xdc, 0, 2, 1, 2},
	"array32":         {0xdd, 0, 0, 0, 1, 0xc0},
	"map16":           {0xde, 0, 1, 1, 2},
	"map32":           {0xdf, 0, 0, 0, 1, 1, 0x91, 0xc0},
}

func TestReaderFindsTheEndOfEachForm(t *testing.T) {
	for name, b := range forms {
		r := NewReader(iotest.OneByteReader(bytes.NewReader(slices.Concat(b, []byte{0x05}))), RequestLimits)
		if got, err := r.Next(); err != nil || !bytes.Equal(got, b) {
			t.Errorf("%s: % x, %v; want % x", name, got, err, b)
		}
		if got, err := r.Next(); err != nil || !bytes.Equal(got, []byte{5}) {
			t.Errorf("%s: what follows is % x, %v", name, got, err)
		}
		if _, err := r.Next(); err != io.EOF {
			t.Errorf("%s: at the end %v, want EOF", name, err)
		}
		for n := 1; n < len(b); n++ {
			_, err := NewReader(bytes.NewReader(b[:n]), RequestLimits).Next()
			if err != io.ErrUnexpectedEOF {
				t.Errorf("%s cut to %d bytes: %v, want unexpected EOF", name, n, err)
			}
		}
	}
}

func TestReaderRefusesWhatIsNoValue(t *testing.T) {
	for _, code := range []byte{0xc1, 0xc7, 0xc8, 0xc9, 0xd4, 0xd5, 0xd6, 0xd7, 0xd8} {
		_, err := NewReader(bytes.NewReader([]byte{code, 0, 0, 0, 0, 0}), RequestLimits).Next()
		if !errors.Is(err, ErrMalformed) {
			t.Errorf("0x%02x: %v, want %v", code, err, ErrMalformed)
		}
	}
}

func TestReaderLimits(t *testing.T) {
	small := Limits{Bytes: 10, Values: 5}
	for _, tt := range []struct {
		name string
		b    []byte
		ok   bool
	}{
		{"as many bytes as allowed", slices.Concat([]byte{0xc4, 8}, make([]byte, 8)), true},
		{"a byte too many", slices.Concat([]byte{0xc4, 9}, make([]byte, 9)), false},
		{"as many values as allowed", []byte{0x94, 0, 0, 0, 0}, true},
		{"a value too many", []byte{0x95, 0, 0, 0, 0, 0}, false},
		{"a map counts twice", []byte{0x83, 0, 0, 0, 0, 0, 0}, false},
		{"a length past the limit, and no more", []byte{0xc6, 0xff, 0xff, 0xff, 0xff}, false},
		{"a count past the limit, and no more", []byte{0xdd, 0xff, 0xff, 0xff, 0xff}, false},
	} {
		_, err := NewReader(bytes.NewReader(tt.b), small).Next()
		if tt.ok != (err == nil) || !tt.ok && !errors.Is(err, ErrTooLarge) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
	nested := func(depth int) []byte {
		return slices.Concat(bytes.Repeat([]byte{0x91}, depth-1), []byte{0x90})
	}
	if _, err := NewReader(bytes.NewReader(nested(maxDepth)), RequestLimits).Next(); err != nil {
		t.Errorf("nested %d deep: %v", maxDepth, err)
	}
	if _, err := NewReader(bytes.NewReader(nested(maxDepth+1)), RequestLimits).Next(); !errors.Is(err, ErrTooLarge) {
		t.Errorf("nested %d deep: %v", maxDepth+1, err)
	}
}

// The buffer of a large value isn't kept, and no bytes after the value are lost, however the stream
// is cut into reads.
func TestReaderAfterALargeValue(t *testing.T) {
	blob := func(n int, fill byte) []byte {
		return slices.Concat([]byte{0xc6, 0, byte(n >> 16), byte(n >> 8), byte(n)}, bytes.Repeat([]byte{fill}, n))
	}
	values := [][]byte{
		{0x01}, blob(70_000, 'a'), {0x93, 1, 2, 3}, {0x02}, blob(bufferKept+1, 'b'), blob(3, 'c'), blob(200_000, 'd'), []byte("\xa5short"),
	}
	for _, cut := range []int{1 << 20, 65_000, 4096, 1000} {
		r := NewReader(&choppedReader{slices.Concat(values...), cut}, Limits{Bytes: 1 << 20, Values: 100})
		for i, want := range values {
			got, err := r.Next()
			if err != nil || !bytes.Equal(got, want) {
				t.Fatalf("in pieces of %d, value %d: %d bytes, error %v, want %d bytes", cut, i, len(got), err, len(want))
			}
		}
		if _, err := r.Next(); err != io.EOF {
			t.Errorf("in pieces of %d, at the end: %v", cut, err)
		}
		if cap(r.buf) > bufferKept {
			t.Errorf("in pieces of %d: a buffer of %d bytes is kept, limit %d", cut, cap(r.buf), bufferKept)
		}
	}
}

// choppedReader reads at most most bytes at a time.
type choppedReader struct {
	left []byte
	most int
}

func (r *choppedReader) Read(b []byte) (int, error) {
	if len(r.left) == 0 {
		return 0, io.EOF
	}
	n := copy(b, r.left[:min(r.most, len(r.left))])
	r.left = r.left[n:]
	return n, nil
}

// Memory grows with what arrives, whatever a length announces.
func TestReaderAllocatesWhatArrives(t *testing.T) {
	const claims = 1 << 20 // of 200 MB
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	r := NewReader(bytes.NewReader([]byte{0xc6, 12, 0, 0, 0, 1, 2, 3}), AnswerLimits)
	if _, err := r.Next(); err != io.ErrUnexpectedEOF {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if got := after.TotalAlloc - before.TotalAlloc; got > claims {
		t.Errorf("%d bytes allocated for a claim", got)
	}
}
