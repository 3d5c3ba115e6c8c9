package swim

// State of a member, with the values that push/pull carries (spec 1.4).
type State uint8

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

// live tells members that are probed and counted from those that are gone.
func (s State) live() bool { return s <= Suspect }

// record is what one node knows of one member. It holds no pointers and is kept
// small: a cluster of n simulated nodes has n*n of them.
type record struct {
	since Time // of state
	inc   uint32
	ident identID // 0: not known
	pos   uint32  // index in view.order
	state State
}

// yieldsTo says whether news of a member in state s at incarnation inc
// replaces r: SWIM section 4.2 with Serf's "left", and spec 2.2. Of equal
// incarnations the worse state wins, but alive never wins over an equal.
// A member that is gone takes a higher death too: otherwise an alive in between
// would revive it.
func (r *record) yieldsTo(s State, inc uint32) bool {
	if s == Alive || inc != r.inc {
		return inc > r.inc && (s != Suspect || r.state.live())
	}
	return s > r.state
}

// view is one node's table of members: dense records by MemberID, and an order
// to draw from, with those alive or suspect in front.
type view struct {
	recs  []record
	order []MemberID
	live  int // order[:live] are alive or suspect
}

// lookup returns the record of id, or nil if this node has none.
func (v *view) lookup(id MemberID) *record {
	if int(id) >= len(v.recs) || v.recs[id].ident == 0 {
		return nil
	}
	return &v.recs[id]
}

// add makes a record for id, which must not have one.
func (v *view) add(id MemberID, ident identID, s State, inc uint32, now Time) {
	if int(id) >= len(v.recs) {
		v.recs = append(v.recs, make([]record, int(id)+1-len(v.recs))...)
	}
	invariant(v.recs[id].ident == 0, "record added twice")
	v.recs[id] = record{since: now, inc: inc, ident: ident, pos: uint32(len(v.order)), state: s}
	v.order = append(v.order, id)
	if s.live() {
		v.swap(len(v.order)-1, v.live)
		v.live++
	}
}

// set changes the state of id.
func (v *view) set(id MemberID, s State, inc uint32, now Time) {
	r := &v.recs[id]
	was := r.state.live()
	if r.state != s {
		r.state, r.since = s, now
	}
	r.inc = inc
	switch is := s.live(); {
	case was && !is:
		v.live--
		v.swap(int(r.pos), v.live)
	case !was && is:
		v.swap(int(r.pos), v.live)
		v.live++
	}
}

// drop removes the record of id, whose state is not live.
func (v *view) drop(id MemberID) {
	r := &v.recs[id]
	invariant(!r.state.live(), "record of a live member dropped")
	last := len(v.order) - 1
	v.swap(int(r.pos), last)
	v.order = v.order[:last]
	*r = record{}
}

func (v *view) swap(i, j int) {
	if i == j {
		return
	}
	a, b := v.order[i], v.order[j]
	v.order[i], v.order[j] = b, a
	v.recs[a].pos, v.recs[b].pos = uint32(j), uint32(i)
}
