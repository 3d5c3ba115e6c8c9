package serf

import (
	"serf/internal/invariant"
	"serf/lamport"
	"serf/swim"
	"serf/wire"
)

// leaving is this node's own departure, step by step.
type leaving struct {
	phase  leavePhase
	op     swim.OpID
	swimOp swim.OpID
	err    error
}

type leavePhase uint8

const (
	leaveNot     leavePhase = iota
	leaveTelling            // the intent is being gossiped, and own events that wait
	leaveGoing              // the membership is being told
	leaveStaying            // still answering, until the others know
	leaveLeft
)

// Leave tells the others that this node goes, and then makes it go. It ends with a
// swim.EventLeaveDone; its Err says what didn't get through in time. Until its driver
// stops it, the node goes on to answer. Calling it again returns the same operation, or one that
// ends at once if the node has left.
func (n *Node) Leave(now swim.Time, out *swim.Output) swim.OpID {
	switch n.leave.phase {
	case leaveNot:
	case leaveLeft:
		n.begin(out)
		op := n.newOp()
		n.tell(swim.Event{Kind: swim.EventLeaveDone, Op: op, Err: n.leave.err})
		n.finish(now, out)
		return op
	default:
		return n.leave.op
	}
	n.begin(out)
	n.leave = leaving{phase: leaveTelling, op: n.newOp()}
	n.journalLeave()
	n.swim.SpeedUpLeave()
	t := n.memberClock.Next()
	n.applyOwnLeave(now, t)
	m := wire.LeaveIntent{LTime: uint64(t), Node: []byte(n.cfg.Name)}
	n.buf = m.Append(n.buf[:0])
	n.spreadIntent(m.Node, n.buf)
	n.arm(dutyLeave, now.Add(n.cfg.BroadcastTimeout))
	n.finish(now, out)
	return n.leave.op
}

func (n *Node) applyOwnLeave(now swim.Time, t lamport.Time) {
	n.table.edit(n.self).statusTime = t
	n.table.set(n.self, StatusLeaving, now)
}

// stepLeave goes on with the departure if its present step is done or out of time.
func (n *Node) stepLeave(now swim.Time, out *swim.Output) {
	l := &n.leave
	switch l.phase {
	case leaveTelling:
		if !n.alone() && !n.saidAll(out) {
			return
		}
		l.phase = leaveGoing
		n.arm(dutyLeave, swim.Never) // the membership has a deadline of its own
		l.swimOp = n.swim.Leave(now, out)
	case leaveStaying:
		n.endLeave()
	}
}

// saidAll says whether the others have been told the intent to leave and the own user events, or the
// time for that is over.
func (n *Node) saidAll(out *swim.Output) bool {
	untold, unsent := n.gossip.intents.Has(uint64(n.self)), n.unsent()
	if n.due[dutyLeave] != swim.Never {
		return !untold && unsent == 0
	}
	if untold {
		n.note(out, swim.Note{Level: swim.Warn, Code: NoteLeaveTimeout})
	}
	if unsent > 0 {
		n.note(out, swim.Note{Level: swim.Warn, Code: NoteEventsUnsent, N: int64(unsent)})
	}
	return true
}

// handleLeaveDone handles that the membership has told that we go.
func (n *Node) handleLeaveDone(now swim.Time, e *swim.Event, out *swim.Output) {
	l := &n.leave
	invariant.Check(l.phase == leaveGoing, "serf: left without leaving")
	l.err = e.Err
	n.becomeGone(now, n.self, true, out)
	if n.alone() {
		n.endLeave()
		return
	}
	l.phase = leaveStaying
	n.arm(dutyLeave, now.Add(n.cfg.LeavePropagateDelay))
}

func (n *Node) endLeave() {
	n.leave.phase = leaveLeft
	n.arm(dutyLeave, swim.Never)
	n.tellCoalescedMembers()
	n.tellCoalescedEvents()
	n.tell(swim.Event{Kind: swim.EventLeaveDone, Op: n.leave.op, Err: n.leave.err})
}

// Leaving says whether this node leaves or has left.
func (n *Node) Leaving() bool { return n.leave.phase != leaveNot }
