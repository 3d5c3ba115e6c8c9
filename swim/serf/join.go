package serf

import (
	"net/netip"
	"slices"

	"serf/swim"
)

// joins are the running joins after which old events must not be delivered.
type joins struct{ noReplay []swim.OpID }

func (j *joins) ignoresOldEvents() bool { return len(j.noReplay) > 0 }

// Join does a push/pull with the members at the given addresses. Without replay, user events from
// before the join are not delivered. It ends with swim.EventJoinDone: N is how many members
// answered, Err why the last one didn't if none did.
func (n *Node) Join(now swim.Time, to []netip.AddrPort, replay bool, out *swim.Output) swim.OpID {
	return n.beginJoin(now, replay, out, func() swim.OpID { return n.swim.Join(now, to, out) })
}

// JoinOne does a push/pull with the first of these addresses that answers, with replay. It ends as
// Join does.
func (n *Node) JoinOne(now swim.Time, to []netip.AddrPort, out *swim.Output) swim.OpID {
	return n.beginJoin(now, true, out, func() swim.OpID { return n.swim.JoinOne(now, to, out) })
}

func (n *Node) beginJoin(
	now swim.Time, replay bool, out *swim.Output, begin func() swim.OpID,
) swim.OpID {
	n.call.begin(out)
	defer n.finish(now, out)
	if n.leave.phase != leaveNone {
		op := n.newOp()
		n.call.emit(swim.Event{Kind: swim.EventJoinDone, Op: op, Err: swim.ErrLeaving})
		return op
	}
	op := begin()
	if !replay {
		n.joins.noReplay = append(n.joins.noReplay, op)
	}
	return op
}

// handleJoinDone ends a join. If a member answered, the others are told that this node is here.
func (n *Node) handleJoinDone(now swim.Time, e *swim.Event, out *swim.Output) {
	if e.Op == n.lost.op {
		n.lost.op = 0 // a reconnect, which no caller waits for
		return
	}
	if e.Op == n.rejoin.op {
		n.handleRejoinDone(now, e, out)
		return
	}
	j := &n.joins
	j.noReplay = slices.DeleteFunc(j.noReplay, func(op swim.OpID) bool { return op == e.Op })
	if e.N > 0 && n.leave.phase == leaveNone {
		n.sendJoinIntent()
	}
	n.call.emit(*e)
}
