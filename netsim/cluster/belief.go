package cluster

import (
	"math/bits"
	"slices"

	"serf/internal/invariant"
)

// beliefs compares what every member takes the others for with what they are, and keeps count of
// the differences: that all views agree with the truth is then one comparison, at any
// number of members. Most views are alike most of the time, so of each only what differs from the
// usual is kept: a cluster of 100,000 would have 10^10 pairs.
type beliefs struct {
	n       int
	words   int      // of a bit for each member
	usual   []uint64 // whom most observers take for alive
	truth   []uint64 // who is
	holds   []bool   // whose views count: those that run
	holders int
	odd     []deviations // by observer: whom it takes for what is not usual; never itself
	oddOf   []int32      // by subject: observers that have it in odd
	wrong   int          // pairs of an observer that counts and another member where the belief differs from truth
}

func newBeliefs(n int) *beliefs {
	words := (n + 63) / 64
	return &beliefs{
		n: n, words: words, usual: make([]uint64, words), truth: make([]uint64, words),
		holds: make([]bool, n), odd: make([]deviations, n), oddOf: make([]int32, n),
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

// believes reports whether observer, if its view counts, takes subject for alive, at the address that it has. Of
// itself it does.
func (b *beliefs) believes(observer, subject int) bool {
	if !b.holds[observer] || observer == subject {
		return b.holds[observer]
	}
	return bit(b.usual, subject) != b.odd[observer].has(subject)
}

// believing is the set of members that consider another one alive, a bit for each.
func (b *beliefs) believing(subject int) []uint64 {
	row := make([]uint64, b.words)
	for i := range b.holds {
		if i != subject && b.believes(i, subject) {
			setBit(row, i, true)
		}
	}
	return row
}

// believers is how many members take another one for alive.
func (b *beliefs) believers(subject int) int {
	if bit(b.usual, subject) {
		return b.others(subject) - int(b.oddOf[subject])
	}
	return int(b.oddOf[subject])
}

// others is how many views of a member there are besides its own.
func (b *beliefs) others(subject int) int {
	if b.holds[subject] {
		return b.holders - 1
	}
	return b.holders
}

// wrongAbout is how many are wrong about a member.
func (b *beliefs) wrongAbout(subject int) int {
	if bit(b.truth, subject) {
		return b.others(subject) - b.believers(subject)
	}
	return b.believers(subject)
}

// isAlive is the truth.
func (b *beliefs) isAlive(subject int) bool { return bit(b.truth, subject) }

// running is a bit for each member that is alive and whose view counts.
func (b *beliefs) running() []uint64 {
	row := slices.Clone(b.truth)
	for i, holds := range b.holds {
		if !holds {
			setBit(row, i, false)
		}
	}
	return row
}

// learn records that observer, whose view counts, takes subject for alive, or no longer does.
func (b *beliefs) learn(observer, subject int, alive bool) {
	if observer == subject || !b.holds[observer] || b.believes(observer, subject) == alive {
		return
	}
	before := b.wrongAbout(subject)
	b.turn(observer, subject)
	b.wrong += b.wrongAbout(subject) - before
	if 2*int(b.oddOf[subject]) > b.others(subject) {
		b.swapUsual(subject)
	}
}

// turn makes odd of usual, or the reverse.
func (b *beliefs) turn(observer, subject int) {
	if b.odd[observer].toggle(subject, b.words) {
		b.oddOf[subject]++
	} else {
		b.oddOf[subject]--
	}
}

// swapUsual makes usual of a member what has become so.
func (b *beliefs) swapUsual(subject int) {
	setBit(b.usual, subject, !bit(b.usual, subject))
	for o, holds := range b.holds {
		if holds && o != subject {
			b.turn(o, subject)
		}
	}
}

// setTruth records whether subject is alive.
func (b *beliefs) setTruth(subject int, alive bool) {
	before := b.wrongAbout(subject)
	setBit(b.truth, subject, alive)
	b.wrong += b.wrongAbout(subject) - before
}

// forget has nobody take subject for alive: it is somewhere else now, and nobody knows that.
func (b *beliefs) forget(subject int) {
	for o := range b.holds {
		b.learn(o, subject, false)
	}
}

// expect makes it usual to take subject for alive, before any view counts.
func (b *beliefs) expect(subject int) {
	invariant.Check(b.holders == 0, "cluster: views count already")
	setBit(b.usual, subject, true)
}

// begin makes the view of observer count. It takes nobody but itself for alive or, if it knows
// what is usual, whom most do.
func (b *beliefs) begin(observer int, knowing bool) {
	if b.holds[observer] {
		return
	}
	b.holds[observer] = true
	b.holders++
	for w, members := range b.usual {
		for ; members != 0 && !knowing; members &= members - 1 {
			if s := w*64 + bits.TrailingZeros64(members); s != observer {
				b.turn(observer, s)
			}
		}
	}
	b.wrong += b.differences(observer)
}

// end makes the view of observer count no longer, and forgets it.
func (b *beliefs) end(observer int) {
	if !b.holds[observer] {
		return
	}
	b.wrong -= b.differences(observer)
	b.odd[observer].each(func(s int) { b.oddOf[s]-- })
	b.odd[observer] = deviations{}
	b.holds[observer] = false
	b.holders--
}

// differences counts where observer is wrong about others.
func (b *beliefs) differences(observer int) int {
	count := 0
	for w, x := range b.usual {
		x ^= b.truth[w]
		if w == observer/64 {
			x &^= 1 << (observer % 64)
		}
		count += bits.OnesCount64(x)
	}
	b.odd[observer].each(func(s int) {
		if bit(b.usual, s) == bit(b.truth, s) {
			count++
		} else {
			count--
		}
	})
	return count
}

// deviations is a set of members: a list of few, a bit for each if they are many.
type deviations struct {
	few   []int32 // ascending
	many  []uint64
	count int
}

// fewDeviations is what a list holds at most. A bitmap is given up for a list again at half of it.
const fewDeviations = 64

func (d *deviations) has(s int) bool {
	if d.many != nil {
		return bit(d.many, s)
	}
	_, found := slices.BinarySearch(d.few, int32(s))
	return found
}

// toggle adds s or removes it, and reports whether it is in now. words is the size of a bitmap.
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

// maybeList replaces the bitmap by a list if few are left.
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
