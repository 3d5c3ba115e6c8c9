package serf

import (
	"net/netip"
	"time"

	"serf/lamport"
	"serf/swim"
	"serf/wire"
)

// Events of this layer, with the fields that are set.
const (
	// EventMemberJoin: Members are alive. Flag: they were known as failed or left.
	EventMemberJoin swim.EventKind = swim.EventAbove + iota
	// EventMemberLeave: Members left, or were forced to.
	EventMemberLeave
	// EventMemberFailed: Members don't answer.
	EventMemberFailed
	// EventMemberUpdate: Members have other tags, versions or addresses. Flag: they restarted, or
	// moved to another address, so nothing that was set up with them before is valid.
	EventMemberUpdate
	// EventMemberReap: Members are no longer listed. ByID still knows them until the next call.
	EventMemberReap
	// EventUserEvent: Name, Data (payload), LTime, Flag (may be coalesced).
	EventUserEvent
	// EventQuery: a query to answer: Op (for Respond), Name, Data (payload), LTime, Member (the
	// asker, if known), N (ns until its deadline).
	EventQuery
	// EventQueryAck and EventQueryResponse: Op of the own query, Name of the member that replied,
	// Data. Flag, with an ack: the member is of another implementation.
	EventQueryAck
	EventQueryResponse
	// EventQueryDone ends an own query: Op; N is how many responses came; Members are the live ones
	// that it was meant for and that neither responded nor declined. It comes as soon as every
	// live member that the query is meant for has responded or declined, at the deadline otherwise.
	EventQueryDone
	// EventJournal: Data is one line for the snapshot, newline included.
	EventJournal
	// EventKeyring: the keyring, see Sealer, changed or must be saved again. See
	// Config.KeyringStore.
	EventKeyring
	// EventShutdown: this node lost a vote over its name and must stop. Err says why.
	EventShutdown

	// swim.EventJoinDone, EventLeaveDone, EventSuspected and EventRefuted pass through unchanged.
)

// Node is one Serf member: a swim.Machine. Its methods are for one goroutine, and now never goes
// back. Operations that take time return an OpID and end with an event that carries it.
type Node struct {
	// What every call looks at comes first and together, as in swim.Node.
	swim        *swim.Node
	roster      *swim.Roster
	self        swim.MemberID
	call        call
	due         [timers]swim.Time
	eventClock  lamport.Clock
	memberClock lamport.Clock
	leave       leaving
	journal     journal
	gossip      gossip
	queryClock  lamport.Clock
	events      events
	coords      coordinates
	count       Counters

	cfg      Config
	start    swim.Time // of this run: votes over a name compare ages
	table    table
	tags     tagState
	intents  pendingIntents
	large    largeEvents
	queries  []*query // own and running; few, so that the slice is searched
	inbound  inboundQueries
	conflict conflict
	coalesce coalescer
	lost     lost
	rejoin   rejoin
	joins    joins
	ops      swim.OpID
	buf      []byte          // scratch: the message being built
	picks    []swim.MemberID // scratch: members drawn
}

// timer indexes the deadlines of a node.
type timer int

const (
	timerReap timer = iota
	timerReconnect
	timerRejoin
	timerQueries
	timerJournal
	timerFlushMembers
	timerFlushUserEvents
	timerLarge
	timerLeave
	timers
)

// opAbove marks operations of this layer, so that they never collide with those of swim.
const opAbove swim.OpID = 1 << 62

var _ swim.Machine = (*Node)(nil)

// New makes a node that runs from now on. It copies c. The error reports every problem of c.
func New(now swim.Time, c Config, out *swim.Output) (*Node, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	identity, err := c.identity()
	if err != nil {
		return nil, err
	}
	n := &Node{cfg: c, start: now}
	n.gossip.init()
	n.gossip.rebroadcasts.FreshFirst = c.Zones.Tag != ""
	n.cfg.Tags, n.cfg.Previous = nil, nil
	n.tags.own = cloneTags(c.Tags)
	if err := n.restoreClocks(); err != nil {
		return nil, err
	}
	below := n.below()
	below.Meta = identity.Meta
	for i := range n.due {
		n.due[i] = swim.Never
	}
	n.coords.init(&n.cfg)

	if c.sim.Warm != nil {
		n.startWarm()
	}
	n.call.begin(out)
	if n.swim, err = swim.NewSimulated(now, below, c.sim.membership(), out); err != nil {
		out.Events = out.Events[:n.call.mark]
		return nil, err
	}
	n.roster, n.self = n.swim.Roster(), n.swim.Self()
	n.drain(now, out)
	if !n.table.at(n.self).known() {
		n.becomeAlive(now, n.self, out)
	}
	n.startTimers(now)
	n.startRejoin(now, &c)
	n.finish(now, out)
	return n, nil
}

// below is the configuration of the membership, but for the metadata.
func (n *Node) below() swim.Config {
	c := n.cfg.membership()
	c.Carrier, c.VerifyForgotten = carrier{n}, n.cfg.TombstoneTimeout
	return c
}

// startTimers arms the timers that recur. Nodes that start together don't try the same failed
// member together, and nodes of a warm base don't reap together.
func (n *Node) startTimers(now swim.Time) {
	part := func(of time.Duration) time.Duration {
		return time.Duration(n.swim.RandomFloat() * float64(of))
	}
	reap := n.cfg.ReapInterval
	if n.cfg.sim.Warm != nil {
		reap = part(reap)
	}
	n.arm(timerReap, now.Add(reap))
	if n.cfg.ReconnectInterval > 0 {
		n.arm(timerReconnect, now.Add(part(n.cfg.ReconnectInterval)))
	}
}

// restoreClocks continues where the snapshot ended.
func (n *Node) restoreClocks() error {
	c := &n.cfg
	restore := func(clock *lamport.Clock, last uint64) bool {
		return last == 0 || clock.Restore(lamport.Time(last))
	}
	if !restore(&n.memberClock, c.LastMemberTime) ||
		!restore(&n.eventClock, max(c.MinEventTime, 1)-1) ||
		!restore(&n.queryClock, max(c.MinQueryTime, 1)-1) {
		return errBadClocks
	}
	n.events.window.SetMin(lamport.Time(c.MinEventTime))
	n.inbound.window.SetMin(lamport.Time(c.MinQueryTime))
	n.journal.restore(n)
	return nil
}

// Packet implements swim.Machine.
func (n *Node) Packet(now swim.Time, from netip.AddrPort, p []byte, out *swim.Output) {
	n.call.begin(out)
	n.swim.Packet(now, from, p, out)
	n.finish(now, out)
}

// Stream implements swim.Machine.
func (n *Node) Stream(now swim.Time, in swim.StreamIn, out *swim.Output) {
	n.call.begin(out)
	n.swim.Stream(now, in, out)
	n.finish(now, out)
}

// Tick implements swim.Machine.
func (n *Node) Tick(now swim.Time, out *swim.Output) {
	n.call.begin(out)
	n.swim.Tick(now, out)
	n.drain(now, out)
	for t := range timers {
		if n.due[t] <= now {
			n.due[t] = swim.Never
			n.onTimer(t, now, out)
		}
	}
	n.finish(now, out)
}

// Deadline implements swim.Machine.
func (n *Node) Deadline() swim.Time {
	at := n.swim.Deadline()
	for _, due := range n.due {
		at = min(at, due)
	}
	return at
}

// onTimer acts on a timer that has fired, and arms it again if it recurs.
func (n *Node) onTimer(t timer, now swim.Time, out *swim.Output) {
	switch t {
	case timerReap:
		n.arm(timerReap, now.Add(n.cfg.ReapInterval))
		n.reap(now, out)
	case timerReconnect:
		n.arm(timerReconnect, now.Add(n.cfg.ReconnectInterval))
		n.reconnect(now, out)
	case timerRejoin:
		n.stepRejoin(now, out)
	case timerQueries:
		n.stepQueries(now, out)
	case timerJournal:
		n.journalClock()
	case timerFlushMembers:
		n.flushMembers()
	case timerFlushUserEvents:
		n.flushUserEvents()
	case timerLarge:
		n.sendLarge(now, out)
	case timerLeave:
		n.stepLeave(now, out)
	}
}

func (n *Node) arm(t timer, at swim.Time) { n.due[t] = at }

// finish ends a call: it handles the remaining events of the membership and hands out this layer's.
func (n *Node) finish(now swim.Time, out *swim.Output) {
	n.drain(now, out)
	n.releaseEvents(now, out)
	if n.leave.phase == leaveGossiping {
		n.stepLeave(now, out)
	}
	n.drain(now, out)
	n.journalTimes(now)
	n.noteDrops(out)
	n.swim.EndInput()
	n.call.end(out)
}

// drain handles the events that swim has appended, and those that handling them causes. Their bytes
// belong to the input, so calling swim again leaves them valid.
func (n *Node) drain(now swim.Time, out *swim.Output) {
	mark := n.call.mark
	if len(out.Events) == mark {
		return
	}
	for i := mark; i < len(out.Events); i++ {
		e := out.Events[i]
		n.handle(now, &e, out)
	}
	clear(out.Events[mark:])
	out.Events = out.Events[:mark]
}

// handle translates one event of the membership.
func (n *Node) handle(now swim.Time, e *swim.Event, out *swim.Output) {
	switch e.Kind {
	case swim.EventJoined:
		n.becomeAlive(now, e.Member, out)
	case swim.EventFailed:
		n.becomeGone(now, e.Member, false, out)
	case swim.EventLeft:
		n.becomeGone(now, e.Member, true, out)
	case swim.EventUpdated:
		n.handleUpdated(now, e.Member, e.N == 1, out)
	case swim.EventRefuted:
		n.stopLeaving(now, e.Member) // a leaving member doesn't refute
		n.call.emit(*e)
	case swim.EventForgotten:
		n.handleForgotten(now, e.Member, out)
	case swim.EventConflict:
		n.handleConflict(now, e, out)
	case swim.EventClaimed:
		n.conflict.addRival(now, e)
	case swim.EventUser:
		n.handleMessage(now, e.Addr, e.Data, out)
	case swim.EventState:
		n.handleState(now, e, out)
	case swim.EventAcked:
		n.handleAcked(e, out)
	case swim.EventJoinDone:
		n.handleJoinDone(now, e, out)
	case swim.EventLeaveDone:
		n.handleLeaveDone(now, e, out)
	default:
		n.call.emit(*e)
	}
}

// handleMessage handles one Serf message that came from an address, by packet or stream.
func (n *Node) handleMessage(now swim.Time, from netip.AddrPort, msg []byte, out *swim.Output) {
	n.count.MessagesIn++
	n.count.MessageBytesIn += uint64(len(msg))
	if len(msg) == 0 || len(msg) > messageCeiling {
		n.refuse(from, messageType(msg), errMessageSize, out)
		return
	}
	var err error
	switch body := msg[1:]; wire.SerfType(msg[0]) {
	case wire.SerfLeave:
		err = n.handleLeaveMessage(now, msg, body, out)
	case wire.SerfJoin:
		err = n.handleJoinMessage(now, msg, body, out)
	case wire.SerfUserEvent:
		err = n.handleUserEvent(now, msg, body, out)
	case wire.SerfQuery:
		err = n.handleQuery(now, from, msg, body, out)
	case wire.SerfQueryResponse:
		err = n.handleResponse(now, body, out)
	case wire.SerfRelay:
		err = n.handleRelay(now, from, body, out)
	default:
		err = errUnknownType
	}
	if err != nil {
		n.refuse(from, messageType(msg), err, out)
	}
}

// refuse accounts for a message that is malformed, of unknown type, or not to be acted on. kind is
// its type, see messageType.
func (n *Node) refuse(from netip.AddrPort, kind int64, err error, out *swim.Output) {
	n.count.BadMessages++
	n.note(out, swim.Warn, NoteBadMessage, swim.Note{From: from, N: kind, Err: err})
}

// messageType returns the type of a Serf message for a note: -1 if it is empty.
func messageType(msg []byte) int64 {
	if len(msg) == 0 {
		return -1
	}
	return int64(msg[0])
}

// newOp returns a new operation of this layer.
func (n *Node) newOp() swim.OpID {
	n.ops++
	return opAbove | n.ops
}

// alone says whether there is nobody to gossip to.
func (n *Node) alone() bool {
	others := n.swim.Live()
	if s, _ := n.swim.State(n.self); s == swim.Alive || s == swim.Suspect {
		others--
	}
	return others <= 0
}

// Swim returns the membership below, for reading only.
func (n *Node) Swim() *swim.Node { return n.swim }

// Release returns this node's references to a roster that simulated nodes share. The node must not
// be used afterwards.
func (n *Node) Release() { n.swim.Release() }

// Sealer returns how packets are sealed, the keyring included. Nil means plain.
func (n *Node) Sealer() *wire.Sealer { return n.swim.Sealer() }

// keyring returns the keyring, or nil without encryption.
func (n *Node) keyring() *wire.Keyring {
	if s := n.swim.Sealer(); s != nil {
		return s.Keys
	}
	return nil
}
