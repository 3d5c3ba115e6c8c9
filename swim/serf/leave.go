package serf

import (
	"serf/internal/invariant"
	"serf/swim"
	"serf/swim/history"
	"serf/wire"
)

// leaving is this node's own departure, step by step. While there is none, rumors of one are
// refuted.
type leaving struct {
	phase  leavePhase
	op     swim.OpID
	swimOp swim.OpID
	err    error

	nextRefute swim.Time // see refuteGap
}

type leavePhase uint8

const (
	leaveNone       leavePhase = iota
	leaveGossiping             // the intent, and the own user events that wait, are being gossiped
	leaveMembership            // the membership gossips it
	leaveLingering             // still answering probes, until the others know
	leaveDone
)

// Leave announces that this node leaves, and then leaves. It ends with swim.EventLeaveDone; its Err
// says what wasn't announced in time. The node keeps answering until its driver stops it. A second
// call returns the same operation, or one that ends at once if the node has left.
func (n *Node) Leave(now swim.Time, out *swim.Output) swim.OpID {
	switch n.leave.phase {
	case leaveNone:
	case leaveDone:
		n.call.begin(out)
		op := n.newOp()
		n.call.emit(swim.Event{Kind: swim.EventLeaveDone, Op: op, Err: n.leave.err})
		n.finish(now, out)
		return op
	default:
		return n.leave.op
	}
	n.call.begin(out)
	n.leave = leaving{phase: leaveGossiping, op: n.newOp()}
	n.journalLeave()
	n.swim.SpeedUpLeave()
	t := n.memberClock.Next()
	n.table.setTime(n.self, n.cfg.Name, t)
	n.table.set(n.self, n.cfg.Name, StatusLeaving, now)
	n.swim.Record(now, n.self, history.Leaving, history.Leave)
	m := wire.LeaveIntent{LTime: uint64(t), Node: []byte(n.cfg.Name)}
	n.buf = m.Append(n.buf[:0])
	n.broadcastIntent(m.Node, n.buf)
	n.arm(timerLeave, now.Add(n.cfg.BroadcastTimeout))
	n.finish(now, out)
	return n.leave.op
}

// stepLeave continues the departure when its present step is done or has timed out.
func (n *Node) stepLeave(now swim.Time, out *swim.Output) {
	l := &n.leave
	switch l.phase {
	case leaveGossiping:
		if !n.alone() && !n.leaveGossiped(out) {
			return
		}
		l.phase = leaveMembership
		n.arm(timerLeave, swim.Never) // the membership has a deadline of its own
		l.swimOp = n.swim.Leave(now, out)
	case leaveLingering:
		n.finishLeave()
	}
}

// leaveGossiped says whether the leave intent and the own user events have been gossiped, or the
// time for that is over.
func (n *Node) leaveGossiped(out *swim.Output) bool {
	waits, unsent := n.gossip.intents.Has(uint64(n.self)), n.unsent()
	if n.due[timerLeave] != swim.Never {
		return !waits && unsent == 0
	}
	if waits {
		n.note(out, swim.Warn, NoteLeaveTimeout, swim.Note{})
	}
	if unsent > 0 {
		n.note(out, swim.Warn, NoteEventsUnsent, swim.Note{N: int64(unsent)})
	}
	return true
}

// handleLeaveDone handles that the membership has announced the departure.
func (n *Node) handleLeaveDone(now swim.Time, e *swim.Event, out *swim.Output) {
	l := &n.leave
	invariant.Check(l.phase == leaveMembership, "serf: left without leaving")
	l.err = e.Err
	n.becomeGone(now, n.self, true, out)
	if n.alone() {
		n.finishLeave()
		return
	}
	l.phase = leaveLingering
	n.arm(timerLeave, now.Add(n.cfg.LeavePropagateDelay))
}

func (n *Node) finishLeave() {
	n.leave.phase = leaveDone
	n.arm(timerLeave, swim.Never)
	n.flushMembers()
	n.flushUserEvents()
	n.call.emit(swim.Event{Kind: swim.EventLeaveDone, Op: n.leave.op, Err: n.leave.err})
}

// Leaving says whether this node is leaving or has left.
func (n *Node) Leaving() bool { return n.leave.phase != leaveNone }
