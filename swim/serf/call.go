package serf

import (
	"iter"
	"slices"

	"serf/swim"
)

// call is what one call into the node collects: its events, and the memory that backs them.
type call struct {
	mark   int          // events in out from here on came from swim and aren't handled yet
	events []swim.Event // of this layer, to be appended to out at the end of the call
	ids    []swim.MemberID
	arena  []byte
}

// listKeep and arenaKeep are how many events or members, and how many bytes, keep their memory for
// the next call. A push/pull may bring updates of all members at once, but seldom does it twice.
const (
	listKeep  = 32
	arenaKeep = 4 << 10
)

// begin starts a call: whatever the previous one lent is no longer valid.
func (c *call) begin(out *swim.Output) {
	c.mark = len(out.Events)
	c.ids, c.arena = c.ids[:0], c.arena[:0]
}

// end hands the events to out. Long lists are dropped: what the events borrow from them lives as
// long as the events do, not until the next call. Otherwise each of n simulated members that start
// together would keep what its first push/pull said about all n.
func (c *call) end(out *swim.Output) {
	out.Events = append(out.Events, c.events...)
	clear(c.events)
	c.events = c.events[:0]
	if cap(c.events) > listKeep {
		c.events = nil
	}
	if cap(c.ids) > listKeep {
		c.ids = nil
	}
	if cap(c.arena) > arenaKeep {
		c.arena = nil
	}
}

// emit hands an event to the driver at the end of the call. Inlined, its copies would be 4 kB.
func (c *call) emit(e swim.Event) { c.events = append(c.events, e) }

// hold copies b until the next call. Nil stays nil.
func (c *call) hold(b []byte) []byte {
	if b == nil {
		return nil
	}
	return c.build(func(arena []byte) []byte { return append(arena, b...) })
}

// build returns what add appends. It is valid until the next call.
func (c *call) build(add func(arena []byte) []byte) []byte {
	at := len(c.arena)
	c.arena = add(c.arena)
	return c.arena[at:len(c.arena):len(c.arena)]
}

// holdIDs returns a slice of some members that is valid until the next call.
func (c *call) holdIDs(ids iter.Seq[swim.MemberID]) []swim.MemberID {
	at := len(c.ids)
	c.ids = slices.AppendSeq(c.ids, ids)
	return c.ids[at:len(c.ids):len(c.ids)]
}

// holdID returns a slice of one member that is valid until the next call.
func (c *call) holdID(id swim.MemberID) []swim.MemberID {
	at := len(c.ids)
	c.ids = append(c.ids, id)
	return c.ids[at:len(c.ids):len(c.ids)]
}
