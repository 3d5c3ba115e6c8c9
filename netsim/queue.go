package netsim

import (
	"math/bits"

	"serf/swim"
)

type eventKind uint8

const (
	kindPacket  eventKind = iota // ref: a flight
	kindDial                     // ref: a call; the caller tries to connect
	kindExpired                  // ref: a call; the caller's deadline
	kindRequest                  // ref: a stream message; the server gets the request
	kindReply                    // ref: a stream message; the caller gets the answer
	kindRefused                  // ref: a stream message; the caller learns that the call failed
	kindTimer                    // the machine may be due
	kindSent                     // ref: a call; the caller learns that its block is on the way
	kindRead                     // the machine has read a packet that waited
)

// event is something that happens to a host. It has no pointers, so that the garbage collector
// needn't scan the queue.
type event struct {
	at    swim.Time
	order uint64 // order among events of the same time, see orderOf
	seq   uint64 // the sender's: unique with the sender
	ref   uint32
	kind  eventKind
}

// lastOfInstant marks timers, which come after all that arrives at the same instant: an ack that is
// just in time counts.
const lastOfInstant = 1 << 63

// orderOf orders the events of one instant: by receiver, then by sender.
func orderOf(to, from int32) uint64 { return uint64(uint32(to))<<32 | uint64(uint32(from)) }

func (e *event) to() int32   { return int32(e.order >> 32 & (1<<31 - 1)) }
func (e *event) from() int32 { return int32(uint32(e.order)) }

// before is the total order of all events.
func (e *event) before(f *event) bool {
	if e.at != f.at {
		return e.at < f.at
	}
	if e.order != f.order {
		return e.order < f.order
	}
	return e.seq < f.seq
}

// eventQueue yields events in their total order. Only the events of the next instants are kept in
// order. The others wait unsorted in a ring of buckets, which covers about a second, or in a heap
// if they are later than that. The part in use fits the processor's cache, whatever the number of
// hosts.
type eventQueue struct {
	near   eventHeap // all before edge
	fresh  bool      // near has events that weren't preloaded
	far    eventHeap // beyond the ring when it was pushed
	ring   []uint32  // the first block of each bucket, by time from edge on; nil until needed
	full   [ringSize / 64]uint64
	edge   swim.Time    // a multiple of bucketWidth
	blocks []eventBlock // of all buckets; 0 is none
	spare  uint32       // the first free block
}

// eventBlock is a part of a bucket.
type eventBlock struct {
	count, next uint32
	events      [4]event
}

const (
	bucketBits  = 16              // a bucket is 66 µs wide, less than most packets take
	bucketWidth = 1 << bucketBits // ns
	ringSize    = 1 << 14         // buckets: 1.07 s, longer than a probe interval
)

// next is the time of the first event, or Never.
func (q *eventQueue) next() swim.Time {
	if len(q.near) == 0 && !q.advance() {
		return swim.Never
	}
	return q.near[0].at
}

// before reports whether the first event of q comes before that of other, in the total order.
func (q *eventQueue) before(other *eventQueue) bool {
	a, b := q.next(), other.next()
	return a < b || a == b && a != swim.Never && q.near[0].before(&other.near[0])
}

func (q *eventQueue) push(e event) {
	switch {
	case e.at < q.edge:
		q.near.push(e)
	case e.at-q.edge < (ringSize-1)*bucketWidth:
		q.wait(e)
	default:
		q.far.push(e)
	}
}

func bucketOf(t swim.Time) int { return int(t>>bucketBits) & (ringSize - 1) }

// wait puts e into its bucket, unsorted.
func (q *eventQueue) wait(e event) {
	if q.ring == nil {
		q.ring, q.blocks = make([]uint32, ringSize), make([]eventBlock, 1)
	}
	b := bucketOf(e.at)
	i := q.ring[b]
	if i == 0 || int(q.blocks[i].count) == len(q.blocks[i].events) {
		i = q.newBlock(i)
		q.ring[b] = i
		q.full[b/64] |= 1 << (b % 64)
	}
	k := &q.blocks[i]
	k.events[k.count] = e
	k.count++
}

func (q *eventQueue) newBlock(next uint32) uint32 {
	i := q.spare
	if i == 0 {
		i = uint32(len(q.blocks))
		q.blocks = append(q.blocks, eventBlock{})
	} else {
		q.spare = q.blocks[i].next
	}
	q.blocks[i].count, q.blocks[i].next = 0, next
	return i
}

// empty moves the events of bucket b into near, which must be empty.
func (q *eventQueue) empty(b int) {
	for i := q.ring[b]; i != 0; {
		k := &q.blocks[i]
		q.near = append(q.near, k.events[:k.count]...)
		next := k.next
		k.next, q.spare = q.spare, i
		i = next
	}
	q.ring[b] = 0
	q.full[b/64] &^= 1 << (b % 64)
	q.near.order()
}

// pop removes and returns the first event. next must have said that there is one.
func (q *eventQueue) pop() event { return q.near.pop() }

// advance moves the edge past the next events, into near. It reports false if there are none.
func (q *eventQueue) advance() bool {
	start := q.firstBucket()
	if len(q.far) > 0 {
		start = min(start, q.far[0].at&^(bucketWidth-1))
	}
	if start == swim.Never {
		return false
	}
	q.edge, q.fresh = start+bucketWidth, true
	if b := bucketOf(start); q.full[b/64]>>(b%64)&1 == 1 {
		q.empty(b)
	}
	for len(q.far) > 0 && q.far[0].at < q.edge {
		q.near.push(q.far.pop())
	}
	return true
}

// firstBucket is the start of the first bucket that isn't empty, or Never.
func (q *eventQueue) firstBucket() swim.Time {
	b := bucketOf(q.edge)
	word := q.full[b/64] &^ (1<<(b%64) - 1)
	for i := range len(q.full) + 1 {
		if word != 0 {
			found := (b/64+i)%len(q.full)*64 + bits.TrailingZeros64(word)
			return q.edge + swim.Time((found-b)&(ringSize-1))<<bucketBits
		}
		word = q.full[(b/64+i+1)%len(q.full)]
	}
	return swim.Never
}

// eventHeap is a heap of values with four children to a parent. It is half as deep as a binary
// heap, and siblings share a cache line or two.
type eventHeap []event

const heapArity = 4

func (q *eventHeap) push(e event) {
	*q = append(*q, e)
	h := *q
	i := len(h) - 1
	for i > 0 {
		parent := (i - 1) / heapArity
		if !e.before(&h[parent]) {
			break
		}
		h[i] = h[parent]
		i = parent
	}
	h[i] = e
}

// order turns a slice in any order into a heap.
func (q eventHeap) order() {
	for i := (len(q) + heapArity - 2) / heapArity; i > 0; i-- {
		q.sink(i-1, q[i-1])
	}
}

// pop removes and returns the first event. The heap must not be empty.
func (q *eventHeap) pop() event {
	h := *q
	first, last := h[0], h[len(h)-1]
	h = h[:len(h)-1]
	*q = h
	if len(h) > 0 {
		h.sink(0, last)
	}
	return first
}

// sink puts e into the hole at i.
func (q eventHeap) sink(i int, e event) {
	for {
		child := i*heapArity + 1
		if child >= len(q) {
			break
		}
		least := child
		for c := child + 1; c < min(child+heapArity, len(q)); c++ {
			if q[c].before(&q[least]) {
				least = c
			}
		}
		if !q[least].before(&e) {
			break
		}
		q[i] = q[least]
		i = least
	}
	q[i] = e
}

// pool hands out slots by number, since events carry no pointers.
type pool[T any] struct {
	slots []T
	free  []uint32
}

// put stores x and returns its number.
func (p *pool[T]) put(x T) uint32 {
	if n := len(p.free); n > 0 {
		i := p.free[n-1]
		p.free = p.free[:n-1]
		p.slots[i] = x
		return i
	}
	p.slots = append(p.slots, x)
	return uint32(len(p.slots) - 1)
}

// take empties slot i and returns what was in it.
func (p *pool[T]) take(i uint32) T {
	var empty T
	x := p.slots[i]
	p.slots[i] = empty
	p.free = append(p.free, i)
	return x
}
