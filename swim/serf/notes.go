package serf

import "serf/swim"

// Codes of this layer's notes. ONLY APPEND: tests and logs match them.
const (
	NoteNone swim.NoteCode = swim.NoteAbove + iota
	NoteMemberJoin
	NoteMemberLeave
	NoteMemberFailed
	NoteMemberUpdate
	NoteMemberReap
	NoteMemberReapForced
	NoteMemberRestarted
	NoteBadMessage
	NoteTimeRefused
	NoteIntentsFull
	NoteLeaveRefuted
	NoteLeaveTimeout
	NoteEventOld
	NoteEventDropped
	NoteEventTooLarge
	NoteQueryOld
	NoteQueryDropped
	NoteQueryUnknown
	NoteInboundQueriesFull
	NoteResponseStray
	NoteUnknownResponders
	NoteRelayRefused
	NoteQueueFull
	NoteTooLargeToGossip
	NoteConflict
	NoteOwnConflict
	NoteVote
	NoteVoteFailed
	NoteVoteWon
	NoteVoteLost
	NoteKeysChanged
	NoteKeysSaved
	NoteKeysInMemory
	NoteKeysRefused
	NoteKeysTruncated
	NoteReconnect
	NoteReconnectLost
	NoteCoordinateRefused
	NoteEventsUnsent
	NoteLargeDropped
	NoteKeysAsked
	NoteRejoin
	NoteRejoined
	NoteRejoinFailed

	NoteEnd // one beyond the last code
)

func (n *Node) note(out *swim.Output, note swim.Note) { out.Notes = append(out.Notes, note) }

// Counters count what this layer did and what it dropped, since its start.
type Counters struct {
	Joins, Leaves, Failures, Updates, Reaps uint64 // of members, as they were told
	Restarts                                uint64
	LeavesRefuted                           uint64
	Reconnects                              uint64
	Conflicts                               uint64

	Events, Queries uint64 // delivered, or at least new here
	QueriesAsked    uint64
	QueriesRepeated uint64 // messages to single members
	RepliesRepeated uint64 // acks and answers sent again
	Acks, Responses uint64 // to own queries; acks if they were asked for
	Relays          uint64 // answers passed on for others
	Coalesced       uint64 // events that gave way to newer ones of the same kind

	// What is normal in gossip.
	EventDuplicates, EventsBeforeMin  uint64
	QueryDuplicates, QueriesBeforeMin uint64
	AckDuplicates, ResponseDuplicates uint64

	// What was dropped, by reason.
	BadMessages           uint64 // malformed, of unknown type, or not to be acted on
	TimesRefused          uint64 // Lamport times too far ahead
	IntentsDropped        uint64 // about unknown members, over the limit
	EventsOld             uint64 // older than what is remembered
	EventsDropped         uint64 // over the limits of what is remembered
	EventsRefused         uint64 // own, with ErrBusy
	QueriesOld            uint64
	QueriesDropped        uint64
	InboundQueriesDropped uint64 // queries that can't be answered any more, over the limit
	ResponsesStray        uint64 // to no query that runs
	ResponsesDropped      uint64 // of strangers, over the limit
	RepliesRefused        uint64 // ours, to an address that isn't a member's
	RelaysRefused         uint64 // to strangers, or of something else than an answer
	RelaysDropped         uint64 // too large
	TooLargeToGossip      uint64
	LargeEventsDropped    uint64 // sent by stream no more, over the limit
	KeyErrors             uint64 // changes of keys that weren't done, or not saved
	CoordinatesRefused    uint64

	MessagesIn, MessageBytesIn uint64 // of this layer, whatever came of them
	ZeroRTTs                   uint64 // pings whose round trip the clock is too coarse for
}

// Counters returns what this layer did and dropped so far; the queues' drops are in Stats.
func (n *Node) Counters() *Counters { return &n.count }

// Stats is what operators are shown (spec 4.5).
type Stats struct {
	Members, Failed, Left, Health       int
	MemberTime, EventTime, QueryTime    uint64
	IntentQueue, EventQueue, QueryQueue int
	Backlog                             int // own user events that wait to be sent
	QueueDrops                          uint64
	MessagesOut, MessageBytesOut        uint64 // gossiped, counted for each member that they went to
	Encrypted                           bool
	CoordinateResets                    uint64
}

// Stats returns the figures of now.
func (n *Node) Stats() Stats {
	s := n.swim.Sealer()
	messages, bytes := n.gossip.sent()
	return Stats{
		MessagesOut: messages, MessageBytesOut: bytes,
		Members: n.table.len(), Failed: n.table.count[StatusFailed], Left: n.table.count[StatusLeft], Health: n.swim.Health(),
		MemberTime: uint64(n.memberClock.Now()), EventTime: uint64(n.eventClock.Now()), QueryTime: uint64(n.queryClock.Now()),
		IntentQueue: n.gossip.intents.Len(), EventQueue: n.gossip.events.Len() + len(n.large.queue), QueryQueue: n.gossip.queries.Len(),
		Backlog: len(n.events.backlog), QueueDrops: n.gossip.drops(),
		Encrypted: s != nil && s.Keys != nil, CoordinateResets: n.coords.client.Resets(),
	}
}
