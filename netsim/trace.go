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

// skip passes over n numbers: what is drawn after them is the same as if they had been used.
func (d *draws) skip(n uint64) { d.state += n * mixA }

// hits draws whether something of that chance happens.
func (d *draws) hits(c Chance) bool {
	if c == 0 {
		d.skip(1)
		return false
	}
	return c.hits(d.next())
}

// below draws from 0 to n-1, n > 0.
func (d *draws) below(n int) int {
	hi, _ := bits.Mul64(d.next(), uint64(n))
	return int(hi)
}

// trace is the running digest of what happened to one host. Those of all hosts make up
// that of the simulation: who is simulated by which worker, and when in real time, is
// nothing to it.
type trace uint64

func newTrace(seed, host uint64) trace { return trace(mix(mix(seed, mixC), host)) }

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

// packet takes in a packet that arrives. from and sequence tell all packets to one host apart.
func (t *trace) packet(e *event, data []byte) {
	h := mix(uint64(*t)^uint64(e.at), uint64(uint32(e.from()))<<40^e.seq)
	*t = trace(mix(h, hashBytes(data)))
}

func (t *trace) event(now swim.Time, e *swim.Event) {
	flag := uint64(0)
	if e.Flag {
		flag = 1
	}
	t.add(traceEvent, uint64(now), uint64(e.Kind)<<32|flag, uint64(e.Member), uint64(e.Op), e.LTime, uint64(e.N), uint64(e.RTT))
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

// hashBytes digests b eight bytes at a time, in four lanes as long as there is enough: a
// processor multiplies four times in the time that one product takes. Its length counts, so
// that a truncated packet isn't the same as one that ends in zeros.
func hashBytes(b []byte) uint64 {
	h := uint64(len(b)) * mixA
	if len(b) >= 32 {
		lanes := [4]uint64{h ^ mixA, h ^ mixB, h ^ mixC, h}
		for ; len(b) >= 32; b = b[32:] {
			lanes[0] = fold(lanes[0], binary.LittleEndian.Uint64(b))
			lanes[1] = fold(lanes[1], binary.LittleEndian.Uint64(b[8:]))
			lanes[2] = fold(lanes[2], binary.LittleEndian.Uint64(b[16:]))
			lanes[3] = fold(lanes[3], binary.LittleEndian.Uint64(b[24:]))
		}
		h = mix(mix(lanes[0], lanes[1]), mix(lanes[2], lanes[3]))
	}
	for ; len(b) >= 8; b = b[8:] {
		h = fold(h, binary.LittleEndian.Uint64(b))
	}
	var tail [8]byte
	copy(tail[:], b)
	return mix(h, binary.LittleEndian.Uint64(tail[:]))
}

func fold(h, word uint64) uint64 {
	hi, lo := bits.Mul64(h^mixB, word^mixC)
	return hi ^ lo ^ h
}
