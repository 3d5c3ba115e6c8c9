package netsim

import "math/bits"

// Odd constants without structure: the fractional parts of the golden ratio and of square roots.
const (
	mixA = 0x9e3779b97f4a7c15
	mixB = 0x6a09e667f3bcc909
	mixC = 0xbb67ae8584caa73b
)

// Mix folds two words into one. Every bit of either moves about half of the result's.
func Mix(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a^mixA, b^mixB)
	hi, lo = bits.Mul64(hi^lo^mixC, a+bits.RotateLeft64(b, 32)+mixA|1)
	return hi ^ lo
}

// Draws is a stream of random numbers. The network has one for each packet or message that a host
// sends.
type Draws struct{ state uint64 }

// NewDraws returns the stream that seed, sender and the sender's sequence number determine.
func NewDraws(seed, from, seq uint64) Draws { return Draws{Mix(Mix(seed, from), seq)} }

// Next is splitmix64, which is fine with any seed.
func (d *Draws) Next() uint64 {
	d.state += mixA
	z := d.state
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// skip discards n numbers: what is drawn after them is the same as if they had been used.
func (d *Draws) skip(n uint64) { d.state += n * mixA }

// Hits draws whether something of chance c happens.
func (d *Draws) Hits(c Chance) bool {
	if c == 0 {
		d.skip(1)
		return false
	}
	return c.hits(d.Next())
}

// Below draws from 0 to n-1, n > 0.
func (d *Draws) Below(n int) int {
	hi, _ := bits.Mul64(d.Next(), uint64(n))
	return int(hi)
}

// Some draws k elements of list, whose order it changes.
func (d *Draws) Some(list []int, k int) []int {
	for i := range k {
		j := i + d.Below(len(list)-i)
		list[i], list[j] = list[j], list[i]
	}
	return list[:k]
}
