package serf

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"serf/agent"
	core "serf/swim/serf"
)

// EventType says what kind of event an Event is.
type EventType int

// The types of events.
const (
	EventMemberJoin EventType = iota
	EventMemberLeave
	EventMemberFailed
	EventMemberUpdate
	EventMemberReap
	EventUser
	EventQuery
)

// eventTypes are the names of the types of events.
var eventTypes = []string{
	EventMemberJoin:   agent.MemberJoin,
	EventMemberLeave:  agent.MemberLeave,
	EventMemberFailed: agent.MemberFailed,
	EventMemberUpdate: agent.MemberUpdate,
	EventMemberReap:   agent.MemberReap,
	EventUser:         "user",
	EventQuery:        "query",
}

// String is the type as configurations of handlers have it. It panics for values that are none.
func (t EventType) String() string {
	if t < 0 || int(t) >= len(eventTypes) {
		panic(fmt.Sprintf("unknown event type: %d", t))
	}
	return eventTypes[t]
}

// Event is a MemberEvent, a UserEvent or a *Query.
type Event interface {
	EventType() EventType
	String() string
}

// MemberEvent says that the same thing happened to one or more members.
type MemberEvent struct {
	Type    EventType
	Members []Member
}

// EventType is Type.
func (m MemberEvent) EventType() EventType { return m.Type }

// String is the name of Type, which must be one of member events.
func (m MemberEvent) String() string {
	if m.Type > EventMemberReap {
		panic(fmt.Sprintf("unknown event type: %d", m.Type))
	}
	return m.Type.String()
}

// LamportTime is a time of one of the cluster's logical clocks.
type LamportTime uint64

// UserEvent is an event that some member fired by name.
type UserEvent struct {
	LTime    LamportTime
	Name     string
	Payload  []byte
	Coalesce bool // of several with this name, only the newest matters
}

// EventType is EventUser.
func (u UserEvent) EventType() EventType { return EventUser }

// String is "user-event: " and the name.
func (u UserEvent) String() string { return "user-event: " + u.Name }

// Query is a query of some member, to be answered by Respond.
type Query struct {
	LTime   LamportTime
	Name    string
	Payload []byte

	serf     *Serf
	id       uint64
	source   string
	deadline time.Time

	mu       sync.Mutex // held while an answer is sent
	answered bool
}

// EventType is EventQuery.
func (q *Query) EventType() EventType { return EventQuery }

// String is "query: " and the name.
func (q *Query) String() string { return "query: " + q.Name }

// SourceNode is the name of the member that asks.
func (q *Query) SourceNode() string { return q.source }

// Deadline is until when Respond is possible.
func (q *Query) Deadline() time.Time { return q.deadline }

// Respond answers the query, once and until Deadline. An answer that is too large isn't sent, and
// another one may be.
func (q *Query) Respond(buf []byte) error {
	if err := q.respond(buf); err != nil {
		return fmt.Errorf("failed to respond to key query: %w", err)
	}
	return nil
}

func (q *Query) respond(buf []byte) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.answered:
		return errors.New("response already sent")
	case q.serf == nil || time.Now().After(q.deadline): // nil: it doesn't come from a node
		return errPastDeadline
	}
	err := q.serf.agent.Respond(context.Background(), q.id, buf)
	switch {
	case err == nil:
		q.answered = true
	case errors.Is(err, core.ErrNoQuery): // the node's clock is ahead of the one read above
		return errPastDeadline
	}
	return overLimit(err, "response exceeds limit of %d bytes")
}

var errPastDeadline = errors.New("response is past the deadline")

// limitError has the original's text for an error of the agent.
type limitError struct {
	text  string
	cause error
}

// overLimit has the original's text for an error that says that something is too large; format is
// given the limit. Other errors stay as they are.
func overLimit(err error, format string) error {
	size, ok := errors.AsType[*core.SizeError](err)
	if !ok {
		return err
	}
	return &limitError{fmt.Sprintf(format, size.Limit), err}
}

func (e *limitError) Error() string { return e.text }
func (e *limitError) Unwrap() error { return e.cause }

// sendEvent sends an event on EventCh. It waits for the channel until ctx ends, with the node: what
// comes meanwhile waits in the agent.
func (s *Serf) sendEvent(ctx context.Context, e agent.Event) {
	select {
	case s.config.EventCh <- s.eventOf(e):
	case <-ctx.Done():
	}
}

// eventOf makes an Event of one of the agent's.
func (s *Serf) eventOf(e agent.Event) Event {
	switch e := e.(type) {
	case agent.MemberEvent:
		return MemberEvent{Type: EventType(slices.Index(eventTypes, e.Type)),
			Members: s.exportAll(e.Members)}
	case agent.UserEvent:
		return UserEvent{LTime: LamportTime(e.LTime), Name: e.Name, Payload: e.Payload,
			Coalesce: e.Coalesce}
	case agent.QueryEvent:
		return &Query{LTime: LamportTime(e.LTime), Name: e.Name, Payload: e.Payload,
			serf: s, id: e.ID, source: e.From, deadline: e.Deadline}
	}
	panic(fmt.Sprintf("BUG: event %T", e))
}
