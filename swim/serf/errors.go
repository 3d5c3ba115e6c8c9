package serf

import (
	"errors"
	"fmt"

	"serf/swim"
)

// Errors that callers can act on.
var (
	// ErrBusy: a queue is full; try again when some of it has gone out.
	ErrBusy = errors.New("too much of this is under way")
	// ErrInternalName: the name begins with a prefix that Serf reserves.
	ErrInternalName = errors.New(
		"names of queries cannot contain the prefix _serf_, which Serf keeps for itself")
	// ErrNoNodes: a query is meant for the members of a list, which is empty. One for all has no list.
	ErrNoNodes = errors.New("the list of members to ask is empty: nil means all")
	// ErrNoQuery: no query with this operation can be answered: it was answered, is past its
	// deadline, or never existed.
	ErrNoQuery = errors.New("the query is past its deadline, or was answered already")
	// ErrUnreachable: the query came from an address that this node doesn't reply to.
	ErrUnreachable = errors.New("the asker is at an address that isn't a member's")
	// ErrSelf: a node can't force itself to leave; see Leave.
	ErrSelf = errors.New("a running node can't force itself to leave")
	// ErrNotEncrypted: there is no keyring.
	ErrNotEncrypted = errors.New("encryption is not enabled")
)

// Reasons to refuse a message.
var (
	errMessageSize   = errors.New("empty or too large")
	errUnknownType   = errors.New("unknown type")
	errNotState      = errors.New("not the state of a Serf member")
	errUnknownFilter = errors.New("filter of unknown kind")
	errRelayType     = errors.New("only answers to queries are relayed")

	errBadClocks = errors.New("snapshot: a time that no clock gets to")
)

// SizeError says that a value given by the caller is too large, or empty where it must not be. It
// is a swim.ErrTooLarge.
type SizeError struct {
	What        string
	Size, Limit int    // bytes
	Encoded     bool   // Size is that of the encoded value
	Setting     string // the limit's key in agent configuration; "" if it can't be set
}

// limitEncoded returns a *SizeError if the size of an encoded value, in bytes, exceeds a limit that
// can be set.
func limitEncoded(what string, size, limit int, setting string) error {
	if size <= limit {
		return nil
	}
	return &SizeError{What: what, Size: size, Limit: limit, Encoded: true, Setting: setting}
}

func (e *SizeError) Error() string {
	if e.Size == 0 {
		return fmt.Sprintf("%s: empty, 1 to %d bytes are allowed", e.What, e.Limit)
	}
	encoded := ""
	if e.Encoded {
		encoded = " encoded"
	}
	text := fmt.Sprintf("%s: %d bytes%s, which exceeds limit of %d bytes",
		e.What, e.Size, encoded, e.Limit)
	if e.Setting != "" {
		text += " (" + e.Setting + ")"
	}
	return text
}

// Is makes errors.Is(e, swim.ErrTooLarge) true.
func (e *SizeError) Is(target error) bool { return target == swim.ErrTooLarge }
