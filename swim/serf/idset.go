package serf

import (
	"math/bits"

	"serf/swim"
)

// idSet is a set of members, one bit each: clusters are large, and many queries run at once.
type idSet struct {
	bits []uint64
	n    int
}

func (s *idSet) add(id swim.MemberID) {
	if w := int(id / 64); w >= len(s.bits) {
		s.bits = append(s.bits, make([]uint64, w+1-len(s.bits))...)
	}
	if w, bit := &s.bits[id/64], uint64(1)<<(id%64); *w&bit == 0 {
		*w |= bit
		s.n++
	}
}

// remove removes id, and says whether it was the last.
func (s *idSet) remove(id swim.MemberID) bool {
	if int(id/64) >= len(s.bits) {
		return false
	}
	w, bit := &s.bits[id/64], uint64(1)<<(id%64)
	if *w&bit == 0 {
		return false
	}
	*w &^= bit
	s.n--
	return s.n == 0
}

func (s *idSet) has(id swim.MemberID) bool {
	return int(id/64) < len(s.bits) && s.bits[id/64]&(1<<(id%64)) != 0
}

// all yields the members in the order of their IDs.
func (s *idSet) all(yield func(swim.MemberID) bool) {
	for id, ok := s.from(0); ok && yield(id); id, ok = s.from(id + 1) {
	}
}

// from returns the first member from id on, and whether there is one.
func (s *idSet) from(id swim.MemberID) (swim.MemberID, bool) {
	for w := int(id / 64); w < len(s.bits); w++ {
		if rest := s.bits[w] >> (id % 64); rest != 0 {
			return id + swim.MemberID(bits.TrailingZeros64(rest)), true
		}
		id = swim.MemberID(w+1) * 64
	}
	return 0, false
}
