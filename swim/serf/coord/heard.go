package coord

import (
	"math/bits"
	"slices"
	"time"
)

// heard is a bounded table of the members that were observed. It is a hash table in one piece, not a map: one is
// looked up with each ack, and in a simulation each time in other memory. The zero heard remembers nobody.
type heard struct {
	keys  []uint32 // of the slots: the member plus one, or 0 for a free one; apart, for the search to stay in one cache line
	slots []other  // as many as a power of two; a member is in one of the few from its own on
	most  int
}

// other is what is remembered of one member.
type other struct {
	at   Coordinate
	rtts [filterSize]time.Duration
	n    uint8 // how many of them there are
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

// search returns the slot of a key, or -1.
func (h *heard) search(key, member uint32) int {
	if len(h.slots) == 0 {
		return -1
	}
	for i, k := h.home(member), 0; k < heardProbe; k++ {
		if at := (i + k) & (len(h.slots) - 1); h.keys[at] == key {
			return at
		}
	}
	return -1
}

// find returns what is remembered of a member, or nil.
func (h *heard) find(member uint32) *other {
	if at := h.search(member+1, member); at >= 0 {
		return &h.slots[at]
	}
	return nil
}

// forget frees the slot of a member, if it has one.
func (h *heard) forget(member uint32) {
	if at := h.search(member+1, member); at >= 0 {
		h.keys[at] = 0
	}
}

// take returns what is remembered of a member, who is remembered from now on.
func (h *heard) take(member uint32) *other {
	if h.most < heardStart {
		return new(other)
	}
	if o := h.find(member); o != nil {
		return o
	}
	for {
		at := h.search(0, member)
		if at < 0 && 2*len(h.slots) > h.most {
			at = h.home(member)
		}
		if at >= 0 {
			h.keys[at], h.slots[at] = member+1, other{}
			return &h.slots[at]
		}
		h.grow()
	}
}

// grow doubles the slots. Whoever finds no place among the new ones, hardly anybody, is forgotten.
func (h *heard) grow() {
	old := *h
	n := max(2*len(old.slots), heardStart)
	h.keys, h.slots = make([]uint32, n), make([]other, n)
	for i, key := range old.keys {
		if key == 0 {
			continue
		}
		if at := h.search(0, key-1); at >= 0 {
			h.keys[at], h.slots[at] = key, old.slots[i]
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
