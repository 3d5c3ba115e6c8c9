package swim

import (
	"net/netip"
	"time"

	"serf/wire"
)

// Time is a reading of the driver's monotonic clock in nanoseconds. The zero of the clock is the
// driver's choice; it only has to be the same for all calls into one node.
type Time int64

// Never is the deadline of something that isn't armed.
const Never Time = 1<<63 - 1

// Add returns t+d, or Never if that lies beyond the clock's end.
func (t Time) Add(d time.Duration) Time {
	if d > 0 && t > Never-Time(d) {
		return Never
	}
	return t + Time(d)
}

// Sub returns the time from u to t.
func (t Time) Sub(u Time) time.Duration { return time.Duration(t - u) }

// Machine is what a driver runs: a state machine that is told what happened and when, and that
// answers with effects in out. Both Node and the Serf node above it are one. A Machine is owned by
// one goroutine; now never goes back.
//
// Inputs are borrowed: the machine keeps nothing of p or in.Data after the call. Effects are values
// in out, see [Output].
type Machine interface {
	// Packet handles one UDP datagram as it came from the network.
	Packet(now Time, from netip.AddrPort, p []byte, out *Output)
	// Stream handles a request, a reply or the failure of a stream.
	Stream(now Time, in StreamIn, out *Output)
	// Tick does what is due. Calls before Deadline do nothing.
	Tick(now Time, out *Output)
	// Deadline is when Tick must be called next; it may change with every call to the machine.
	Deadline() Time
}

// Output collects the effects of calls. The driver owns it, drains it and calls Reset; one Output
// may serve any number of nodes in turn.
//
// Events are to be read before the next call into a node: their slices and member IDs are valid no
// longer. Packets stay valid until Reset, and StreamOut.Data belongs to the driver for good.
type Output struct {
	Packets []Packet
	Streams []StreamOut
	Events  []Event
	Notes   []Note

	arena   []byte // backs Packet.Data
	scratch scratch
}

// Reset empties the output and keeps its memory for the next turn.
func (o *Output) Reset() {
	clear(o.Streams) // their Data belongs to the driver: don't pin it
	clear(o.Events)
	o.Packets, o.Streams, o.Events, o.Notes = emptied(o.Packets), emptied(o.Streams), emptied(o.Events), emptied(o.Notes)
	o.arena = o.arena[:0]
}

// keepEffects is for how many effects of a kind an output keeps memory. A push/pull can make a
// hundred thousand at once, as much as all that is then remembered of the members.
const keepEffects = 4096

func emptied[T any](s []T) []T {
	if cap(s) > keepEffects {
		return nil
	}
	return s[:0]
}

// Packet is one UDP datagram to send, ready for the wire.
type Packet struct {
	To   netip.AddrPort
	Data []byte // borrowed: valid until Output.Reset
}

// StreamID names a stream of one node. A machine numbers the streams that it opens from 1 upwards;
// a driver numbers those that it accepts with the top bit set (see Inbound), so that the two never
// meet.
type StreamID uint64

// Inbound is the bit that marks streams accepted from others.
const Inbound StreamID = 1 << 63

// StreamKind tells the driver what to do with a StreamOut.
type StreamKind uint8

const (
	// StreamCall opens a stream to To, writes Data, reads one block in answer and hands it back as
	// StreamReply, or StreamFailed. The driver closes the stream.
	StreamCall StreamKind = iota
	// StreamSend opens a stream to To, writes Data and closes it. A failure comes back as
	// StreamFailed; success says nothing.
	StreamSend
	// StreamAnswer writes Data on the accepted stream ID and closes it.
	StreamAnswer
)

// StreamOut asks the driver for one exchange on a stream. Data and then More are a plain message
// (type byte first); the driver seals it with Sealer, and opens the answer with it, outside of the
// machine: both can take long.
type StreamOut struct {
	ID       StreamID
	Kind     StreamKind
	To       netip.AddrPort // not for StreamAnswer
	Data     []byte
	More     [][]byte     // shared by nodes of one Base: read only. Nil without one
	Sealer   *wire.Sealer // immutable; answers are sealed with what Sealer.OpenRequest returned
	Deadline Time         // give up then
}

// Message returns the message as one piece: Data, or a copy.
func (s *StreamOut) Message() []byte { return wire.Flatten(s.Data, s.More) }

// StreamInKind tells what happened on a stream.
type StreamInKind uint8

const (
	// StreamRequest is the first block on an accepted stream. The machine answers, if at all,
	// during this very call, by a StreamAnswer with the same ID.
	StreamRequest StreamInKind = iota
	// StreamReply is the answer to a StreamCall.
	StreamReply
	// StreamFailed ends a StreamCall or StreamSend that didn't work: Err says why.
	StreamFailed
)

// StreamIn is an input from a stream. Data is one opened message, type byte first. A simulator that
// has nothing to seal may hand it over in the pieces in which it was sent: Data, then More.
type StreamIn struct {
	ID   StreamID
	Kind StreamInKind
	From netip.AddrPort
	Data []byte // borrowed
	More [][]byte
	Err  error // StreamFailed only
}

// OpID names something that takes time and ends with an event that carries it. Zero is no
// operation.
type OpID uint64

// EventKind says what an Event tells.
type EventKind uint8

const (
	// EventJoined: Member is alive and wasn't, or wasn't known.
	EventJoined EventKind = iota + 1
	// EventFailed: Member didn't answer and didn't refute. N is 0.
	EventFailed
	// EventLeft: Member said itself that it goes.
	EventLeft
	// EventUpdated: Member, alive, has new metadata or versions, or restarted with another
	// identity: N is 1 if its address changed.
	EventUpdated
	// EventSuspected and EventRefuted: Member became suspect here, and was alive after all. Nothing
	// that users see; checkers and figures do.
	EventSuspected
	EventRefuted
	// EventForgotten: Member's record is gone. Its ID is valid during this call only.
	EventForgotten
	// EventConflict: the address Addr claims the name of Member, who lives elsewhere. Member is
	// this node's own ID when it claims ours; then N is 1 if this node was told of it by whom it
	// asked for the state: it is the one that came later.
	EventConflict
	// EventUser: Data is a user message from Addr, by packet or stream.
	EventUser
	// EventState: Data, then More, is the user state of a push/pull from Addr; N is 1 if it was a
	// join.
	EventState
	// EventAcked: a direct ping of Member was acked after RTT; Data is the ack's payload.
	EventAcked
	// EventJoinDone ends Join: N addresses answered; Err is the last failure if none did. That of
	// JoinOne has in Addr who answered.
	EventJoinDone
	// EventLeaveDone ends Leave: the others have been told, or could not be in time (Err).
	EventLeaveDone
	// EventClaimed: the address Addr claims the name of Member, another one, who lives elsewhere.
	// Who is right isn't known yet; it comes with each such claim, and anybody can make one.
	EventClaimed

	// EventAbove is the first kind of the layer above, which gives the fields its own meaning.
	EventAbove EventKind = 64
)

// Event is news for the layer above. Slices are borrowed: see Output.
type Event struct {
	Kind    EventKind
	Flag    bool // for the layer above
	Member  MemberID
	Members []MemberID // for the layer above: several subjects
	Op      OpID
	LTime   uint64 // for the layer above: a Lamport time
	N       int64
	RTT     time.Duration
	Addr    netip.AddrPort
	Name    []byte // for the layer above
	Data    []byte
	More    [][]byte
	Err     error
}

// Level of a note: the values of log/slog, and Trace below them.
type Level int8

const (
	Trace Level = -8
	Debug Level = -4
	Info  Level = 0
	Warn  Level = 4
	Error Level = 8
)

// NoteCode names a note's text. Codes of the layer above start at NoteAbove.
type NoteCode uint16

// NoteAbove is the first code of the layer above.
const NoteAbove NoteCode = 256

// Note is a log line as a value: the driver words it, tests match the code. Which fields are set
// depends on the code.
type Note struct {
	Level  Level
	Code   NoteCode
	Member MemberID // NoMember if none
	Other  MemberID
	From   netip.AddrPort
	N      int64
	Text   string
	Err    error
}
