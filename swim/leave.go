package swim

import "errors"

// leave is this node's own departure.
type leave struct {
	op       OpID
	deadline Time // Never: not leaving, or all told
}

// ErrLeaveTimeout is in the EventLeaveDone of a node that couldn't tell the others in time.
var ErrLeaveTimeout = errors.New("not all could be told in time")

func (l *leave) begun() bool { return l.op != 0 }

// Leave tells the others that this node goes of its own will. It ends with an
// EventLeaveDone, at the latest after Config.LeaveTimeout; until its driver stops it,
// the node goes on to answer. Calling it again returns the same operation.
func (n *Node) Leave(now Time, out *Output) OpID {
	if n.leaving.begun() {
		return n.leaving.op
	}
	alone := n.others() == 0
	n.leaving = leave{op: n.nextOp(), deadline: now.Add(n.cfg.LeaveTimeout)}
	if m := n.moves.of(n.self); m != nil && m.stage != moveRefused {
		n.inc = max(n.inc, m.inc) // those who know us elsewhere are told as well
	}
	n.view.set(n.self, Left, n.inc, now)
	n.gossipAccusation(n.self, Left, n.inc, nil, out)
	if alone {
		n.endLeave(nil, out)
	}
	return n.leaving.op
}

// leaveDeadline is when tickLeave has something to do: at once if all have been told.
func (n *Node) leaveDeadline() Time {
	if n.leaving.deadline != Never && n.leaveTold() {
		return n.gossiped
	}
	return n.leaving.deadline
}

func (n *Node) leaveTold() bool { return !n.queue.Has(uint64(n.self)) || n.others() == 0 }

func (n *Node) tickLeave(now Time, out *Output) {
	switch {
	case n.leaving.deadline == Never:
	case n.leaveTold():
		n.endLeave(nil, out)
	case now >= n.leaving.deadline:
		n.endLeave(ErrLeaveTimeout, out)
	}
}

func (n *Node) endLeave(err error, out *Output) {
	n.leaving.deadline = Never
	out.Events = append(out.Events, Event{Kind: EventLeaveDone, Op: n.leaving.op, Err: err})
}
