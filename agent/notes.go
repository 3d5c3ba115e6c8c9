package agent

import (
	"errors"
	"log/slog"
	"net/netip"
	"strconv"
	"strings"

	"serf/swim"
	"serf/swim/serf"
	"serf/wire"
)

// wording is how a note becomes a line of the log. In text, {member}, {other}, {from}, {n}, {text}
// and {err} stand for the note's fields, {addr} for the member's address, and {ip} for the same
// without its port.
type wording struct {
	text string
	// limited: others can cause it at will, or a lasting condition does. The first is written, the
	// rest counted.
	limited bool
}

// messageDropped words a message that one of the two layers drops.
const messageDropped = "Dropped a message of type {n} from {from}: {err}"

// swimNotes words the notes of the membership, component memberlist.
var swimNotes = map[swim.NoteCode]wording{
	swim.NotePacketDropped:  {"Dropped a packet from {from}: {err}", true},
	swim.NoteMessageDropped: {messageDropped, true},
	swim.NoteWrongName:      {"Got ping for unexpected node '{text}' from {from}", true},
	swim.NoteBadAddress:     {"Ignoring '{text}' at {from}: {err}", true},
	swim.NoteBadVersions:    {"Ignoring '{text}': its protocol versions are not understood here", true},
	swim.NoteBadIncarnation: {"Ignoring news of '{member}': incarnation {n} is too far ahead", true},
	swim.NoteSuspecting:     {"Suspect {member} has failed, no acks received", false},
	swim.NoteFailing:        {"Marking {member} as failed, suspect timeout reached ({n} peer confirmations)", false},
	swim.NoteRefuting:       {"Refuting an accusation (from: {other}{text}), incarnation is now {n}", true},
	swim.NoteStreamOnly: {"Was able to connect to {member} over TCP but UDP probes failed, " +
		"network may be misconfigured", true},
	swim.NoteConflict: {"Conflicting address for {member}. Known: {ip} Claimed: {from}", true},
	swim.NoteMoved:    {"Updating address for {member}: its old one does not answer, it is at {from} now", false},
	// Somebody's command caused it, most of the time.
	swim.NoteJoinFailed:     {"Failed to join {from}: {err}", false},
	swim.NotePushPullFailed: {"Push/Pull with {member} failed: {err}", true},
	swim.NoteRefused:        {"{from} refused an exchange: {text}", true},
	swim.NoteReturned:       {"{member}, taken for failed, answers again", false},
	swim.NoteTableFull:      {"No room for a further member, '{text}'", true},
	swim.NoteDegraded:       {"Health score is now {n} (0 is healthy)", false},
	swim.NoteForwardRefused: {"Refused to send for {from} to an address that is no member's", true},
	swim.NoteQueueFull:      {"Broadcast queue is full, {n} messages given up so far", true},
	swim.NotePushPull:       {"Initiating push/pull sync with: {member} {from}", false},
	swim.NoteStreamServed:   {"Stream connection from {from}, message type {n}", false},
	swim.NotePaused:         {"Stood still for {n} ms; suspected members get that time back", true},
	swim.NoteOutbidding:     {"Others have outdated news of this member, incarnation is now {n}", true},
	swim.NoteUnreachable: {"{member} says that it is alive, but nothing answers at {from}: " +
		"is that its address, and is the port open " +
		"for UDP and TCP? Not believed for {n} s unless it answers", true},
	swim.NoteNotPinged: {"Called failed {n} times, and nobody's probe has arrived: " +
		"is {from} this member's address for the others, " +
		"and the port open for UDP and TCP?", true},
	swim.NoteDetour: {"{member} at {ip}, to which this member can't send, answers at {from}", false},
	swim.NoteNoRoute: {"{member} at {from} can't be reached from here: " +
		"this member and it have no version of IP in common, " +
		"others that have both pass on what they say", false},
	swim.NoteNotAdmitted:  {"Ignoring '{text}' at {from}: {err}", true},
	swim.NoteMergeRefused: {"Refused to merge with {from}: {err}", true},
	swim.NoteStateCut:     {"Too many members for one exchange of states, {n} are left out", true},
}

// serfNotes words the notes of package serf, component serf. Those of level Warn and above are
// limited. People grep for the EventMember lines.
var serfNotes = map[swim.NoteCode]string{
	serf.NoteMemberJoin:         "EventMemberJoin: {member} {ip}",
	serf.NoteMemberLeave:        "EventMemberLeave: {member} {ip}",
	serf.NoteMemberFailed:       "EventMemberFailed: {member} {ip}",
	serf.NoteMemberUpdate:       "EventMemberUpdate: {member}",
	serf.NoteMemberReap:         "EventMemberReap: {member}",
	serf.NoteMemberReapForced:   "EventMemberReap (forced): {member} {ip}",
	serf.NoteMemberRestarted:    "{member} at {addr} has restarted, or its host has a new address",
	serf.NoteBadMessage:         messageDropped,
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

// tellNote writes a note to the log.
func (a *Agent) tellNote(n *swim.Note) {
	level := slog.Level(n.Level)
	if !a.log.Enabled(level) {
		return
	}
	component, text, limited := a.describe(n)
	if !limited {
		a.log.Logf(level, component, "%s", text())
		return
	}
	// Without the port: whoever floods us may use many.
	key := repeatKey{code: n.Code, member: n.Member, from: n.From.Addr()}
	if n.Code == swim.NotePacketDropped {
		key.text, key.rare = n.Err.Error(), isForeign(n.Err)
	}
	a.log.repeat(level, component, key, text)
}

// isForeign tells whether something was dropped because its sender belongs to another cluster, or
// lacks the key of this one.
func isForeign(err error) bool { return isLabelError(err) || isKeyError(err) }

func isLabelError(err error) bool {
	return errors.Is(err, wire.ErrLabel) || errors.Is(err, wire.ErrNoLabel)
}

func isKeyError(err error) bool {
	return errors.Is(err, wire.ErrNoKey) || errors.Is(err, wire.ErrNotEncrypted) || errors.Is(err, wire.ErrEncrypted)
}

// errText is err without the name of the package: who reads the log doesn't know it.
func errText(err error) string { return strings.TrimPrefix(err.Error(), "wire: ") }

// describe returns who speaks in a note, what is said, and whether it may be said too often.
func (a *Agent) describe(n *swim.Note) (component string, text func() string, limited bool) {
	component = "memberlist"
	w, known := swimNotes[n.Code]
	if n.Code >= swim.NoteAbove {
		component = "serf"
		w.text, known = serfNotes[n.Code]
		w.limited = n.Level >= swim.Warn
	}
	if !known {
		w = wording{"note " + strconv.Itoa(int(n.Code)) + ": {member} {from} {n} {text} {err}", true}
	}
	return component, func() string { return a.word(w.text, n) }, w.limited
}

// word fills in a note's text.
func (a *Agent) word(text string, n *swim.Note) string {
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(text, "{")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		field, after, _ := strings.Cut(rest, "}")
		b.WriteString(a.noteField(field, n))
		text = after
	}
}

func (a *Agent) noteField(field string, n *swim.Note) string {
	switch field {
	case "member":
		return a.nameOf(n.Member)
	case "other":
		return a.nameOf(n.Other)
	case "addr", "ip":
		m, ok := a.loop.node.ByID(n.Member)
		switch {
		case !ok:
			return "?"
		case field == "ip":
			return m.Addr.Addr().String()
		}
		return m.Addr.String()
	case "from":
		return addrText(n.From)
	case "n":
		return strconv.FormatInt(n.N, 10)
	case "text":
		return n.Text
	case "err":
		if n.Err != nil {
			return errText(n.Err)
		}
		return "unknown reason"
	}
	panic("BUG: a note is worded with the unknown field " + field)
}

// nameOf is a member's name, or nothing if there is none.
func (a *Agent) nameOf(id swim.MemberID) string {
	if id == swim.NoMember {
		return ""
	}
	return a.loop.node.Swim().Roster().Name(id)
}

func addrText(addr netip.AddrPort) string {
	if !addr.IsValid() {
		return "an unknown address"
	}
	return addr.String()
}
