package swim

import (
	"time"

	"serf/internal/histogram"
)

// Codes of this layer's notes, and the fields of Note that are set besides Level.
const (
	// NotePacketDropped: a packet from From couldn't be used; Err says why.
	NotePacketDropped NoteCode = iota + 1
	// NoteMessageDropped: a message of a packet or stream from From was malformed or of unknown
	// type, as Err says; N is its type, -1 if it is empty.
	NoteMessageDropped
	// NoteWrongName: From pings Text, which is another member's name; one of the two is outdated.
	NoteWrongName
	// NoteBadAddress: Text (a name) claims an address From that nobody could use; Err says why.
	NoteBadAddress
	// NoteBadVersions: Text speaks versions that this member doesn't; its entry was skipped.
	NoteBadVersions
	// NoteBadIncarnation: a message about Member with incarnation N, too far ahead to be honest.
	NoteBadIncarnation
	// NoteSuspecting: Member didn't answer our probe.
	NoteSuspecting
	// NoteFailing: Member's suspicion ran out after N confirmations.
	NoteFailing
	// NoteRefuting: we raised our incarnation to N; Text, a name, accused us.
	NoteRefuting
	// NoteStreamOnly: Member answers on streams but not by packet: UDP doesn't get through.
	NoteStreamOnly
	// NoteConflict: From claims the name of Member.
	NoteConflict
	// NoteMoved: Member's old address doesn't answer; it is now at From.
	NoteMoved
	// NoteJoinFailed: no exchange with From; Err says why.
	NoteJoinFailed
	// NotePushPullFailed: the exchange with Member at From failed; Err says why.
	NotePushPullFailed
	// NoteRefused: From refused an exchange; Text is what it said.
	NoteRefused
	// NoteReturned: Member, which was dead, answered a ping.
	NoteReturned
	// NoteTableFull: there is no room for another member, Text.
	NoteTableFull
	// NoteDegraded: the health score is now N; 0 is healthy.
	NoteDegraded
	// NoteForwardRefused: From asked us to ping an address that isn't a member's.
	NoteForwardRefused
	// NoteQueueFull: the broadcast queue has dropped N messages so far.
	NoteQueueFull
	// NotePushPull: a push/pull begins with Member, at From.
	NotePushPull
	// NoteStreamServed: From opened a stream, with a message of type N.
	NoteStreamServed
	// NotePaused: this node paused for N ms; deadlines of others were extended.
	NotePaused
	// NoteStateCut: a push/pull couldn't carry the last N members; dead and left ones come last.
	NoteStateCut
	// NoteOutbidding: we raised our incarnation to N; others know one from before a restart, or
	// suspect us by a push/pull.
	NoteOutbidding
	// NoteUnreachable: Member, which is dead, says that it is alive at From, where nothing answers.
	// It isn't believed for another N seconds.
	NoteUnreachable
	// NoteNotPinged: we refuted N accusations, and no ping reached us meanwhile at From, our own
	// address.
	NoteNotPinged
	// NoteNoRoute: Member tells the address From, to which we can't send: we have no version of IP
	// in common.
	NoteNoRoute
	// NoteDetour: such a Member answers at From, too.
	NoteDetour
	// NoteNotAdmitted: Config.Admit refused Text, a name, at From; Err says why.
	NoteNotAdmitted
	// NoteMergeRefused: Config.AdmitMerge refused the state from From; Err says why.
	NoteMergeRefused
)

// Counters count what a node has done and dropped since its start.
type Counters struct {
	PacketsIn, PacketsOut uint64
	BytesIn, BytesOut     uint64
	// Claims are messages about members that packets brought, by the state that they claim, whether
	// they were news or not.
	Claims [Left + 1]uint64
	// DroppedStale are messages that aren't newer than the record; they are normal in gossip.
	DroppedStale uint64

	Probes      uint64
	ProbesEnded uint64        // with an ack or without
	ProbeTime   time.Duration // that those took, together

	// How probes ended; StreamAcks and ProbesFailed are the others. The rest was abandoned: the
	// target died by other news, this node left, or most members were silent.
	ProbesDirect  uint64              // with the target's own ack
	ProbesRelayed uint64              // with an ack that a helper passed on
	RTTs          histogram.Histogram // of direct pings, by RTTBounds

	StreamsIn, StreamsOut uint64
	StreamsFailed         uint64 // opened here, without success

	// Changes of records, by gossip, by push/pull or by this node itself. A further suspicion of a
	// suspect doesn't count.
	AliveUpdates, SuspectUpdates, DeadUpdates uint64

	ProbesFailed        uint64 // no ack, direct or not
	StreamAcks          uint64 // a probe that only the stream answered
	Suspicions          uint64 // begun here
	FailuresUnconfirmed uint64 // suspicions that ran out with fewer confirmations than hoped for
	Refutations         uint64 // of accusations against this member
	PushPulls           uint64 // begun here
	PushPullErrors      uint64
	StatesCut           uint64 // push/pulls that couldn't carry all members
	Pauses              uint64 // of this node, in which it couldn't run

	// What was dropped, by reason.
	DroppedPackets      uint64 // couldn't be opened; the next two are among them
	DroppedLabels       uint64 // of another cluster: a wrong label, or none
	DroppedKeys         uint64 // encrypted with no key of ours, or not at all
	DroppedMessages     uint64 // malformed or of unknown type
	DroppedVersions     uint64
	DroppedAddresses    uint64
	DroppedIncarnations uint64
	DroppedNames        uint64 // pings of another member
	DroppedForwards     uint64 // pings for others refused: stranger, or too many at once
	DroppedMembers      uint64 // table full
	DroppedMoves        uint64 // claims to another address: too many at once
	DroppedTooLarge     uint64 // messages to send that don't fit a packet
	DroppedNoRoute      uint64 // packets to members without a route
	RefusedMembers      uint64 // claims that Config.Admit refused
	RefusedMerges       uint64 // states that Config.AdmitMerge refused
}

// RTTBounds are the buckets of Counters.RTTs: from a local network's to round the world.
var RTTBounds = histogram.Bounds{
	100 * time.Microsecond, 250 * time.Microsecond, 500 * time.Microsecond,
	time.Millisecond, 2500 * time.Microsecond, 5 * time.Millisecond,
	10 * time.Millisecond, 25 * time.Millisecond, 50 * time.Millisecond,
	100 * time.Millisecond, 250 * time.Millisecond, 500 * time.Millisecond,
	time.Second, 5 * time.Second,
}

// ClipText returns a name from a packet for use in a note, cut to the length that suits a log line.
func ClipText(name []byte) string {
	const most = 64 // bytes
	if len(name) > most {
		return string(name[:most]) + "..."
	}
	return string(name)
}
