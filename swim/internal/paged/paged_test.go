package paged

import (
	"bytes"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// A few directories, so that lists, directories and pages are all shared and copied.
const manyElements = 2*PageLen*dirLen + PageLen/2

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
	if p := a.Page(1); !slices.Equal(p, []int{0, 7, 8}) || a.Pages() != 2 || a.Shares(0) {
		t.Errorf("page of %v", p)
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
		n := rapid.SampledFrom([]int{0, 1, PageLen - 1, PageLen, PageLen*dirLen - 1, PageLen * dirLen, manyElements}).Draw(t, "elements")
		base := filled(n)
		arrays := [2]Array[int]{base.Fork(), base.Fork()}
		models := [2][]int{elements(base), elements(base)}
		for range rapid.IntRange(1, 20).Draw(t, "steps") {
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
	written := dirLen + 3
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

func TestPagesAreReadWhole(t *testing.T) {
	base := filled(0)
	a := base.Fork()
	*a.Edit(PageLen + 1) = 7
	if p := a.Page(0); p != nil {
		t.Errorf("a page that was never written has %v", p)
	}
	if p := a.Page(1); !slices.Equal(p, []int{0, 7}) || a.At(PageLen) != 0 || a.At(PageLen+2) != 0 || a.At(-1) != 0 {
		t.Errorf("page of %v", p)
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
	for _, p := range []int{0, 7, dirLen, dirLen + 1} {
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
	if want := []Run{{1, 7}, {8, dirLen}, {dirLen + 2, 2 * dirLen}}; next != a.Pages() || !slices.Equal(runs, want) {
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
