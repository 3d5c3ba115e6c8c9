package netsim

import (
	"encoding/binary"

	"serf/internal/invariant"
)

// packetsInFlight stores the packets on their way: their bytes and the places they travel between.
// They lie one after the other in chunks, since they arrive in about the order in which they were
// sent, and a chunk is reused when all of its packets have arrived. Memory use is therefore that of
// the packets in flight, and stays in the processor's cache.
type packetsInFlight struct {
	chunks []chunk
	spare  []uint32 // empty chunks
	open   uint32   // the chunk being filled, if there are any
}

type chunk struct {
	data []byte
	live int // packets in it
}

const (
	// A packet's number is its chunk and, in the low bits, its offset in units of packetAlign.
	chunkBits   = 16 // any UDP packet fits, with packetHead
	chunkSize   = 1 << chunkBits
	alignBits   = 3
	packetAlign = 1 << alignBits // bytes
	offsetBits  = chunkBits - alignBits
	packetHead  = 12 // bytes: from, to, length
	// packetMax is the largest payload of UDP over IPv4. It fits a chunk.
	packetMax = 65_507
)

// put stores a packet and returns its number.
func (f *packetsInFlight) put(from, to place, data []byte) uint32 {
	invariant.Check(len(data) <= packetMax, "netsim: packet larger than UDP can carry")
	size := (packetHead + len(data) + packetAlign - 1) &^ (packetAlign - 1)
	if len(f.chunks) == 0 || len(f.chunks[f.open].data)+size > chunkSize {
		f.turn()
	}
	c := &f.chunks[f.open]
	at := len(c.data)
	c.data = c.data[:at+size]
	b := c.data[at:]
	binary.LittleEndian.PutUint32(b, uint32(from))
	binary.LittleEndian.PutUint32(b[4:], uint32(to))
	binary.LittleEndian.PutUint32(b[8:], uint32(len(data)))
	copy(b[packetHead:], data)
	c.live++
	return f.open<<offsetBits | uint32(at>>alignBits)
}

// turn opens another chunk to fill.
func (f *packetsInFlight) turn() {
	if n := len(f.spare); n > 0 {
		f.open = f.spare[n-1]
		f.spare = f.spare[:n-1]
		return
	}
	f.open = uint32(len(f.chunks))
	// 32 GiB of them
	invariant.Check(f.open < 1<<(32-offsetBits), "netsim: too many packets on their way")
	f.chunks = append(f.chunks, chunk{data: make([]byte, 0, chunkSize)})
}

// at returns packet i. data is borrowed until drop.
func (f *packetsInFlight) at(i uint32) (from, to place, data []byte) {
	b := f.chunks[i>>offsetBits].data[i&(1<<offsetBits-1)<<alignBits:]
	n := binary.LittleEndian.Uint32(b[8:])
	from, to = place(binary.LittleEndian.Uint32(b)), place(binary.LittleEndian.Uint32(b[4:]))
	return from, to, b[packetHead : packetHead+n : packetHead+n]
}

// drop frees packet i.
func (f *packetsInFlight) drop(i uint32) {
	c := &f.chunks[i>>offsetBits]
	c.live--
	invariant.Check(c.live >= 0, "netsim: packet dropped twice")
	if c.live > 0 {
		return
	}
	c.data = c.data[:0]
	if n := i >> offsetBits; n != f.open {
		f.spare = append(f.spare, n)
	}
}
