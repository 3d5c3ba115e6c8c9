package swim

import (
	"time"

	"serf/wire"
)

// advanceReturn announces, step by step, that this node is at its own address and not where others
// knew it.
//
// First comes the new address, at a higher incarnation than any known: members of our kind check it
// and accept the move. memberlist reports a conflict, whatever the incarnation, unless the member
// left; and only a living member can leave, while the old one may be dead by now. So the old one is
// declared alive, then left, and then the new address is announced. The first two steps have lower
// incarnations than the new address: members that know that ignore them (F15), so those of our kind
// are given time to hear of it first. The last announcement is also for members that nobody knew
// how to reach at first: in a cluster that restarts, many.
func (n *Node) advanceReturn(now Time, m *move, out *Output) {
	m.deadline = now.Add(stepRounds * n.cfg.GossipInterval)
	name := n.ownName()
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
		old := wire.Alive{
			Inc: m.inc, Node: name, Addr: ip.slice(), Port: m.addr.Port(),
			Meta: m.meta, Vsn: m.versions[:],
		}
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
	out.scratch.msg = n.appendUpdate(out.scratch.msg[:0], n.self)
	n.tellStep(n.self, out)
}

// tellStep broadcasts the message in scratch, which is about id, and sends it to some members
// directly.
func (n *Node) tellStep(id MemberID, out *Output) {
	n.broadcast(id, out.scratch.msg)
	var buf [returnTells]MemberID
	live := func(_ MemberID, r record) bool { return r.state.live() }
	for _, to := range n.pick(buf[:0], returnTells, live) {
		n.sendBare(n.identity(to).addr, to, out, out.scratch.msg)
	}
}

// moveSpread is how long it takes until nearly all members of our kind have heard of a move, which
// each checks before it passes it on.
func (n *Node) moveSpread() time.Duration {
	hops, reached := 1, returnTells
	for ; reached < n.view.live; hops++ {
		reached *= n.Retransmits()
	}
	return time.Duration(hops) * (n.cfg.ProbeTimeout + hopRounds*n.cfg.GossipInterval)
}

// outbid makes this node's incarnation greater than inc.
func (n *Node) outbid(now Time, inc uint32) {
	if n.inc <= inc {
		n.raise(now, inc)
	}
}
