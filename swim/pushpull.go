package swim

import (
	"net/netip"
	"slices"
	"time"

	"serf/internal/invariant"
	"serf/swim/internal/paged"
	"serf/wire"
)

// pushPull is when this node next exchanges its whole state with another member, and why so soon.
type pushPull struct {
	differences
	catchUp   catchUp
	strangers strangers
	cut       bool // the last state sent couldn't carry all members
	next      Time
}

// catchUp brings push/pulls forward when many members come at once: gossip can't carry all their
// updates to everybody, and some members would stay unknown to a few until the usual exchange, half
// a minute later, or three in a large cluster.
//
// The first comes when gossip has told nearly all members; more follow at doubled distances until
// none brought a newcomer. So a newcomer that the first misses, because the peer had missed it too,
// is found by the second, and a cluster that keeps growing doesn't exchange states without end.
type catchUp struct {
	newcomers int           // members first heard of since the last exchange
	gap       time.Duration // least time to the next exchange; 0: the usual interval
}

const (
	catchUpLeast = 4 // newcomers since the last exchange; gossip carries fewer
	// catchUpShare: and at least one in catchUpShare of all members. Gossip about that many costs
	// about as much as the exchange.
	catchUpShare = 8
)

// tickPushPull exchanges states with a random member, which brings what gossip missed.
func (n *Node) tickPushPull(now Time, out *Output) {
	wide := n.maybeWide(now)
	n.scheduleNext(now)
	if n.leaving.begun() {
		return
	}
	var buf [maxPick]MemberID
	for _, id := range n.pickPeers(buf[:0], now, wide) {
		n.exchange(now, id, wide, out)
	}
}

// scheduleNext sets when the next exchange is due, at the time of one.
func (n *Node) scheduleNext(now Time) {
	c := &n.pushPull.catchUp
	usual := n.usualInterval()
	c.gap *= 2
	if c.newcomers == 0 || c.gap >= usual/2 {
		c.gap = 0
	}
	c.newcomers = 0
	n.pushPull.next = now.Add(usual)
	n.maybeCatchUp(now)
}

// noteArrival counts a newcomer, and brings the next exchange forward when there are many.
func (n *Node) noteArrival(now Time) {
	c := &n.pushPull.catchUp
	c.newcomers++
	if c.newcomers >= max(catchUpLeast, n.view.live/catchUpShare) && c.gap != n.cfg.GossipInterval {
		c.gap = n.cfg.GossipInterval
		n.maybeCatchUp(now)
	}
}

// maybeCatchUp brings the next exchange forward if it is time to catch up. Members that start
// together don't all call at the same moment.
func (n *Node) maybeCatchUp(now Time) {
	if p := &n.pushPull; p.catchUp.gap > 0 && p.next != Never {
		p.next = min(p.next, now.Add(p.catchUp.gap+n.stagger(p.catchUp.gap)))
	}
}

// PushPull begins an exchange of states with a known member, whatever its state. Failures are
// noted.
func (n *Node) PushPull(now Time, id MemberID, out *Output) {
	if n.view.has(id) {
		n.callPushPull(now, n.identity(id).addr, call{kind: callPushPull, member: id}, false, out)
	}
}

func (n *Node) callPushPull(now Time, to netip.AddrPort, c call, join bool, out *Output) bool {
	n.counters.PushPulls++
	out.note(Note{Level: Debug, Code: NotePushPull, Member: c.member, From: to})
	s := StreamOut{Kind: StreamCall, To: to, Deadline: now.Add(n.cfg.StreamTimeout)}
	m := n.state(join, out)
	s.Data, s.More = m.Pieces()
	s.User = n.lateState(join)
	if c.key > 0 {
		s.Sealer, s.Deadline = n.cfg.Sealer.WithKey(c.key), c.deadline
	}
	return n.callStream(s, c, out)
}

// state returns a push/pull message with every record, also those of dead and left members: a
// member that comes back learns what it has to outbid. If that is too much the last records are
// left out, which are those of the dead and left.
func (n *Node) state(join bool, out *Output) (r wire.Rope) {
	user := n.userState(join)
	fit, size := n.fitState(out)
	if n.cfg.sim.Base == nil {
		const header = 64
		r.Own = make([]byte, 0, header+size+len(user.Own))
	}
	head := wire.PushPullHeader{
		Join: join, Nodes: fit, UserStateLen: user.Len(), Diff: n.wholeDiff(),
	}
	r.Own = head.Append(r.Own)
	if fit == n.view.len() {
		n.appendAll(&r)
	} else {
		n.appendFirst(&r, fit)
	}
	r.Join(&user)
	return r
}

// appendAll appends all records by ID. Runs of pages that are as in the base aren't copied.
func (n *Node) appendAll(r *wire.Rope) {
	recs := &n.view.recs
	for run, shared := range recs.Runs {
		if shared {
			r.Share(recs.Bytes(run))
			continue
		}
		for i, rec := range recs.In(run) {
			r.Own = n.roster.appendState(r.Own, i, rec)
		}
	}
}

// appendFirst appends the first records in the view's order, the living first.
func (n *Node) appendFirst(r *wire.Rope, fit int) {
	for id := range n.view.all {
		if fit--; fit < 0 {
			break
		}
		r.Own = n.roster.appendState(r.Own, int(id), n.view.at(id))
	}
}

// appendState appends the record of member id, nothing if there is none.
func (r *Roster) appendState(b []byte, id int, rec record) []byte {
	if !rec.known() {
		return b
	}
	d := &r.idents[rec.ident]
	addr := addrBytes(d.addr.Addr())
	s := wire.NodeState{
		Addr: addr.slice(), Inc: rec.inc, Meta: d.meta, Name: r.nameBytes(MemberID(id)),
		Port: d.addr.Port(), State: uint8(rec.sent()), Vsn: d.versions[:],
	}
	return s.Append(b)
}

const (
	// statesMax bounds the records of a push/pull in bytes: receivers reject more than
	// wire.StreamBlockMax, including the state of the layer above.
	statesMax = 16 << 20
	// stateHead is the size of a record besides name and metadata, at most.
	stateHead = 96
)

// fitState returns how many records a push/pull can carry, the living first, and in how many bytes
// at most.
func (n *Node) fitState(out *Output) (fit, size int) {
	if n.view.size <= statesMax {
		n.pushPull.cut = false
		return n.view.len(), n.view.size
	}
	for id := range n.view.all {
		next := size + n.roster.stateSize(id, n.view.at(id).ident)
		if next > statesMax {
			break
		}
		fit, size = fit+1, next
	}
	n.counters.StatesCut++
	if !n.pushPull.cut {
		out.note(Note{Level: Warn, Code: NoteStateCut, N: int64(n.view.len() - fit)})
	}
	n.pushPull.cut = true
	return fit, size
}

// fullState is a push/pull that was read and is well-formed.
type fullState struct {
	join     bool
	diff     wire.Diff
	parts    []statePart
	user     []byte
	userMore [][]byte
}

// statePart is node states, or a run of pages of our base.
type statePart struct {
	states wire.NodeStates
	run    paged.Run
}

// readPushPull reads a whole push/pull. Runs of our base are known to be well-formed and are
// skipped. The result borrows from the message.
func (n *Node) readPushPull(body []byte, more [][]byte) (fullState, error) {
	head, rest, err := wire.ParsePushPullHeader(body)
	if err != nil {
		return fullState{}, err
	}
	recs := &n.view.recs
	pp := fullState{join: head.Join, diff: head.Diff, parts: make([]statePart, 0, 1+len(more))}
	left := head.Nodes
	for at := 0; ; at++ {
		if run, ok := recs.Find(rest); ok && recs.Encoded(run) <= left {
			left -= recs.Encoded(run)
			pp.parts, rest = append(pp.parts, statePart{run: run}), nil
		} else {
			var states wire.NodeStates
			if states, rest, err = wire.ParseNodeStates(rest, left); err != nil {
				return fullState{}, err
			}
			left -= states.Len()
			pp.parts = append(pp.parts, statePart{states: states})
		}
		if left == 0 && len(rest) > 0 || at == len(more) {
			pp.user, pp.userMore = rest, more[at:]
			break
		}
		rest = more[at]
	}
	if left > 0 {
		return fullState{}, wire.ErrShort
	}
	return pp, pp.cutUser(head.UserStateLen)
}

// cutUser cuts the user state to its size. Pieces have to add up to it.
func (pp *fullState) cutUser(size int) error {
	if len(pp.user) >= size {
		pp.user, pp.userMore = pp.user[:size:size], nil
		return nil
	}
	size -= len(pp.user)
	for _, p := range pp.userMore {
		size -= len(p)
	}
	if size != 0 {
		return wire.ErrShort
	}
	return nil
}

// source is where a push/pull comes from.
type source struct {
	addr       netip.AddrPort
	skipGossip bool // see claim
	requested  bool // see claim
}

// merge takes over what another member knows, entry by entry: an entry that makes no sense doesn't
// keep the others out (F5).
func (n *Node) merge(now Time, pp *fullState, from source, out *Output) {
	n.reserve(pp, out)
	for i := range pp.parts {
		part := &pp.parts[i]
		n.mergeStates(now, part.states, from, out)
		n.mergeBase(now, part.run, from, out)
	}
	var join int64
	if pp.join {
		join = 1
	}
	if len(pp.user)+len(pp.userMore) > 0 {
		out.event(Event{
			Kind: EventState, Addr: from.addr, Data: pp.user, More: pp.userMore, N: join,
		})
	}
}

// reserve makes room for the members of a state that can't be known yet. Tables that grow step by
// step are copied as often. The members have been read, so this isn't on the word of a header.
func (n *Node) reserve(pp *fullState, out *Output) {
	listed := 0
	for i := range pp.parts {
		listed += pp.parts[i].states.Len()
	}
	if more := listed - n.Len(); more > 0 {
		out.Events = slices.Grow(out.Events, more)
		n.roster.reserve(listed)
	}
}

func (n *Node) mergeStates(now Time, states wire.NodeStates, from source, out *Output) {
	for it := states.Iter(); it.Next(); {
		n.mergeEntry(now, &it.State, from, out)
	}
}

// mergeBase merges pages of our base. Where ours are still the same, no entry would be new, as the
// property tests show; all but our own would count as stale.
func (n *Node) mergeBase(now Time, run paged.Run, from source, out *Output) {
	recs := &n.view.recs
	for p := run.From; p < run.To; p++ {
		page := paged.Run{From: p, To: p + 1}
		members := recs.Encoded(page)
		if !recs.Shares(p) {
			states, _, err := wire.ParseNodeStates(recs.Bytes(page), members)
			invariant.Check(err == nil, "swim: the base can't be read")
			n.mergeStates(now, states, from, out)
			continue
		}
		if int(n.self)/paged.PageLen == p {
			members--
		}
		n.counters.DroppedStale += uint64(members)
	}
}

func (n *Node) mergeEntry(now Time, s *wire.NodeState, from source, out *Output) {
	id, r := n.find(s.Name)
	c := claim{
		id: id, name: s.Name, inc: s.Inc,
		profile: profileOf(s.Addr, s.Port, s.Meta, s.Vsn), vsn: len(s.Vsn),
		from: from.addr, skipGossip: from.skipGossip, requested: from.requested,
	}
	state := State(s.State)
	if state > Left {
		n.dropMessage(from.addr, []byte{byte(wire.TypePushPull)}, errMalformed, out)
		return
	}
	if state != Left && c.addr != n.cfg.Addr && string(c.name) == n.cfg.Name {
		// Alive or not: a member that holds this rejects our address (F15).
		if n.acceptable(&c, out) {
			n.applyAlive(now, &c, out)
		}
		return
	}
	if !state.live() {
		// A death learned second-hand is a suspicion, so that the member can still refute. That it
		// left, it said itself.
		if state == Left {
			n.accuse(now, Left, id, r, s.Inc, s.Name, out)
			return
		}
		n.accuse(now, Suspect, id, r, s.Inc, n.pushPullAccuser(s.Name), out)
		return
	}
	if !n.acceptable(&c, out) {
		return
	}
	// A suspect that is new to us, or at a new incarnation, is alive at that incarnation first.
	if state == Alive || id == NoMember || r.yieldsTo(Alive, c.inc) && id != n.self {
		n.applyAlive(now, &c, out)
	}
	if state == Suspect {
		id, r = n.find(s.Name)
		n.accuse(now, Suspect, id, r, s.Inc, n.pushPullAccuser(s.Name), out)
	}
}

// pushPullAccuser returns the accuser of a suspect in a push/pull, which doesn't say who got no
// answer. If this node gossiped the accusation as its own, it would come back to the first accuser
// as the word of another witness. On the wire a suspicion by nobody is one by the suspect itself,
// which no member ever sends.
func (n *Node) pushPullAccuser(name []byte) []byte {
	if n.has(FirstHand) {
		return name
	}
	return n.ownName()
}
