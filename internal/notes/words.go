package notes

import "serf/swim"

// MessageDropped words a message that one of the two layers drops.
const MessageDropped = "Dropped a message of type {n} from {from}: {err}"

// ofSwim words the notes of package swim.
var ofSwim = map[swim.NoteCode]Wording{
	swim.NotePacketDropped:  {"Dropped a packet from {from}: {err}", true},
	swim.NoteMessageDropped: {MessageDropped, true},
	swim.NoteWrongName:      {"Got ping for unexpected node '{text}' from {from}", true},
	swim.NoteBadAddress:     {"Ignoring '{text}' at {from}: {err}", true},
	swim.NoteBadVersions:    {"Ignoring '{text}': its protocol versions are not understood here", true},
	swim.NoteBadIncarnation: {"Ignoring news of '{member}': incarnation {n} is too far ahead", true},
	swim.NoteSuspecting:     {"Suspect {member} has failed, no acks received", false},
	swim.NoteFailing:        {"Marking {member} as failed, suspect timeout reached ({n} peer confirmations)", false},
	swim.NoteRefuting:       {"Refuting an accusation (from: {other}{text}), incarnation is now {n}", true},
	swim.NoteStreamOnly: {"Was able to connect to {member} over TCP but UDP probes failed, " +
		"network may be misconfigured", true},
	swim.NoteConflict: {"Conflicting address for {member}. Known: {addr} Claimed: {from}", true},
	swim.NoteMoved:    {"Updating address for {member}: its old one does not answer, it is at {from} now", false},
	// Somebody's command caused it, most of the time.
	swim.NoteJoinFailed:     {"Failed to join {from}: {err}", false},
	swim.NotePushPullFailed: {"Push/Pull with {member} failed: {err}", true},
	swim.NoteRefused:        {"{from} refused an exchange: {text}", true},
	swim.NoteReturned:       {"{member}, called failed, answers again", false},
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
