package swim

import (
	"net/netip"
	"time"

	"serf/internal/invariant"
	"serf/swim/internal/paged"
	"serf/wire"
)

// tickPushPull exchanges everything with a random member: what gossip missed arrives so.
func (n *Node) tickPushPull(now Time, out *Output) {
	n.scheduleNext(now)
	if n.leaving.begun() {
		return
	}
	var buf [1]MemberID
	for _, id := range n.pickLikely(buf[:0], 1, func(_ MemberID, r record) bool { return r.state == Alive }) {
		n.callPushPull(now, n.identity(id).addr, call{kind: callPushPull, member: id}, false, out)
	}
}

// hurry has exchanges come sooner than usual when many members come at once: their news is more
// than gossip carries to everybody, and without this some would stay unknown to a few
// until the usual exchange, half a minute later or, in a large cluster, three.
//
// The first comes when gossip has told nearly all, and more come at doubled distances until no newcomer
// has been heard of since the last one. So who is missed by the first, because the other had missed them
// too, is found by the second, and a cluster that keeps growing doesn't exchange without end.
type hurry struct {
	newcomers int           // members first heard of since the last exchange
	gap       time.Duration // least time to the next exchange; 0: the usual rhythm
}

const (
	hurryLeast = 4 // newcomers since the last exchange; fewer, gossip tells
	// hurryShare: and one in so many of all. Gossip about that many costs about as much as the exchange.
	hurryShare = 8
)

// scheduleNext sets when the next exchange is due, at the time of one.
func (n *Node) scheduleNext(now Time) {
	h := &n.hurry
	usual := pushPullScaled(n.cfg.PushPullInterval, n.view.live)
	h.gap *= 2
	if h.newcomers == 0 || h.gap >= usual/2 {
		h.gap = 0
	}
	h.newcomers = 0
	n.pushPull = now.Add(usual)
	n.maybeHurry(now)
}

// noteArrival counts a newcomer, and brings the next exchange forward when there are many.
func (n *Node) noteArrival(now Time) {
	h := &n.hurry
	h.newcomers++
	if h.newcomers >= max(hurryLeast, n.view.live/hurryShare) && h.gap != n.cfg.GossipInterval {
		h.gap = n.cfg.GossipInterval
		n.maybeHurry(now)
	}
}

// maybeHurry brings the next exchange forward if it's a time for that. Members that start together
// don't call all at the same moment.
func (n *Node) maybeHurry(now Time) {
	if h := &n.hurry; h.gap > 0 && n.pushPull != Never {
		n.pushPull = min(n.pushPull, now.Add(h.gap+n.stagger(h.gap)))
	}
}

// PushPull begins one exchange of states with a known member, whatever its state. Failures
// are noted.
func (n *Node) PushPull(now Time, id MemberID, out *Output) {
	if n.view.has(id) {
		n.callPushPull(now, n.identity(id).addr, call{kind: callPushPull, member: id}, false, out)
	}
}

func (n *Node) callPushPull(now Time, to netip.AddrPort, c call, join bool, out *Output) bool {
	n.counters.PushPulls++
	out.note(Note{Level: Debug, Code: NotePushPull, Member: c.member, From: to})
	s := StreamOut{Kind: StreamCall, To: to, Deadline: now.Add(n.cfg.StreamTimeout)}
	s.Data, s.More = n.state(join, out)
	if c.key > 0 {
		s.Sealer, s.Deadline = n.cfg.Sealer.WithKey(c.key), c.deadline
	}
	return n.callStream(s, c, out)
}

// state returns a push/pull message: every record, those of the gone too, so
// that who comes back learns what it has to out-bid. If that is too much, of the last ones
// nothing is told: they are gone.
func (n *Node) state(join bool, out *Output) (data []byte, more [][]byte) {
	var user wire.Rope
	if n.cfg.Carrier != nil {
		user = n.cfg.Carrier.State(join)
	}
	fit, size := n.fitState(out)
	var r wire.Rope
	if n.cfg.Base == nil {
		const header = 64
		r.Own = make([]byte, 0, header+size+len(user.Own))
	}
	head := wire.PushPullHeader{Join: join, Nodes: fit, UserStateLen: user.Len()}
	r.Own = head.Append(r.Own)
	if fit == n.view.len() {
		n.appendAll(&r)
	} else {
		n.appendFirst(&r, fit)
	}
	r.Join(&user)
	return r.Pieces()
}

// appendAll appends all records in the order of their memory, and shares what is as in the base.
func (n *Node) appendAll(r *wire.Rope) {
	recs := &n.view.recs
	for p := 0; p < recs.Pages(); {
		if run := recs.SharedRun(p); run > 0 {
			r.Share(n.cfg.Base.states.Run(p, p+run))
			p += run
			continue
		}
		r.Own = n.roster.appendStates(r.Own, recs, p)
		p++
	}
}

// appendFirst appends the first records in the view's order: of those who live.
func (n *Node) appendFirst(r *wire.Rope, fit int) {
	for id := range n.view.all {
		if fit--; fit < 0 {
			break
		}
		r.Own = n.roster.appendState(r.Own, id, n.view.at(id))
	}
}

// appendStates appends the records of one page.
func (r *Roster) appendStates(b []byte, recs *paged.Array[record], page int) []byte {
	first := MemberID(page * paged.PageLen)
	for i, rec := range recs.Page(page) {
		if rec.known() {
			b = r.appendState(b, first+MemberID(i), rec)
		}
	}
	return b
}

func (r *Roster) appendState(b []byte, id MemberID, rec record) []byte {
	d := &r.idents[rec.ident]
	addr := addrBytes(d.addr.Addr())
	state := rec.state
	if state == Suspect && rec.hearsay {
		state = Dead // others suspect it then, too, but don't take from us what it hasn't said at this incarnation
	}
	s := wire.NodeState{
		Addr: addr.slice(), Inc: rec.inc, Meta: d.meta, Name: r.nameBytes(id),
		Port: d.addr.Port(), State: uint8(state), Vsn: d.versions[:],
	}
	return s.Append(b)
}

const (
	// statesMax bounds the records of a push/pull in bytes: receivers refuse a block above
	// wire.StreamBlockMax, the state of the layer above included.
	statesMax = 16 << 20
	// stateHead is what a record takes besides name and metadata, at most.
	stateHead = 96
)

// fitState returns how many records, those who live first, a push/pull can carry, and in how
// many bytes at most.
func (n *Node) fitState(out *Output) (fit, size int) {
	if n.view.size <= statesMax {
		n.stateCut = false
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
	if !n.stateCut {
		out.note(Note{Level: Warn, Code: NoteStateCut, N: int64(n.view.len() - fit)})
	}
	n.stateCut = true
	return fit, size
}

// fullState is a push/pull that was read and is sound.
type fullState struct {
	join     bool
	parts    []statePart
	user     []byte
	userMore [][]byte
}

// statePart is node states, or, from to, those of so many pages of our base.
type statePart struct {
	states   wire.NodeStates
	from, to int
}

// readPushPull reads all of a push/pull, but for runs of our base: those are known to be sound. The
// result borrows from the message.
func (n *Node) readPushPull(body []byte, more [][]byte) (fullState, error) {
	head, rest, err := wire.ParsePushPullHeader(body)
	if err != nil {
		return fullState{}, err
	}
	pp, left := fullState{join: head.Join, parts: make([]statePart, 0, 1+len(more))}, head.Nodes
	for at := 0; ; at++ {
		if from, to, ok := n.cfg.Base.find(rest); ok && n.cfg.Base.inPages(from, to) <= left {
			left -= n.cfg.Base.inPages(from, to)
			pp.parts, rest = append(pp.parts, statePart{from: from, to: to}), nil
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

// cutUser cuts the user state to its size; pieces have to be of that size in all.
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

// source is where states come from.
type source struct {
	addr netip.AddrPort
	told bool // whoever we could tell of them knows them: see startsFrom
	met  bool // we asked for them
}

// merge takes over what another member knows, entry by entry: one that makes no sense
// doesn't keep the others out (F5).
func (n *Node) merge(now Time, pp *fullState, from source, out *Output) {
	for i := range pp.parts {
		part := &pp.parts[i]
		n.mergeStates(now, part.states, from, out)
		for page := part.from; page < part.to; page++ {
			n.mergePage(now, page, from, out)
		}
	}
	var join int64
	if pp.join {
		join = 1
	}
	if len(pp.user)+len(pp.userMore) > 0 {
		out.Events = append(out.Events, Event{Kind: EventState, Addr: from.addr, Data: pp.user, More: pp.userMore, N: join})
	}
}

func (n *Node) mergeStates(now Time, states wire.NodeStates, from source, out *Output) {
	for it := states.Iter(); it.Next(); {
		n.mergeEntry(now, &it.State, from, out)
	}
}

// mergePage merges what a page of our base says. If ours is still the same, each of its entries would find
// what it says known already, which the test of invariants shows, and be counted as stale but for our own.
func (n *Node) mergePage(now Time, page int, from source, out *Output) {
	b := n.cfg.Base
	members := b.inPages(page, page+1)
	if !n.view.recs.Shares(page) {
		states, _, err := wire.ParseNodeStates(b.states.Page(page), members)
		invariant.Check(err == nil, "swim: the base can't be read")
		n.mergeStates(now, states, from, out)
		return
	}
	if int(n.self)/paged.PageLen == page {
		members--
	}
	n.counters.DroppedStale += uint64(members)
}

func (n *Node) mergeEntry(now Time, s *wire.NodeState, from source, out *Output) {
	c := claim{id: n.member(s.Name), name: s.Name, addr: addrPort(s.Addr, s.Port), meta: s.Meta, inc: s.Inc, vsn: len(s.Vsn), from: from.addr, told: from.told, met: from.met}
	copy(c.versions[:], s.Vsn)
	state := State(s.State)
	if state > Left {
		n.dropMessage(from.addr, []byte{byte(wire.TypePushPull)}, out)
		return
	}
	if state != Left && c.addr != n.cfg.Addr && string(c.name) == n.cfg.Name {
		// Alive or not: who holds this refuses our address (F15).
		if n.acceptable(&c, out) {
			n.applyAlive(now, &c, out)
		}
		return
	}
	if !state.live() {
		// A death learned second-hand is a suspicion, so that the member can still refute;
		// that it left, it said itself (spec 2.2).
		if state == Left {
			n.accuse(now, Left, s.Name, s.Inc, s.Name, out)
			return
		}
		n.accuse(now, Suspect, s.Name, s.Inc, n.hearsay(s.Name), out)
		return
	}
	if !n.acceptable(&c, out) {
		return
	}
	// A suspect that we don't know, or know less of, is alive at that incarnation first.
	id := c.id
	if state == Alive || id == NoMember || n.view.at(id).yieldsTo(Alive, c.inc) && id != n.self {
		n.applyAlive(now, &c, out)
	}
	if state == Suspect {
		n.accuse(now, Suspect, s.Name, s.Inc, n.hearsay(s.Name), out)
	}
}

// hearsay is who accuses the member of this name by its state in a full exchange: it doesn't say who found that out.
// Gossiped as an accusation of this node it would come back to who did, as the word of one more witness. On the
// wire a suspicion by nobody is one by the member itself, which no member ever raises.
func (n *Node) hearsay(name []byte) []byte {
	if n.has(FirstHand) {
		return name
	}
	return n.roster.nameBytes(n.self)
}
