package history

import (
	"encoding/binary"
	"errors"
	"slices"
	"time"
)

// The compact form of a member's changes, for answers that have to be short: the newest first, each
// with its age, and each name once.
//
//	version  byte, 1
//	dropped  uvarint
//	changes, each:
//	  state    byte: From, To (4 bits each)
//	  cause    byte: Cause (4 bits), Learned (2), TCP (2 of its 3)
//	  parts    byte: which of the optional parts follow
//	  health   byte
//	  age      uvarint, ms: of the first before the asking, of others before the one in front
//	  inc      uvarint
//	  accuser  name (Moved, Conflict: the address)
//	  via      name
//	  probe    byte: Nacks, NacksHoped; names
//	  confirms byte: Confirmations, Hoped; names
//	  refute   uvarint, ms (Pause: how long it was)
//
// A name is a number: 0 for none, up to the number of names so far for one of these, one more for a
// new one, which follows with its length, a byte, in front. Names are a count byte and as many
// names.

const compactVersion = 1

// Parts of a change in the compact form.
const (
	partProbe = 1 << iota
	partConfirms
	partRefute
	partLastPing
	partTCP // no part: the third bit of TCP
)

// ErrCompact means that something isn't the compact form of changes.
var ErrCompact = errors.New("history: not the compact form of changes")

// AppendCompact appends m in its compact form to b: as many of the newest changes as fit limit
// bytes. now is the time of the node's clock. What doesn't fit counts as dropped.
func (m *Member) AppendCompact(b []byte, now time.Duration, limit int) []byte {
	fit := len(m.Changes)
	for {
		e := encoder{b: b}
		e.b = append(e.b, compactVersion)
		e.uvarint(uint64(max(m.Dropped, 0) + len(m.Changes) - fit))
		before, done := now, 0
		for ; done < fit; done++ {
			c := &m.Changes[len(m.Changes)-1-done]
			if e.change(c, before); len(e.b)-len(b) > limit {
				break
			}
			before = c.At
		}
		if done == fit {
			return e.b
		}
		fit = done
	}
}

type encoder struct {
	b     []byte
	names []string
}

func (e *encoder) uvarint(n uint64)       { e.b = binary.AppendUvarint(e.b, n) }
func (e *encoder) nibbles(x, y int)       { e.b = append(e.b, byte(nibblesOf(x, y))) }
func (e *encoder) millis(d time.Duration) { e.uvarint(uint64(max(d, 0) / time.Millisecond)) }

func (e *encoder) change(c *Change, before time.Duration) {
	var parts byte
	var tcp TCP
	if c.Probe != nil {
		parts |= partProbe
		tcp = c.Probe.TCP
		parts |= byte(tcp>>2&1) * partTCP
	}
	if c.Confirmations > 0 || c.Hoped > 0 {
		parts |= partConfirms
	}
	if c.Refute > 0 || c.Paused > 0 {
		parts |= partRefute
	}
	if c.LastPing {
		parts |= partLastPing
	}
	e.b = append(e.b, byte(nibblesOf(int(c.From), int(c.To))),
		byte(c.Cause)<<4|byte(c.Learned&3)<<2|byte(tcp&3), parts, byte(min(c.Health, 255)))
	e.millis(before - c.At)
	e.uvarint(uint64(c.Incarnation))
	if c.Cause.addressed() {
		e.name(c.Addr)
	} else {
		e.name(c.Accuser)
	}
	e.name(c.Via)
	if c.Probe != nil {
		e.nibbles(c.Probe.Nacks, c.Probe.NacksHoped)
		e.list(c.Probe.Relays, relaysMax)
	}
	if parts&partConfirms != 0 {
		e.nibbles(c.Confirmations, c.Hoped)
		e.list(c.Confirmers, confirmersMax)
	}
	if parts&partRefute != 0 {
		e.uvarint(uint64(max(c.Refute, c.Paused)))
	}
}

func (e *encoder) list(names []string, most int) {
	names = names[:min(len(names), most)]
	e.b = append(e.b, byte(len(names)))
	for _, s := range names {
		e.name(s)
	}
}

func (e *encoder) name(s string) {
	if s == "" {
		e.uvarint(0)
		return
	}
	s = s[:min(len(s), 255)]
	for i, known := range e.names {
		if known == s {
			e.uvarint(uint64(i + 1))
			return
		}
	}
	e.names = append(e.names, s)
	e.uvarint(uint64(len(e.names)))
	e.b = append(append(e.b, byte(len(s))), s...)
}

// ParseCompact reads the compact form of a member's changes, at most MemberMax of them. Their At is
// negative: how long before the asking they were.
func ParseCompact(p []byte) (changes []Change, dropped int, err error) {
	d := decoder{p: p}
	if d.byte() != compactVersion {
		return nil, 0, ErrCompact
	}
	dropped = int(min(d.uvarint(), 1<<31))
	var at time.Duration
	for len(d.p) > 0 && !d.bad {
		if len(changes) == MemberMax {
			return nil, 0, ErrCompact
		}
		c := d.change(at)
		at = c.At
		changes = append(changes, c)
	}
	if d.bad {
		return nil, 0, ErrCompact
	}
	slices.Reverse(changes)
	return changes, dropped, nil
}

type decoder struct {
	p     []byte
	names []string
	bad   bool
}

func (d *decoder) byte() byte {
	if len(d.p) == 0 {
		d.bad = true
		return 0
	}
	b := d.p[0]
	d.p = d.p[1:]
	return b
}

func (d *decoder) uvarint() uint64 {
	n, size := binary.Uvarint(d.p)
	if size <= 0 {
		d.bad, d.p = true, nil
		return 0
	}
	d.p = d.p[size:]
	return n
}

// millis reads a time in milliseconds, of at most a year.
func (d *decoder) millis() time.Duration {
	const most = 366 * 24 * time.Hour
	return time.Duration(min(d.uvarint(), uint64(most/time.Millisecond))) * time.Millisecond
}

func (d *decoder) change(before time.Duration) (c Change) {
	from, to := nibbles(d.byte()).get()
	how, parts := d.byte(), d.byte()
	c.From, c.To, c.Cause, c.Learned = State(from), State(to), Cause(how>>4), Learned(how>>2&3)
	c.Health = int(d.byte())
	c.At = before - d.millis()
	c.Incarnation = uint32(min(d.uvarint(), 1<<32-1))
	if c.Cause.addressed() {
		c.Addr = d.name()
	} else {
		c.Accuser = d.name()
	}
	c.Via = d.name()
	if parts&partProbe != 0 {
		c.Probe = &Steps{TCP: TCP(how&3 | parts/partTCP&1<<2)}
		c.Probe.Nacks, c.Probe.NacksHoped = nibbles(d.byte()).get()
		c.Probe.Relays = d.list(relaysMax)
	}
	if parts&partConfirms != 0 {
		c.Confirmations, c.Hoped = nibbles(d.byte()).get()
		c.Confirmers = d.list(confirmersMax)
	}
	if parts&partRefute != 0 {
		c.Refute = d.millis().Milliseconds()
		c.splitPause()
	}
	c.LastPing = parts&partLastPing != 0
	return c
}

func (d *decoder) list(most int) (names []string) {
	n := int(d.byte())
	if n > most {
		d.bad = true
		return nil
	}
	for range n {
		names = append(names, d.name())
	}
	return names
}

func (d *decoder) name() string {
	switch n := d.uvarint(); {
	case n == 0 || d.bad:
		return ""
	case n <= uint64(len(d.names)):
		return d.names[n-1]
	case n > uint64(len(d.names))+1:
		d.bad = true
		return ""
	}
	size := int(d.byte())
	if size == 0 || size > len(d.p) {
		d.bad = true
		return ""
	}
	s := string(d.p[:size])
	d.p = d.p[size:]
	d.names = append(d.names, s)
	return s
}
