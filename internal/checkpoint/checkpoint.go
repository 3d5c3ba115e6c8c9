// Package checkpoint turns the state of a machine into bytes and back: a checkpoint. One function
// for each struct, which takes a *Coder, does both, so that what is saved and what is restored
// can't drift apart. It is called for a struct that is complete to save it, and for a zero one to
// restore it.
//
// Numbers take as many bytes as they need, and equal states are equal bytes: maps are written in
// the order of their keys. Whoever restores doesn't trust the bytes. A length is bounded by the
// bytes that remain, the first error stays, and after it all values are zero and all lengths 0.
package checkpoint

import (
	"encoding/binary"
	"errors"
	"math"
	"net/netip"
	"slices"
)

// ErrDamaged means that bytes aren't the state of what is to be restored.
var ErrDamaged = errors.New("damaged state")

// Coder saves values one after the other, or restores them in the same order.
type Coder struct {
	b         []byte // saved so far, or not yet restored
	restoring bool
	err       error
}

// Saver returns a Coder that appends what it saves to b.
func Saver(b []byte) *Coder { return &Coder{b: b} }

// Restorer returns a Coder that restores what was saved as b. It copies what it keeps.
func Restorer(b []byte) *Coder { return &Coder{b: b, restoring: true} }

// Restoring tells whether values are restored instead of saved.
func (c *Coder) Restoring() bool { return c.restoring }

// Saved returns what was saved, after what the slice given to Saver had.
func (c *Coder) Saved() []byte { return c.b }

// Left is how many bytes are still to be restored; none after an error.
func (c *Coder) Left() int { return len(c.b) }

// Next is the next byte to be restored; 0 if there is none.
func (c *Coder) Next() byte {
	if len(c.b) == 0 {
		return 0
	}
	return c.b[0]
}

// Err is why restoring failed first; nil while nothing did.
func (c *Coder) Err() error { return c.err }

// End ends restoring: bytes that are left over are an error.
func (c *Coder) End() error {
	c.Check(len(c.b) == 0)
	return c.err
}

// Fail ends restoring with this error, unless it failed before. Inlined at all its calls, it and Check
// would be 10 kB.
func (c *Coder) Fail(err error) {
	if c.err == nil {
		c.b, c.err = nil, err
	}
}

// Check ends restoring unless ok.
func (c *Coder) Check(ok bool) {
	if !ok {
		c.Fail(ErrDamaged)
	}
}

func (c *Coder) uvarint() uint64 {
	x, n := binary.Uvarint(c.b)
	if n <= 0 {
		c.Fail(ErrDamaged)
		return 0
	}
	c.b = c.b[n:]
	return x
}

// Uint codes numbers without a sign.
func Uint[T ~uint | ~uint8 | ~uint16 | ~uint32 | ~uint64](c *Coder, list ...*T) {
	for _, p := range list {
		if !c.restoring {
			c.b = binary.AppendUvarint(c.b, uint64(*p))
			continue
		}
		x := c.uvarint()
		*p = T(x)
		c.Check(uint64(*p) == x)
	}
}

// Int codes numbers with a sign.
func Int[T ~int | ~int8 | ~int16 | ~int32 | ~int64](c *Coder, list ...*T) {
	for _, p := range list {
		old := int64(*p)
		x := uint64(old<<1 ^ old>>63)
		Uint(c, &x)
		if y := int64(x>>1) ^ -int64(x&1); c.restoring {
			*p = T(y)
			c.Check(int64(*p) == y)
		}
	}
}

// Hash codes numbers all of whose bits are used, in 8 bytes each.
func (c *Coder) Hash(list ...*uint64) {
	for _, p := range list {
		switch {
		case !c.restoring:
			c.b = binary.LittleEndian.AppendUint64(c.b, *p)
		case len(c.b) < 8:
			*p = 0
			c.Fail(ErrDamaged)
		default:
			*p, c.b = binary.LittleEndian.Uint64(c.b), c.b[8:]
		}
	}
}

// Float codes numbers bit by bit.
func (c *Coder) Float(list ...*float64) {
	for _, p := range list {
		bits := math.Float64bits(*p)
		c.Hash(&bits)
		*p = math.Float64frombits(bits)
	}
}

// Bool codes truth values.
func (c *Coder) Bool(list ...*bool) {
	for _, p := range list {
		x := uint8(0)
		if *p {
			x = 1
		}
		Uint(c, &x)
		*p = x == 1
		c.Check(x <= 1)
	}
}

// Raw codes bytes whose number is fixed, in place.
func (c *Coder) Raw(p []byte) {
	switch {
	case !c.restoring:
		c.b = append(c.b, p...)
	case len(c.b) < len(p):
		clear(p)
		c.Fail(ErrDamaged)
	default:
		c.b = c.b[copy(p, c.b):]
	}
}

// Len codes a number of things that take at least so many bytes each, 1 or more.
func (c *Coder) Len(n, least int) int {
	x := uint64(n)
	Uint(c, &x)
	if !c.restoring {
		return n
	}
	if x > uint64(len(c.b)/least) {
		c.Fail(ErrDamaged)
		return 0
	}
	return int(x)
}

// Bytes codes a slice of bytes, and whether it is nil.
func (c *Coder) Bytes(p *[]byte) {
	some := *p != nil
	if c.Bool(&some); !some {
		*p = nil
		return
	}
	n := c.Len(len(*p), 1)
	if c.restoring {
		*p = make([]byte, n)
	}
	c.Raw(*p)
}

// Text codes a string.
func (c *Coder) Text(p *string) {
	n := c.Len(len(*p), 1)
	if !c.restoring {
		c.b = append(c.b, *p...)
		return
	}
	*p, c.b = string(c.b[:n]), c.b[n:]
}

// Addr codes addresses, which may be invalid.
func (c *Coder) Addr(list ...*netip.AddrPort) {
	for _, p := range list {
		var buf [32]byte
		b, _ := p.AppendBinary(buf[:0]) // it has no error
		if c.Bytes(&b); c.restoring && p.UnmarshalBinary(b) != nil {
			c.Fail(ErrDamaged)
		}
	}
}

// Slice codes the length of a slice whose elements take at least so many bytes each, and returns
// the slice: its elements are for the caller to code. None is nil when it is restored.
func Slice[T any](c *Coder, s *[]T, least int) []T {
	n := c.Len(len(*s), least)
	if c.restoring {
		*s = nil
		if n > 0 {
			*s = make([]T, n)
		}
	}
	return *s
}

// Map codes a map whose entries take at least so many bytes each, in the order of its keys. When it
// is restored it is never nil.
func Map[V any](c *Coder, m *map[string]V, least int, entry func(k *string, v *V)) {
	keys := make([]string, 0, len(*m))
	for k := range *m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	n := c.Len(len(keys), least)
	if c.restoring {
		*m, keys = make(map[string]V, n), make([]string, n)
	}
	for _, k := range keys {
		v := (*m)[k]
		if entry(&k, &v); c.restoring && c.err == nil {
			(*m)[k] = v
		}
	}
	c.Check(len(*m) == n || !c.restoring)
}

// Error codes an error: its text, and which of known it is or wraps, in the order of known, to
// which only more may be appended.
func (c *Coder) Error(err *error, known ...error) {
	text, is := "", uint64(0)
	if *err != nil {
		text, is = (*err).Error(), 1
		for i, k := range known {
			if errors.Is(*err, k) {
				is |= 2 << i
			}
		}
	}
	Uint(c, &is)
	c.Text(&text)
	if !c.restoring {
		return
	}
	if *err = nil; is == 0 {
		return
	}
	r := &restoredError{text: text}
	for i, k := range known {
		if is&(2<<i) == 0 {
			continue
		}
		if k.Error() == text {
			*err = k
			return
		}
		r.wraps = append(r.wraps, k)
	}
	*err = r
}

// restoredError is an error as far as it was saved.
type restoredError struct {
	text  string
	wraps []error
}

func (e *restoredError) Error() string   { return e.text }
func (e *restoredError) Unwrap() []error { return e.wraps }
