package serf

import (
	"strconv"

	"serf/swim"
)

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

	noteEnd
)

// wordings are the texts of notes. In braces the field that goes there: addr is that of
// the member, ip the same without its port. People grep for the first five.
var wordings = [noteEnd - NoteNone]string{
	NoteMemberJoin - NoteNone:         "EventMemberJoin: {member} {ip}",
	NoteMemberLeave - NoteNone:        "EventMemberLeave: {member} {ip}",
	NoteMemberFailed - NoteNone:       "EventMemberFailed: {member} {ip}",
	NoteMemberUpdate - NoteNone:       "EventMemberUpdate: {member}",
	NoteMemberReap - NoteNone:         "EventMemberReap: {member}",
	NoteMemberReapForced - NoteNone:   "EventMemberReap (forced): {member} {ip}",
	NoteMemberRestarted - NoteNone:    "{member} at {addr} has restarted, or its host has a new address",
	NoteBadMessage - NoteNone:         "Message from {from} refused: {err}",
	NoteTimeRefused - NoteNone:        "Lamport time {n} is too far ahead, its message is ignored",
	NoteIntentsFull - NoteNone:        "More than {n} intents about unknown members, the oldest are dropped",
	NoteLeaveRefuted - NoteNone:       "Refuting that this node leaves",
	NoteLeaveTimeout - NoteNone:       "The intent to leave could not be told in time, leaving anyway",
	NoteEventOld - NoteNone:           "User event {text} of time {n} is too old, dropped",
	NoteEventDropped - NoteNone:       "User event {text} of time {n} dropped, too many are remembered",
	NoteEventTooLarge - NoteNone:      "User event of {n} bytes is too large, dropped",
	NoteQueryOld - NoteNone:           "Query {text} of time {n} is too old, dropped",
	NoteQueryDropped - NoteNone:       "Query {text} of time {n} dropped, too many are remembered",
	NoteQueryUnknown - NoteNone:       "Internal query {text} is unknown, ignored",
	NoteInboundQueriesFull - NoteNone: "More than {n} queries wait for an answer, the oldest can't be answered any more",
	NoteResponseStray - NoteNone:      "Answer from {text} to a query (time {n}) that doesn't run",
	NoteUnknownResponders - NoteNone:  "More than {n} unknown members answer a query, dropped",
	NoteRelayRefused - NoteNone:       "Refused to relay for {from} to {text}, who is no member at that address",
	NoteQueueFull - NoteNone:          "Broadcast queues are full, {n} messages dropped so far",
	NoteTooLargeToGossip - NoteNone:   "Messages that don't fit into a packet are not gossiped, {n} so far",
	NoteConflict - NoteNone:           "Name conflict: {member} lives at {addr}, and {from} claims the name",
	NoteOwnConflict - NoteNone:        "Name conflict: {from} claims the name of this node",
	NoteVote - NoteNone:               "Name conflict: {from} claims the name of this node, asking the members",
	NoteVoteFailed - NoteNone:         "Members can't be asked about the name conflict: {err}",
	NoteVoteWon - NoteNone:            "Name conflict: this node keeps its name [{text}]",
	NoteVoteLost - NoteNone:           "Name conflict: this node loses its name and quits [{text}]",
	NoteKeysChanged - NoteNone:        "Keyring: {text} done",
	NoteKeysSaved - NoteNone:          "Keyring: saved",
	NoteKeysInMemory - NoteNone:       "Keyring: {text} is done in memory only, and lost with a restart: there is no keyring file",
	NoteKeysRefused - NoteNone:        "Keyring: {text} refused: {err}",
	NoteKeysTruncated - NoteNone:      "Keyring: only the first {n} keys fit into the answer",
	NoteReconnect - NoteNone:          "Attempting reconnect to {member} {addr}",
	NoteReconnectLost - NoteNone:      "Attempting reconnect to {text} {from}, reaped long ago",
	NoteCoordinateRefused - NoteNone:  "Coordinate of {member} refused: {err}",
	NoteEventsUnsent - NoteNone:       "Leaving, though {n} user events of this node could not be sent in time",
	NoteKeysAsked - NoteNone:          "Received {text} query",
	NoteLargeDropped - NoteNone:       "Too many user events that don't fit into packets, {n} left to push/pull so far",
	NoteRejoin - NoteNone:             "Attempting re-join to previously known node: {from}",
	NoteRejoined - NoteNone:           "Re-joined to previously known node: {from}",
	NoteRejoinFailed - NoteNone:       "Failed to re-join any previously known node, trying on: {err}",
}

// AppendNote appends the text of one of this layer's notes, for a log; nothing for others. It must be
// called before the next call into this node, while the note's member has its name.
func (n *Node) AppendNote(b []byte, note swim.Note) []byte {
	if note.Code <= NoteNone || note.Code >= noteEnd {
		return b
	}
	text := wordings[note.Code-NoteNone]
	for i := 0; i < len(text); i++ {
		if text[i] != '{' {
			b = append(b, text[i])
			continue
		}
		end := i + 1
		for text[end] != '}' {
			end++
		}
		b = n.appendField(b, text[i+1:end], &note)
		i = end
	}
	return b
}

func (n *Node) appendField(b []byte, field string, note *swim.Note) []byte {
	switch field {
	case "member":
		return append(b, n.roster.Name(note.Member)...)
	case "addr":
		return n.view(note.Member).Addr.AppendTo(b)
	case "ip":
		return n.view(note.Member).Addr.Addr().AppendTo(b)
	case "from":
		return note.From.AppendTo(b)
	case "n":
		return strconv.AppendInt(b, note.N, 10)
	case "text":
		return append(b, note.Text...)
	case "err":
		if note.Err != nil {
			return append(b, note.Err.Error()...)
		}
		return b
	}
	panic("BUG: serf: wording with the unknown field " + field)
}

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
