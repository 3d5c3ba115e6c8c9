// Package serfnotes words the notes of a Serf node for logs: those of package serf, and those of
// the membership below it.
package serfnotes

import (
	"serf/internal/notes"
	"serf/swim"
	"serf/swim/serf"
)

// Of returns which component of the log a note belongs to, and its wording.
func Of(n *swim.Note) (component string, w notes.Wording) {
	if n.Code < swim.NoteAbove {
		return "memberlist", notes.Of(n.Code)
	}
	if text, known := words[n.Code]; known {
		return "serf", notes.Wording{Text: text, Limited: n.Level >= swim.Warn}
	}
	return "serf", notes.Unknown(n.Code)
}

// words are those of the notes of package serf. Notes of level Warn and above are limited. People
// grep for the EventMember lines.
var words = map[swim.NoteCode]string{
	serf.NoteMemberJoin:         "EventMemberJoin: {member} {ip}",
	serf.NoteMemberLeave:        "EventMemberLeave: {member} {ip}",
	serf.NoteMemberFailed:       "EventMemberFailed: {member} {ip}",
	serf.NoteMemberUpdate:       "EventMemberUpdate: {member}",
	serf.NoteMemberReap:         "EventMemberReap: {member}",
	serf.NoteMemberReapForced:   "EventMemberReap (forced): {member} {ip}",
	serf.NoteMemberRestarted:    "{member} at {addr} has restarted, or its host has a new address",
	serf.NoteBadMessage:         notes.MessageDropped,
	serf.NoteTimeRefused:        "Lamport time {n} is too far ahead: message ignored",
	serf.NoteIntentsFull:        "More than {n} intents about unknown members: the oldest are dropped",
	serf.NoteLeaveRefuted:       "Refuting that this node leaves",
	serf.NoteLeaveTimeout:       "The leave intent could not be gossiped in time, leaving anyway",
	serf.NoteEventOld:           "User event {text} of time {n} is too old, dropped",
	serf.NoteEventDropped:       "User event {text} of time {n} dropped, too many are remembered",
	serf.NoteEventTooLarge:      "User event of {n} bytes is too large, dropped",
	serf.NoteQueryOld:           "Query {text} of time {n} is too old, dropped",
	serf.NoteQueryDropped:       "Query {text} of time {n} dropped, too many are remembered",
	serf.NoteQueryUnknown:       "Internal query {text} is unknown, ignored",
	serf.NoteInboundQueriesFull: "More than {n} queries are open: the oldest can't be answered any more",
	serf.NoteResponseStray:      "Reply from {text} to a query (time {n}) that isn't running",
	serf.NoteUnknownResponders:  "More than {n} unknown members replied to a query: reply dropped",
	serf.NoteRelayRefused:       "Refused to relay for {from} to {text}: no member has that name and address",
	serf.NoteQueueFull:          "Broadcast queues are full, {n} messages dropped so far",
	serf.NoteTooLargeToGossip:   "Messages that don't fit into a packet are not gossiped, {n} so far",
	serf.NoteConflict:           "Name conflict: {member} is at {addr}, and {from} claims the name",
	serf.NoteOwnConflict:        "Name conflict: {from} claims the name of this node",
	serf.NoteVote:               "Name conflict: {from} claims the name of this node, asking the members",
	serf.NoteVoteFailed:         "Can't ask the members about the name conflict: {err}",
	serf.NoteVoteWon:            "Name conflict: this node keeps its name [{text}]",
	serf.NoteVoteLost:           "Name conflict: this node loses its name and quits [{text}]",
	serf.NoteKeysChanged:        "Keyring: {text} done",
	serf.NoteKeysSaved:          "Keyring: saved",
	serf.NoteKeysInMemory: "Keyring: {text} is done in memory only, and is lost with a restart: " +
		"there is no keyring file",
	serf.NoteKeysRefused:       "Keyring: {text} refused: {err}",
	serf.NoteKeysTruncated:     "Keyring: only the first {n} keys fit into the answer",
	serf.NoteReconnect:         "Attempting reconnect to {member} {addr}",
	serf.NoteReconnectLost:     "Attempting reconnect to {text} {from}, reaped long ago",
	serf.NoteCoordinateRefused: "Coordinate of {member} refused: {err}",
	serf.NoteEventsUnsent:      "Leaving, though {n} user events of this node could not be sent in time",
	serf.NoteKeysAsked:         "Received {text} query",
	serf.NoteLargeDropped:      "Too many user events that don't fit into packets: {n} left to push/pull so far",
	serf.NoteRejoin:            "Attempting re-join to previously known node: {from}",
	serf.NoteRejoined:          "Re-joined to previously known node: {from}",
	serf.NoteRejoinFailed:      "Failed to re-join any previously known node, will keep trying: {err}",
	serf.NoteReplyUnsent:       "Reply to a query from {from} not sent: {err}",
}
