package wire

import (
	"slices"
	"testing"
)

func TestRopeKeepsOrderAndSharedParts(t *testing.T) {
	shared := []byte("SHARED, with room behind it")[:6]
	var inner, r Rope
	inner.Share(shared)
	inner.Own = append(inner.Own, "tail"...)
	r.Own = append(r.Own, "head "...)
	r.Share(shared)
	r.Share(nil)
	r.Own = append(r.Own, " between "...)
	r.Join(&inner)
	const want = "head SHARED between SHAREDtail"
	first, more := r.Pieces()
	if got := string(Flatten(first, more)); got != want || r.Len() != len(want) {
		t.Errorf("%q, of %d bytes, want %q", got, r.Len(), want)
	}
	if string(first) != "head " || len(more) != 4 {
		t.Fatalf("first %q and %d more", first, len(more))
	}
	for i, p := range more {
		if is := &p[0] == &shared[0]; is != (i%2 == 0) || is && cap(p) != cap(shared) ||
			!is && cap(p) != len(p) {
			t.Errorf("piece %d, %q: shared %v, capacity %d", i, p, is, cap(p))
		}
	}
}

func TestRopeWithoutSharedParts(t *testing.T) {
	r := Rope{Own: []byte("all")}
	first, more := r.Pieces()
	if got := Flatten(first, more); more != nil || &got[0] != &r.Own[0] {
		t.Error("copied for nothing")
	}
}

// A state in pieces parses like the whole state, if each piece has complete status times.
func TestSerfStateInPieces(t *testing.T) {
	build := func() *SerfStateWriter {
		w := AppendSerfState(nil, 1, 0)
		w.LeftMembers(2, 0)
		w.StatusLTimes(3, 4)
		w.StatusLTime("a", 1)
		w.ShareStatusLTimes(AppendStatusLTime(AppendStatusLTime(nil, "b", 300), "c", 3), 2)
		w.StatusLTime("d", 4)
		return &w
	}
	names := func(s SerfState) (names []string) {
		for it := s.StatusLTimes.Iter(); it.Next(); {
			names = append(names, string(it.Name))
		}
		return names
	}
	want := []string{"a", "b", "c", "d"}
	w := build()
	whole, err := ParseSerfState(w.Bytes()[1:])
	if err != nil || !slices.Equal(names(whole), want) {
		t.Errorf("whole: %v, %v", names(whole), err)
	}
	first, more := build().Rope().Pieces()
	s, err := ParseSerfStatePieces(first[1:], more, nil)
	if err != nil || s.QueryLTime != 3 || s.StatusLTimes.Len() != 4 ||
		!slices.Equal(names(s), want) {
		t.Errorf("in pieces: %v, %v", names(s), err)
	}
	if _, err := ParseSerfStatePieces(first[1:], more, func(p []byte) int { return 2 }); err == nil {
		t.Error("more status times than announced are fine")
	}
	if _, err := ParseSerfStatePieces(first[1:], more[:1], nil); err == nil {
		t.Error("a missing piece is fine")
	}
	if _, err := ParseSerfStatePieces(first[1:], [][]byte{more[0], more[1][:1]}, nil); err == nil {
		t.Error("a cut piece is fine")
	}
	if _, err := ParseSerfStatePieces([]byte("\x80"), more, nil); err == nil {
		t.Error("pieces of nothing are fine")
	}
}
