package swim

import (
	"net/netip"
	"time"

	"serf/wire"
)

// move is a claim that a member is at another address than the known one: it came back elsewhere,
// or two members have one name. The old address is pinged; only if it doesn't answer the claim
// counts (F15).
type move struct {
	member    MemberID // the own ID: others know our name at another address
	stage     moveStage
	seq       uint32 // of the pings to the old address
	pings     uint8  // of those, sent so far
	loops     bool   // they came back to us: nobody else is there
	requested bool   // see claim
	begun     Time   // of the check
	deadline  Time   // of the stage

	// The claim: what it says about the member, or what others know about us.
	home
	// next is a claim with a higher incarnation to a third address. If the name moves to addr, addr
	// is pinged before next counts.
	next home
	// left is the incarnation, below inc, at which the member meanwhile said that it left; 0: it
	// didn't.
	left uint32
}

// home is an address and what a member there says about itself.
type home struct {
	profile
	inc uint32
}

func homeOf(c *claim) home { return home{c.profile.clone(), c.inc} }

// claimOf is what h says about id.
func (n *Node) claimOf(id MemberID, h *home) claim {
	return claim{id: id, name: n.roster.nameBytes(id), profile: h.profile, inc: h.inc}
}

type moveStage uint8

const (
	moveAsked   moveStage = iota // the old address is pinged
	moveRefused                  // it answered, or our return was announced: no pings for a while

	// The return of this node, whose name others know at another address, where nobody answers:
	moveTold    // the new address was announced
	moveRevived // the old self was declared alive once more
	moveRetired // the old self left; the new address is announced again
)

const (
	// maxMoves bounds claims, those refused for a while included: as many as there can be
	// broadcasts. If half of a large cluster restarts at other addresses at once, that many members
	// move.
	maxMoves = 4096
	// moveWave is how many checks begin together, in moveWaves waves per Config.ProbeTimeout:
	// claims, which can be forged, make us send no more than that. Later ones wait for their turn.
	moveWave, moveWaves = 64, 4
	// movePings are spread over the check: one lost packet must not give a name away.
	movePings = 3
	// conflictPause is how long a conflict that was reported isn't reported again.
	conflictPause = 30 * time.Second
	// stepRounds is for how many gossip rounds each step of a return spreads before the next: a
	// member that hears of the new address first reports a conflict.
	stepRounds = 4
	// hopRounds is how many it takes a member to gossip a move that it has checked.
	hopRounds = 3
	// returnTells is how many members are sent each step of a return directly, besides gossip.
	// Members of our kind check the new address before they pass it on, and don't pass on the
	// middle steps; a stock member that misses these has the wrong address until the next return is
	// announced.
	returnTells = maxPick
)

// moves are the claims to other addresses.
type moves struct {
	list []move           // at most maxMoves
	due  Time             // no deadline is earlier
	at   map[MemberID]int // in list
	wave Time             // when the last checks begin
	many int              // how many of them
}

func (ms *moves) deadline() Time {
	if len(ms.list) == 0 {
		return Never
	}
	return ms.due
}

// of returns the claim about id, or nil. It is valid until another is added or removed.
func (ms *moves) of(id MemberID) *move {
	if i, ok := ms.at[id]; ok {
		return &ms.list[i]
	}
	return nil
}

func (ms *moves) add(m move) *move {
	if len(ms.list) == 0 {
		ms.at, ms.due = make(map[MemberID]int), Never
	}
	ms.at[m.member] = len(ms.list)
	ms.list = append(ms.list, m)
	ms.due = min(ms.due, m.deadline)
	return &ms.list[len(ms.list)-1]
}

// remove removes the claim about id, if there is one. When none is left their memory is released.
func (ms *moves) remove(id MemberID) {
	i, ok := ms.at[id]
	if !ok {
		return
	}
	last := len(ms.list) - 1
	ms.list[i] = ms.list[last]
	ms.at[ms.list[i].member] = i
	ms.list[last] = move{}
	ms.list = ms.list[:last]
	delete(ms.at, id)
	if last == 0 {
		ms.list, ms.at = nil, nil
	}
}

// evict makes room for a claim that may be true: it removes the claim that was refused first, if
// there is one, and tells whether there was.
func (ms *moves) evict(self MemberID) bool {
	oldest := NoMember
	end := Never
	for i := range ms.list {
		if m := &ms.list[i]; m.stage == moveRefused && m.member != self && m.deadline < end {
			oldest, end = m.member, m.deadline
		}
	}
	ms.remove(oldest)
	return oldest != NoMember
}

// turn is when a further check may begin; apart is the time between waves.
func (ms *moves) turn(now Time, apart time.Duration) Time {
	switch {
	case now >= ms.wave.Add(apart):
		ms.wave, ms.many = now, 0
	case ms.many >= moveWave:
		ms.wave, ms.many = ms.wave.Add(apart), 0
	}
	ms.many++
	return ms.wave
}

// checkMove pings the known address of id: the owner of the name, or our former self, may still
// answer there.
func (n *Node) checkMove(now Time, id MemberID, c *claim, out *Output) {
	if m := n.moves.of(id); m != nil {
		m.heed(c)
		if id == n.self { // all claims to our name have to be outbid, wherever they say we are
			m.inc = max(m.inc, c.inc)
		}
		return
	}
	if len(n.moves.list) >= maxMoves && !n.moves.evict(n.self) {
		n.counters.DroppedMoves++
		return
	}
	turn := n.moves.turn(now, n.cfg.ProbeTimeout/moveWaves)
	m := n.moves.add(move{
		member: id, seq: n.nextSeq(), begun: turn, deadline: turn,
		home: homeOf(c), requested: c.requested,
	})
	if turn > now {
		return
	}
	n.askOldAddress(now, m, out)
	deadline := now.Add(n.cfg.ProbeTimeout)
	n.streamPing(id, n.roster.nameBytes(id), c.versions, n.oldAddress(m), m.seq, deadline, out)
}

// heed takes a claim with a higher incarnation for the one that is being checked, or for the next.
func (m *move) heed(c *claim) {
	switch {
	case c.inc <= m.inc:
	case c.addr == m.addr:
		m.home = homeOf(c)
	case c.inc > m.next.inc:
		m.next = homeOf(c)
	}
}

// oldAddress is the address to ping. Of our own name the claim has the old address.
func (n *Node) oldAddress(m *move) netip.AddrPort {
	if m.member == n.self {
		return m.addr
	}
	return n.identity(m.member).addr
}

func (n *Node) askOldAddress(now Time, m *move, out *Output) {
	m.pings++
	m.deadline = m.begun.Add(n.cfg.ProbeTimeout * time.Duration(m.pings) / movePings)
	out.scratch.msg = n.appendPing(out.scratch.msg[:0], n.roster.nameBytes(m.member), m.seq)
	n.sendBare(n.oldAddress(m), NoMember, out, out.scratch.msg)
	if old := n.oldAddress(m); !n.CanReach(old) {
		n.askAnyHelpers(now, m.member, old, m.seq, out)
	}
}

// ackMove takes the answer of an old address: there are two members.
func (n *Node) ackMove(now Time, seq uint32, out *Output) {
	for i := range n.moves.list {
		if m := &n.moves.list[i]; m.seq == seq && m.pings > 0 && !m.loops {
			n.refuseMove(now, m, out)
			return
		}
	}
}

// refuseMove leaves the name with the known address. m may be nil.
func (n *Node) refuseMove(now Time, m *move, out *Output) {
	if m == nil || m.stage != moveAsked {
		return
	}
	if m.stage, m.next = moveRefused, (home{}); m.member != n.self || m.pings == movePings {
		m.deadline = now.Add(conflictPause)
	}
	out.note(Note{Level: Error, Code: NoteConflict, Member: m.member, From: m.addr})
	n.recordConflict(now, m)
	e := Event{Kind: EventConflict, Member: m.member, Addr: m.addr, Data: m.meta}
	if m.requested && m.member == n.self {
		e.N = 1
	}
	out.event(e)
	if m.left > 0 {
		n.applyGone(now, m.member, n.view.at(m.member), Left, m.left, nil, out)
	}
}

// asksItself tells whether a ping is our own, to an old address that still leads here: there is no
// other member, and nothing to answer.
func (n *Node) asksItself(m *wire.Ping) bool {
	own := n.moves.of(n.self)
	if own == nil || m.Seq != own.seq || string(m.SourceNode) != n.cfg.Name {
		return false
	}
	own.loops = true
	return true
}

func (n *Node) expireMoves(now Time, out *Output) {
	if now < n.moves.deadline() {
		return
	}
	n.moves.due = Never
	for i := 0; i < len(n.moves.list); {
		m := &n.moves.list[i]
		if now >= m.deadline && !n.advanceMove(now, m, out) {
			n.endMove(now, m, out)
			continue // another is in its place now
		}
		n.moves.due = min(n.moves.due, m.deadline)
		i++
	}
}

// endMove removes m, which is decided, and goes on with the next claim, if there is one.
func (n *Node) endMove(now Time, m *move, out *Output) {
	id, next := m.member, m.next
	n.moves.remove(id)
	if next.inc > 0 && id != n.self {
		c := n.claimOf(id, &next)
		n.applyAlive(now, &c, out)
	}
}

// advanceMove takes m, whose time is over, to its next stage; false if it is done.
func (n *Node) advanceMove(now Time, m *move, out *Output) (goesOn bool) {
	switch {
	case m.stage == moveRefused && m.member == n.self && m.pings < movePings:
		// A stock member that is alone has nobody to gossip to: what we have to outbid comes with
		// its acks.
		n.askOldAddress(now, m, out)
		if m.pings == movePings {
			m.deadline = now.Add(conflictPause)
		}
		return true
	case m.stage == moveRefused:
	case m.stage == moveAsked && m.pings < movePings:
		n.askOldAddress(now, m, out)
		return true
	case m.member != n.self:
		n.acceptMove(now, m, out)
	case !n.leaving.begun():
		n.advanceReturn(now, m, out)
		return true
	}
	return false
}

// acceptMove applies a claim whose old address didn't answer.
func (n *Node) acceptMove(now Time, m *move, out *Output) {
	r := n.view.at(m.member)
	c := n.claimOf(m.member, &m.home)
	switch {
	case !r.known(), !r.lacks(m.inc) && !r.yieldsTo(Alive, m.inc):
		return // overtaken by another update
	case r.lacks(m.inc):
		n.complete(m.member, &c, out)
	default:
		n.accept(now, m.member, &c, out)
	}
	out.note(Note{Level: Info, Code: NoteMoved, Member: m.member, From: m.addr})
}

// deferLeft tells whether a message that id left has to wait until a claim with a higher
// incarnation is checked. The message is a step of the member's return, for stock members only; or
// the claim isn't its own.
func (n *Node) deferLeft(id MemberID, inc uint32) bool {
	m := n.moves.of(id)
	if m == nil || m.stage != moveAsked || inc >= m.inc {
		return false
	}
	m.left = max(m.left, inc)
	return true
}
