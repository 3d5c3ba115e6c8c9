package swim

import (
	"bytes"
	"net/netip"
	"slices"
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
	begun    Time
	deadline Time // of the stage

	// The claim: addr and so on of the member, or what others know of us.
	addr     netip.AddrPort
	meta     []byte
	versions [6]byte
	inc      uint32
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
	// maxMoves bounds claims that are checked at once; others wait until they are repeated.
	maxMoves = 64
	// movePings are spread over the wait: one lost packet must not give a name away.
	movePings = 3
	// conflictPause is how long a conflict, once told, isn't told again.
	conflictPause = 30 * time.Second
	// stepRounds is for how many gossip rounds each step of our return spreads before the
	// next: who hears of the new address first takes it for a conflict.
	stepRounds = 4
	// returnTells is how many members are told the middle steps of our return straight away, besides gossip. Members of our
	// kind don't pass these steps on, and one of the original that misses them has it wrong until the next return is told.
	returnTells = maxPick
)

func (n *Node) moveOf(id MemberID) *move {
	for i := range n.moves {
		if n.moves[i].member == id {
			return &n.moves[i]
		}
	}
	return nil
}

// checkMove asks at the address that is known for id: its owner, or our former self, may
// still answer there.
func (n *Node) checkMove(now Time, id MemberID, c *claim, out *Output) {
	if m := n.moveOf(id); m != nil {
		m.heed(c)
		if id == n.self { // wherever else we were known: all of it is to be out-bid
			m.inc = max(m.inc, c.inc)
		}
		return
	}
	if len(n.moves) >= maxMoves && !n.evictRefused() {
		return
	}
	n.moves = append(n.moves, move{
		member: id, seq: n.nextSeq(), begun: now,
		addr: c.addr, meta: bytes.Clone(c.meta), versions: c.versions, inc: c.inc, met: c.met,
	})
	m := &n.moves[len(n.moves)-1]
	n.askOldAddress(now, m, out)
	if c.versions[1] >= streamPingSince && !n.cfg.DisableStreamPing {
		n.streamPing(id, n.oldAddress(m), m.seq, now.Add(n.cfg.ProbeTimeout), out)
	}
}

// heed takes a louder claim for the one that is being checked.
func (m *move) heed(c *claim) {
	if c.inc > m.inc && c.addr == m.addr {
		m.inc, m.meta, m.versions = c.inc, bytes.Clone(c.meta), c.versions
	}
}

// evictRefused makes room for a move that can still be made, and says whether it could.
func (n *Node) evictRefused() bool {
	i := slices.IndexFunc(n.moves, func(m move) bool { return m.stage == moveRefused && m.member != n.self })
	if i >= 0 {
		n.moves = slices.Delete(n.moves, i, i+1)
	}
	return i >= 0
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
}

// ackMove handles the answer of an old address: both are there.
func (n *Node) ackMove(now Time, seq uint32, out *Output) {
	for i := range n.moves {
		if m := &n.moves[i]; m.seq == seq && !m.loops {
			n.refuseMove(now, m, out)
		}
	}
}

// refuseMove leaves the name with the address that has it. m may be nil.
func (n *Node) refuseMove(now Time, m *move, out *Output) {
	if m == nil || m.stage != moveAsked {
		return
	}
	if m.stage = moveRefused; m.member != n.self || m.pings == movePings {
		m.deadline = now.Add(conflictPause)
	}
	out.note(Note{Level: Error, Code: NoteConflict, Member: m.member, From: m.addr})
	e := Event{Kind: EventConflict, Member: m.member, Addr: m.addr}
	if m.met && m.member == n.self {
		e.N = 1
	}
	out.Events = append(out.Events, e)
}

// asksItself tells whether a ping is our own, to an address that we are known at and that
// still leads here. There is no other, and nothing to answer.
func (n *Node) asksItself(m *wire.Ping) bool {
	own := n.moveOf(n.self)
	if own == nil || m.Seq != own.seq || string(m.SourceNode) != n.cfg.Name {
		return false
	}
	own.loops = true
	return true
}

func (n *Node) expireMoves(now Time, out *Output) {
	for i := 0; i < len(n.moves); {
		if now < n.moves[i].deadline || n.advanceMove(now, &n.moves[i], out) {
			i++
			continue
		}
		n.moves = slices.Delete(n.moves, i, i+1)
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
	if !r.known() || !r.yieldsTo(Alive, m.inc) {
		return // overtaken by other news
	}
	out.note(Note{Level: Info, Code: NoteMoved, Member: m.member, From: m.addr})
	c := claim{name: n.roster.nameBytes(m.member), addr: m.addr, meta: m.meta, versions: m.versions, inc: m.inc}
	n.accept(now, m.member, &c, out)
}

// advanceReturn tells the others, step by step, that this node lives here and not where it
// was known. First comes our new address, louder than anything known: members of our kind
// check it and move. The original calls it a conflict, whatever the incarnation, unless the
// old one left; and only a living member can leave, while the old one may be dead by now. So
// the old one is revived, leaves, and then we appear. Both are quieter than our
// new address: nobody else heeds them (F15).
func (n *Node) advanceReturn(now Time, m *move, out *Output) {
	m.deadline = now.Add(stepRounds * n.cfg.GossipInterval)
	name := n.roster.nameBytes(n.self)
	switch {
	case m.stage == moveAsked, m.stage == moveTold && n.inc < m.inc+2:
		m.stage = moveTold
		out.note(Note{Level: Info, Code: NoteMoved, Member: n.self, From: n.cfg.Addr})
		n.outbid(now, m.inc+1)
		n.announceAlive(n.self, out)
	case m.stage == moveTold:
		m.stage = moveRevived
		m.inc++
		ip := addrBytes(m.addr.Addr())
		old := wire.Alive{Inc: m.inc, Node: name, Addr: ip.slice(), Port: m.addr.Port(), Meta: m.meta, Vsn: m.versions[:]}
		out.scratch.msg = old.Append(out.scratch.msg[:0])
		n.tellStep(out.scratch.msg, out)
	case m.stage == moveRevived:
		m.stage = moveRetired
		old := wire.Dead{Inc: m.inc, Node: name, From: name}
		out.scratch.msg = old.Append(out.scratch.msg[:0])
		n.tellStep(out.scratch.msg, out)
	default:
		m.stage, m.deadline = moveRefused, now.Add(conflictPause)
		n.outbid(now, m.inc)
		n.announceAlive(n.self, out)
	}
}

func (n *Node) tellStep(msg []byte, out *Output) {
	n.gossip(NoMember, msg)
	var buf [returnTells]MemberID
	for _, id := range n.pick(buf[:0], returnTells, func(_ MemberID, r record) bool { return r.state.live() }) {
		n.sendBare(n.identity(id).addr, id, out, msg)
	}
}

// outbid makes the own incarnation greater than inc, if it isn't.
func (n *Node) outbid(now Time, inc uint32) {
	if n.inc <= inc {
		n.raise(now, inc)
	}
}
