package coord

import (
	"math/bits"
	"slices"
	"time"
)

// peers is a bounded table of the members that were observed. It is a hash table in one piece, not
// a map: every ack looks one member up, in a simulation each time in other memory. The zero table
// remembers nobody.
type peers struct {
	// keys are the member of each slot plus one, or 0 for a free slot. They are apart from the
	// slots so that a search stays in one cache line.
	keys  []uint32
	slots []peer // a power of two; a member is in one of the few from its home on
	limit int
}

// peer is what is remembered of one member.
type peer struct {
	at   Coordinate
	rtts [filterSize]time.Duration
	n    uint8 // round trips in rtts
}

const (
	peersStart = 8 // slots of the first allocation; they double
	// peersProbe is how many slots are searched. If all are taken in a table that may not grow any
	// more, the first is replaced.
	peersProbe = 8
)

// home is the first slot for a member.
func (p *peers) home(member uint32) int {
	const golden = 0x9e3779b1
	return int(member * golden >> (32 - bits.Len(uint(len(p.slots)-1))))
}

// search returns the slot near a member's home that has a key, or -1.
func (p *peers) search(key, member uint32) int {
	if len(p.slots) == 0 {
		return -1
	}
	for i, k := p.home(member), 0; k < peersProbe; k++ {
		if at := (i + k) & (len(p.slots) - 1); p.keys[at] == key {
			return at
		}
	}
	return -1
}

// find returns what is remembered of a member, or nil.
func (p *peers) find(member uint32) *peer {
	if at := p.search(member+1, member); at >= 0 {
		return &p.slots[at]
	}
	return nil
}

// forget frees the slot of a member, if it has one.
func (p *peers) forget(member uint32) {
	if at := p.search(member+1, member); at >= 0 {
		p.keys[at] = 0
	}
}

// obtain returns what is remembered of a member, which gets a slot if it has none.
func (p *peers) obtain(member uint32) *peer {
	if p.limit < peersStart {
		return new(peer)
	}
	if found := p.find(member); found != nil {
		return found
	}
	for {
		at := p.search(0, member)
		if at < 0 && 2*len(p.slots) > p.limit {
			at = p.home(member)
		}
		if at >= 0 {
			p.keys[at], p.slots[at] = member+1, peer{}
			return &p.slots[at]
		}
		p.grow()
	}
}

// grow doubles the slots. The few members that find no place among the new ones are forgotten.
func (p *peers) grow() {
	old := *p
	n := max(2*len(old.slots), peersStart)
	p.keys, p.slots = make([]uint32, n), make([]peer, n)
	for i, key := range old.keys {
		if key == 0 {
			continue
		}
		if at := p.search(0, key-1); at >= 0 {
			p.keys[at], p.slots[at] = key, old.slots[i]
		}
	}
}

// add remembers a round trip, and forgets the oldest if there are too many.
func (p *peer) add(rtt time.Duration) {
	if p.n == filterSize {
		copy(p.rtts[:], p.rtts[1:])
		p.n--
	}
	p.rtts[p.n] = rtt
	p.n++
}

// median returns the median of the last round trips, of which there is one at least.
func (p *peer) median() time.Duration {
	sorted := p.rtts
	slices.Sort(sorted[:p.n])
	return sorted[p.n/2]
}
