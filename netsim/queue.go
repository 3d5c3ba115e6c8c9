package netsim

import (
	"net/netip"

	"serf/swim"
)

type eventKind uint8

const (
	kindPacket  eventKind = iota // ref: a flight
	kindAction                   // ref: an action
	kindDial                     // ref: a call; the caller tries to connect
	kindRequest                  // ref: a call; the server gets the request
	kindReply                    // ref: a call; the caller gets the answer
	kindRefused                  // ref: a call; the caller learns that it failed
	kindExpired                  // ref: a call; the caller's deadline
)

// event is something that happens to host to. It has no pointers, so that the
// queue is nothing to the garbage collector.
type event struct {
	at   swim.Time
	seq  uint64 // the sender's: unique with from
	to   int32
	from int32
	ref  int32
	kind eventKind
}

// before is the total order of everything that happens but timers.
func (e *event) before(f *event) bool {
	if e.at != f.at {
		return e.at < f.at
	}
	if e.to != f.to {
		return e.to < f.to
	}
	if e.from != f.from {
		return e.from < f.from
	}
	return e.seq < f.seq
}

// eventQueue is a heap of values with four children to a parent: half the
// depth of a binary heap, and children that share a cache line or two.
type eventQueue []event

const heapArity = 4

// next is the time of the first event, or Never.
func (q eventQueue) next() swim.Time {
	if len(q) == 0 {
		return swim.Never
	}
	return q[0].at
}

func (q *eventQueue) push(e event) {
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

// pop removes and returns the first event. The queue must not be empty.
func (q *eventQueue) pop() event {
	h := *q
	first, last := h[0], h[len(h)-1]
	h = h[:len(h)-1]
	*q = h
	if len(h) > 0 {
		h.sink(last)
	}
	return first
}

// sink puts e into the hole at the root.
func (q eventQueue) sink(e event) {
	i := 0
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

// timerQueue orders the one deadline of each host. Deadlines change with
// nearly every call into a machine, so that a host is moved within the heap
// instead of leaving a stale entry behind.
type timerQueue struct {
	heap []int32     // hosts
	pos  []int32     // of a host in heap, or none
	at   []swim.Time // of a host
}

func (t *timerQueue) grow(hosts int) {
	for len(t.pos) < hosts {
		t.pos = append(t.pos, none)
		t.at = append(t.at, swim.Never)
	}
}

// next is the earliest deadline, or Never.
func (t *timerQueue) next() swim.Time {
	if len(t.heap) == 0 {
		return swim.Never
	}
	return t.at[t.heap[0]]
}

// host is whose deadline is the earliest. There must be one.
func (t *timerQueue) host() int32 { return t.heap[0] }

// set moves host h to a new deadline. Never takes it out.
func (t *timerQueue) set(h int32, at swim.Time) {
	i := t.pos[h]
	switch {
	case i == none && at == swim.Never:
	case i == none:
		t.at[h] = at
		t.heap = append(t.heap, h)
		t.up(len(t.heap)-1, h)
	case at == swim.Never:
		t.remove(int(i))
	case at < t.at[h]:
		t.at[h] = at
		t.up(int(i), h)
	case at > t.at[h]:
		t.at[h] = at
		t.sink(int(i), h)
	}
}

func (t *timerQueue) remove(i int) {
	h, last := t.heap[i], t.heap[len(t.heap)-1]
	t.heap = t.heap[:len(t.heap)-1]
	t.pos[h], t.at[h] = none, swim.Never
	if last == h {
		return
	}
	t.up(i, last)
	t.sink(int(t.pos[last]), last)
}

func (t *timerQueue) before(a, b int32) bool {
	if t.at[a] != t.at[b] {
		return t.at[a] < t.at[b]
	}
	return a < b
}

func (t *timerQueue) place(i int, h int32) { t.heap[i], t.pos[h] = h, int32(i) }

func (t *timerQueue) up(i int, h int32) {
	for i > 0 {
		parent := (i - 1) / heapArity
		if !t.before(h, t.heap[parent]) {
			break
		}
		t.place(i, t.heap[parent])
		i = parent
	}
	t.place(i, h)
}

func (t *timerQueue) sink(i int, h int32) {
	for {
		child := i*heapArity + 1
		if child >= len(t.heap) {
			break
		}
		least := child
		for c := child + 1; c < min(child+heapArity, len(t.heap)); c++ {
			if t.before(t.heap[c], t.heap[least]) {
				least = c
			}
		}
		if !t.before(t.heap[least], h) {
			break
		}
		t.place(i, t.heap[least])
		i = least
	}
	t.place(i, h)
}

// pool hands out slots by number, since events carry no pointers. A slot keeps
// what it holds when it is freed, so that its memory serves again.
type pool[T any] struct {
	slots []T
	free  []int32
}

func (p *pool[T]) take() int32 {
	if n := len(p.free); n > 0 {
		i := p.free[n-1]
		p.free = p.free[:n-1]
		return i
	}
	var empty T
	p.slots = append(p.slots, empty)
	return int32(len(p.slots) - 1)
}

func (p *pool[T]) drop(i int32) { p.free = append(p.free, i) }

// flight is a packet on its way. Addresses are those of the moment it was sent:
// either end may have moved since.
type flight struct {
	from, to netip.AddrPort
	data     []byte
}

// bufferSize fits the packets of every preset, so that a buffer grows once at most.
const bufferSize = swim.PacketDefault

// set fills f with a copy of data.
func (f *flight) set(from, to netip.AddrPort, data []byte) {
	if f.data == nil {
		f.data = make([]byte, 0, bufferSize)
	}
	f.from, f.to, f.data = from, to, append(f.data[:0], data...)
}
