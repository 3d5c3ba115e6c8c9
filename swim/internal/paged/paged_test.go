package paged

import (
	"bytes"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// More pages than a filter has bits, the last one not full.
const (
	manyPages    = 2 * 64
	manyElements = manyPages*PageLen + PageLen/2
)

func filled(n int) *Array[int] {
	a := new(Array[int])
	for i := range n {
		a.Append(i)
	}
	a.Seal(appendElem, digest)
	return a
}

// appendElem encodes all elements but the first.
func appendElem(b []byte, i, v int) []byte {
	if i == 0 {
		return b
	}
	return append(b, byte(v))
}

func digest(i, v int) uint64 { return uint64(1000*i + v) }

func elements(a *Array[int]) []int {
	s := make([]int, a.Len())
	for i := range s {
		s[i] = a.At(i)
	}
	return s
}

func TestArrayInOnePiece(t *testing.T) {
	var a Array[int]
	*a.Edit(PageLen + 1) = 7
	a.Append(8)
	if a.Len() != PageLen+3 || a.At(0) != 0 || a.At(PageLen+2) != 8 || a.At(PageLen+3) != 0 ||
		a.At(-1) != 0 {
		t.Errorf("elements %v", elements(&a))
	}
	if a.Pages() != 2 || a.Shares(0) {
		t.Errorf("%d pages, the first shared: %v", a.Pages(), a.Shares(0))
	}
	a.Truncate(PageLen)
	if a.Len() != PageLen || a.At(PageLen+1) != 0 {
		t.Errorf("after the cut: %v", elements(&a))
	}
}

// Two forks of one array are changed at random: each is what a slice would be, and neither changes
// the other or what they come from.
func TestForksAgainstSlices(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.SampledFrom([]int{0, 1, PageLen - 1, PageLen, 4 * PageLen, manyElements}).Draw(t, "elements")
		base := filled(n)
		arrays := [2]Array[int]{base.Fork(), base.Fork()}
		models := [2][]int{elements(base), elements(base)}
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			w := rapid.IntRange(0, 1).Draw(t, "which")
			a, m := &arrays[w], &models[w]
			switch v := rapid.Int().Draw(t, "value"); {
			case v%3 == 0 && len(*m) > 0:
				i := rapid.IntRange(0, len(*m)-1).Draw(t, "at")
				*a.Edit(i), (*m)[i] = v, v
			case v%7 == 0 && len(*m) > 0:
				cut := rapid.IntRange(max(0, len(*m)-3), len(*m)).Draw(t, "cut")
				a.Truncate(cut)
				*m = (*m)[:cut]
			default:
				a.Append(v)
				*m = append(*m, v)
			}
		}
		for w := range arrays {
			if !slices.Equal(elements(&arrays[w]), models[w]) {
				t.Fatalf("fork %d isn't what it should be", w)
			}
		}
		if !slices.Equal(elements(base), elements(filled(n))) {
			t.Fatal("what they were forked from has changed")
		}
	})
}

func TestSharesAllButTheWrittenPage(t *testing.T) {
	base := filled(manyElements)
	a := base.Fork()
	written := 64 + 3
	*a.Edit(written * PageLen) = -1
	for p := range a.Pages() {
		if a.Shares(p) == (p == written) {
			t.Errorf("page %d shared: %v", p, a.Shares(p))
		}
		d := a.Digests(p*PageLen, 2)
		if p != written && !slices.Equal(d, []uint64{digest(p*PageLen, p*PageLen), digest(p*PageLen+1, p*PageLen+1)}) ||
			p == written && d != nil {
			t.Errorf("page %d has the digests %v", p, d)
		}
	}
	for range PageLen {
		a.Append(1)
	}
	if last := a.Pages() - 1; a.Shares(last) || base.Shares(0) {
		t.Error("a page that nobody else has is shared")
	}
}

func TestRunsAreReadWhole(t *testing.T) {
	base := filled(PageLen + 1)
	a := base.Fork()
	*a.Edit(PageLen + 2) = 7
	got := map[int]int{}
	for i, v := range a.In(Run{1, 3}) {
		got[i] = v
	}
	if want := map[int]int{PageLen: PageLen, PageLen + 1: 0, PageLen + 2: 7}; !maps.Equal(got, want) {
		t.Errorf("elements %v, want %v", got, want)
	}
	if a.At(-1) != 0 || a.At(PageLen+3) != 0 {
		t.Error("there are elements outside of it")
	}
}

// Elements may be added to other pages than the last of the base, which isn't full.
func TestDigestsOfAPageThatIsNotFull(t *testing.T) {
	base := filled(PageLen + 1)
	a := base.Fork()
	*a.Edit(5 * PageLen) = 7
	want := make([]uint64, PageLen)
	want[0] = digest(PageLen, PageLen)
	if got := a.Digests(PageLen, PageLen); !slices.Equal(got, want) {
		t.Errorf("digests %v, want %v", got, want)
	}
	if got := a.Digests(2*PageLen, PageLen); got != nil {
		t.Errorf("a page beyond the base has digests %v", got)
	}
}

// A fork in which much differs takes as much memory as an array in one piece, not more, and still
// knows which pages it shares.
func TestForkInWhichMuchDiffers(t *testing.T) {
	base := filled(manyElements)
	a := base.Fork()
	for i := range manyElements / flatShare {
		*a.Edit(i) = -i
		if cap(a.slots) > manyElements/flatShare*2 {
			t.Fatalf("%d slots for %d elements", cap(a.slots), i)
		}
	}
	last := manyElements / flatShare
	*a.Edit(last) = -last
	*a.Edit(last + 1) = -last - 1
	if a.flat == nil || a.slots != nil {
		t.Error("it isn't in one piece")
	}
	for i := range a.Len() {
		want := i
		if i <= last+1 {
			want = -i
		}
		if a.At(i) != want {
			t.Fatalf("element %d is %d", i, a.At(i))
		}
	}
	for p := range a.Pages() {
		if want := p*PageLen > last+1; a.Shares(p) != want {
			t.Errorf("page %d is shared: %v", p, !want)
		}
	}
}

func TestForkAndReadAllocateNothing(t *testing.T) {
	base, sum := filled(manyElements), 0
	if n := testing.AllocsPerRun(10, func() {
		a := base.Fork()
		sum += a.At(manyElements / 2)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// Runs covers all pages once, in order, and is right about which are shared.
func TestRuns(t *testing.T) {
	base := filled(manyElements)
	a := base.Fork()
	for _, p := range []int{0, 7, 64, 65} {
		*a.Edit(p * PageLen) = -1
	}
	for range PageLen {
		a.Append(1)
	}
	var runs []Run
	next := 0
	for r, shared := range a.Runs {
		if r.From != next || r.To <= r.From || !shared && r.To != r.From+1 {
			t.Fatalf("run %v after page %d", r, next)
		}
		for p := r.From; p < r.To; p++ {
			if a.Shares(p) != shared {
				t.Errorf("page %d shared: %v", p, !shared)
			}
		}
		if next = r.To; shared {
			runs = append(runs, r)
		}
	}
	if want := []Run{{1, 7}, {8, 64}, {66, manyPages}}; next != a.Pages() || !slices.Equal(runs, want) {
		t.Errorf("%d of %d pages, shared %v, want %v", next, a.Pages(), runs, want)
	}
	for r, shared := range base.Runs {
		if shared || r.To != r.From+1 {
			t.Errorf("run %v of an array that isn't forked", r)
		}
	}
}

func TestFindKnowsItsOwnRunsOnly(t *testing.T) {
	base := filled(3*PageLen + 1)
	a := base.Fork()
	for from := range a.Pages() {
		for to := from + 1; to <= a.Pages(); to++ {
			piece := a.Bytes(Run{from, to})
			if r, ok := a.Find(piece); !ok || r != (Run{from, to}) {
				t.Errorf("run %d to %d: found as %v, %v", from, to, r, ok)
			}
			if n := a.EncodedIn(piece); n != len(piece) {
				t.Errorf("run %d to %d: %d elements, want %d", from, to, n, len(piece))
			}
		}
	}
	page := a.Bytes(Run{1, 2})
	for name, piece := range map[string][]byte{
		"a copy": bytes.Clone(page), "a part": page[:3], "an inner part": page[1:], "nothing": page[:0],
		"a clipped one": slices.Clip(page), "two pages but for one byte": a.Bytes(Run{1, 3})[:PageLen+1],
	} {
		if _, ok := a.Find(piece); ok || a.EncodedIn(piece) != 0 {
			t.Errorf("%s is found", name)
		}
	}
	if _, ok := base.Find(page); ok {
		t.Error("found by an array that isn't forked")
	}
}
