package serf

import (
	"slices"
	"strings"

	"serf/internal/invariant"
	"serf/lamport"
	"serf/swim"
	"serf/swim/internal/paged"
)

// record is what this layer adds to a member. It holds no pointers and is kept
// small: a cluster of n simulated nodes has n*n of them.
type record struct {
	statusTime lamport.Time // of the newest intent about it
	changed    swim.Time    // when its status became what it is, or its identity was updated
	status     Status
	told       swim.EventKind // last reported by the coalescer, updates aside
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
)

// known says whether the member is one that is listed.
func (r record) known() bool { return r.status != StatusNone && r.marks&markReaped == 0 }

// table has a record for each member, by MemberID. It may be a fork of a Base's.
type table struct {
	recs   paged.Array[record]
	count  [StatusFailed + 1]int // of those that are listed
	reaped int                   // records of those that are listed no more

	order   []swim.MemberID // those that are listed by name, if ordered; of a Base, shared
	ordered bool            // somebody has asked for the order
	dirty   bool            // order has new members at the end, or some that are gone, or some twice
}

// at returns the record of id, to read. It is the zero record for somebody unknown.
func (t *table) at(id swim.MemberID) record { return t.recs.At(int(id)) }

// edit returns the record of id to change, all but status; it is valid until the next call.
func (t *table) edit(id swim.MemberID) *record { return t.recs.Edit(int(id)) }

// set changes the status of id, and lists it if it isn't.
func (t *table) set(id swim.MemberID, s Status, now swim.Time) {
	r := t.edit(id)
	if r.known() {
		t.count[r.status]--
	} else {
		t.list(id)
	}
	t.unmarkReaped(r)
	r.status, r.changed = s, now
	r.marks &^= markUpdated
	t.count[s]++
}

// list adds id to the order, if there is one.
func (t *table) list(id swim.MemberID) {
	const slack = 64 // members that came and went since the order was last asked for
	if len(t.order) > 2*t.len()+slack {
		t.order, t.ordered = nil, false
	}
	if t.ordered {
		t.order, t.dirty = append(t.order, id), true
	}
}

// reap takes id off the list. The record stays.
func (t *table) reap(id swim.MemberID, now swim.Time) {
	r := t.edit(id)
	invariant.Check(r.known(), "serf: somebody unknown reaped")
	t.count[r.status]--
	t.reaped++
	r.marks = markReaped
	r.changed = now
	t.dirty = true
}

func (t *table) unmarkReaped(r *record) {
	if r.marks&markReaped != 0 {
		r.marks &^= markReaped
		t.reaped--
	}
}

// drop clears the record of id.
func (t *table) drop(id swim.MemberID) {
	r := t.edit(id)
	if r.known() {
		t.count[r.status]--
	}
	t.unmarkReaped(r)
	*r = record{}
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

// quiet tells whether all members are alive, and none was reaped.
func (t *table) quiet() bool { return t.reaped == 0 && t.len() == t.count[StatusAlive] }

// own yields the records that differ from a Base's, in which all are alive, and some that don't:
// without a Base all. The caller may change the record.
func (t *table) own(yield func(swim.MemberID, record) bool) {
	for p := range t.recs.Pages() {
		if t.recs.Shares(p) {
			continue
		}
		for i, r := range t.recs.Page(p) {
			if !yield(swim.MemberID(p*paged.PageLen+i), r) {
				return
			}
		}
	}
}

// sorted returns the members that are listed, by name. It is borrowed until
// the next change.
func (t *table) sorted(r *swim.Roster) []swim.MemberID {
	if t.ordered && !t.dirty {
		return t.order
	}
	order := make([]swim.MemberID, 0, t.len())
	add := func(id swim.MemberID) {
		if t.at(id).known() {
			order = append(order, id)
		}
	}
	if t.ordered { // then it is nearly sorted
		for _, id := range t.order {
			add(id)
		}
	} else {
		for id := range t.recs.Len() {
			add(swim.MemberID(id))
		}
	}
	slices.SortFunc(order, func(a, b swim.MemberID) int {
		return strings.Compare(r.Name(a), r.Name(b))
	})
	t.order, t.ordered, t.dirty = slices.Compact(order), true, false
	return t.order
}
