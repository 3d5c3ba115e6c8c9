package serf

import (
	"encoding/binary"

	"serf/lamport"
	"serf/swim"
	"serf/wire"
)

// This layer's part in exchanges of differences. Clocks are in all messages; what the state says of
// a member goes along with the membership's; and events are compared by spans of their times.

const (
	// spanTimes is how many Lamport times have one sum: a span that differs is sent whole.
	spanTimes = 16
	// spansMax is how many spans a window touches.
	spansMax = lamport.WindowTimes/spanTimes + 1
	// spanSum is the bytes of a sum.
	spanSum = 4
)

// Digest implements swim.Differ.
func (c carrier) Digest() uint64 { return c.n.table.root }

// MemberDigests implements swim.Differ.
func (c carrier) MemberDigests(first swim.MemberID, to []uint64) {
	recs := &c.n.table.recs
	if shared := recs.Digests(int(first), len(to)); shared != nil {
		copy(to, shared)
		return
	}
	for i := range to {
		id := first + swim.MemberID(i)
		to[i] = recs.At(int(id)).hash(c.n.roster.NameHash(id))
	}
}

// Part implements swim.Differ.
func (c carrier) Part(in func(swim.MemberID) bool, sums []byte) wire.Rope {
	return *c.n.part(in, sums)
}

// AppendSums implements swim.Differ: the first time that this node wants, the first span, and the
// sum of each span from there on.
func (c carrier) AppendSums(b []byte) []byte {
	b = binary.AppendUvarint(b, uint64(c.n.events.window.Min()))
	b = binary.AppendUvarint(b, uint64(c.n.firstSpan()))
	for _, s := range c.n.spans() {
		b = binary.BigEndian.AppendUint32(b, s)
	}
	return b
}

// recentEvents yields the events of the window as it is now: what is too old stays in it until the
// next event.
func (n *Node) recentEvents(yield func(lamport.Time, []lamport.Event) bool) {
	for t, events := range n.events.window.All() {
		if t+lamport.WindowTimes >= n.eventClock.Now() && !yield(t, events) {
			return
		}
	}
}

// firstSpan is the oldest span of the window.
func (n *Node) firstSpan() lamport.Time {
	return (max(n.eventClock.Now(), lamport.WindowTimes) - lamport.WindowTimes) / spanTimes
}

// spans returns the sums of spans from the first to the last with events.
func (n *Node) spans() []uint32 {
	sums := make([]uint32, 0, spansMax)
	first := n.firstSpan()
	for t, events := range n.recentEvents {
		for lamport.Time(len(sums)) <= t/spanTimes-first {
			sums = append(sums, 0)
		}
		sums[t/spanTimes-first] += uint32(hashEvents(t, events))
	}
	return sums
}

// hashEvents is the hash of the events of one time, in any order.
func hashEvents(t lamport.Time, events []lamport.Event) (sum uint64) {
	for _, e := range events {
		sum += swim.Mix(swim.HashName(e.Name) + swim.Mix(swim.HashName(e.Payload)+uint64(t)))
	}
	return sum
}

// SumsDiffer implements swim.Differ.
func (c carrier) SumsDiffer(theirs []byte) bool {
	x := c.n.compareSpans(theirs)
	wanted := max(x.least, c.n.events.window.Min()) / spanTimes
	for span := max(wanted, x.first, c.n.firstSpan()); ; span++ {
		own, theirs := x.sums(span)
		if own != theirs {
			return true
		}
		if span >= x.end() {
			return false
		}
	}
}

// spansOfTwo is the sums of this node and of another.
type spansOfTwo struct {
	own      []uint32
	ownFirst lamport.Time
	theirs   []byte
	first    lamport.Time // span of the first of theirs
	least    lamport.Time // the other refuses events before that
}

// compareSpans reads the sums of another node. Of those that make no sense each is 0.
func (n *Node) compareSpans(theirs []byte) spansOfTwo {
	x := spansOfTwo{own: n.spans(), ownFirst: n.firstSpan()}
	least, a := binary.Uvarint(theirs)
	first, b := binary.Uvarint(theirs[max(a, 0):])
	if a > 0 && b > 0 && first <= uint64(lamport.Max) {
		x.least, x.first, x.theirs = lamport.Time(least), lamport.Time(first), theirs[a+b:]
		x.theirs = x.theirs[:min(len(x.theirs), spansMax*spanSum)]
	}
	return x
}

// end is the first span that neither has.
func (x *spansOfTwo) end() lamport.Time {
	return max(x.ownFirst+lamport.Time(len(x.own)), x.first+lamport.Time(len(x.theirs)/spanSum))
}

// sums returns both sums of a span.
func (x *spansOfTwo) sums(span lamport.Time) (own, theirs uint32) {
	if at := span - x.ownFirst; at < lamport.Time(len(x.own)) {
		own = x.own[at]
	}
	if at := span - x.first; at < lamport.Time(len(x.theirs)/spanSum) {
		theirs = binary.BigEndian.Uint32(x.theirs[at*spanSum:])
	}
	return own, theirs
}

// eventsPart is the events of some times.
type eventsPart struct {
	times []lamport.Time
	of    [][]lamport.Event
}

// eventsBeyond returns the events in spans for which another node has other sums.
func (n *Node) eventsBeyond(theirs []byte) (p eventsPart) {
	x := n.compareSpans(theirs)
	for t, events := range n.recentEvents {
		if own, theirs := x.sums(t / spanTimes); t >= x.least && own != theirs {
			p.times, p.of = append(p.times, t), append(p.of, events)
		}
	}
	return p
}
