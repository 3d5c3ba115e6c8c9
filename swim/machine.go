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

// Machine is what a driver runs: a state machine whose inputs are what happened and when, and whose
// effects are values in out, see [Output]. Both Node and the Serf node above it are Machines. One
// goroutine owns a Machine; now never goes back. Inputs are borrowed: the machine keeps neither p
// nor in.Data after the call.
type Machine interface {
	// Packet handles one UDP datagram as it came from the network.
	Packet(now Time, from netip.AddrPort, p []byte, out *Output)
	// Stream handles a request, a reply or the failure of a stream.
	Stream(now Time, in StreamIn, out *Output)
	// Tick does what is due. Before Deadline it does nothing.
	Tick(now Time, out *Output)
	// Deadline is when Tick must be called next. It may change with every call to the machine.
	Deadline() Time
}

// Output collects the effects of calls. The driver owns it, drains it and calls Reset. One Output
// may serve any number of nodes in turn.
//
// The slices and member IDs of events are valid until the next call into a node. Packets are valid
// until Reset. StreamOut.Data belongs to the driver for good.
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
	o.Packets, o.Streams = emptied(o.Packets), emptied(o.Streams)
	o.Events, o.Notes = emptied(o.Events), emptied(o.Notes)
	o.arena = o.arena[:0]
}

// keepEffects is for how many effects of a kind an output keeps memory. A push/pull can have a
// hundred thousand.
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

// StreamID names a stream of one node. The machine numbers the streams that it opens from 1; the
// driver numbers those that it accepts, with the Inbound bit set.
type StreamID uint64

// Inbound marks the streams that others opened.
const Inbound StreamID = 1 << 63

// StreamKind tells the driver what to do with a StreamOut.
type StreamKind uint8

const (
	// StreamCall opens a stream to To, writes Data, reads one block and returns it as a
	// StreamReply, or a StreamFailed. The driver closes the stream.
	StreamCall StreamKind = iota
	// StreamSend opens a stream to To, writes Data and closes it. A failure is reported as a
	// StreamFailed; success only with StreamOut.Report, as a StreamSent.
	StreamSend
	// StreamAnswer writes Data on the accepted stream ID and closes it.
	StreamAnswer
)

// StreamOut asks the driver for one exchange on a stream. Data and then More are a plain message,
// type byte first. The driver seals it with Sealer, and opens the answer with it, outside of the
// machine: both can take long.
type StreamOut struct {
	ID       StreamID
	Kind     StreamKind
	To       netip.AddrPort // not for StreamAnswer
	Data     []byte
	More     [][]byte     // shared by the nodes of a Base, read-only. Nil without one
	Sealer   *wire.Sealer // immutable; answers are sealed with what Sealer.OpenRequest returned
	Deadline Time         // then the exchange has failed
	Report   bool         // see StreamSend
	// User, if set, returns the user state of at most room bytes that ends a push/pull, see
	// LateCarrier. It may take long, so Message calls it: where the message is sealed.
	User func(room int) []byte
}

// Message returns the message as one piece: Data, or a copy. A driver calls it once.
func (s *StreamOut) Message() []byte {
	if s.User == nil {
		return wire.Flatten(s.Data, s.More)
	}
	return s.appendUser(wire.Flatten(s.Data, s.More))
}

// StreamInKind tells what happened on a stream.
type StreamInKind uint8

const (
	// StreamRequest is the first block on an accepted stream. If the machine answers, it does so in
	// this call, by a StreamAnswer with the same ID.
	StreamRequest StreamInKind = iota
	// StreamReply is the answer to a StreamCall.
	StreamReply
	// StreamFailed ends a StreamCall or StreamSend that failed: Err says why.
	StreamFailed
	// StreamSent ends a StreamSend whose Data this host's system has taken, on a connection to To.
	// Nobody knows whether the other member reads it.
	StreamSent
)

// StreamIn is an input from a stream. Data is one opened message, type byte first. A simulator that
// doesn't seal may pass it in the pieces in which it was sent: Data, then More.
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

// EventKind is what an Event reports.
type EventKind uint8

const (
	// EventJoined: Member is alive and wasn't, or wasn't known.
	EventJoined EventKind = iota + 1
	// EventFailed: Member didn't answer and didn't refute. N is 0.
	EventFailed
	// EventLeft: Member announced that it leaves.
	EventLeft
	// EventUpdated: Member, which is alive, has new metadata, versions or another address; N is 1
	// if its address changed.
	EventUpdated
	// EventSuspected: Member became suspect. This and the next are for checkers and figures, not
	// for users.
	EventSuspected
	// EventRefuted: Member refuted a suspicion.
	EventRefuted
	// EventForgotten: Member's record was dropped. Its ID is valid until the next call.
	EventForgotten
	// EventConflict: a member at Addr claims the name of Member, which answers at another address.
	// If Member is this node, N is 1 if this node learned of the claim from the answer to its own
	// push/pull; then this node is the later one. Data is the claim's metadata.
	EventConflict
	// EventUser: Data is a user message from Addr, by packet or stream.
	EventUser
	// EventState: Data, then More, is the user state of a push/pull from Addr; N is 1 if it was a
	// join.
	EventState
	// EventAcked: a direct ping of Member was acked after RTT; Data is the ack's payload.
	EventAcked
	// EventJoinDone ends a Join: N addresses answered; Err is a JoinError if none did. That of a
	// JoinOne has the address that answered in Addr.
	EventJoinDone
	// EventLeaveDone ends a Leave: the others were told, or couldn't be in time (Err).
	EventLeaveDone
	// EventClaimed: somebody says that Member, another member, is at Addr and not at its known
	// address. It comes with every such claim, before it is checked; anybody can make one. N is 1 if
	// the claim is at the known incarnation: a member that moves raises it, so these are two. Data is
	// the claim's metadata.
	EventClaimed
	// EventSent ends a SendReliable to Addr: it was written, or Err says why not.
	EventSent
	// EventPinged ends a Ping of Addr: it was acked after RTT, and Data is the ack's payload, or
	// Err says why not.
	EventPinged
	// EventMetaDone ends an UpdateMeta: all were told, or Err says what came in between.
	EventMetaDone

	// EventAbove is the first kind of the layer above, which gives the fields its own meaning.
	EventAbove EventKind = 64
)

// Event reports a change to the layer above. Slices are borrowed: see Output.
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

// The levels, from the least important.
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
