package netsim

import (
	"encoding/binary"
	"math/bits"
	"net/netip"

	"serf/swim"
)

// trace is a running digest of what happened to one host. The traces of all hosts make up that of
// the simulation, which therefore doesn't depend on which worker simulates a host, nor when in real
// time.
type trace uint64

func newTrace(seed, host uint64) trace { return trace(Mix(Mix(seed, mixC), host)) }

// What changes a run besides packets and events.
const (
	traceStart uint64 = iota + 1
	traceCrash
	tracePause
	traceResume
	traceStream
	traceEvent
	traceClock
)

func (t *trace) add(words ...uint64) {
	h := uint64(*t)
	for _, w := range words {
		h = Mix(h, w)
	}
	*t = trace(h)
}

func (t *trace) bytes(b []byte) { *t = trace(Mix(uint64(*t), hashBytes(b))) }

// packet adds a packet that arrives. Sender and sequence distinguish all packets to one host.
func (t *trace) packet(e *event, data []byte) {
	h := Mix(uint64(*t)^uint64(e.at), uint64(uint32(e.from()))<<40^e.seq)
	*t = trace(Mix(h, hashBytes(data)))
}

func (t *trace) event(now swim.Time, e *swim.Event) {
	flag := uint64(0)
	if e.Flag {
		flag = 1
	}
	t.add(traceEvent, uint64(now), uint64(e.Kind)<<32|flag, uint64(e.Member), uint64(e.Op), e.LTime,
		uint64(e.N), uint64(e.RTT))
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

// hashBytes digests b eight bytes at a time, and in four lanes while there is enough: a processor
// does four multiplications in the time that one takes to complete. The length is part of the
// digest, so that a truncated packet differs from one that ends in zeros.
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
		h = Mix(Mix(lanes[0], lanes[1]), Mix(lanes[2], lanes[3]))
	}
	for ; len(b) >= 8; b = b[8:] {
		h = fold(h, binary.LittleEndian.Uint64(b))
	}
	var tail [8]byte
	copy(tail[:], b)
	return Mix(h, binary.LittleEndian.Uint64(tail[:]))
}

func fold(h, word uint64) uint64 {
	hi, lo := bits.Mul64(h^mixB, word^mixC)
	return hi ^ lo ^ h
}
