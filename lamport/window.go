package lamport

import (
	"bytes"
	"hash/crc32"
	"iter"
	"slices"
)

// WindowTimes is how many Lamport times back from the clock duplicates are recognised; older
// messages are refused. All members of a cluster have to agree on it.
const WindowTimes = 512

const (
	// perTimeMax limits what is kept of one time. Members that stamp the same time haven't heard of
	// each other's messages: a thousand different ones at once are a flood, and each new one is
	// compared with all of them.
	perTimeMax = 1024
	// bytesMax limits what Events keeps in all. It is enough for an event of the largest size that
	// can be configured (9 KiB) at each time, and little enough to go into every push/pull.
	bytesMax = 8 << 20
	// eventOverhead is about what an event costs besides its name and payload, in bytes.
	eventOverhead = 64
)

// Verdict is a window's judgement of a message.
type Verdict uint8

const (
	// Fresh: not seen before; it is now.
	Fresh Verdict = iota
	// Duplicate: seen before.
	Duplicate
	// BeforeMin: older than the minimum that was set.
	BeforeMin
	// TooOld: the window has moved on, and the message isn't among the last that it had.
	TooOld
	// Ahead: not before the clock, which means that the clock refused the time.
	Ahead
	// Full: not seen, and not kept either, because the limits are reached.
	Full
)

// Event is a user event as Events keeps it.
type Event struct {
	Name, Payload []byte
}

func (e Event) size() int { return len(e.Name) + len(e.Payload) + eventOverhead }

// sum is a checksum.
func (e Event) sum() uint32 {
	return crc32.Update(crc32.ChecksumIEEE(e.Name), crc32.IEEETable, e.Payload)
}

// clone returns a copy of e in one piece of memory.
func (e Event) clone() Event {
	b := make([]byte, 0, len(e.Name)+len(e.Payload))
	b = append(append(b, e.Name...), e.Payload...)
	n := len(e.Name)
	return Event{Name: b[:n:n], Payload: b[n:]}
}

// Events recognises user events by time, name and payload, and keeps them to be replayed to others.
// The zero value is ready and takes no memory until used.
type Events struct {
	ring  ring[Event]
	past  past
	bytes int
}

// Add says whether an event of time t is fresh, and if so keeps a copy of it. now is the reading of
// the clock after it has witnessed t. Of the last few thousand events that the window has left
// behind it knows that they are duplicates.
//
// Beyond 8 MiB the oldest times are dropped: they are TooOld from then on.
func (w *Events) Add(now, t Time, name, payload []byte) Verdict {
	w.ring.raise(windowFloor(now), w.forget)
	e := Event{Name: name, Payload: payload}
	switch v := w.ring.judge(now, t); {
	case v == TooOld && w.past.has(t, e.sum()):
		return Duplicate
	case v != Fresh:
		return v
	}
	kept := w.ring.at(t)
	for _, k := range kept {
		if bytes.Equal(k.Name, e.Name) && bytes.Equal(k.Payload, e.Payload) {
			return Duplicate
		}
	}
	if len(kept) >= perTimeMax || !w.makeRoom(t, e.size()) {
		return Full
	}
	w.ring.add(t, e.clone())
	w.bytes += e.size()
	return Fresh
}

// SetMin refuses events before t from now on. It never goes back.
func (w *Events) SetMin(t Time) { w.ring.min = max(w.ring.min, t) }

// Min is the time before which events are refused.
func (w *Events) Min() Time { return w.ring.min }

// Times is the number of times that have events, which All yields.
func (w *Events) Times() int { return w.ring.times }

// All yields the kept events by time, oldest first, and those of one time in the order of arrival.
// The slices are read-only and borrowed until the next Add.
func (w *Events) All() iter.Seq2[Time, []Event] { return w.ring.all }

// forget accounts for events that are being dropped.
func (w *Events) forget(t Time, events []Event) {
	for _, e := range events {
		w.past.add(t, e.sum())
		w.bytes -= e.size()
	}
}

// makeRoom drops times older than t until n more bytes fit, or returns false if they don't even
// then.
func (w *Events) makeRoom(t Time, n int) bool {
	if n > bytesMax {
		return false
	}
	for w.bytes+n > bytesMax {
		oldest, ok := w.ring.oldest()
		if !ok || oldest >= t {
			return false
		}
		w.ring.raise(oldest+1, w.forget)
	}
	return true
}

// Queries recognises queries by time and ID. The zero value is ready and takes no memory until
// used.
type Queries struct {
	ring ring[uint32]
	past past
}

// Add says whether a query of time t is fresh, and if so remembers it. now is the reading of the
// clock after it has witnessed t.
func (w *Queries) Add(now, t Time, id uint32) Verdict {
	w.ring.raise(windowFloor(now), w.forget)
	switch v := w.ring.judge(now, t); {
	case v == TooOld && w.past.has(t, id):
		return Duplicate
	case v != Fresh:
		return v
	}
	seen := w.ring.at(t)
	if slices.Contains(seen, id) {
		return Duplicate
	}
	if len(seen) >= perTimeMax {
		return Full
	}
	w.ring.add(t, id)
	return Fresh
}

// SetMin refuses queries before t from now on. It never goes back.
func (w *Queries) SetMin(t Time) { w.ring.min = max(w.ring.min, t) }

// forget remembers the queries that are being dropped for a while.
func (w *Queries) forget(t Time, ids []uint32) {
	for _, id := range ids {
		w.past.add(t, id)
	}
}

// windowFloor is the oldest time that isn't too old at now.
func windowFloor(now Time) Time { return max(now, WindowTimes) - WindowTimes }
