package serf

import (
	"errors"
	"net/netip"
	"time"

	"serf/lamport"
	"serf/swim"
	"serf/wire"
)

// Events of this layer. What isn't named in a line isn't set.
const (
	// EventMemberJoin: Members are alive. Flag: they had been known as failed or left.
	EventMemberJoin swim.EventKind = swim.EventAbove + iota
	// EventMemberLeave: Members left, or were made to.
	EventMemberLeave
	// EventMemberFailed: Members don't answer.
	EventMemberFailed
	// EventMemberUpdate: Members have other tags, versions or addresses. Flag: they restarted, or
	// are at another address, so nothing that was set up with them before holds.
	EventMemberUpdate
	// EventMemberReap: Members are listed no more. ByID knows them for this one time.
	EventMemberReap
	// EventUserEvent: Name, Data (payload), LTime, Flag (may be coalesced).
	EventUserEvent
	// EventQuery: a query to answer: Op (for Respond), Name, Data, LTime, Member (who
	// asks, if known), N (ns until its deadline).
	EventQuery
	// EventQueryAck and EventQueryResponse: Op of our own query, Name of who answered, Data.
	EventQueryAck
	EventQueryResponse
	// EventQueryDone ends a query: Op; N answers came. It comes when all live members it was meant for
	// have answered or said that they won't, else at the deadline.
	EventQueryDone
	// EventJournal: Data is one line for the snapshot, newline included (spec 3.6).
	EventJournal
	// EventKeyring: the keyring changed, see Sealer, or is to be saved again. See Config.KeyringStore.
	EventKeyring
	// EventShutdown: this node lost a vote over its name and must stop. Err says why.
	EventShutdown

	// swim.EventJoinDone, EventLeaveDone, EventSuspected and EventRefuted pass through unchanged.
)

// Node is one Serf member: a swim.Machine. Its methods are for one goroutine,
// and now never goes back. Operations that take time return an OpID and end with
// an event that carries it.
type Node struct {
	// What each call looks at comes first and together, as in swim.Node.
	swim    *swim.Node
	roster  *swim.Roster
	self    swim.MemberID
	mark    int             // out.Events beyond are from swim, not handled yet
	news    []swim.Event    // to be appended to out at the end of the call
	ids     []swim.MemberID // of the call: backs Event.Members
	arena   []byte          // of the call: backs bytes of events
	due     [duties]swim.Time
	leave   leaving
	journal journal

	memberClock, eventClock, queryClock lamport.Clock

	events events
	gossip gossip
	coords coordinates
	count  Counters

	cfg      Config
	tags     map[string]string
	start    swim.Time // of this run, for judging who was here first
	table    table
	intents  intents
	large    large
	asking   asking
	asked    asked
	conflict conflict
	rivals   []rival // at most rivalsMax
	coalesce coalescer
	unsaved  []swim.OpID // questions that wait until the keyring is saved, oldest first; at most unsavedMax
	lost     lost
	rejoin   rejoin
	joins    joins
	tagCache map[swim.MemberID]map[string]string // decoded when asked for
	tagSets  map[string]map[string]string        // by metadata, for members that have the same; at most tagSetsMax
	ops      swim.OpID
	nextEcho swim.Time       // see echoGap
	buf      []byte          // the message being built
	picks    []swim.MemberID // members drawn
}

// duty indexes the deadlines of a node.
type duty int

const (
	dutyReap duty = iota
	dutyReconnect
	dutyRejoin
	dutyQueries
	dutyJournal
	dutyMembersTold
	dutyEventsTold
	dutyLarge
	dutyLeave
	duties
)

// opAbove marks the operations of this layer, so that they never meet those of swim.
const opAbove swim.OpID = 1 << 62

// arenaKeep is how much memory for the bytes of events is kept from one call to the next: a few
// packets. A large push/pull gives its memory back.
const arenaKeep = 4 << 10

var _ swim.Machine = (*Node)(nil)

// New makes a node that runs from now on. It copies c. The error reports every problem of c.
func New(now swim.Time, c Config, out *swim.Output) (*Node, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	n := &Node{cfg: c, start: now}
	n.gossip.events.Fair, n.gossip.queries.Fair = true, true // each counts, and grows old
	n.gossip.events.Rebroadcasts = &n.gossip.echoes
	n.cfg.Tags, n.cfg.Previous = nil, nil
	n.tags = cloneTags(c.Tags)
	who, err := c.identity()
	if err != nil {
		return nil, err
	}
	if err := n.restoreClocks(); err != nil {
		return nil, err
	}
	n.cfg.Base = c.Warm.membership()
	if c.Roster == nil {
		n.cfg.Roster = n.cfg.Base.NewRoster()
	}
	n.roster = n.cfg.Roster
	n.cfg.Meta, n.cfg.Versions = who.Meta, who.Versions
	n.cfg.Carrier = carrier{n}
	n.cfg.DeadRetention = 0 // forgetting is decided here, see reap
	n.cfg.VerifyForgotten = c.TombstoneTimeout
	for i := range n.due {
		n.due[i] = swim.Never
	}
	n.coords.init(&n.cfg)

	if c.Warm != nil {
		n.startWarm()
	}
	n.begin(out)
	if n.swim, err = swim.New(now, n.cfg.Config, out); err != nil {
		out.Events = out.Events[:n.mark]
		return nil, err
	}
	n.self = n.swim.Self()
	n.drain(now, out)
	if !n.table.at(n.self).known() {
		n.becomeAlive(now, n.self, out)
	}
	n.arm(dutyReap, now.Add(n.cfg.ReapInterval))
	if c.Warm != nil { // as long ago as for each other node
		n.arm(dutyReap, now.Add(time.Duration(n.swim.RandomFloat()*float64(n.cfg.ReapInterval))))
	}
	if n.cfg.ReconnectInterval > 0 {
		// Nodes that start together don't try the same member together.
		n.arm(dutyReconnect, now.Add(time.Duration(n.swim.RandomFloat()*float64(n.cfg.ReconnectInterval))))
	}
	n.startRejoin(now, &c)
	n.finish(now, out)
	return n, nil
}

// Packet implements swim.Machine.
func (n *Node) Packet(now swim.Time, from netip.AddrPort, p []byte, out *swim.Output) {
	n.begin(out)
	n.swim.Packet(now, from, p, out)
	n.finish(now, out)
}

// Stream implements swim.Machine.
func (n *Node) Stream(now swim.Time, in swim.StreamIn, out *swim.Output) {
	n.begin(out)
	n.swim.Stream(now, in, out)
	n.finish(now, out)
}

// Tick implements swim.Machine.
func (n *Node) Tick(now swim.Time, out *swim.Output) {
	n.begin(out)
	n.swim.Tick(now, out)
	n.drain(now, out)
	for d := range duties {
		if n.due[d] <= now {
			n.due[d] = swim.Never
			n.perform(d, now, out)
		}
	}
	n.finish(now, out)
}

// Deadline implements swim.Machine.
func (n *Node) Deadline() swim.Time {
	t := n.swim.Deadline()
	for _, d := range n.due {
		t = min(t, d)
	}
	return t
}

// perform does a duty whose deadline has come, and arms it again if it recurs.
func (n *Node) perform(d duty, now swim.Time, out *swim.Output) {
	switch d {
	case dutyReap:
		n.arm(dutyReap, now.Add(n.cfg.ReapInterval))
		n.reap(now, out)
	case dutyReconnect:
		n.arm(dutyReconnect, now.Add(n.cfg.ReconnectInterval))
		n.reconnect(now, out)
	case dutyRejoin:
		n.stepRejoin(now, out)
	case dutyQueries:
		n.stepQueries(now, out)
	case dutyJournal:
		n.journalClock()
	case dutyMembersTold:
		n.tellCoalescedMembers()
	case dutyEventsTold:
		n.tellCoalescedEvents()
	case dutyLarge:
		n.tellLarge(now, out)
	case dutyLeave:
		n.stepLeave(now, out)
	}
}

func (n *Node) arm(d duty, at swim.Time) { n.due[d] = at }

// begin starts a call into this node: what the last one lent is over.
func (n *Node) begin(out *swim.Output) {
	n.mark = len(out.Events)
	n.ids, n.arena = n.ids[:0], n.arena[:0]
}

// listKeep is for how many events or members a list keeps its memory from call to call. A push/pull can bring
// news of all members at once, and seldom does it twice.
const listKeep = 32

// kept empties a list.
func kept[T any](list []T) []T {
	if cap(list) > listKeep {
		return nil
	}
	return list[:0]
}

// finish ends a call: handles the rest of the membership's events and hands out ours.
func (n *Node) finish(now swim.Time, out *swim.Output) {
	n.drain(now, out)
	n.releaseEvents(now, out)
	if n.leave.phase == leaveTelling {
		n.stepLeave(now, out)
	}
	n.drain(now, out)
	n.journalTimes(now)
	n.noteDrops(out)
	out.Events = append(out.Events, n.news...)
	n.giveBack()
}

// giveBack drops the lists of a call that are unusually long. What the events borrow of them lives as
// long as the events do, not until the next call: in a simulation of n members that start together,
// each would hold what the first push/pull told it of the n.
func (n *Node) giveBack() {
	clear(n.news)
	n.news = kept(n.news)
	if cap(n.ids) > listKeep {
		n.ids = nil
	}
	if cap(n.arena) > arenaKeep {
		n.arena = nil
	}
}

// drain handles the events that swim has appended, and those that come of that. Their bytes are those of
// the input: calling swim again doesn't touch them.
func (n *Node) drain(now swim.Time, out *swim.Output) {
	if len(out.Events) == n.mark {
		return
	}
	for i := n.mark; i < len(out.Events); i++ {
		e := out.Events[i]
		n.handle(now, &e, out)
	}
	clear(out.Events[n.mark:])
	out.Events = out.Events[:n.mark]
}

// handle turns one event of the membership into what it means here.
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
		n.stopLeaving(now, e.Member) // who leaves doesn't refute
		n.tell(*e)
	case swim.EventForgotten:
		n.handleForgotten(now, e.Member, out)
	case swim.EventConflict:
		n.handleConflict(now, e, out)
	case swim.EventClaimed:
		n.handleClaim(now, e)
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
		n.tell(*e)
	}
}

// handleMessage takes one Serf message that came from addr, by packet or stream.
func (n *Node) handleMessage(now swim.Time, from netip.AddrPort, msg []byte, out *swim.Output) {
	n.count.MessagesIn++
	n.count.MessageBytesIn += uint64(len(msg))
	if len(msg) == 0 || len(msg) > messageCeiling {
		n.refuse(from, errMessageSize, out)
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
		err = n.handleAnswer(now, body, out)
	case wire.SerfRelay:
		err = n.handleRelay(now, from, body, out)
	default:
		err = errUnknownMessage
	}
	if err != nil {
		n.refuse(from, err, out)
	}
}

// refuse accounts for a message that this node can't read or won't act on.
func (n *Node) refuse(from netip.AddrPort, err error, out *swim.Output) {
	n.count.BadMessages++
	n.note(out, swim.Note{Level: swim.Warn, Code: NoteBadMessage, From: from, Err: err})
}

// tell hands an event out at the end of the call.
func (n *Node) tell(e swim.Event) { n.news = append(n.news, e) }

// hold copies b so that it stays until the next call into this node.
func (n *Node) hold(b []byte) []byte {
	if b == nil {
		return nil
	}
	at := len(n.arena)
	n.arena = append(n.arena, b...)
	return n.arena[at:len(n.arena):len(n.arena)]
}

// newOp returns the name of an operation of this layer.
func (n *Node) newOp() swim.OpID {
	n.ops++
	return opAbove | n.ops
}

// alone tells whether there is nobody to gossip to.
func (n *Node) alone() bool {
	others := n.swim.Live()
	if s, _ := n.swim.State(n.self); s == swim.Alive || s == swim.Suspect {
		others--
	}
	return others <= 0
}

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
	n.asked.window.SetMin(lamport.Time(c.MinQueryTime))
	n.journal.restore(n)
	return nil
}

// Reasons to refuse a message.
var (
	errMessageSize    = errors.New("message empty or too large")
	errUnknownMessage = errors.New("message of unknown type")
	errNotState       = errors.New("not the state of a Serf member")
	errUnknownFilter  = errors.New("filter of unknown kind")
	errRelayType      = errors.New("only answers to queries are relayed")

	errBadClocks = errors.New("snapshot: a time that no clock gets to")
)

// Swim returns the membership below, for reading only.
func (n *Node) Swim() *swim.Node { return n.swim }

// Release gives this node's references to the roster back. For simulations that share
// one; the node must not be used after.
func (n *Node) Release() { n.swim.Release() }

// Sealer returns what packets are wrapped with: the keyring is in it. Nil means plain.
func (n *Node) Sealer() *wire.Sealer { return n.swim.Sealer() }
