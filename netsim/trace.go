package netsim

import (
	"encoding/binary"
	"math/bits"
	"net/netip"

	"serf/swim"
)

// Odd constants without structure: the fractional parts of the golden ratio
// and of square roots.
const (
	mixA = 0x9e3779b97f4a7c15
	mixB = 0x6a09e667f3bcc909
	mixC = 0xbb67ae8584caa73b
)

// mix folds two words into one. Every bit of either moves about half of the result's.
func mix(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a^mixA, b^mixB)
	hi, lo = bits.Mul64(hi^lo^mixC, a+bits.RotateLeft64(b, 32)+mixA|1)
	return hi ^ lo
}

// draws is a stream of random numbers for one thing that one host sends.
type draws struct{ state uint64 }

func newDraws(seed, from, seq uint64) draws { return draws{mix(mix(seed, from), seq)} }

// next is splitmix64, which is fine with any seed.
func (d *draws) next() uint64 {
	d.state += mixA
	z := d.state
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// below draws from 0 to n-1, n > 0.
func (d *draws) below(n int) int {
	hi, _ := bits.Mul64(d.next(), uint64(n))
	return int(hi)
}

// trace is the running digest of a simulation.
type trace uint64

func newTrace(seed uint64) trace { return trace(mix(seed, mixC)) }

// What else than packets and events changes a run.
const (
	traceStart uint64 = iota + 1
	traceCrash
	tracePause
	traceResume
	traceStream
	traceEvent
)

func (t *trace) add(words ...uint64) {
	h := uint64(*t)
	for _, w := range words {
		h = mix(h, w)
	}
	*t = trace(h)
}

func (t *trace) bytes(b []byte) { *t = trace(mix(uint64(*t), hashBytes(b))) }

func (t *trace) packet(e *event, now swim.Time, data []byte) {
	t.add(uint64(now), uint64(uint32(e.to))<<32|uint64(uint32(e.from)), e.seq)
	t.bytes(data)
}

func (t *trace) event(now swim.Time, h int32, e *swim.Event) {
	flag := uint64(0)
	if e.Flag {
		flag = 1
	}
	t.add(traceEvent, uint64(now), uint64(uint32(h)), uint64(e.Kind)<<32|flag, uint64(e.Member), uint64(e.Op), e.LTime, uint64(e.N), uint64(e.RTT))
	for _, m := range e.Members {
		t.add(uint64(m))
	}
	if e.Addr != (netip.AddrPort{}) {
		a := e.Addr.Addr().As16()
		t.bytes(a[:])
		t.add(uint64(e.Addr.Port()))
	}
	t.bytes(e.Name)
	t.bytes(e.Data)
	if e.Err != nil {
		t.bytes([]byte(e.Err.Error()))
	}
}

// hashBytes digests b eight bytes at a time. Its length counts, so that a
// truncated packet isn't the same as one that ends in zeros.
func hashBytes(b []byte) uint64 {
	h := uint64(len(b)) * mixA
	for len(b) >= 8 {
		hi, lo := bits.Mul64(h^mixB, binary.LittleEndian.Uint64(b)^mixC)
		h = hi ^ lo ^ h
		b = b[8:]
	}
	var tail [8]byte
	copy(tail[:], b)
	return mix(h, binary.LittleEndian.Uint64(tail[:]))
}
