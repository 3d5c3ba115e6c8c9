package swim

import (
	"slices"

	"serf/wire"
)

// Queue holds broadcasts, each of which is sent a limited number of times. Those sent least often
// go first, of these the larger, of these the newer: new messages go out at once, and packets are
// filled well.
//
// The broadcasts sent equally often lie in classes by size, each a list with the newest in front.
// The lists that aren't empty are in one slice in the order in which they are sent: filling a packet
// looks at a few of them instead of at every broadcast. The zero Queue is empty and has room for
// QueueMax broadcasts.
type Queue struct {
	n     int
	drops uint64
	slots []slot
	lists []list           // by rank
	byKey map[uint64]int16 // slot + 1
	free  int16            // first free slot + 1, or 0

	sent, sentBytes uint64

	// Fair sends the oldest of those sent equally often first, whatever its size: otherwise the
	// oldest could come too late in a burst. Set it before the first Add.
	Fair bool
	// Rebroadcasts takes the broadcasts that were sent often enough. Nil: they are dropped.
	Rebroadcasts *Rebroadcasts
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

// list is the broadcasts of one size class that were sent equally often.
type list struct {
	rank        uint32 // see rankOf
	first, last int16  // slot + 1
}

// rankOf orders lists: those sent less often go first, of these the larger.
func rankOf(sends uint16, class int) uint32 { return uint32(sends)<<8 | uint32(classes-1-class) }

func (l *list) class() int { return classes - 1 - int(l.rank&0xff) }

// sends is how often the broadcasts of l were sent.
func (l *list) sends() int { return int(l.rank >> 8) }

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
	var sent int16 // list of slots by next, back in their lists when the packet is full
	end := &sent
	for i := 0; i < len(q.lists); {
		l := q.lists[i]
		s := q.next(&l, p.Room())
		if s == 0 || !p.Add(q.slots[s-1].msg) {
			i++
			continue
		}
		q.unlink(s) // if it was the only one, the next list is at i now
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

// next returns the first broadcast of l, or the first of a few after it, that has at most room
// bytes. There may be thousands that are all a little too large.
func (q *Queue) next(l *list, room int) int16 {
	if !q.Fair && l.class() > classOf(room) {
		return 0
	}
	s := l.first
	if q.Fair {
		s = l.last
	}
	for range edgeLooks {
		if s == 0 {
			break
		}
		it := &q.slots[s-1]
		if len(it.msg) <= room {
			return s
		}
		s = it.next
		if q.Fair {
			s = it.prev
		}
	}
	return 0
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
	most := q.lists[len(q.lists)-1].sends()
	i, _ := q.find(rankOf(uint16(most), classes-1))
	q.drops++
	q.remove(q.lists[i].last)
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
		q.slots, q.free, q.lists, q.byKey = nil, 0, nil, nil
	}
}

// find returns where in q.lists the list of this rank is, or belongs.
func (q *Queue) find(rank uint32) (i int, found bool) {
	for end := len(q.lists); i < end; {
		if mid := (i + end) / 2; q.lists[mid].rank < rank {
			i = mid + 1
		} else {
			end = mid
		}
	}
	return i, i < len(q.lists) && q.lists[i].rank == rank
}

// push puts s in front of its list.
func (q *Queue) push(s int16) {
	it := &q.slots[s-1]
	rank := rankOf(it.sends, q.class(it))
	i, found := q.find(rank)
	if !found {
		q.lists = slices.Insert(q.lists, i, list{rank: rank, last: s})
	}
	l := &q.lists[i]
	it.prev, it.next = 0, l.first
	if it.next != 0 {
		q.slots[it.next-1].prev = s
	}
	l.first = s
}

func (q *Queue) unlink(s int16) {
	it := &q.slots[s-1]
	i, _ := q.find(rankOf(it.sends, q.class(it)))
	l := &q.lists[i]
	if it.prev != 0 {
		q.slots[it.prev-1].next = it.next
	} else {
		l.first = it.next
	}
	if it.next != 0 {
		q.slots[it.next-1].prev = it.prev
	} else {
		l.last = it.prev
	}
	if l.first == 0 {
		q.lists = slices.Delete(q.lists, i, i+1)
	}
}
