package swim

import (
	"math/bits"

	"serf/wire"
)

// Queue holds broadcasts, each of which is sent a limited number of times. Those sent least often
// go first, of these the larger, of these the newer: new messages go out at once, and packets are
// filled well.
//
// The broadcasts sent equally often lie in classes by size, each a list with the newest in front.
// Filling a packet looks at a few bits instead of at every broadcast. The zero Queue is empty and
// has room for QueueMax broadcasts.
type Queue struct {
	// Fair sends the oldest of those sent equally often first, whatever its size: otherwise the
	// oldest could come too late in a burst. Set it before the first Add.
	Fair bool
	// Rebroadcasts takes the broadcasts that were sent often enough. Nil: they are dropped.
	Rebroadcasts *Rebroadcasts

	slots []slot
	free  int16            // first free slot + 1, or 0
	tiers []tier           // by times sent
	byKey map[uint64]int16 // slot + 1
	n     int
	drops uint64

	sent, sentBytes uint64
}

// QueueMax bounds a queue. It overflows only if messages come faster than gossip sends them; those
// sent most often are dropped first.
const QueueMax = 4096 // fits the 16 bits of a slot's number

const (
	// keepSlots is how many slots an empty queue keeps.
	keepSlots = 64
	// edgeLooks is how many broadcasts are tried that may not fit.
	edgeLooks = 8

	classBytes = 24 // width of a size class: 64 of them span a packet
	classes    = 64
)

type slot struct {
	msg        []byte // memory is kept for the next message
	key        uint64
	next, prev int16 // slot + 1 in the list of its class
	sends      uint16
}

type tier struct {
	first, last [classes]int16 // slot + 1
	used        uint64         // bit c: class c isn't empty
}

// Len is the number of waiting broadcasts.
func (q *Queue) Len() int { return q.n }

// Drops is how many broadcasts were dropped for lack of room, since the start.
func (q *Queue) Drops() uint64 { return q.drops }

// Sent is how many messages were put into packets, counted once for each recipient, and their
// bytes.
func (q *Queue) Sent() (messages, bytes uint64) { return q.sent, q.sentBytes }

// Has tells whether a broadcast with this key waits.
func (q *Queue) Has(key uint64) bool { return q.byKey[key] != 0 }

// Add queues a copy of msg. A broadcast with the same key, unless 0, is replaced.
func (q *Queue) Add(key uint64, msg []byte) {
	if key != 0 {
		if old := q.byKey[key]; old != 0 {
			q.remove(old)
		}
	}
	if q.n >= QueueMax {
		q.dropOne()
	}
	s := q.take()
	it := &q.slots[s-1]
	it.msg = append(it.msg[:0], msg...)
	it.key, it.sends = key, 0
	if key != 0 {
		if q.byKey == nil {
			q.byKey = make(map[uint64]int16)
		}
		q.byKey[key] = s
	}
	q.n++
	q.push(s)
}

// Remove removes the broadcast with this key, if there is one.
func (q *Queue) Remove(key uint64) {
	if s := q.byKey[key]; s != 0 {
		q.remove(s)
	}
}

// Fill adds to p the broadcasts that fit, each once. The packet goes to copies members. Broadcasts
// that were sent limit times are done.
func (q *Queue) Fill(p *wire.Packer, limit, copies int) {
	var sent int16 // list of slots by next, back in their tiers when the packet is full
	end := &sent
	for t := 0; t < len(q.tiers) && q.n > 0; t++ {
		for {
			s := q.next(t, p.Room())
			if s == 0 || !p.Add(q.slots[s-1].msg) {
				break
			}
			q.unlink(s)
			it := &q.slots[s-1]
			it.sends += uint16(copies)
			q.sent += uint64(copies)
			q.sentBytes += uint64(copies * len(it.msg))
			if q.Fair { // keeps the order: the oldest goes back first
				it.next, *end, end = 0, s, &it.next
			} else {
				it.next, sent = sent, s
			}
		}
	}
	for sent != 0 {
		s := sent
		sent = q.slots[s-1].next
		if int(q.slots[s-1].sends) >= limit {
			if q.Rebroadcasts != nil {
				q.Rebroadcasts.add(q.slots[s-1].msg)
			}
			q.release(s)
		} else {
			q.push(s)
		}
	}
}

// next returns what tier t sends next in at most room bytes.
func (q *Queue) next(t, room int) int16 {
	switch {
	case room <= 0:
		return 0
	case q.Fair:
		return q.oldest(t, room)
	}
	return q.largest(t, room)
}

// oldest returns the oldest broadcast of tier t, or the first of a few after it that fits.
func (q *Queue) oldest(t, room int) int16 {
	s := q.tiers[t].last[0]
	for range edgeLooks {
		if s == 0 || len(q.slots[s-1].msg) <= room {
			return s
		}
		s = q.slots[s-1].prev
	}
	return 0
}

// largest returns the newest of the largest broadcasts of tier t with at most room bytes. In the
// class of room itself only the first few are tried: it may hold thousands that are all a little
// too large.
func (q *Queue) largest(t, room int) int16 {
	tr := &q.tiers[t]
	c := classOf(room)
	s := tr.first[c]
	for range edgeLooks {
		if s == 0 {
			break
		}
		if len(q.slots[s-1].msg) <= room {
			return s
		}
		s = q.slots[s-1].next
	}
	if c = tr.below(c - 1); c < 0 {
		return 0
	}
	return tr.first[c]
}

// below returns the highest used class up to c, or -1.
func (t *tier) below(c int) int {
	if c < 0 {
		return -1
	}
	return bits.Len64(t.used&(^uint64(0)>>(classes-1-c))) - 1
}

// class is the list that a slot belongs to; a fair queue has one a tier.
func (q *Queue) class(it *slot) int {
	if q.Fair {
		return 0
	}
	return classOf(len(it.msg))
}

func classOf(size int) int { return min(size/classBytes, classes-1) }

// dropOne drops the oldest of the broadcasts sent most often.
func (q *Queue) dropOne() {
	for t := len(q.tiers) - 1; t >= 0; t-- {
		if c := q.tiers[t].below(classes - 1); c >= 0 {
			q.drops++
			q.remove(q.tiers[t].last[c])
			return
		}
	}
}

func (q *Queue) remove(s int16) {
	q.unlink(s)
	q.release(s)
}

// take returns a slot that is in no list.
func (q *Queue) take() int16 {
	if s := q.free; s != 0 {
		q.free = q.slots[s-1].next
		return s
	}
	q.slots = append(q.slots, slot{})
	return int16(len(q.slots))
}

// release frees a slot that is in no list. An empty queue releases the memory of a burst.
func (q *Queue) release(s int16) {
	it := &q.slots[s-1]
	if it.key != 0 {
		delete(q.byKey, it.key)
	}
	it.key, it.next = 0, q.free
	q.free = s
	q.n--
	if q.n == 0 && len(q.slots) > keepSlots {
		q.slots, q.free, q.tiers, q.byKey = nil, 0, nil, nil
	}
}

// push puts s in front of its list.
func (q *Queue) push(s int16) {
	it := &q.slots[s-1]
	for int(it.sends) >= len(q.tiers) {
		q.tiers = append(q.tiers, tier{})
	}
	t, c := &q.tiers[it.sends], q.class(it)
	it.prev, it.next = 0, t.first[c]
	if it.next != 0 {
		q.slots[it.next-1].prev = s
	} else {
		t.last[c] = s
	}
	t.first[c] = s
	t.used |= 1 << c
}

func (q *Queue) unlink(s int16) {
	it := &q.slots[s-1]
	t, c := &q.tiers[it.sends], q.class(it)
	if it.prev != 0 {
		q.slots[it.prev-1].next = it.next
	} else {
		t.first[c] = it.next
	}
	if it.next != 0 {
		q.slots[it.next-1].prev = it.prev
	} else {
		t.last[c] = it.prev
	}
	if t.first[c] == 0 {
		t.used &^= 1 << c
	}
}
