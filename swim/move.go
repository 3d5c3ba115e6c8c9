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
	seq      uint32         // of the ping to the old address
	peer     netip.AddrPort // who has us for dead
	deadline Time

	// The claim: addr and so on of the member, or what others know of us.
	addr     netip.AddrPort
	meta     []byte
	versions [6]byte
	inc      uint32
}

type moveStage uint8

const (
	moveAsked   moveStage = iota // the old address was pinged
	moveRefused                  // the old address answered: a conflict, not asked again for a while

	// Our own name, known elsewhere:
	moveRetired // the old self was declared gone; we come next
	moveDoubted // a member has the old self for dead; in a moment we ask whether it still has
	moveInsist  // it was asked
	moveRevived // it still has: the old self was declared alive, and is gone next
)

const (
	// maxMoves bounds claims that are checked at once; others wait until they are repeated.
	maxMoves = 64
	// conflictPause is how long a conflict, once told, isn't told again.
	conflictPause = 30 * time.Second
	// doubtPause is how long our own refutation has to be believed.
	doubtPause = time.Second
	// stepRounds is for how many gossip rounds each step of our former self's end spreads before the
	// next: who hears of the new address first takes it for a conflict.
	stepRounds = 4
)

// checkMove pings the address that is known for id: its owner, or our former self, may
// still answer there.
func (n *Node) checkMove(now Time, id MemberID, c *claim, out *Output) {
	if len(n.moves) >= maxMoves || slices.ContainsFunc(n.moves, func(m move) bool { return m.member == id }) {
		return
	}
	old := n.identity(id).addr
	if id == n.self {
		old = c.addr // others know the old one
	}
	n.moves = append(n.moves, move{
		member: id, seq: n.nextSeq(), deadline: now.Add(n.cfg.ProbeTimeout),
		addr: c.addr, meta: bytes.Clone(c.meta), versions: c.versions, inc: c.inc,
	})
	ping := wire.Ping{
		Seq: n.lastSeq, Node: n.roster.nameBytes(id),
		SourceAddr: n.ownAddr, SourcePort: n.cfg.Addr.Port(), SourceNode: n.roster.nameBytes(n.self),
	}
	out.scratch.msg = ping.Append(out.scratch.msg[:0])
	n.send(now, old, NoMember, out, out.scratch.msg)
}

// ackMove handles the answer of an old address: both are there.
func (n *Node) ackMove(now Time, seq uint32, out *Output) {
	for i := range n.moves {
		m := &n.moves[i]
		if m.seq != seq || m.stage != moveAsked {
			continue
		}
		m.stage, m.deadline = moveRefused, now.Add(conflictPause)
		out.note(Note{Level: Error, Code: NoteConflict, Member: m.member, From: m.addr})
		out.Events = append(out.Events, Event{Kind: EventConflict, Member: m.member, Addr: m.addr})
	}
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
	case m.stage == moveAsked && m.member != n.self:
		n.acceptMove(now, m, out)
	case n.leaving.begun():
	case m.stage == moveAsked:
		n.retireFormerSelf(now, m, out)
		return true
	case m.stage == moveRevived:
		n.retireFormerSelf(now, m, out)
		return true
	case m.stage == moveDoubted:
		m.stage, m.deadline = moveInsist, now.Add(conflictPause)
		n.callPushPull(now, m.peer, call{kind: callPushPull}, false, out)
		return true
	case m.stage == moveRetired:
		n.raise(now, m.inc)
		n.announceAlive(n.self, out)
	}
	return false
}

// acceptMove takes a claim whose old address kept silent.
func (n *Node) acceptMove(now Time, m *move, out *Output) {
	r := n.view.lookup(m.member)
	if r == nil || !r.yieldsTo(Alive, m.inc) {
		return // overtaken by other news
	}
	out.note(Note{Level: Info, Code: NoteMoved, Member: m.member, From: m.addr})
	c := claim{name: n.roster.nameBytes(m.member), addr: m.addr, meta: m.meta, versions: m.versions, inc: m.inc}
	n.accept(now, m.member, &c, out)
}

// retireFormerSelf ends what is known of this name at its old address, in its own name:
// members that would refuse another address for a living name accept it of one that left.
func (n *Node) retireFormerSelf(now Time, m *move, out *Output) {
	m.stage, m.deadline = moveRetired, n.nextStep(now)
	out.note(Note{Level: Info, Code: NoteMoved, Member: n.self, From: n.cfg.Addr})
	n.gossipAccusation(n.self, Left, m.inc, nil, out)
}

func (n *Node) nextStep(now Time) Time { return now.Add(stepRounds * n.cfg.GossipInterval) }

// buriedElsewhere handles that a member has this name for dead at another address: we restarted
// there too late. Refuting is enough for members of our kind. Those of the original call the new
// address a conflict for as long as they remember, and can't be told that a dead
// member left either. So if the same member still says so after our refutation, the former
// self comes back, leaves as it should have, and then we appear (F15).
func (n *Node) buriedElsewhere(now Time, c *claim, peer netip.AddrPort, out *Output) {
	if n.leaving.begun() || !peer.IsValid() {
		return
	}
	i := slices.IndexFunc(n.moves, func(m move) bool { return m.member == n.self })
	if i < 0 {
		if len(n.moves) < maxMoves {
			n.moves = append(n.moves, move{
				member: n.self, stage: moveDoubted, deadline: now.Add(doubtPause), peer: peer,
				addr: c.addr, meta: bytes.Clone(c.meta), versions: c.versions, inc: c.inc,
			})
		}
		return
	}
	if m := &n.moves[i]; m.stage == moveInsist && m.addr == c.addr {
		m.stage, m.deadline = moveRevived, n.nextStep(now)
		m.inc = max(n.inc, c.inc) + 1
		alive := wire.Alive{Inc: m.inc, Node: n.roster.nameBytes(n.self), Port: c.addr.Port(), Meta: m.meta, Vsn: m.versions[:]}
		ip := addrBytes(c.addr.Addr())
		alive.Addr = ip.slice()
		out.scratch.msg = alive.Append(out.scratch.msg[:0])
		n.gossip(n.self, out.scratch.msg)
	}
}

// retired returns the claim on our name whose end is being told, or nil: until that is
// done, nothing is refuted.
func (n *Node) retired() *move {
	for i := range n.moves {
		if s := n.moves[i].stage; s == moveRetired || s == moveRevived {
			return &n.moves[i]
		}
	}
	return nil
}
