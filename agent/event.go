package agent

import (
	"fmt"
	"time"

	"serf/internal/eventfilter"
)

// Event is something that happened in the cluster: a [MemberEvent], [UserEvent] or [QueryEvent]. An
// event owns its memory: it may be kept and shared, but not changed.
type Event interface {
	// String is the event as log lines have it: "member-join", "user-event: NAME", "query: NAME".
	String() string

	event() // sealed
}

// The values of MemberEvent.Type.
const (
	MemberJoin   = eventfilter.MemberJoin
	MemberLeave  = eventfilter.MemberLeave
	MemberFailed = eventfilter.MemberFailed
	MemberUpdate = eventfilter.MemberUpdate
	MemberReap   = eventfilter.MemberReap
)

// MemberEvent says that the same thing happened to one or more members.
type MemberEvent struct {
	Type    string // MemberJoin and so on
	Members []Member
	// Restarted is set with MemberUpdate if the members restarted or changed their address: what
	// was set up with them before is gone.
	Restarted bool
}

// UserEvent is an event that some member fired by name.
type UserEvent struct {
	LTime    uint64
	Name     string
	Payload  []byte
	Coalesce bool // of several with this name, only the newest matters
}

// QueryEvent is a query from a member. It may be answered once, with [Agent.Respond], until
// Deadline.
type QueryEvent struct {
	ID       uint64 // for Respond; unique within this agent
	LTime    uint64
	Name     string
	Payload  []byte
	Deadline time.Time
	From     string // the member that asks; empty if unknown here
}

func (e MemberEvent) String() string { return e.Type }
func (e UserEvent) String() string   { return "user-event: " + e.Name }
func (e QueryEvent) String() string  { return "query: " + e.Name }

func (MemberEvent) event() {}
func (UserEvent) event()   {}
func (QueryEvent) event()  {}

// ParseFilter reads a filter for [Agent.Subscribe] in the form that handlers and RPC have: one or
// more of member-join, member-leave, member-failed, member-update, member-reap, user, user:NAME,
// query, query:NAME and *, separated by commas. The error names the part that is none.
func ParseFilter(text string) (func(Event) bool, error) {
	f, err := eventfilter.Parse(text)
	if err != nil {
		return nil, err
	}
	return func(e Event) bool { return f.Match(KindOf(e)) }, nil
}

// MustParseFilter is ParseFilter for a text that is known to be right: it panics if it isn't.
func MustParseFilter(text string) func(Event) bool {
	filter, err := ParseFilter(text)
	if err != nil {
		panic(err)
	}
	return filter
}

// KindOf returns an event's kind as filters have it (member-join and so on, user or query), and the
// name of a user event or query.
func KindOf(e Event) (kind, name string) {
	switch e := e.(type) {
	case MemberEvent:
		return e.Type, ""
	case UserEvent:
		return eventfilter.User, e.Name
	case QueryEvent:
		return eventfilter.Query, e.Name
	}
	panic(fmt.Sprintf("BUG: agent: event %T", e))
}
