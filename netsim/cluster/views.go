package cluster

import (
	"math/bits"
	"slices"

	"serf/internal/invariant"
)

// viewTracker compares every member's view of the others with the truth, and counts the
// differences. Whether all views agree with the truth is then one comparison, at any number of
// members. Most views are alike most of the time, so only their exceptions from the usual view are
// stored: a cluster of 100,000 has 10^10 pairs.
type viewTracker struct {
	n            int
	words        int      // of a bit for each member
	usual        []uint64 // whom most observers see alive
	truth        []uint64 // who is
	counts       []bool   // by observer: its view counts, as it runs
	counted      int
	exceptions   []deviations // by observer: whom it doesn't see as usual; never itself
	exceptionsOf []int32      // by subject: observers with an exception about it
	// pairs of a counted observer and another member where view and truth differ
	wrong int
}

func newViewTracker(n int) *viewTracker {
	words := (n + 63) / 64
	return &viewTracker{
		n: n, words: words, usual: make([]uint64, words), truth: make([]uint64, words),
		counts: make([]bool, n), exceptions: make([]deviations, n), exceptionsOf: make([]int32, n),
	}
}

func bit(row []uint64, i int) bool { return row[i/64]>>(i%64)&1 == 1 }

func setBit(row []uint64, i int, on bool) {
	if on {
		row[i/64] |= 1 << (i % 64)
	} else {
		row[i/64] &^= 1 << (i % 64)
	}
}

// sees reports whether observer, if its view counts, sees subject alive at its address. It sees
// itself.
func (b *viewTracker) sees(observer, subject int) bool {
	if !b.counts[observer] || observer == subject {
		return b.counts[observer]
	}
	return bit(b.usual, subject) != b.exceptions[observer].has(subject)
}

// believing is the set of members that see another one alive, a bit for each.
func (b *viewTracker) believing(subject int) []uint64 {
	row := make([]uint64, b.words)
	for i := range b.counts {
		if i != subject && b.sees(i, subject) {
			setBit(row, i, true)
		}
	}
	return row
}

// seenBy is how many members see another one alive.
func (b *viewTracker) seenBy(subject int) int {
	if bit(b.usual, subject) {
		return b.others(subject) - int(b.exceptionsOf[subject])
	}
	return int(b.exceptionsOf[subject])
}

// others is how many views of a member count besides its own.
func (b *viewTracker) others(subject int) int {
	if b.counts[subject] {
		return b.counted - 1
	}
	return b.counted
}

// wrongAbout is how many members are wrong about a member.
func (b *viewTracker) wrongAbout(subject int) int {
	if bit(b.truth, subject) {
		return b.others(subject) - b.seenBy(subject)
	}
	return b.seenBy(subject)
}

// isAlive is the truth about a member.
func (b *viewTracker) isAlive(subject int) bool { return bit(b.truth, subject) }

// running is the set of members that are alive and whose view counts, a bit for each.
func (b *viewTracker) running() []uint64 {
	row := slices.Clone(b.truth)
	for i, holds := range b.counts {
		if !holds {
			setBit(row, i, false)
		}
	}
	return row
}

// learn records whether observer, whose view counts, sees subject alive.
func (b *viewTracker) learn(observer, subject int, alive bool) {
	if observer == subject || !b.counts[observer] || b.sees(observer, subject) == alive {
		return
	}
	before := b.wrongAbout(subject)
	b.toggle(observer, subject)
	b.wrong += b.wrongAbout(subject) - before
	if 2*int(b.exceptionsOf[subject]) > b.others(subject) {
		b.swapUsual(subject)
	}
}

// toggle makes an exception of what was usual, or the reverse.
func (b *viewTracker) toggle(observer, subject int) {
	if b.exceptions[observer].toggle(subject, b.words) {
		b.exceptionsOf[subject]++
	} else {
		b.exceptionsOf[subject]--
	}
}

// swapUsual makes usual what has become the view of most.
func (b *viewTracker) swapUsual(subject int) {
	setBit(b.usual, subject, !bit(b.usual, subject))
	for o, holds := range b.counts {
		if holds && o != subject {
			b.toggle(o, subject)
		}
	}
}

// setTruth records whether subject is alive.
func (b *viewTracker) setTruth(subject int, alive bool) {
	before := b.wrongAbout(subject)
	setBit(b.truth, subject, alive)
	b.wrong += b.wrongAbout(subject) - before
}

// forget has nobody see subject alive, as it moves to an address that nobody knows.
func (b *viewTracker) forget(subject int) {
	for o := range b.counts {
		b.learn(o, subject, false)
	}
}

// expect makes it usual to see subject alive, before any view counts.
func (b *viewTracker) expect(subject int) {
	invariant.Check(b.counted == 0, "cluster: views count already")
	setBit(b.usual, subject, true)
}

// begin has the view of observer count. It sees only itself alive or, if it knows what is usual,
// whom most see.
func (b *viewTracker) begin(observer int, knowing bool) {
	if b.counts[observer] {
		return
	}
	b.counts[observer] = true
	b.counted++
	for w, members := range b.usual {
		for ; members != 0 && !knowing; members &= members - 1 {
			if s := w*64 + bits.TrailingZeros64(members); s != observer {
				b.toggle(observer, s)
			}
		}
	}
	b.wrong += b.differences(observer)
}

// end has the view of observer no longer count, and forgets it.
func (b *viewTracker) end(observer int) {
	if !b.counts[observer] {
		return
	}
	b.wrong -= b.differences(observer)
	b.exceptions[observer].each(func(s int) { b.exceptionsOf[s]-- })
	b.exceptions[observer] = deviations{}
	b.counts[observer] = false
	b.counted--
}

// differences counts the members about which observer is wrong.
func (b *viewTracker) differences(observer int) int {
	count := 0
	for w, x := range b.usual {
		x ^= b.truth[w]
		if w == observer/64 {
			x &^= 1 << (observer % 64)
		}
		count += bits.OnesCount64(x)
	}
	b.exceptions[observer].each(func(s int) {
		if bit(b.usual, s) == bit(b.truth, s) {
			count++
		} else {
			count--
		}
	})
	return count
}

// deviations is a set of members: a list if they are few, else a bitmap.
type deviations struct {
	few   []int32 // ascending
	many  []uint64
	count int
}

// fewDeviations is the greatest length of the list. A bitmap becomes a list again at half of it.
const fewDeviations = 64

func (d *deviations) has(s int) bool {
	if d.many != nil {
		return bit(d.many, s)
	}
	_, found := slices.BinarySearch(d.few, int32(s))
	return found
}

// toggle adds or removes s, and reports whether the set has it now. words is the size of a bitmap.
func (d *deviations) toggle(s, words int) bool {
	i, in := 0, false
	if d.many != nil {
		in = bit(d.many, s)
	} else {
		i, in = slices.BinarySearch(d.few, int32(s))
	}
	if in {
		d.count--
	} else {
		d.count++
	}
	switch {
	case d.many != nil:
		setBit(d.many, s, !in)
		d.maybeList()
	case in:
		d.few = slices.Delete(d.few, i, i+1)
	case d.count > fewDeviations:
		d.many = make([]uint64, words)
		for _, x := range d.few {
			setBit(d.many, int(x), true)
		}
		setBit(d.many, s, true)
		d.few = nil
	default:
		d.few = slices.Insert(d.few, i, int32(s))
	}
	return !in
}

// maybeList replaces the bitmap by a list if few members are left.
func (d *deviations) maybeList() {
	if d.count > fewDeviations/2 {
		return
	}
	d.each(func(s int) { d.few = append(d.few, int32(s)) })
	d.many = nil
}

// each calls f with all members in the set, in order.
func (d *deviations) each(f func(s int)) {
	for _, s := range d.few {
		f(int(s))
	}
	for w, members := range d.many {
		for ; members != 0; members &= members - 1 {
			f(w*64 + bits.TrailingZeros64(members))
		}
	}
}
