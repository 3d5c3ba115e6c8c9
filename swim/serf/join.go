package serf

import (
	"net/netip"
	"slices"

	"serf/swim"
)

// joins counts the joins under way whose old events aren't wanted.
type joins struct{ quiet []swim.OpID }

func (j *joins) ignoreOld() bool { return len(j.quiet) > 0 }

// Join exchanges states with the members at the given addresses. Without replay, events from
// before are not delivered. It ends with swim.EventJoinDone: N is how many
// answered, Err why the last didn't if none did.
func (n *Node) Join(now swim.Time, to []netip.AddrPort, replay bool, out *swim.Output) swim.OpID {
	return n.beginJoin(now, replay, out, func() swim.OpID { return n.swim.Join(now, to, out) })
}

// JoinOne exchanges states with the first of these addresses that answers, and events from before are delivered. It
// ends as Join does.
func (n *Node) JoinOne(now swim.Time, to []netip.AddrPort, out *swim.Output) swim.OpID {
	return n.beginJoin(now, true, out, func() swim.OpID { return n.swim.JoinOne(now, to, out) })
}

func (n *Node) beginJoin(now swim.Time, replay bool, out *swim.Output, begin func() swim.OpID) swim.OpID {
	n.begin(out)
	defer n.finish(now, out)
	if n.leave.phase != leaveNot {
		op := n.newOp()
		n.tell(swim.Event{Kind: swim.EventJoinDone, Op: op, Err: swim.ErrLeaving})
		return op
	}
	op := begin()
	if !replay {
		n.joins.quiet = append(n.joins.quiet, op)
	}
	return op
}

// handleJoinDone ends a join: if it met somebody, the others are told that we're here.
func (n *Node) handleJoinDone(now swim.Time, e *swim.Event, out *swim.Output) {
	if e.Op == n.lost.op {
		n.lost.op = 0 // a reconnect of ours, which nobody waits for
		return
	}
	if e.Op == n.rejoin.op {
		n.handleRejoinDone(now, e, out)
		return
	}
	n.joins.quiet = slices.DeleteFunc(n.joins.quiet, func(op swim.OpID) bool { return op == e.Op })
	if e.N > 0 && n.leave.phase == leaveNot {
		n.sendJoinIntent()
	}
	n.tell(*e)
}
