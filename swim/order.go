package swim

// probeOrder walks 0..n-1 in rounds, each in an order that looks shuffled, in constant memory: a
// keyed permutation with a new key in each round.
//
// It is a Feistel network over the smallest even number of bits that holds n, and walks the cycle
// until a value is below n, which takes at most four steps on average. It must also be uniform over
// the keys, which a test checks: otherwise some members come late in round after round.
type probeOrder struct {
	key  uint64
	n    uint32
	next uint32
	half uint8 // bits of each half
}

// start begins a round over n places.
func (o *probeOrder) start(n int, key uint64) {
	half := uint8(1)
	for 1<<(2*half) < n {
		half++
	}
	*o = probeOrder{key: key, n: uint32(n), half: half}
}

// over tells whether the round has ended, or none began.
func (o *probeOrder) over() bool { return o.next >= o.n }

// step returns the next place, or false at the end of the round.
func (o *probeOrder) step() (int, bool) {
	if o.over() {
		return 0, false
	}
	x := o.permute(o.next)
	for x >= o.n {
		x = o.permute(x)
	}
	o.next++
	return int(x), true
}

func (o *probeOrder) permute(x uint32) uint32 {
	mask := uint32(1)<<o.half - 1
	l, r := x>>o.half, x&mask
	// Small domains need more rounds to come close to uniform.
	for i := range uint64(8) {
		l, r = r, l^uint32(mix(o.key+i*0x9e3779b97f4a7c15+uint64(r)))&mask
	}
	return l<<o.half | r
}
