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
	seq      uint32 // of the ping to the old address
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
	moveRetired                  // own name: the old self was declared gone, we come next
	moveRefused                  // the old address answered: a conflict, not asked again for a while
)

const (
	// maxMoves bounds claims that are checked at once; others wait until they are repeated.
	maxMoves = 64
	// conflictPause is how long a conflict, once told, isn't told again.
	conflictPause = 30 * time.Second
	// retirePause is how long the end of our former self spreads before we appear: who hears of
	// the new address first takes it for a conflict.
	retirePause = time.Second
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
	for i := 0; i < len(n.moves); i++ {
		if now < n.moves[i].deadline {
			continue
		}
		if m := n.moves[i]; m.stage == moveAsked && m.member == n.self {
			n.retireFormerSelf(now, &n.moves[i], out)
			continue
		} else if m.stage == moveAsked {
			n.acceptMove(now, &m, out)
		} else if m.stage == moveRetired {
			n.raise(now, m.inc)
			n.announceAlive(n.self, out)
		}
		n.moves = slices.Delete(n.moves, i, i+1)
		i--
	}
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
	if n.leaving.begun() {
		m.stage, m.deadline = moveRefused, now
		return
	}
	m.stage, m.deadline = moveRetired, now.Add(max(retirePause, 4*n.cfg.GossipInterval))
	out.note(Note{Level: Info, Code: NoteMoved, Member: n.self, From: n.cfg.Addr})
	n.gossipAccusation(n.self, Left, m.inc, nil, out)
}

// retired returns the claim on our name whose end is being told, or nil: until that is
// done, nothing is refuted.
func (n *Node) retired() *move {
	for i := range n.moves {
		if n.moves[i].stage == moveRetired {
			return &n.moves[i]
		}
	}
	return nil
}
