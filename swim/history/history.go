// Package history keeps the last changes of each member's state, as one node saw them, and words
// them: who accused a member, how the node learned of it, who confirmed it, how long there was to
// refute.
//
// A Log is bounded: by the changes of one member, and by its memory in all. The oldest changes go
// first. A member that is no longer listed keeps its history within these bounds.
package history

import "time"

// State of a member, as an operator reads it.
type State uint8

// The states. None is that of a member that isn't known, or not yet.
const (
	None State = iota
	Alive
	Suspect
	Leaving
	Left
	Failed
	Reaped
)

var stateNames = []string{"none", "alive", "suspect", "leaving", "left", "failed", "reaped"}

// Cause is what made a member's state change.
type Cause uint8

const (
	// Probe: the member answered none of this node's own pings: see Change.Probe.
	Probe Cause = iota + 1
	// Accusation: another member says that it got no answer.
	Accusation
	// Death: another member says that it is dead.
	Death
	// Timeout: a suspect didn't refute in time.
	Timeout
	// Refutation: the accused raised its incarnation.
	Refutation
	// Join: the member came, or came back.
	Join
	// Leave: the member said that it leaves.
	Leave
	// ForceLeave: an operator turned a failed member into one that left.
	ForceLeave
	// Reap: the member has been gone for so long that it is no longer listed.
	Reap
	// Stayed: the member had said that it leaves, and is still there.
	Stayed
	// Moved: the member is at another address: see Change.Addr.
	Moved
	// Conflict: somebody at another address has the same name: see Change.Addr.
	Conflict
	// Pause: this node itself stood still: see Change.Paused.
	Pause
)

var causeNames = []string{
	"unknown", "probe", "accusation", "death", "timeout", "refutation", "join", "leave",
	"force-leave", "reap", "stayed", "moved", "conflict", "pause",
}

// Learned is how a node knows of a change.
type Learned uint8

const (
	// Here: it saw that itself, or it was told by its own operator.
	Here Learned = iota
	// ByGossip: a packet said so.
	ByGossip
	// ByExchange: an exchange of states said so.
	ByExchange
	// ByAnswer: the member answered this node's ping.
	ByAnswer
)

var learnedNames = []string{"here", "gossip", "exchange", "answer"}

// TCP is what became of the part of a probe that uses a stream.
type TCP uint8

// What can become of it. A member that answers on a stream isn't accused.
const (
	NotTried TCP = iota
	NoAnswer
	TCPFailed
	// TCPRefused: the host is up, and nothing listens there.
	TCPRefused
	// TCPSilent: the host took the connection, and the process said nothing in time.
	TCPSilent
)

var tcpNames = []string{"not tried", "no answer", "failed", "refused", "silent"}

func (s State) String() string { return nameIn(stateNames, s) }

func (c Cause) String() string   { return nameIn(causeNames, c) }
func (l Learned) String() string { return nameIn(learnedNames, l) }
func (t TCP) String() string     { return nameIn(tcpNames, t) }

func nameIn[T ~uint8](names []string, x T) string {
	if int(x) < len(names) {
		return names[x]
	}
	return "unknown"
}

// ParseState returns the state of this name; None if there is none.
func ParseState(s string) State { return find[State](stateNames, s) }

// ParseCause returns the cause of this name; 0 if there is none.
func ParseCause(s string) Cause { return find[Cause](causeNames, s) }

// ParseLearned returns what has this name; Here if nothing does.
func ParseLearned(s string) Learned { return find[Learned](learnedNames, s) }

// ParseTCP returns what has this name; NotTried if nothing does.
func ParseTCP(s string) TCP { return find[TCP](tcpNames, s) }

func find[T ~uint8](names []string, s string) T {
	for i, name := range names {
		if name == s {
			return T(i)
		}
	}
	return 0
}

// MarshalText implements encoding.TextMarshaler.
func (s State) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// MarshalText implements encoding.TextMarshaler.
func (c Cause) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// MarshalText implements encoding.TextMarshaler.
func (l Learned) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// MarshalText implements encoding.TextMarshaler.
func (t TCP) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// Change is one change of one member's state, as one node saw it. The JSON names are for users and
// stay.
type Change struct {
	// Seq numbers the changes of a Log, from 1.
	Seq uint64 `json:"seq"`
	// At is the node's own clock, from the driver's zero; the driver sets Time from it.
	At   time.Duration `json:"-"`
	Time Stamp         `json:"time,omitzero"`

	From        State   `json:"from"`
	To          State   `json:"to"` // From again with Moved, Conflict, Pause, further suspicions
	Cause       Cause   `json:"cause"`
	Learned     Learned `json:"learned"`
	Incarnation uint32  `json:"incarnation"`

	// Accuser is the member that said so; of a failure and a refutation, the first that suspected
	// it. Empty if that isn't known: an exchange of states doesn't tell.
	Accuser string `json:"accuser,omitempty"`
	// Via is the member whose packet or exchange brought it. Empty if that isn't known.
	Via string `json:"via,omitempty"`
	// Addr is the other address of Moved and Conflict.
	Addr string `json:"addr,omitempty"`

	// Probe is this node's own probe that failed; nil if there was none.
	Probe *Steps `json:"probe,omitempty"`

	// Confirmations is how many more members accused the suspect, Confirmers the first of them, and
	// Hoped how many leave it the least time.
	Confirmations int      `json:"confirmations,omitempty"`
	Hoped         int      `json:"hoped,omitempty"`
	Confirmers    []string `json:"confirmers,omitempty"`
	// Refute is how long a suspect has to refute, as of then; of a failure and a refutation, how
	// long it took. In milliseconds.
	Refute int64 `json:"time_to_refute_ms,omitempty"`
	// Paused is how long a Pause was, in milliseconds.
	Paused int64 `json:"paused_ms,omitempty"`
	// LastPing: the suspect was asked once more before it was given up.
	LastPing bool `json:"last_ping,omitempty"`

	// Health is this node's own health score then: 0 is healthy.
	Health int `json:"health"`

	// Text is the sentence that Words returns, where a driver has set it.
	Text string `json:"text,omitempty"`
}

// Steps are those of a probe that failed. A direct ping is the first.
type Steps struct {
	Relays     []string `json:"relays,omitempty"` // that were asked to ping it; the first four
	Nacks      int      `json:"nacks"`            // of them said that they got no answer either
	NacksHoped int      `json:"nacks_hoped"`      // should have said something
	TCP        TCP      `json:"tcp"`
}

// Stamp is a wall-clock time that marshals with milliseconds, in UTC.
type Stamp struct{ time.Time }

const stampFormat = "2006-01-02T15:04:05.000Z"

// String returns the time as it is marshalled.
func (s Stamp) String() string { return s.UTC().Format(stampFormat) }

// MarshalJSON implements json.Marshaler.
func (s Stamp) MarshalJSON() ([]byte, error) { return []byte(`"` + s.String() + `"`), nil }
