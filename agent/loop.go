package agent

import (
	"bytes"
	"cmp"
	"errors"
	"log/slog"
	"time"

	"serf/agent/recording"
	"serf/driver"
	"serf/swim"
	"serf/swim/history"
	"serf/swim/serf"
	"serf/wire"
)

// loop is the state that the driver's loop owns. Others touch it only within Agent.do and read.
type loop struct {
	node    *recording.Node
	out     swim.Output // what the node wants done; the driver does it
	history history.Log
	tcpOnly tcpOnly

	ops     map[swim.OpID][]chan<- opResult // operations that someone waits for
	queries map[swim.OpID]*Query            // running ones
	keyring chan *wire.Keyring              // capacity 1: the newest keys, to be saved
	left    *opResult                       // of Leave, when it is done
	hold    hold                            // events that wait for the journal
}

// layer is the agent as the driver calls it.
func (a *Agent) layer() driver.Layer {
	return driver.Layer{
		Handle:   a.handle,
		EndTurn:  a.endTurn,
		Deadline: a.deadline,
		Ready:    a.loop.node.EventRoom,
		End:      a.end,
	}
}

// handle takes the events and notes of a call into the node. The call is counted before anybody can
// hear of its effects.
func (a *Agent) handle(now swim.Time, out *swim.Output) {
	a.views.count()
	for i := range out.Notes {
		if n := &out.Notes[i]; n.Code == swim.NoteStreamOnly {
			a.loop.tcpOnly.add(n.Member, now)
		}
		a.tellNote(&out.Notes[i])
	}
	for i := range out.Events {
		a.handleEvent(&out.Events[i])
	}
	a.loop.hold.markHeld()
}

// endTurn does what is due between two inputs.
func (a *Agent) endTurn(now swim.Time) {
	a.releaseWritten(now)
	a.loop.node.EndTurn(now)
}

// deadline is when endTurn is due.
func (a *Agent) deadline() swim.Time {
	return min(a.loop.hold.deadline(), a.loop.node.WriteDeadline())
}

// end delivers what waits, at the end of the loop.
func (a *Agent) end(now swim.Time, out *swim.Output) {
	a.loop.node.FlushCoalesced(now, out)
	a.handle(now, out)
	a.release(len(a.loop.hold.events))
}

// opResult is how an operation of the node ended.
type opResult struct {
	n   int
	err error
}

// wait registers a channel of capacity 1 for the result of op.
func (l *loop) wait(op swim.OpID, result chan<- opResult) { l.ops[op] = append(l.ops[op], result) }

// endOp passes on the result of an operation.
func (l *loop) endOp(e *swim.Event) {
	r := opResult{n: int(e.N), err: e.Err}
	for _, result := range l.ops[e.Op] {
		result <- r // there is room: an operation ends once
	}
	delete(l.ops, e.Op)
	if e.Kind == swim.EventLeaveDone {
		l.left = &r
	}
}

// handleEvent acts on one event of the node.
func (a *Agent) handleEvent(e *swim.Event) {
	l := &a.loop
	switch e.Kind {
	case serf.EventMemberJoin, serf.EventMemberLeave, serf.EventMemberFailed,
		serf.EventMemberUpdate, serf.EventMemberReap:
		a.handleMembers(e)
	case serf.EventUserEvent:
		a.deliver(UserEvent{LTime: e.LTime, Name: string(e.Name), Payload: bytes.Clone(e.Data),
			Coalesce: e.Flag})
	case serf.EventQuery:
		a.handleQuery(e)
	case serf.EventQueryAck:
		l.answerQuery(e, AnswerAck)
	case serf.EventQueryResponse:
		l.answerQuery(e, AnswerResponse)
	case serf.EventQueryDone:
		l.endQuery(e.Op, e.Members)
	case serf.EventJournal:
		a.journal(e.Data)
	case serf.EventKeyring:
		a.saveKeyring()
	case serf.EventShutdown:
		a.driver.Stop(cmp.Or(e.Err, errConflictLost))
	case swim.EventJoinDone, swim.EventLeaveDone:
		l.endOp(e)
	}
}

var errConflictLost = errors.New("another member has this name and won the vote")

// memberEvents maps the node's member events to their types.
var memberEvents = map[swim.EventKind]string{
	serf.EventMemberJoin:   MemberJoin,
	serf.EventMemberLeave:  MemberLeave,
	serf.EventMemberFailed: MemberFailed,
	serf.EventMemberUpdate: MemberUpdate,
	serf.EventMemberReap:   MemberReap,
}

// handleMembers publishes a member event with copies of its members.
func (a *Agent) handleMembers(e *swim.Event) {
	ev := MemberEvent{
		Type: memberEvents[e.Kind], Members: make([]serf.Member, 0, len(e.Members)),
		Restarted: e.Kind == serf.EventMemberUpdate && e.Flag,
	}
	for _, id := range e.Members {
		if m, ok := a.loop.node.ByID(id); ok {
			ev.Members = append(ev.Members, m)
		}
	}
	if len(ev.Members) > 0 {
		a.publish(ev)
	}
}

// handleQuery publishes a query to answer.
func (a *Agent) handleQuery(e *swim.Event) {
	q := QueryEvent{
		ID:       uint64(e.Op),
		LTime:    e.LTime,
		Name:     string(e.Name),
		Payload:  bytes.Clone(e.Data),
		Deadline: time.Now().Add(time.Duration(e.N)),
	}
	if m, ok := a.loop.node.ByID(e.Member); ok {
		q.From = m.Name
	}
	a.deliver(q)
}

// publish logs an event and hands it to all subscribers and handlers.
func (a *Agent) publish(e Event) {
	a.log.Infof("agent", "Received event: %v", e)
	a.runScripts(e)
	if cut := a.events.publish(e); cut > 0 {
		a.log.Repeatf(slog.LevelWarn, "agent", "cut",
			"%d subscriptions cut off: their readers are too slow", cut)
	}
}

func (l *loop) answerQuery(e *swim.Event, kind AnswerKind) {
	if q := l.queries[e.Op]; q != nil {
		q.offer(Answer{Kind: kind, From: string(e.Name), Payload: bytes.Clone(e.Data),
			Other: e.Flag})
	}
}
