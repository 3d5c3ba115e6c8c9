package serf

import (
	"slices"
	"strings"

	"serf/lamport"
	"serf/swim"
)

// record is what this layer adds to a member. It holds no pointers and is kept
// small: a cluster of n simulated nodes has n*n of them.
type record struct {
	statusTime lamport.Time // of the newest intent about it
	changed    swim.Time    // when its status became what it is, or its identity was updated
	status     Status
	told       swim.EventKind // last reported by the coalescer
	marks      marks
}

type marks uint8

const (
	// markPrune: to be reaped as soon as it has left.
	markPrune marks = 1 << iota
	// markReaped: listed no more. The record stays until the membership forgets it.
	markReaped
	// markUpdated: changed is the time of an update.
	markUpdated
	// markOrdered: the member is in table.order.
	markOrdered
)

// known says whether the member is one that is listed.
func (r record) known() bool { return r.status != StatusNone && r.marks&markReaped == 0 }

// table has a record for each member, by MemberID.
type table struct {
	recs  []record
	order []swim.MemberID // by name, if sorted
	dirty bool            // order has new members at the end, or some that are gone
	count [StatusFailed + 1]int
}

// at returns the record of id, to read. It is the zero record for somebody unknown.
func (t *table) at(id swim.MemberID) record {
	if int(id) >= len(t.recs) {
		return record{}
	}
	return t.recs[id]
}

// edit returns the record of id to change, all but status; it is valid until the next call.
func (t *table) edit(id swim.MemberID) *record {
	if int(id) >= len(t.recs) {
		t.recs = append(t.recs, make([]record, int(id)+1-len(t.recs))...)
	}
	return &t.recs[id]
}

// set changes the status of id, and lists it if it isn't.
func (t *table) set(id swim.MemberID, s Status, now swim.Time) {
	r := t.edit(id)
	if r.known() {
		t.count[r.status]--
	}
	r.status, r.changed = s, now
	r.marks &^= markReaped | markUpdated
	t.count[s]++
	if r.marks&markOrdered == 0 {
		r.marks |= markOrdered
		t.order = append(t.order, id)
		t.dirty = true
	}
}

// reap takes id off the list. The record stays.
func (t *table) reap(id swim.MemberID, now swim.Time) {
	r := t.edit(id)
	invariant(r.known(), "somebody unknown reaped")
	t.count[r.status]--
	r.marks = r.marks&markOrdered | markReaped
	r.changed = now
	t.dirty = true
}

// drop clears the record of id.
func (t *table) drop(id swim.MemberID) {
	r := t.edit(id)
	if r.known() {
		t.count[r.status]--
	}
	*r = record{marks: r.marks & markOrdered}
	t.dirty = true
}

// len is the number of members that are listed.
func (t *table) len() int {
	sum := 0
	for _, c := range t.count {
		sum += c
	}
	return sum
}

// sorted returns the members that are listed, by name. It is borrowed until
// the next change.
func (t *table) sorted(r *swim.Roster) []swim.MemberID {
	if !t.dirty {
		return t.order
	}
	t.dirty = false
	t.order = slices.DeleteFunc(t.order, func(id swim.MemberID) bool {
		gone := !t.recs[id].known()
		if gone {
			t.recs[id].marks &^= markOrdered
		}
		return gone
	})
	slices.SortFunc(t.order, func(a, b swim.MemberID) int {
		return strings.Compare(r.Name(a), r.Name(b))
	})
	return t.order
}

// invariant panics when this program, not a peer, is wrong.
func invariant(ok bool, what string) {
	if !ok {
		panic("BUG: serf: " + what)
	}
}
