package serf

import (
	"math"

	"serf/swim"
)

// Codes of this layer's notes, with the fields that are set besides Level. The agent words them.
// ONLY APPEND: logs and tests match the numbers.
const (
	NoteNone               swim.NoteCode = swim.NoteAbove + iota
	NoteMemberJoin                       // Member is alive
	NoteMemberLeave                      // Member left
	NoteMemberFailed                     // Member failed
	NoteMemberUpdate                     // Member has other tags, versions or addresses
	NoteMemberReap                       // Member, long gone, is no longer listed
	NoteMemberReapForced                 // Member was removed by a force-leave with prune
	NoteMemberRestarted                  // Member restarted, or moved to another address
	NoteBadMessage                       // a message of type N from From was refused; Err says why
	NoteTimeRefused                      // Lamport time N is too far ahead
	NoteIntentsFull                      // old intents about unknown members went; N is the limit
	NoteLeaveRefuted                     // somebody said that this node leaves
	NoteLeaveTimeout                     // the own leave intent wasn't gossiped in time
	NoteEventOld                         // user event Text of time N is before the window
	NoteEventDropped                     // user event Text of time N: the window is full
	NoteEventTooLarge                    // a user event of N bytes came in
	NoteQueryOld                         // query Text of time N is before the window
	NoteQueryDropped                     // query Text of time N: the window is full
	NoteQueryUnknown                     // Text begins as an internal query, but is none
	NoteInboundQueriesFull               // the oldest inbound query was dropped; N is the limit
	NoteResponseStray                    // Text replied to a query of time N that isn't running
	NoteUnknownResponders                // reply dropped: N unknown members had replied before
	NoteRelayRefused                     // From wants to relay to Text, no member at that address
	NoteQueueFull                        // N messages were dropped from the broadcast queues so far
	NoteTooLargeToGossip                 // N messages were too large for a packet so far
	NoteConflict                         // From claims the name of Member
	NoteOwnConflict                      // From claims the name of this node; no vote begins
	NoteVote                             // From claims the name of this node; a vote begins
	NoteVoteFailed                       // the vote could not begin; Err says why
	NoteVoteWon                          // Text is "votes / all"
	NoteVoteLost                         // Text is "votes / all"
	NoteKeysChanged                      // query Text about keys was done
	NoteKeysSaved                        // the keyring was saved, for queries that waited
	NoteKeysInMemory                     // query Text was done, but nobody saves the keyring
	NoteKeysRefused                      // query Text about keys was refused; Err says why
	NoteKeysTruncated                    // only N keys fit into a response
	NoteReconnect                        // Member, failed, is tried
	NoteReconnectLost                    // Text at From, reaped after it failed, is tried
	NoteCoordinateRefused                // Member sent a coordinate that is no use; Err says why
	NoteEventsUnsent                     // N own user events were not gossiped before leaving
	NoteLargeDropped                     // N user events too large for a packet were dropped so far
	NoteKeysAsked                        // query Text about keys came
	NoteRejoin                           // From and others of an earlier run are tried
	NoteRejoined                         // From, of an earlier run, answered
	NoteRejoinFailed                     // nobody of an earlier run answered; Err says why
	NoteReplyUnsent                      // the own reply to a query of From wasn't sent; Err says why

	NoteEnd // one beyond the last code
)

// note isn't inlined for the reason of swim's: its copies would be 16 kB.
func (n *Node) note(out *swim.Output, level swim.Level, code swim.NoteCode, note swim.Note) {
	note.Level, note.Code = level, code
	out.Notes = append(out.Notes, note)
}

// noteN is a time from the network as the N of a note.
func noteN(t uint64) int64 { return int64(min(t, math.MaxInt64)) }
