package netsim

import "math/bits"

// beliefs compares what every member takes the others for with what they are,
// as two bits a pair, and keeps count of the differences: that all views agree
// with the truth is then one comparison, at any number of members.
type beliefs struct {
	n     int
	words int      // of a row
	alive []uint64 // n rows: whom the row's member takes for alive
	truth []uint64 // who is
	holds []bool   // whose views count: those that run
	wrong int      // pairs of an observer that counts and another member where alive differs from truth
}

func newBeliefs(n int) *beliefs {
	words := (n + 63) / 64
	return &beliefs{n: n, words: words, alive: make([]uint64, n*words), truth: make([]uint64, words), holds: make([]bool, n)}
}

func (b *beliefs) row(observer int) []uint64 {
	return b.alive[observer*b.words : (observer+1)*b.words]
}

func bit(row []uint64, i int) bool { return row[i/64]>>(i%64)&1 == 1 }

func setBit(row []uint64, i int, on bool) {
	if on {
		row[i/64] |= 1 << (i % 64)
	} else {
		row[i/64] &^= 1 << (i % 64)
	}
}

// believes reports whether observer takes subject for alive.
func (b *beliefs) believes(observer, subject int) bool { return bit(b.row(observer), subject) }

// isAlive is the truth.
func (b *beliefs) isAlive(subject int) bool { return bit(b.truth, subject) }

// learn records that observer takes subject for alive, or no longer does.
func (b *beliefs) learn(observer, subject int, alive bool) {
	row := b.row(observer)
	if bit(row, subject) == alive {
		return
	}
	setBit(row, subject, alive)
	if !b.holds[observer] || observer == subject {
		return
	}
	if alive == bit(b.truth, subject) {
		b.wrong--
	} else {
		b.wrong++
	}
}

// setTruth records whether subject is alive.
func (b *beliefs) setTruth(subject int, alive bool) {
	if bit(b.truth, subject) == alive {
		return
	}
	for o := range b.n {
		if !b.holds[o] || o == subject {
			continue
		}
		if b.believes(o, subject) == alive {
			b.wrong--
		} else {
			b.wrong++
		}
	}
	setBit(b.truth, subject, alive)
}

// setHolds says whether the views of observer count. Who stops holding views forgets them.
func (b *beliefs) setHolds(observer int, holds bool) {
	if b.holds[observer] == holds {
		return
	}
	row := b.row(observer)
	if !holds {
		b.wrong -= b.differences(observer)
		clear(row)
	}
	b.holds[observer] = holds
	if holds {
		b.wrong += b.differences(observer)
	}
}

// differences counts where observer is wrong about others.
func (b *beliefs) differences(observer int) int {
	count := 0
	for w, x := range b.row(observer) {
		x ^= b.truth[w]
		if w == observer/64 {
			x &^= 1 << (observer % 64)
		}
		count += bits.OnesCount64(x)
	}
	return count
}
