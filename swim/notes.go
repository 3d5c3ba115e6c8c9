package swim

import "time"

// Codes of this layer's notes. In brackets: the fields that are set besides Level.
const (
	// NotePacketDropped: a packet from From was no use; Err says why.
	NotePacketDropped NoteCode = iota + 1
	// NoteMessageDropped: a message of a packet or stream from From was malformed; N is its type.
	NoteMessageDropped
	// NoteWrongName: From pings Text, which is another member's name; one of the two is outdated.
	NoteWrongName
	// NoteBadAddress: Text (a name) claims an address From that nobody could use; Err says why.
	NoteBadAddress
	// NoteBadVersions: Text speaks versions that this member doesn't; its entry was skipped.
	NoteBadVersions
	// NoteBadIncarnation: news of Member with incarnation N, too far ahead to be honest.
	NoteBadIncarnation
	// NoteSuspecting: Member didn't answer our probe.
	NoteSuspecting
	// NoteFailing: Member's suspicion ran out after N confirmations.
	NoteFailing
	// NoteRefuting: we raised our incarnation to N; Other, or Text if unknown, accused us.
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
	// NoteReturned: Member, taken for failed, answered a ping.
	NoteReturned
	// NoteTableFull: no room for a further member, Text.
	NoteTableFull
	// NoteDegraded: the health score is now N; 0 is healthy.
	NoteDegraded
	// NoteForwardRefused: From asked us to send to an address that is no member's.
	NoteForwardRefused
	// NoteQueueFull: the broadcast queue gave up N messages so far.
	NoteQueueFull
	// NotePushPull: a full exchange begins with Member, at From.
	NotePushPull
	// NoteStreamServed: From opened a stream, with a message of type N.
	NoteStreamServed
	// NotePaused: this node stood still for N ms; nobody is blamed for that time.
	NotePaused
	// NoteStateCut: a push/pull couldn't carry the last N members, of those that are gone if any
	// are.
	NoteStateCut
	// NoteOutbidding: we raised our incarnation to N; others know what we said before a restart, or
	// worse by unconfirmed.
	NoteOutbidding
	// NoteUnreachable: Member, failed, says that it lives at From, where nothing answers; N is for
	// how many seconds it isn't believed.
	NoteUnreachable
	// NoteNotPinged: we refuted N accusations, and no ping has reached us meanwhile at From, our
	// own address.
	NoteNotPinged
	// NoteNoRoute: Member tells the address From, to which this member can't send: they have no
	// version of IP in common.
	NoteNoRoute
	// NoteDetour: to such a Member there is a way after all: it answers at From, too.
	NoteDetour
)

// Counters count what a node did and what it dropped, since its start.
type Counters struct {
	PacketsIn, PacketsOut uint64
	BytesIn, BytesOut     uint64

	Probes      uint64
	ProbesEnded uint64        // with an ack or without
	ProbeTime   time.Duration // that those took, together

	StreamsIn, StreamsOut uint64
	StreamsFailed         uint64 // opened here, without success

	// News of members that changed what this node knows, by gossip, by full exchange, or of its
	// own; a suspicion of a member that is suspect already isn't any.
	AliveUpdates, SuspectUpdates, DeadUpdates uint64

	ProbesFailed        uint64 // no ack, direct or not
	StreamAcks          uint64 // a probe that only the stream answered
	Suspicions          uint64 // begun here
	FailuresUnconfirmed uint64 // suspicions that ran out with fewer confirmations than shorten them
	Refutations         uint64 // of accusations against this member
	PushPulls           uint64 // begun here
	PushPullErrors      uint64
	StatesCut           uint64 // push/pulls that couldn't carry all members
	Pauses              uint64 // of this node, in which it could do nothing

	// What was dropped, by reason.
	DroppedPackets      uint64 // couldn't be opened; the next two are among them
	DroppedLabels       uint64 // of another cluster: a wrong label, or none
	DroppedKeys         uint64 // encrypted with no key of ours, or not at all
	DroppedMessages     uint64 // malformed or of unknown type
	DroppedVersions     uint64
	DroppedAddresses    uint64
	DroppedIncarnations uint64
	DroppedNames        uint64 // pings for somebody else
	DroppedForwards     uint64 // pings for others refused: stranger, or too many at once
	DroppedMembers      uint64 // table full
	DroppedMoves        uint64 // claims to another address: too many at once
	DroppedTooLarge     uint64 // messages of ours, or to pass on, that no packet of ours can hold
	DroppedNoRoute      uint64 // ours, to addresses of a family that can't be sent to
	DroppedStale        uint64 // news older than what is known; normal in gossip
}

// ClipText returns a name from a packet for use in a note, cut to the length that suits a log line.
func ClipText(name []byte) string {
	const most = 64 // bytes
	if len(name) > most {
		return string(name[:most]) + "..."
	}
	return string(name)
}
