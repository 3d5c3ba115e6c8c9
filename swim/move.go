package swim

import (
	"bytes"
	"net/netip"
	"time"

	"serf/wire"
)

// move is a claim that a name lives at another address than the known one: a member
// that came back elsewhere, or two members with one name. The old address is asked; only
// if it's silent the claim counts (F15).
type move struct {
	member   MemberID // the own ID: our name is known elsewhere
	stage    moveStage
	seq      uint32 // of the pings to the old address
	pings    uint8  // of those, sent so far
	loops    bool   // they came back to ourselves: nobody else is there
	met      bool   // told in answer to our question
	begun    Time   // of the check
	deadline Time   // of the stage

	// The claim: what it says of the member, or what others know of us.
	home
	// next is a louder claim to a third address. Whoever is at addr, if the name is given there, is
	// asked before it is heeded.
	next home
	// left is at which incarnation, less than inc, the member said meanwhile that it left; 0: it
	// didn't.
	left uint32
}

// home is an address and what a member there says of itself.
type home struct {
	addr     netip.AddrPort
	meta     []byte
	versions [6]byte
	inc      uint32
}

func homeOf(c *claim) home { return home{c.addr, bytes.Clone(c.meta), c.versions, c.inc} }

// claim is what h says of id.
func (n *Node) claimOf(id MemberID, h *home) claim {
	return claim{id: id, name: n.roster.nameBytes(id), addr: h.addr, meta: h.meta, versions: h.versions, inc: h.inc}
}

type moveStage uint8

const (
	moveAsked   moveStage = iota // the old address is pinged
	moveRefused                  // it answered, or our return has been told: not asked again for a while

	// Our own name, known elsewhere, where nobody answers:
	moveTold    // our new address was announced
	moveRevived // the old self was declared alive once more
	moveRetired // the old self left; we come last
)

const (
	// maxMoves bounds claims, those that are refused for a while included: as many as there can be
	// broadcasts. In a cluster of which half restarts elsewhere at once, most of its members are on
	// the move.
	maxMoves = 4096
	// moveWave is how many checks begin together, one wave each moveWaves-th part of
	// Config.ProbeTimeout: claims, which can be forged, make us send no more than that. Later ones
	// wait for their turn.
	moveWave, moveWaves = 64, 4
	// movePings are spread over the wait: one lost packet must not give a name away.
	movePings = 3
	// conflictPause is how long a conflict, once told, isn't told again.
	conflictPause = 30 * time.Second
	// stepRounds is for how many gossip rounds each step of our return spreads before the
	// next: who hears of the new address first takes it for a conflict.
	stepRounds = 4
	// hopRounds is how many it takes a member that has heard of a move, and found it true, to pass
	// it on.
	hopRounds = 3
	// returnTells is how many members are told each step of our return straight away, besides
	// gossip. Members of our kind check our new address before they pass it on, and don't pass on
	// the middle steps; one of the original that misses these has it wrong until the next return is
	// told.
	returnTells = maxPick
)

// moves are the claims to other addresses.
type moves struct {
	list []move           // at most maxMoves
	at   map[MemberID]int // in list
	due  Time             // no deadline is before it
	wave Time             // when the last checks begin
	many int              // of them
}

func (ms *moves) deadline() Time {
	if len(ms.list) == 0 {
		return Never
	}
	return ms.due
}

// of returns the claim about id, or nil. It is valid until one is added or removed.
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

// remove forgets the claim about id, if there is one. When all are gone their memory is given back.
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

// evict makes room for a claim that may be true, by one that isn't, and says whether it could. Of
// those it is the one refused first.
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

// turn is when a further check may begin; waves come so far apart.
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

// shift gives all claims that are checked so much more time.
func (ms *moves) shift(by time.Duration) {
	for i := range ms.list {
		ms.list[i].begun = ms.list[i].begun.Add(by)
		ms.list[i].deadline = ms.list[i].deadline.Add(by)
	}
	ms.due = ms.due.Add(by)
}

// checkMove asks at the address that is known for id: its owner, or our former self, may
// still answer there.
func (n *Node) checkMove(now Time, id MemberID, c *claim, out *Output) {
	if m := n.moves.of(id); m != nil {
		m.heed(c)
		if id == n.self { // wherever else we were known: all of it is to be out-bid
			m.inc = max(m.inc, c.inc)
		}
		return
	}
	if len(n.moves.list) >= maxMoves && !n.moves.evict(n.self) {
		n.counters.DroppedMoves++
		return
	}
	turn := n.moves.turn(now, n.cfg.ProbeTimeout/moveWaves)
	m := n.moves.add(move{member: id, seq: n.nextSeq(), begun: turn, deadline: turn, home: homeOf(c), met: c.met})
	if turn > now {
		return
	}
	n.askOldAddress(now, m, out)
	if c.versions[1] >= streamPingSince && !n.cfg.DisableStreamPing {
		n.streamPing(id, n.oldAddress(m), m.seq, now.Add(n.cfg.ProbeTimeout), out)
	}
}

// heed takes a louder claim for the one that is being checked, or for the one after it.
func (m *move) heed(c *claim) {
	switch {
	case c.inc <= m.inc:
	case c.addr == m.addr:
		m.home = homeOf(c)
	case c.inc > m.next.inc:
		m.next = homeOf(c)
	}
}

// oldAddress is where m is checked: of our own name the others know the old one.
func (n *Node) oldAddress(m *move) netip.AddrPort {
	if m.member == n.self {
		return m.addr
	}
	return n.identity(m.member).addr
}

func (n *Node) askOldAddress(now Time, m *move, out *Output) {
	m.pings++
	m.deadline = m.begun.Add(n.cfg.ProbeTimeout * time.Duration(m.pings) / movePings)
	out.scratch.msg = n.appendPing(out.scratch.msg[:0], m.member, m.seq)
	n.sendBare(n.oldAddress(m), NoMember, out, out.scratch.msg)
	if old := n.oldAddress(m); !n.CanReach(old) {
		n.askHelpers(now, m.member, old, m.seq, out)
	}
}

// ackMove handles the answer of an old address: both are there.
func (n *Node) ackMove(now Time, seq uint32, out *Output) {
	for i := range n.moves.list {
		if m := &n.moves.list[i]; m.seq == seq && m.pings > 0 && !m.loops {
			n.refuseMove(now, m, out)
			return
		}
	}
}

// refuseMove leaves the name with the address that has it. m may be nil.
func (n *Node) refuseMove(now Time, m *move, out *Output) {
	if m == nil || m.stage != moveAsked {
		return
	}
	if m.stage, m.next = moveRefused, (home{}); m.member != n.self || m.pings == movePings {
		m.deadline = now.Add(conflictPause)
	}
	out.note(Note{Level: Error, Code: NoteConflict, Member: m.member, From: m.addr})
	e := Event{Kind: EventConflict, Member: m.member, Addr: m.addr}
	if m.met && m.member == n.self {
		e.N = 1
	}
	out.Events = append(out.Events, e)
	if m.left > 0 {
		n.applyGone(now, m.member, Left, m.left, nil, out)
	}
}

// asksItself tells whether a ping is our own, to an address that we are known at and that
// still leads here. There is no other, and nothing to answer.
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
			continue // another is in its place
		}
		n.moves.due = min(n.moves.due, m.deadline)
		i++
	}
}

// endMove forgets m, which is decided, and goes on with a louder claim that came meanwhile.
func (n *Node) endMove(now Time, m *move, out *Output) {
	id, next := m.member, m.next
	n.moves.remove(id)
	if next.inc > 0 && id != n.self {
		c := n.claimOf(id, &next)
		n.applyAlive(now, &c, out)
	}
}

// advanceMove takes m, whose time is over, to its next stage, or says that it is done.
func (n *Node) advanceMove(now Time, m *move, out *Output) (goesOn bool) {
	switch {
	case m.stage == moveRefused && m.member == n.self && m.pings < movePings:
		// The original, alone, has nobody to gossip to: what it asks of us comes with its acks.
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

// acceptMove takes a claim whose old address kept silent.
func (n *Node) acceptMove(now Time, m *move, out *Output) {
	r := n.view.at(m.member)
	c := n.claimOf(m.member, &m.home)
	switch {
	case !r.known(), !r.lacks(m.inc) && !r.yieldsTo(Alive, m.inc):
		return // overtaken by other news
	case r.lacks(m.inc):
		n.complete(m.member, &c, out)
	default:
		n.accept(now, m.member, &c, out)
	}
	out.note(Note{Level: Info, Code: NoteMoved, Member: m.member, From: m.addr})
}

// deferLeft says whether news that id left has to wait until a louder claim to its name is checked. It
// is a step of its return then, for members of the original only; or the rival's address isn't its own.
func (n *Node) deferLeft(id MemberID, inc uint32) bool {
	m := n.moves.of(id)
	if m == nil || m.stage != moveAsked || inc >= m.inc {
		return false
	}
	m.left = max(m.left, inc)
	return true
}

// advanceReturn tells the others, step by step, that this node lives here and not where it was
// known. First comes our new address, louder than anything known: members of our kind check it and
// move. The original calls it a conflict, whatever the incarnation, unless the old one left; and
// only a living member can leave, while the old one may be dead by now. So the old one is revived,
// leaves, and then we appear. Both are quieter than our new address: who has heard of that doesn't
// heed them (F15). Those of our kind are given the time to hear of it. Then it is told anew, for
// those to whom nobody knew the way at first: of a cluster that restarts, many.
func (n *Node) advanceReturn(now Time, m *move, out *Output) {
	m.deadline = now.Add(stepRounds * n.cfg.GossipInterval)
	name := n.roster.nameBytes(n.self)
	switch {
	case m.stage == moveAsked, m.stage == moveTold && n.inc < m.inc+2:
		m.stage, m.deadline = moveTold, now.Add(n.moveSpread())
		out.note(Note{Level: Info, Code: NoteMoved, Member: n.self, From: n.cfg.Addr})
		n.outbid(now, m.inc+1)
		n.announceReturn(out)
	case m.stage == moveTold:
		m.stage = moveRevived
		m.inc++
		n.outbid(now, n.inc)
		n.announceReturn(out)
		ip := addrBytes(m.addr.Addr())
		old := wire.Alive{Inc: m.inc, Node: name, Addr: ip.slice(), Port: m.addr.Port(), Meta: m.meta, Vsn: m.versions[:]}
		out.scratch.msg = old.Append(out.scratch.msg[:0])
		n.tellStep(NoMember, out)
	case m.stage == moveRevived:
		m.stage = moveRetired
		old := wire.Dead{Inc: m.inc, Node: name, From: name}
		out.scratch.msg = old.Append(out.scratch.msg[:0])
		n.tellStep(NoMember, out)
	default:
		m.stage, m.deadline = moveRefused, now.Add(conflictPause)
		n.outbid(now, m.inc)
		n.announceReturn(out)
	}
}

func (n *Node) announceReturn(out *Output) {
	out.scratch.msg = n.appendNews(out.scratch.msg[:0], n.self)
	n.tellStep(n.self, out)
}

// tellStep gossips the message in scratch, as news about id, and sends it to some members straight
// away.
func (n *Node) tellStep(id MemberID, out *Output) {
	n.gossip(id, out.scratch.msg)
	var buf [returnTells]MemberID
	for _, to := range n.pick(buf[:0], returnTells, func(_ MemberID, r record) bool { return r.state.live() }) {
		n.sendBare(n.identity(to).addr, to, out, out.scratch.msg)
	}
}

// moveSpread is how long it takes until nearly all members of our kind have heard of a move: each
// checks it before it passes it on.
func (n *Node) moveSpread() time.Duration {
	hops, reached := 1, returnTells
	for ; reached < n.view.live; hops++ {
		reached *= n.retransmits()
	}
	return time.Duration(hops) * (n.cfg.ProbeTimeout + hopRounds*n.cfg.GossipInterval)
}

// outbid makes the own incarnation greater than inc, if it isn't.
func (n *Node) outbid(now Time, inc uint32) {
	if n.inc <= inc {
		n.raise(now, inc)
	}
}
