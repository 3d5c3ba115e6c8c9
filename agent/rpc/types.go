// Package rpc is the client of an agent's control port: MessagePack over TCP, a Unix socket or TLS,
// the protocol that the Serf command line and client libraries speak. It needs no agent in the same
// program; the server is serf/agent/rpc/server.
//
// A client sends requests, each a header map {Command, Seq} followed by a body map if the command
// has one. The agent answers with a header {Error, Seq} that repeats the request's Seq, and a body
// if the command's answer has one. The commands stream, monitor and query go on with records under
// the same Seq: a header and a body each. Many requests may be in flight on one connection; those
// that have to wait for the cluster are answered when they are done, in any order.
//
// The first request is handshake, the second auth if the agent has a key. [Dial] makes both.
package rpc

import (
	"net/netip"
	"time"
)

// A Member is what an agent knows about one member of its cluster.
type Member struct {
	Name   string
	Addr   netip.AddrPort    // invalid if the agent sent no usable address
	Tags   map[string]string // shared, not to be changed
	Status string            // alive, leaving, left, failed or none

	// Protocol is the membership protocol, Delegate the Serf protocol on top of it.
	Protocol, Delegate Versions
}

// Versions is the range of protocol versions that a member understands, and the one it speaks.
type Versions struct{ Min, Max, Current uint8 }

// Types of events.
const (
	MemberJoin   = "member-join"
	MemberLeave  = "member-leave"
	MemberFailed = "member-failed"
	MemberUpdate = "member-update"
	MemberReap   = "member-reap"
	UserEvent    = "user"
	QueryEvent   = "query"
)

// Event is something that happened in the cluster. Which fields are set depends on its type.
type Event struct {
	Type    string   // MemberJoin and so on
	Members []Member // of the five member events

	// Of user events and queries.
	Name    string
	Payload []byte
	LTime   uint64 // Lamport time
	// Coalesce means that of several user events with one name only the newest matters.
	Coalesce bool
	// ID is what a query is answered with.
	ID uint64
}

// QueryParams is a query. All but the name may be left zero.
type QueryParams struct {
	Name        string
	Payload     []byte
	Nodes       []string          // ask only these; nil means all, and an empty list is ErrNoNodes
	Tags        map[string]string // ask only members whose tags match these regular expressions
	WantAck     bool              // members acknowledge that they got the query
	RelayFactor uint8             // how many other members relay each response, against loss
	Timeout     time.Duration     // 0: chosen by the agent, by the size of the cluster
}

// Answer is one member's acknowledgement of a query or response to it.
type Answer struct {
	From    string
	Ack     bool
	Payload []byte // of a response
}

// KeyReport is what members answered to an operation on keys.
type KeyReport struct {
	Members   int               // asked
	Responses int               // that answered
	Errors    int               // that answered with a failure
	Messages  map[string]string // by member: why it failed, or a remark
	Keys      map[string]int    // of ListKeys: on how many members each key (base64) is installed
}
