package agent

import (
	"time"

	"serf/internal/eventfilter"
	"serf/swim/serf"
)

// Event is news for whoever embeds the agent: a [MemberEvent], [UserEvent] or
// [QueryEvent]. An event owns its memory; it may be kept and shared, but not changed.
type Event interface {
	// String is the event as log lines have it: "member-join", "user-event: NAME", "query: NAME".
	String() string

	event() // sealed
}

// What MemberEvent.Type may be.
const (
	MemberJoin   = eventfilter.MemberJoin
	MemberLeave  = eventfilter.MemberLeave
	MemberFailed = eventfilter.MemberFailed
	MemberUpdate = eventfilter.MemberUpdate
	MemberReap   = eventfilter.MemberReap
)

// MemberEvent tells that the same thing happened to one or more members.
type MemberEvent struct {
	Type    string // MemberJoin and so on
	Members []serf.Member
	// Restarted comes with MemberUpdate: the members have been started anew, or are at another
	// address, so what was set up with them before holds no more.
	Restarted bool
}

// UserEvent is an event that some member fired by name.
type UserEvent struct {
	LTime    uint64
	Name     string
	Payload  []byte
	Coalesce bool // of several with one name only the newest need be acted on
}

// QueryEvent is a question from a member. It may be answered once, with
// [Agent.Respond], until Deadline.
type QueryEvent struct {
	ID       uint64 // of this agent alone: what Respond wants
	LTime    uint64
	Name     string
	Payload  []byte
	Deadline time.Time
	From     string // who asks; empty if it isn't known here
}

func (e MemberEvent) String() string { return e.Type }
func (e UserEvent) String() string   { return "user-event: " + e.Name }
func (e QueryEvent) String() string  { return "query: " + e.Name }

func (MemberEvent) event() {}
func (UserEvent) event()   {}
func (QueryEvent) event()  {}
