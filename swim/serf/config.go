package serf

import (
	"errors"
	"fmt"
	"time"

	"serf/swim"
)

// Versions of the Serf protocol that this node speaks (spec 1.3).
const (
	ProtocolMin = 2
	ProtocolMax = 5
	// protocolTags is the first that gossips tags; before, metadata is the role alone.
	protocolTags = 3
	// membershipForRelay is the membership protocol from which on members relay answers.
	membershipForRelay = 5
)

// Limits of what can be configured.
const (
	// EventSizeCeiling bounds EventSizeMax, and every user event that comes
	// in: each member keeps the last 512 times of them (spec 3.3).
	EventSizeCeiling = 9 << 10
	// messageCeiling bounds the sizes of queries and answers, and every message that comes in: what
	// one UDP packet carries with room for all layers. Streams could bring more.
	messageCeiling = 60 << 10
	// checkedNameMax is how long a name may be when names are checked (spec 4.2).
	checkedNameMax = 128
)

// Config is what a Node is made of. Start from DefaultConfig, then set at
// least Name, Addr and Seed. New copies it; what may change later has a setter.
type Config struct {
	// Config is that of the membership below. Of it, New sets Meta, Carrier, Base, DeadRetention and
	// the last three of Versions.
	swim.Config

	// Protocol is the Serf protocol to speak, ProtocolMin to ProtocolMax; 0 means ProtocolMax.
	Protocol uint8
	// Tags are gossiped with this member: TagsMax bytes when encoded.
	Tags map[string]string
	// CheckNames requires the own name to be of A-Z a-z 0-9 . - and at most 128 bytes.
	CheckNames bool

	// ReapInterval is how often old members are looked for.
	ReapInterval time.Duration
	// ReconnectInterval is how often a failed member is tried. 0 turns that off.
	ReconnectInterval time.Duration
	// ReconnectTimeout is how long a failed member is listed, TombstoneTimeout a left one.
	ReconnectTimeout, TombstoneTimeout time.Duration

	// EventSizeMax bounds name plus payload of a user event fired here, and the encoded
	// event, in bytes: up to EventSizeCeiling.
	EventSizeMax int
	// QuerySizeMax and QueryResponseSizeMax bound the encoded messages, in bytes.
	QuerySizeMax, QueryResponseSizeMax int

	// Member events are collected until none came for QuiescentPeriod, but for
	// CoalescePeriod at most; user events that allow it likewise (spec 3.5). 0 for either turns it off.
	CoalescePeriod, QuiescentPeriod         time.Duration
	UserCoalescePeriod, UserQuiescentPeriod time.Duration

	// DisableCoordinates stops this node from estimating round trip times.
	DisableCoordinates bool
	// CoordinatesMax is of how many others, about, the last coordinate and round trips are remembered, at 128 bytes
	// each. Of 0 to 7 nobody's is.
	CoordinatesMax int
	// DisableConflictResolution makes a conflict over the own name a matter of notes only.
	DisableConflictResolution bool

	// KeyringStore says whether somebody keeps the keyring when it is changed.
	KeyringStore KeyringStore
	// Listener says which queries somebody above may answer. Nil: any.
	Listener Listener

	// Warm, if set, has the node begin as one of the members of a cluster that has run for long, all of
	// whom it knows: see Base. No event tells of them.
	Warm *Base

	// BroadcastTimeout bounds how long Leave waits for its intent, and the own user events that
	// came before, to be gossiped.
	BroadcastTimeout time.Duration
	// LeavePropagateDelay is how long a node that left still answers probes.
	LeavePropagateDelay time.Duration

	// LastMemberTime, MinEventTime and MinQueryTime go on where a snapshot ended: the last
	// member time seen, and the first event and query time not seen. 0 without a snapshot.
	LastMemberTime, MinEventTime, MinQueryTime uint64
	// Previous are the members of an earlier run, by its snapshot, living or failed: the node looks for each until
	// something is known of it. Those with its own name or address are passed over.
	Previous []Previous
}

// Listener is the layer above. It must not call the node.
type Listener interface {
	// WantsQuery says whether somebody may answer a query of this name. If not, whoever asks is
	// told, and needn't wait; the query is handed out all the same, and may be answered. name is borrowed.
	WantsQuery(name []byte) bool
}

// DefaultConfig returns the defaults on top of a membership profile: swim.LAN(),
// swim.WAN() or swim.Local().
func DefaultConfig(profile swim.Config) Config {
	return Config{
		Config:               profile,
		Protocol:             ProtocolMax,
		ReapInterval:         15 * time.Second,
		ReconnectInterval:    30 * time.Second,
		ReconnectTimeout:     24 * time.Hour,
		TombstoneTimeout:     24 * time.Hour,
		EventSizeMax:         512,
		QuerySizeMax:         1024,
		QueryResponseSizeMax: 1024,
		BroadcastTimeout:     5 * time.Second,
		LeavePropagateDelay:  time.Second,
		CoordinatesMax:       1 << 14,
	}
}

// Validate reports every problem of c, joined, or nil. Each is a *swim.Problem.
func (c *Config) Validate() error {
	errs := []error{c.Config.Validate()}
	bad := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, swim.NewProblem(format, args...))
		}
	}
	atLeast := func(name string, d, least time.Duration) {
		bad(d >= least, name+": %v, at least %v", d, least)
	}
	size := func(name string, n, most int) {
		bad(n >= 1 && n <= most, name+": %d bytes, allowed 1 to %d", n, most)
	}
	bad(c.Protocol == 0 || c.Protocol >= ProtocolMin && c.Protocol <= ProtocolMax,
		"Serf protocol %d: allowed %d to %d", c.Protocol, ProtocolMin, ProtocolMax)
	bad(!c.CheckNames || len(c.Name) <= checkedNameMax, "name: %d bytes. Valid length is 1 to %d when names are checked", len(c.Name), checkedNameMax)
	bad(!c.CheckNames || plainName(c.Name), "name: %q has invalid characters: allowed are letters, digits, dots and dashes", c.Name)
	_, err := encodeTags(c.protocol(), c.Tags)
	bad(err == nil, "%w", err)
	atLeast("reap interval", c.ReapInterval, time.Millisecond)
	bad(c.ReconnectInterval == 0 || c.ReconnectInterval >= time.Millisecond, "reconnect interval: %v, allowed 0 or at least 1ms", c.ReconnectInterval)
	atLeast("reconnect timeout", c.ReconnectTimeout, 0)
	atLeast("tombstone timeout", c.TombstoneTimeout, 0)
	atLeast("coalesce period", c.CoalescePeriod, 0)
	atLeast("quiescent period", c.QuiescentPeriod, 0)
	atLeast("user coalesce period", c.UserCoalescePeriod, 0)
	atLeast("user quiescent period", c.UserQuiescentPeriod, 0)
	atLeast("broadcast timeout", c.BroadcastTimeout, 0)
	atLeast("leave propagate delay", c.LeavePropagateDelay, 0)
	bad(c.KeyringStore < keyringStores, "keeping of keys: %d, allowed 0 to %d", c.KeyringStore, keyringStores-1)
	bad(c.CoordinatesMax >= 0, "coordinates: at most %d are remembered, which is negative", c.CoordinatesMax)
	size("user event size", c.EventSizeMax, EventSizeCeiling)
	size("query size", c.QuerySizeMax, messageCeiling)
	size("query response size", c.QueryResponseSizeMax, messageCeiling)
	return errors.Join(errs...)
}

// CheckEventSize returns a *SizeError if a user event is too large: its name with its payload, or all of
// it encoded, in bytes.
func (c *Config) CheckEventSize(size int) error {
	if size > c.EventSizeMax {
		return &SizeError{What: "user event", Size: size, Limit: c.EventSizeMax, Setting: "user_event_size_limit"}
	}
	return nil
}

// protocol is the Serf protocol to speak.
func (c *Config) protocol() uint8 {
	if c.Protocol == 0 {
		return ProtocolMax
	}
	return c.Protocol
}

// plainName says whether a name has the characters that CheckNames allows.
func plainName(name string) bool {
	for i := range len(name) {
		switch c := name[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '.', c == '-':
		default:
			return false
		}
	}
	return true
}

// SizeError says that something given by the caller is too large, or empty where it must not be. It is an ErrTooLarge of package swim.
type SizeError struct {
	What        string
	Size, Limit int    // bytes
	Setting     string // what agents call the limit in their configuration; "" if it can't be set
}

func (e *SizeError) Error() string {
	if e.Size == 0 {
		return fmt.Sprintf("%s: empty, 1 to %d bytes are allowed", e.What, e.Limit)
	}
	text := fmt.Sprintf("%s: %d bytes encoded, which exceeds limit of %d bytes", e.What, e.Size, e.Limit)
	if e.Setting != "" {
		text += " (" + e.Setting + ")"
	}
	return text
}

// Is makes errors.Is(e, swim.ErrTooLarge) true.
func (e *SizeError) Is(target error) bool { return target == swim.ErrTooLarge }

// Errors that callers can act on.
var (
	// ErrBusy: a queue is full; try again when some of it has gone out.
	ErrBusy = errors.New("too much of this is under way")
	// ErrInternalName: the name begins with what Serf keeps for itself.
	ErrInternalName = errors.New("names of queries cannot contain the prefix _serf_, which Serf keeps for itself")
	// ErrNoQuery: no query waits for an answer under this operation: it has
	// been answered, its time is over, or it never was.
	ErrNoQuery = errors.New("the query is past its deadline, or was answered already")
	// ErrUnreachable: who asked isn't at an address that this node answers to.
	ErrUnreachable = errors.New("the asker is at an address that isn't a member's")
	// ErrSelf: a node can't be forced to leave by itself; Leave does that.
	ErrSelf = errors.New("a running node can't force itself to leave")
	// ErrNotEncrypted: there is no keyring.
	ErrNotEncrypted = errors.New("encryption is not enabled")
)
