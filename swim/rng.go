package swim

import (
	"math/bits"
	"math/rand/v2"
)

// rng is a node's own source of random numbers, a few words by value.
type rng struct{ pcg rand.PCG }

func newRNG(seed uint64) rng {
	var r rng
	r.pcg.Seed(mix(seed), mix(seed+0x9e3779b97f4a7c15))
	return r
}

// below returns a number in [0, n), n > 0, by Lemire's method without rejection: a bias of 2^-32
// doesn't matter here, a fixed number of draws does.
func (r *rng) below(n int) int {
	hi, _ := bits.Mul64(r.pcg.Uint64(), uint64(n))
	return int(hi)
}

// id returns a number of 31 bits.
func (r *rng) id() uint32 { return uint32(r.pcg.Uint64() >> 33) }

// float returns a number in [0, 1).
func (r *rng) float() float64 { return float64(r.pcg.Uint64()>>11) / (1 << 53) }

// Mix is splitmix64's finaliser: each bit of the result depends on each of x.
func Mix(x uint64) uint64 { return mix(x) }

func mix(x uint64) uint64 {
	x ^= x >> 30
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 27
	x *= 0x94d049bb133111eb
	return x ^ x>>31
}
