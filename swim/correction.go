package swim

import (
	"net/netip"
	"slices"
)

// correct tells the sender of the packet being read that its message about id, whose record is r,
// is outdated: id has refuted it, or moved. The sender missed that gossip, and nobody would repeat it: without this its
// view would stay wrong until the next push/pull.
func (n *Node) correct(now Time, id MemberID, r record, inc uint32, out *Output) {
	if inc < r.inc && r.state.live() {
		n.correctSender(now, id, out)
	}
}

// correctSender notes that the sender of the packet being read will be sent the state of id. All
// corrections go in one packet, and only within the replyBudget: anybody can send outdated
// messages, from any address.
func (n *Node) correctSender(now Time, id MemberID, out *Output) {
	due := &out.scratch.corrections
	if len(*due) < correctionsMax && !slices.Contains(*due, id) && n.has(Correction) &&
		(len(*due) > 0 || n.askedAboutItself(id, out) || n.mayReply(now)) {
		*due = append(*due, id)
	}
}

// askedAboutItself tells whether a member pings this node, id, in the packet being read. Its ack then
// says what it has refuted, whatever the budget: members that are cut off may accuse it so often
// that nothing is left for one that hears it, and is about to give it up.
func (n *Node) askedAboutItself(id MemberID, out *Output) bool {
	return id == n.self && slices.ContainsFunc(out.scratch.acks, func(a ackDue) bool {
		return a.back && n.memberAt(a.source, a.to)
	})
}

// correctionsMax is how many members the correction of one packet is about.
const correctionsMax = 8

// packCorrections adds the corrections to the packet being built.
func (n *Node) packCorrections(out *Output) {
	sc := &out.scratch
	for _, id := range sc.corrections {
		if n.view.has(id) && !sc.packer.End(n.appendUpdate(sc.packer.Begin(), id)) {
			n.counters.DroppedTooLarge++
		}
	}
	sc.corrections = sc.corrections[:0]
}

// sendCorrections sends the corrections that didn't go with an ack.
func (n *Node) sendCorrections(to netip.AddrPort, out *Output) {
	if len(out.scratch.corrections) > 0 {
		out.scratch.packer.Reset(n.room())
		n.packCorrections(out)
		n.ship(to, NoMember, out)
	}
}

// replyBudget bounds the answers to outdated messages, which can be forged and cost a packet each.
type replyBudget struct {
	until Time
	used  int
}

const repliesMax = 8 // a gossip interval

// mayReply takes an answer out of the budget, if there is one left.
func (n *Node) mayReply(now Time) bool {
	if now >= n.replies.until {
		n.replies = replyBudget{until: now.Add(n.cfg.GossipInterval)}
	}
	if n.replies.used >= repliesMax {
		return false
	}
	n.replies.used++
	return true
}

// answerClaim tells a member, at the address that it claims, what this node believes about it, so
// that it can refute. Without encryption only if the packet came from there or the member is known
// there: anybody can claim any address (F4).
func (n *Node) answerClaim(now Time, id MemberID, c *claim, out *Output) {
	if c.addr != c.from && !n.memberAt(id, c.addr) && !n.trusts() || !n.mayReply(now) {
		return
	}
	out.scratch.msg = n.appendUpdate(out.scratch.msg[:0], id)
	n.sendBare(c.addr, id, out, out.scratch.msg)
}
