package swim

import (
	"net/netip"

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
	for _, id := range n.pick(buf[:0], 1, func(_ MemberID, r record) bool { return r.state == Alive }) {
		n.callPushPull(now, n.identity(id).addr, call{kind: callPushPull, member: id}, false, out)
	}
}

// scheduleNext sets when the next exchange is due: soon, if members come in numbers.
func (n *Node) scheduleNext(now Time) {
	if n.admitted == 0 && n.hurry > 0 {
		n.hurry--
	}
	n.admitted = 0
	n.pushPull = now.Add(pushPullScaled(n.cfg.PushPullInterval, n.view.live))
	if n.hurry > 0 {
		n.pushPull = min(n.pushPull, n.soon(now))
	}
}

// noteAdmitted brings the next exchange forward when many members come at once. Their
// news is more than gossip carries in time: without this, some are still unknown to a
// few half a minute after a large cluster started at once.
func (n *Node) noteAdmitted(now Time) {
	n.admitted++
	if n.pushPull != Never && n.hurry < hurryIdle && n.admitted >= max(hurryLeast, n.view.live/hurryShare) {
		n.hurry = hurryIdle
		n.pushPull = min(n.pushPull, n.soon(now))
	}
}

func (n *Node) soon(now Time) Time {
	return now.Add(n.cfg.ProbeInterval + n.stagger(n.cfg.ProbeInterval))
}

const (
	hurryLeast = 4  // newcomers since the last exchange; fewer, gossip tells
	hurryShare = 64 // and one in so many of all
	hurryIdle  = 1  // hurried exchanges without a newcomer until the rhythm is the usual
)

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
	s := StreamOut{Kind: StreamCall, To: to, Data: n.appendState(nil, join, out), Deadline: now.Add(n.cfg.StreamTimeout)}
	if c.key > 0 {
		s.Sealer, s.Deadline = n.cfg.Sealer.WithKey(c.key), c.deadline
	}
	return n.callStream(s, c, out)
}

// appendState appends a push/pull message: every record, those of the gone too, so
// that who comes back learns what it has to out-bid. If that is too much, of the last ones
// nothing is told: they are gone.
func (n *Node) appendState(b []byte, join bool, out *Output) []byte {
	var user []byte
	if n.cfg.Carrier != nil {
		user = n.cfg.Carrier.AppendState(nil, join)
	}
	fit, size := n.fitState(out)
	if b == nil {
		const header = 64
		b = make([]byte, 0, header+size+len(user))
	}
	head := wire.PushPullHeader{Join: join, Nodes: fit, UserStateLen: len(user)}
	b = head.Append(b)
	if fit == n.view.len() {
		b = n.appendAll(b)
	} else {
		b = n.appendFirst(b, fit)
	}
	return append(b, user...)
}

// appendAll appends all records in the order of their memory.
func (n *Node) appendAll(b []byte) []byte {
	for p := range n.view.recs.Pages() {
		if n.view.recs.Shares(p) {
			b = append(b, n.cfg.Base.states.Page(p)...)
		} else {
			b = n.roster.appendStates(b, &n.view.recs, p)
		}
	}
	return b
}

// appendFirst appends the first records in the view's order: of those who live.
func (n *Node) appendFirst(b []byte, fit int) []byte {
	for id := range n.view.all {
		if fit--; fit < 0 {
			break
		}
		b = n.roster.appendState(b, id, n.view.at(id))
	}
	return b
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
	s := wire.NodeState{
		Addr: addr.slice(), Inc: rec.inc, Meta: d.meta, Name: r.nameBytes(id),
		Port: d.addr.Port(), State: uint8(rec.state), Vsn: d.versions[:],
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

// merge takes over what another member knows, entry by entry: one that makes no sense
// doesn't keep the others out (F5).
func (n *Node) merge(now Time, pp *wire.PushPull, from netip.AddrPort, out *Output) {
	for it := pp.States(); it.Next(); {
		n.mergeEntry(now, &it.State, from, out)
	}
	var join int64
	if pp.Join {
		join = 1
	}
	if len(pp.UserState) > 0 {
		out.Events = append(out.Events, Event{Kind: EventState, Addr: from, Data: pp.UserState, N: join})
	}
}

func (n *Node) mergeEntry(now Time, s *wire.NodeState, from netip.AddrPort, out *Output) {
	c := claim{name: s.Name, addr: addrPort(s.Addr, s.Port), meta: s.Meta, inc: s.Inc, vsn: len(s.Vsn), from: from}
	copy(c.versions[:], s.Vsn)
	state := State(s.State)
	if state > Left {
		n.dropMessage(from, []byte{byte(wire.TypePushPull)}, out)
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
		n.accuse(now, Suspect, s.Name, s.Inc, n.roster.nameBytes(n.self), out)
		return
	}
	if !n.acceptable(&c, out) {
		return
	}
	// A suspect that we don't know, or know less of, is alive at that incarnation first.
	id := n.member(c.name)
	if state == Alive || id == NoMember || n.view.at(id).yieldsTo(Alive, c.inc) && id != n.self {
		n.applyAlive(now, &c, out)
	}
	if state == Suspect {
		n.accuse(now, Suspect, s.Name, s.Inc, n.roster.nameBytes(n.self), out)
	}
}
