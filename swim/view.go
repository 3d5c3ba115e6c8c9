package swim

import (
	"serf/internal/invariant"
	"serf/swim/internal/paged"
)

// State of a member, with the values of a push/pull.
type State uint8

// A member is alive until it is suspected, and ends as dead or left.
const (
	Alive State = iota
	Suspect
	Dead
	Left
)

func (s State) String() string {
	switch s {
	case Alive:
		return "alive"
	case Suspect:
		return "suspect"
	case Dead:
		return "dead"
	case Left:
		return "left"
	}
	return "invalid"
}

// live tells whether a member in this state is probed and counted; otherwise it is gone.
func (s State) live() bool { return s <= Suspect }

// record is what one node knows of one member. It is small and has no pointers: a simulation of n
// nodes has n*n of them.
type record struct {
	since Time // of state
	inc   uint32
	ident identID // 0: not known
	pos   uint32  // index in view.order
	state State
	// unconfirmed: inc comes from an accusation. What the member itself said at inc hasn't arrived:
	// it may be at another address since.
	unconfirmed bool
	zone        uint16 // its number in zoning; 0: none
}

// yieldsTo tells whether a message that the member is in state s at incarnation inc replaces r:
// SWIM, section 4.2, with Serf's "left". At equal incarnations the worse state wins. The death of a
// member that is gone already counts at a higher incarnation: an alive message between the two
// would otherwise revive it.
func (r record) yieldsTo(s State, inc uint32) bool {
	if s == Alive || inc != r.inc {
		return inc > r.inc && (s != Suspect || r.state.live())
	}
	return s > r.state
}

// lacks tells whether the member's own message at inc adds something to r, though it doesn't
// replace it.
func (r record) lacks(inc uint32) bool { return r.unconfirmed && inc == r.inc }

// known tells whether there is a record.
func (r record) known() bool { return r.ident != 0 }

// view is one node's table of members: dense records by MemberID, and an order to draw from, the
// living in front. Both may be forks of a Base's.
type view struct {
	live  int // how many in front of order are alive or suspect
	size  int // bytes of a push/pull with all records, at most; see Roster.stateSize
	recs  paged.Array[record]
	order paged.Array[MemberID]

	zoning zoning

	changes uint64 // of state, incarnation or identity, in all records

	root   uint64  // sum of the hashes of the living
	roster *Roster // has the hashes of identities
}

// count adds the hash of a living member to the root, times by, which is 1 or -1.
func (v *view) count(r *record, by int) {
	if r.state.live() && r.known() {
		v.root += uint64(by) * v.roster.digest(*r)
	}
}

// at returns the record of id, the zero record if there is none.
func (v *view) at(id MemberID) record { return v.recs.At(int(id)) }

// has tells whether there is a record of id.
func (v *view) has(id MemberID) bool { return v.at(id).known() }

// len is the number of records.
func (v *view) len() int { return v.order.Len() }

// gone is the number of records of members that are dead or left.
func (v *view) gone() int { return v.order.Len() - v.live }

// all yields the members in order. The view must not change meanwhile.
func (v *view) all(yield func(MemberID) bool) {
	for i := range v.order.Len() {
		if !yield(v.order.At(i)) {
			return
		}
	}
}

// add makes a record for id, which must not have one.
func (v *view) add(id MemberID, ident identID, s State, inc uint32, now Time) {
	invariant.Check(!v.has(id), "swim: record added twice")
	last := v.order.Len()
	r := v.recs.Edit(int(id))
	*r = record{since: now, inc: inc, ident: ident, pos: uint32(last), state: s}
	v.changes++
	v.count(r, 1)
	v.order.Append(id)
	if s.live() {
		v.swap(last, v.live)
		v.live++
	}
}

// set changes the state of id.
func (v *view) set(id MemberID, s State, inc uint32, now Time) {
	r := v.recs.Edit(int(id))
	v.changes++
	v.count(r, -1)
	was, pos, zone := r.state.live(), int(r.pos), r.zone
	if r.state != s {
		r.state, r.since = s, now
	}
	r.unconfirmed = s != Alive && (inc > r.inc || r.unconfirmed)
	r.inc = inc
	v.count(r, 1)
	switch is := s.live(); {
	case was && !is:
		v.live--
		v.swap(pos, v.live)
		v.zoning.depart(id, zone)
	case !was && is:
		v.swap(pos, v.live)
		v.live++
		v.zoning.arrive(id, zone)
	}
}

// confirm records that what id says about itself at its incarnation is known.
func (v *view) confirm(id MemberID) {
	r := v.recs.Edit(int(id))
	v.count(r, -1)
	r.unconfirmed = false
	v.count(r, 1)
}

// setIdent changes the identity of id.
func (v *view) setIdent(id MemberID, ident identID) {
	r := v.recs.Edit(int(id))
	v.changes++
	v.count(r, -1)
	r.ident = ident
	v.count(r, 1)
}

// drop removes the record of id, which is dead or left.
func (v *view) drop(id MemberID) {
	r := v.at(id)
	invariant.Check(!r.state.live(), "swim: record of a live member dropped")
	v.place(id, 0)
	last := v.order.Len() - 1
	v.swap(int(r.pos), last)
	v.order.Truncate(last)
	v.changes++
	*v.recs.Edit(int(id)) = record{}
}

func (v *view) swap(i, j int) {
	if i == j {
		return
	}
	a, b := v.order.At(i), v.order.At(j)
	*v.order.Edit(i) = b
	*v.order.Edit(j) = a
	v.recs.Edit(int(a)).pos = uint32(j)
	v.recs.Edit(int(b)).pos = uint32(i)
}
