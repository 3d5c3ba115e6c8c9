package swim

import (
	"errors"

	"serf/swim/history"
)

// leave is this node's own departure.
type leave struct {
	op       OpID
	deadline Time // Never: not leaving, or all were told
	fast     bool // see SpeedUpLeave
}

// ErrLeaveTimeout is in the EventLeaveDone of a node that couldn't tell the others in time.
var ErrLeaveTimeout = errors.New("not all could be told in time")

func (l *leave) begun() bool { return l.op != 0 }

// Leave tells the others that this node goes of its own will. It ends with an EventLeaveDone, after
// Config.LeaveTimeout at the latest. The node goes on answering until its driver stops it. Further
// calls return the same operation.
func (n *Node) Leave(now Time, out *Output) OpID {
	if n.leaving.begun() {
		return n.leaving.op
	}
	n.endUpdate(ErrLeaving, out)
	alone := n.others() == 0
	n.leaving.op, n.leaving.deadline = n.nextOp(), now.Add(n.cfg.LeaveTimeout)
	if m := n.moves.of(n.self); m != nil && m.stage != moveRefused {
		n.inc = max(n.inc, m.inc) // tells those too that know us at another address
	}
	n.announceLeave(now, out)
	n.EndInput()
	n.record(now, n.self, history.Change{
		From: history.Alive, To: history.Left, Cause: history.Leave,
	})
	if alone {
		n.endLeave(nil, out)
	}
	return n.leaving.op
}

// announceLeave tells the others that this node left at its incarnation.
func (n *Node) announceLeave(now Time, out *Output) {
	n.view.set(n.self, Left, n.inc, now)
	n.gossipAccusation(n.self, Left, n.inc, nil, out)
}

// maybeLeaveAgain says once more that this node left, at an incarnation of it that others know and
// it didn't: it left soon after a restart. They ignore a departure from before that. If another
// member has this name, the incarnation is that one's.
func (n *Node) maybeLeaveAgain(now Time, inc uint32, out *Output) {
	if n.leaving.begun() && inc > n.inc && n.moves.of(n.self) == nil {
		n.inc = inc
		n.announceLeave(now, out)
	}
}

// SpeedUpLeave makes gossip rounds leaveSpeedUp times as frequent from now on: this node is about
// to leave. At the rate of the WAN profile, telling the others takes longer than whoever waits for
// the process to end will wait.
func (n *Node) SpeedUpLeave() { n.leaving.fast = true }

// leaveDeadline is when tickLeave is due: at once if all were told.
func (n *Node) leaveDeadline() Time {
	if n.leaving.deadline != Never && n.selfTold() {
		return n.gossip.last
	}
	return n.leaving.deadline
}

func (n *Node) tickLeave(now Time, out *Output) {
	switch {
	case n.leaving.deadline == Never:
	case n.selfTold():
		n.endLeave(nil, out)
	case now >= n.leaving.deadline:
		n.endLeave(ErrLeaveTimeout, out)
	}
}

func (n *Node) endLeave(err error, out *Output) {
	n.leaving.deadline = Never
	out.event(Event{Kind: EventLeaveDone, Op: n.leaving.op, Err: err})
}
