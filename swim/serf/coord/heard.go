package coord

import (
	"math/bits"
	"slices"
	"time"
)

// heard is a bounded table of the members that were observed. It is a hash table in one piece, not a map: one is
// looked up with each ack, and in a simulation each time in other memory. The zero heard remembers nobody.
type heard struct {
	slots []other // as many as a power of two; a member is in one of the few from its own on
	most  int
}

// other is what is remembered of one member.
type other struct {
	member uint32
	n      uint8 // how many round trips there are; 0: the slot is free
	rtts   [filterSize]time.Duration
	at     Coordinate
}

const (
	heardStart = 8 // slots of the first allocation; they double
	// heardProbe is how many slots are looked at. If all are taken in a table that may not grow any more,
	// the first gives way.
	heardProbe = 8
)

// home is the first slot for a member.
func (h *heard) home(member uint32) int {
	const golden = 0x9e3779b1
	return int(member * golden >> (32 - bits.Len(uint(len(h.slots)-1))))
}

// find returns what is remembered of a member, or nil.
func (h *heard) find(member uint32) *other {
	if len(h.slots) == 0 {
		return nil
	}
	for i, k := h.home(member), 0; k < heardProbe; k++ {
		if o := &h.slots[(i+k)&(len(h.slots)-1)]; o.n > 0 && o.member == member {
			return o
		}
	}
	return nil
}

// take returns what is remembered of a member, who is remembered from now on.
func (h *heard) take(member uint32) *other {
	if h.most < heardStart {
		return &other{member: member}
	}
	if o := h.find(member); o != nil {
		return o
	}
	if len(h.slots) == 0 {
		h.slots = make([]other, heardStart)
	}
	for {
		if o := h.free(member); o != nil {
			*o = other{member: member}
			return o
		}
		if 2*len(h.slots) > h.most {
			o := &h.slots[h.home(member)]
			*o = other{member: member}
			return o
		}
		h.grow()
	}
}

// free returns a slot for a member that has none, or nil.
func (h *heard) free(member uint32) *other {
	for i, k := h.home(member), 0; k < heardProbe; k++ {
		if o := &h.slots[(i+k)&(len(h.slots)-1)]; o.n == 0 {
			return o
		}
	}
	return nil
}

// grow doubles the slots. Whoever finds no place among the new ones, hardly anybody, is forgotten.
func (h *heard) grow() {
	old := h.slots
	h.slots = make([]other, 2*len(old))
	for i := range old {
		if old[i].n == 0 {
			continue
		}
		if o := h.free(old[i].member); o != nil {
			*o = old[i]
		}
	}
}

// median adds a round trip and returns the median of the last ones.
func (o *other) median(rtt time.Duration) time.Duration {
	if o.n == filterSize {
		copy(o.rtts[:], o.rtts[1:])
		o.n--
	}
	o.rtts[o.n] = rtt
	o.n++
	sorted := o.rtts
	slices.Sort(sorted[:o.n])
	return sorted[o.n/2]
}
