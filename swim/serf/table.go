package serf

import (
	"slices"
	"sort"

	"serf/internal/invariant"
	"serf/lamport"
	"serf/swim"
	"serf/swim/internal/paged"
)

// record is what this layer adds to a member. It holds no pointers and is kept small: a simulated
// cluster of n nodes has n*n of them.
type record struct {
	statusTime  lamport.Time // of the newest intent about the member
	changed     swim.Time    // when its status became what it is, or its identity was updated
	status      Status
	lastEmitted swim.EventKind // by the coalescer, updates aside
	marks       marks
}

type marks uint8

const (
	// markPrune: reap it as soon as it has left.
	markPrune marks = 1 << iota
	// markReaped: no longer listed. The record stays until the membership forgets the member.
	markReaped
	// markUpdated: changed is the time of an update.
	markUpdated
)

// known says whether the member is listed.
func (r record) known() bool { return r.status != StatusNone && r.marks&markReaped == 0 }

// here says whether the member is listed as alive or leaving.
func (r record) here() bool {
	return r.known() && r.status.present()
}

// table has a record per member, by MemberID. It may be a fork of a Base's.
type table struct {
	recs   paged.Array[record]
	count  [StatusFailed + 1]int // of listed members
	reaped int                   // records of members that are no longer listed
	digest Digest                // of the members that are here
	root   uint64                // of them and their status times: see hash

	changes *swim.Changes // nil if nobody wants to know

	order   []swim.MemberID // listed members by name, if ordered; shared if it is a Base's
	ordered bool            // somebody asked for the order
	dirty   bool            // order has unsorted members at the end, reaped ones, or duplicates
}

// at returns the record of id, for reading. It is the zero record if id is unknown.
func (t *table) at(id swim.MemberID) record { return t.recs.At(int(id)) }

// listed returns the status of id; StatusNone if it isn't listed.
func (t *table) listed(id swim.MemberID) Status {
	if r := t.at(id); r.known() {
		return r.status
	}
	return StatusNone
}

// edit returns the record of id, to change all but its status. It is valid until the next call.
func (t *table) edit(id swim.MemberID) *record { return t.recs.Edit(int(id)) }

// set changes the status of id, whose name is given, and lists it if it wasn't.
func (t *table) set(id swim.MemberID, name string, s Status, now swim.Time) {
	r := t.edit(id)
	was := r.here()
	t.root -= r.hereHash(name)
	if r.known() {
		t.count[r.status]--
	} else {
		t.list(id)
	}
	t.unmarkReaped(r)
	t.changes.Add(id)
	r.status, r.changed = s, now
	r.marks &^= markUpdated
	t.count[s]++
	t.digest.move(name, was, r.here())
	t.root += r.hereHash(name)
}

// setTime changes the status time of id, whose name is given.
func (t *table) setTime(id swim.MemberID, name string, time lamport.Time) {
	r := t.edit(id)
	t.root -= r.hereHash(name)
	r.statusTime = time
	t.root += r.hereHash(name)
}

// hash is that of what a push/pull says about the member, whose name has the given hash; 0 if it
// says nothing.
func (r record) hash(name uint64) uint64 {
	switch {
	case !r.known():
		return 0
	case r.status == StatusLeft:
		return name + 1 // those who heard of it from others have another time
	}
	return swim.Mix(name + uint64(r.joinTime())<<1)
}

// hereHash is hash if the member is here, otherwise 0.
func (r record) hereHash(name string) uint64 {
	if !r.here() {
		return 0
	}
	return r.hash(swim.HashName(name))
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
func (t *table) reap(id swim.MemberID, name string, now swim.Time) {
	r := t.edit(id)
	invariant.Check(r.known(), "serf: unknown member reaped")
	t.digest.move(name, r.here(), false)
	t.root -= r.hereHash(name)
	t.count[r.status]--
	t.reaped++
	r.marks = markReaped
	r.changed = now
	t.changes.Add(id)
	t.dirty = true
}

func (t *table) unmarkReaped(r *record) {
	if r.marks&markReaped != 0 {
		r.marks &^= markReaped
		t.reaped--
	}
}

// drop clears the record of id.
func (t *table) drop(id swim.MemberID, name string) {
	r := t.edit(id)
	t.digest.move(name, r.here(), false)
	t.root -= r.hereHash(name)
	if r.known() {
		t.count[r.status]--
	}
	t.unmarkReaped(r)
	t.changes.Add(id)
	*r = record{}
	t.dirty = true
}

// len is the number of listed members.
func (t *table) len() int {
	sum := 0
	for _, c := range t.count {
		sum += c
	}
	return sum
}

// quiet says whether all members are alive and none was reaped.
func (t *table) quiet() bool { return t.reaped == 0 && t.len() == t.count[StatusAlive] }

// own yields the records that may differ from a Base's, in which all members are alive; all records
// without a Base. The caller may change the record.
func (t *table) own(yield func(swim.MemberID, record) bool) {
	for run, shared := range t.recs.Runs {
		if shared {
			continue
		}
		for id, r := range t.recs.In(run) {
			if !yield(swim.MemberID(id), r) {
				return
			}
		}
	}
}

// sorted returns the listed members by name. It is borrowed until the next change.
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
	if t.ordered { // the old order is nearly sorted
		for _, id := range t.order {
			add(id)
		}
	} else {
		for id := range t.recs.Len() {
			add(swim.MemberID(id))
		}
	}
	sort.Slice(order, func(i, j int) bool { return r.Name(order[i]) < r.Name(order[j]) })
	t.order, t.ordered, t.dirty = slices.Compact(order), true, false
	return t.order
}
