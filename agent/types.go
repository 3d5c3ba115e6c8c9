package agent

import (
	"serf/swim/serf"
	"serf/swim/serf/coord"
)

// Types and errors of the node below, so that programs need one import.
type (
	// Member is a copy of what this agent knows about a member.
	Member = serf.Member
	// Status of a member, StatusAlive and so on.
	Status = serf.Status
	// Versions are the protocol versions that a member gossips.
	Versions = serf.Versions
	// Digest stands for the members that are alive or leaving.
	Digest = serf.Digest
	// Location is what is known of where a member is.
	Location = serf.Location
	// Coordinate is a place in the space of round trips.
	Coordinate = coord.Coordinate

	// QueryParams say what to ask, and whom. See [Agent.Query].
	QueryParams = serf.QueryParams
	// KeyRequest is what [Agent.Keys] asks.
	KeyRequest = serf.KeyRequest
	// SizeError says what is too large, and the limit.
	SizeError = serf.SizeError
)

// What a member's status can be.
const (
	StatusNone    = serf.StatusNone // no member has that name
	StatusAlive   = serf.StatusAlive
	StatusLeaving = serf.StatusLeaving
	StatusLeft    = serf.StatusLeft
	StatusFailed  = serf.StatusFailed
)

// Errors of the node that callers can act on.
var (
	// ErrBusy means that too much of the kind waits already: try again later.
	ErrBusy = serf.ErrBusy
	// ErrNoQuery means that the query to respond to is over, or was answered before.
	ErrNoQuery = serf.ErrNoQuery
	// ErrNoNodes means that a query has a list of members, which is empty.
	ErrNoNodes = serf.ErrNoNodes
)
