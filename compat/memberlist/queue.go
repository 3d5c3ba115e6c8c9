package memberlist

import (
	"cmp"
	"math"
	"slices"
	"sync"
)

// TransmitLimitedQueue has messages that are to reach all nodes. Each is sent a limited number of
// times, in packets to random nodes. Those sent least often go first, of these the largest that
// fits, of these the newest. Set both fields before the first call. It is safe for concurrent use.
type TransmitLimitedQueue struct {
	// NumNodes returns the number of nodes, on which the limit depends. It mustn't call the queue.
	NumNodes func() int

	// RetransmitMult: each message is sent RetransmitMult * ceil(log10(NumNodes+1)) times.
	RetransmitMult int

	mu     sync.Mutex
	tiers  [][]*queued // by times sent; each in ascending order, see queued.compare
	names  map[string]*queued
	length int
	last   uint64 // number of the broadcast that was queued last
}

// queued is a broadcast in a queue.
type queued struct {
	b      Broadcast
	size   int
	number uint64 // in the order of queueing
	sent   int    // its tier
	name   string // of a NamedBroadcast
}

// compare orders the broadcasts of a tier by size, then age: those to send first are last.
func (q *queued) compare(other *queued) int {
	return cmp.Or(cmp.Compare(q.size, other.size), cmp.Compare(q.number, other.number))
}

// QueueBroadcast queues b, after it has removed what b makes needless.
func (q *TransmitLimitedQueue) QueueBroadcast(b Broadcast) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.last++
	item := &queued{b: b, size: len(b.Message()), number: q.last}
	unique := false
	switch b := b.(type) {
	case NamedBroadcast:
		item.name = b.Name()
	case UniqueBroadcast:
		unique = true
	}
	switch {
	case item.name != "":
		if old := q.names[item.name]; old != nil {
			q.remove(old)
			old.b.Finished()
		}
	case !unique:
		q.invalidate(b)
	}
	q.insert(item)
}

// invalidate removes what b makes needless. Broadcasts that have a name or are unique aren't asked
// about.
func (q *TransmitLimitedQueue) invalidate(b Broadcast) {
	for tier, items := range q.tiers {
		kept := items[:0]
		for _, item := range items {
			if asks(item.b) && b.Invalidates(item.b) {
				q.length--
				item.b.Finished()
				continue
			}
			kept = append(kept, item)
		}
		clear(items[len(kept):])
		q.tiers[tier] = kept
	}
}

// asks tells whether b is compared with others by Invalidates.
func asks(b Broadcast) bool {
	switch b.(type) {
	case NamedBroadcast, UniqueBroadcast:
		return false
	}
	return true
}

// GetBroadcasts returns the messages for a packet: their lengths, each with overhead added, are at
// most limit in all.
func (q *TransmitLimitedQueue) GetBroadcasts(overhead, limit int) [][]byte {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.length == 0 {
		return nil
	}
	sends := transmitLimit(q.RetransmitMult, q.NumNodes())
	var messages [][]byte
	var again []*queued // each is sent once a call, so they go back at the end
	for tier := range q.tiers {
		for limit > overhead {
			item := q.take(tier, limit-overhead)
			if item == nil {
				break
			}
			msg := item.b.Message()
			messages = append(messages, msg)
			limit -= overhead + len(msg)
			if item.sent++; item.sent >= sends {
				q.forget(item)
				item.b.Finished()
			} else {
				again = append(again, item)
			}
		}
	}
	for _, item := range again {
		q.place(item)
	}
	return messages
}

// transmitLimit is how often a message is sent in a cluster of n nodes.
func transmitLimit(mult, n int) int {
	return mult * int(math.Ceil(math.Log10(float64(n+1))))
}

// take takes from a tier the largest broadcast of at most room bytes, or nil. It still counts as
// queued.
func (q *TransmitLimitedQueue) take(tier, room int) *queued {
	items := q.tiers[tier]
	i, _ := slices.BinarySearchFunc(items, room, func(item *queued, room int) int {
		if item.size <= room {
			return -1
		}
		return 1
	})
	if i == 0 {
		return nil
	}
	item := items[i-1]
	q.tiers[tier] = slices.Delete(items, i-1, i)
	return item
}

// insert adds item.
func (q *TransmitLimitedQueue) insert(item *queued) {
	q.length++
	if item.name != "" {
		if q.names == nil {
			q.names = make(map[string]*queued)
		}
		q.names[item.name] = item
	}
	q.place(item)
}

// place puts item into its tier.
func (q *TransmitLimitedQueue) place(item *queued) {
	for len(q.tiers) <= item.sent {
		q.tiers = append(q.tiers, nil)
	}
	i, _ := slices.BinarySearchFunc(q.tiers[item.sent], item, (*queued).compare)
	q.tiers[item.sent] = slices.Insert(q.tiers[item.sent], i, item)
}

// remove takes item out of its tier and forgets it.
func (q *TransmitLimitedQueue) remove(item *queued) {
	items := q.tiers[item.sent]
	if i, found := slices.BinarySearchFunc(items, item, (*queued).compare); found {
		q.tiers[item.sent] = slices.Delete(items, i, i+1)
	}
	q.forget(item)
}

// forget counts out an item that is in no tier any more.
func (q *TransmitLimitedQueue) forget(item *queued) {
	q.length--
	if item.name != "" {
		delete(q.names, item.name)
	}
}

// NumQueued returns the number of broadcasts in the queue.
func (q *TransmitLimitedQueue) NumQueued() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.length
}

// Reset empties the queue.
func (q *TransmitLimitedQueue) Reset() { q.Prune(0) }

// Prune keeps the maxRetain broadcasts that would be sent first, and drops the others.
func (q *TransmitLimitedQueue) Prune(maxRetain int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for tier := len(q.tiers) - 1; tier >= 0 && q.length > maxRetain; tier-- {
		items := q.tiers[tier]
		n := min(len(items), q.length-max(maxRetain, 0))
		for _, item := range items[:n] {
			q.forget(item)
			item.b.Finished()
		}
		q.tiers[tier] = slices.Delete(items, 0, n)
	}
}
