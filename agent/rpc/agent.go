package rpc

import (
	"context"
	"time"

	"serf/internal/eventfilter"
	"serf/swim/serf/coord"
)

// Agent is what a [Server] serves. [ForAgent] makes one of an *agent.Agent.
//
// All methods may be called concurrently. Those with a context may wait for the cluster until it's
// done; the others answer at once. The texts of their errors reach the clients.
type Agent interface {
	// EachMember calls f for each member, by name, with how many are still to come. The agent may do nothing
	// else meanwhile, so f doesn't call it and is quick. m is f's until f returns; what it refers to is shared
	// and stays.
	EachMember(f func(m *Member, left int))
	Stats() map[string]map[string]string
	Coordinate(ctx context.Context, name string) (c coord.Coordinate, ok bool, err error)

	Join(ctx context.Context, addrs []string, replay bool) (contacted int, err error)
	Leave(ctx context.Context) error
	ForceLeave(ctx context.Context, name string, prune bool) error
	// UserEvent fires an event, and calls before right before it does. It may wait for room until then.
	UserEvent(ctx context.Context, name string, payload []byte, coalesce bool, before func()) error
	SetTags(ctx context.Context, set map[string]string, remove []string) error
	Keys(ctx context.Context, op KeyOp, key string) (KeyReport, error)

	// Query starts a query; the feed ends when the query does.
	Query(ctx context.Context, q QueryParams) (Feed[Answer], error)
	// Respond answers a query that came as an event: ErrNoSuchQuery if it's over.
	Respond(ctx context.Context, id uint64, payload []byte) error

	// Subscribe starts a feed of the events that f matches. It ends if it isn't read fast enough.
	Subscribe(f Filter) (Feed[Event], error)
	// Monitor starts a feed of log lines of a level and above, beginning with the newest 512
	// there are. It drops lines rather than end, and must not log that it does.
	Monitor(level string) (Feed[string], error)
}

// A Feed is a bounded queue of things that happen. Nobody waits for its reader.
type Feed[T any] interface {
	// Next waits for a value. It returns false when the feed has ended.
	Next() (T, bool)
	// Len is how many values Next will give without waiting.
	Len() int
	// Close ends the feed, and a Next that waits. It may be called at any time and again.
	Close()
}

// KeyOp is what to do with an encryption key on all members.
type KeyOp uint8

const (
	KeyInstall KeyOp = iota // accept messages encrypted with it
	KeyUse                  // encrypt with it
	KeyRemove               // forget it
	KeyList                 // say which keys there are
)

// KeyReport is what members answered to an operation on keys.
type KeyReport struct {
	Members   int               // asked
	Responses int               // that answered
	Errors    int               // that answered with a failure
	Messages  map[string]string // by member: why it failed, or a remark
	Keys      map[string]int    // of KeyList: on how many members each key (base64) is installed
}

// QueryParams is a query. All but the name may be left zero.
type QueryParams struct {
	Name        string
	Payload     []byte
	Nodes       []string          // ask only these members
	Tags        map[string]string // ask only members whose tags match these regular expressions
	WantAck     bool              // members acknowledge that they got the query
	RelayFactor uint8             // how many other members repeat each answer, against loss
	Timeout     time.Duration     // 0: the agent chooses, by the size of the cluster
}

// Answer is one member's acknowledgement of a query or response to it.
type Answer struct {
	From    string
	Ack     bool
	Payload []byte // of a response
}

// Types of events.
const (
	MemberJoin   = eventfilter.MemberJoin
	MemberLeave  = eventfilter.MemberLeave
	MemberFailed = eventfilter.MemberFailed
	MemberUpdate = eventfilter.MemberUpdate
	MemberReap   = eventfilter.MemberReap
	UserEvent    = eventfilter.User
	QueryEvent   = eventfilter.Query
)

// Event is something that happened in the cluster. Which fields are set depends on its type.
type Event struct {
	Type    string   // MemberJoin and so on
	Members []Member // of the five member events

	// Of user events and queries.
	Name    string
	Payload []byte
	LTime   uint64 // Lamport time
	// Coalesce: of several user events with one name only the newest need be acted on.
	Coalesce bool
	// ID is what a query is answered with.
	ID uint64
}
