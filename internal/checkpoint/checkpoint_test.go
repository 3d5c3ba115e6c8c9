package checkpoint

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// all has a value of each kind.
type all struct {
	A uint8
	B int64
	C int16
	H uint64
	F float64
	T bool
	R [3]byte
	P []byte
	S string
	N netip.AddrPort
	L []uint32
	M map[string]int
}

func (x *all) code(c *Coder) {
	Uint(c, &x.A)
	Int(c, &x.B)
	Int(c, &x.C)
	c.Hash(&x.H)
	c.Float(&x.F)
	c.Bool(&x.T)
	c.Raw(x.R[:])
	c.Bytes(&x.P)
	c.Text(&x.S)
	c.Addr(&x.N)
	for i := range Slice(c, &x.L, 1) {
		Uint(c, &x.L[i])
	}
	Map(c, &x.M, 2, func(k *string, v *int) {
		c.Text(k)
		Int(c, v)
	})
}

func save(x all) []byte {
	c := Saver(nil)
	x.code(c)
	return c.Saved()
}

func restore(b []byte) (x all, err error) {
	c := Restorer(b)
	x.code(c)
	return x, c.End()
}

func examples() []all {
	return []all{
		{M: map[string]int{}},
		{A: 255, B: math.MinInt64, C: -1, H: 1, F: -0.5, T: true, R: [3]byte{1, 2, 3}, P: []byte{},
			S: "x", N: netip.MustParseAddrPort("[fe80::1%eth0]:7946"), L: []uint32{0, 1 << 31},
			M: map[string]int{"b": -2, "a": 1, "": math.MaxInt}},
		{B: math.MaxInt64, C: math.MaxInt16, F: math.Inf(1), P: []byte("bytes"),
			N: netip.MustParseAddrPort("10.0.0.1:7946"), M: map[string]int{}},
		{M: map[string]int{}, N: netip.MustParseAddrPort("[::ffff:10.0.0.1]:1")},
	}
}

func TestRestoredIsWhatWasSaved(t *testing.T) {
	t.Parallel()
	for _, want := range examples() {
		got, err := restore(save(want))
		if err != nil {
			t.Fatal(err)
		}
		byValue := cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })
		if diff := cmp.Diff(want, got, byValue); diff != "" {
			t.Error(diff)
		}
	}
}

func TestSavedAppends(t *testing.T) {
	t.Parallel()
	c := Saver([]byte("before"))
	c.Text(new(string))
	if got := c.Saved(); !bytes.Equal(got, []byte("before\x00")) {
		t.Errorf("got %q", got)
	}
}

func TestTruncatedIsDamaged(t *testing.T) {
	t.Parallel()
	for _, x := range examples() {
		b := save(x)
		for n := range b {
			if _, err := restore(b[:n]); !errors.Is(err, ErrDamaged) {
				t.Fatalf("%d of %d bytes: %v", n, len(b), err)
			}
		}
		if _, err := restore(append(b, 0)); !errors.Is(err, ErrDamaged) {
			t.Fatalf("a byte too many: %v", err)
		}
	}
}

func TestLengthsAreBoundedByWhatIsThere(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		least int
		b     []byte
		want  int
	}{
		{1, []byte{3, 0, 0, 0}, 3},
		{1, []byte{4, 0, 0, 0}, 0},
		{2, []byte{2, 0, 0, 0, 0}, 2},
		{2, []byte{2, 0, 0, 0}, 0},
		{8, []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1}, 0},
	} {
		c := Restorer(tc.b)
		if n := c.Len(9, tc.least); n != tc.want || (c.Err() == nil) != (n > 0) {
			t.Errorf("%v: %d, %v, want %d", tc.b, n, c.Err(), tc.want)
		}
	}
}

func TestNumbersMustFit(t *testing.T) {
	t.Parallel()
	c := Saver(nil)
	large := uint64(256)
	Uint(c, &large)
	var small uint8
	r := Restorer(c.Saved())
	if Uint(r, &small); r.Err() == nil {
		t.Errorf("256 is %d as a byte", small)
	}
	c = Saver(nil)
	negative := -129
	Int(c, &negative)
	var signed int8
	r = Restorer(c.Saved())
	if Int(r, &signed); r.Err() == nil {
		t.Errorf("-129 is %d as a byte", signed)
	}
}

func TestFirstErrorStays(t *testing.T) {
	t.Parallel()
	first := errors.New("first")
	c := Restorer([]byte{1, 2})
	c.Fail(first)
	x := uint64(7)
	Uint(c, &x)
	if err := c.End(); err != first || x != 0 {
		t.Errorf("%v, %d", err, x)
	}
}

func TestEqualMapsAreEqualBytes(t *testing.T) {
	t.Parallel()
	m := map[string]int{}
	for _, k := range "abcdefghijklmnop" {
		m[string(k)] = int(k)
	}
	want := save(all{M: m})
	for range 20 {
		if !bytes.Equal(save(all{M: m}), want) {
			t.Fatal("bytes depend on the order of the map")
		}
	}
}

func FuzzRestore(f *testing.F) {
	for _, x := range examples() {
		f.Add(save(x))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		x, err := restore(b)
		if err != nil {
			return
		}
		again, err := restore(save(x))
		if err != nil || !bytes.Equal(save(again), save(x)) {
			t.Errorf("%+v: %v", again, err)
		}
	})
}

func TestErrorsKeepTheirTextAndWhatTheyWrap(t *testing.T) {
	t.Parallel()
	a, b, other := errors.New("a"), errors.New("b"), errors.New("other")
	for _, tc := range []struct {
		err       error
		isA, isB  bool
		isOneOfUs error // exactly
	}{
		{err: nil},
		{err: a, isA: true, isOneOfUs: a},
		{err: fmt.Errorf("x: %w", b), isB: true},
		{err: errors.Join(a, b), isA: true, isB: true},
		{err: other},
		{err: errors.New("")},
	} {
		c := Saver(nil)
		c.Error(&tc.err, a, b)
		got := errors.New("to be overwritten")
		r := Restorer(c.Saved())
		if r.Error(&got, a, b); r.End() != nil {
			t.Fatal(r.Err())
		}
		if (got == nil) != (tc.err == nil) || got != nil && got.Error() != tc.err.Error() ||
			errors.Is(got, a) != tc.isA || errors.Is(got, b) != tc.isB ||
			tc.isOneOfUs != nil && got != tc.isOneOfUs {
			t.Errorf("%v became %v", tc.err, got)
		}
	}
}
