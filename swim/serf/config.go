package serf

import (
	"errors"
	"net/netip"
	"time"

	"serf/swim"
	"serf/wire"
)

// Versions of the Serf protocol that this node speaks.
const (
	ProtocolMin = 2
	ProtocolMax = 5
	// protocolTags is the first with tags in the metadata, which is only the role before.
	protocolTags = 3
	// membershipForRelay is the first membership protocol whose members relay responses.
	membershipForRelay = 5
)

// Limits of what can be configured.
const (
	// EventSizeCeiling bounds EventSizeMax, and name plus payload of every user event that comes
	// in: members keep the events of the last 512 times.
	EventSizeCeiling = 9 << 10
	// messageCeiling bounds every message that comes in, and the sizes of queries and responses
	// that can be configured: what one UDP packet carries with room for all layers. Streams could
	// bring more.
	messageCeiling = 60 << 10
	// checkedNameMax is how long a name may be when names are checked.
	checkedNameMax = 128
)

// Config configures a Node. Start from DefaultConfig, then set at least Name, Addr and Seed. New
// copies it; what may change later has a setter.
type Config struct {
	// Name is this member's name, unique in the cluster: 1 to swim.NameMax bytes.
	Name string
	// Addr is the address that this node announces. See SetAddr.
	Addr netip.AddrPort
	// Families are the versions of IP that this node's sockets and host can send to. 0 means both.
	// See SetFamilies.
	Families swim.Families
	// Timing is that of the membership below.
	swim.Timing
	// PacketMax is the size of the largest packet sent, in bytes, after sealing.
	PacketMax int
	// Sealer seals packets and streams, and opens them. Nil means plain and uncompressed.
	Sealer *wire.Sealer
	// Seed is that of this node's random numbers. No two nodes may share one.
	Seed uint64

	// Protocol is the Serf protocol to speak, ProtocolMin to ProtocolMax; 0 means ProtocolMax.
	Protocol uint8
	// Tags are gossiped with this member: at most TagsMax bytes when encoded.
	Tags map[string]string
	// Zones divides the members. See SetZones.
	Zones Zones
	// CheckNames requires the own name to consist of A-Z a-z 0-9 . - and to have at most 128 bytes.
	CheckNames bool

	// ReapInterval is how often members that are long gone are looked for.
	ReapInterval time.Duration
	// ReconnectInterval is how often this node considers trying a failed member. 0 turns that off.
	ReconnectInterval time.Duration
	// ReconnectTimeout is how long a failed member is listed, TombstoneTimeout a left one.
	ReconnectTimeout, TombstoneTimeout time.Duration
	// ListedFor, if set, decides how long one failed or left member is listed; d is what it would
	// be otherwise. It is asked at each ReapInterval, and must not call the node.
	ListedFor func(m Member, d time.Duration) time.Duration

	// EventSizeMax bounds name plus payload of a user event fired here, and the encoded event, in
	// bytes: up to EventSizeCeiling.
	EventSizeMax int
	// QuerySizeMax and QueryResponseSizeMax bound the encoded messages, in bytes.
	QuerySizeMax, QueryResponseSizeMax int

	// Member events are coalesced until none came for QuiescentPeriod, but for CoalescePeriod at
	// most. 0 for either turns that off. The other two are the same for user events that may be
	// coalesced.
	CoalescePeriod, QuiescentPeriod         time.Duration
	UserCoalescePeriod, UserQuiescentPeriod time.Duration

	// Admit, if set, is asked before another member is taken in, or what it says about itself: an
	// error keeps that out, and is noted. AdmitMerge is asked before the state of a join, this
	// node's or another's, is taken: after an error nothing of it is. See swim.Config; both must
	// not call the node. The members have no ID, and the Status that the other node gives them.
	Admit      func(Member) error
	AdmitMerge func([]Member) error

	// DisableCoordinates stops this node from estimating round trips.
	DisableCoordinates bool
	// CoordinatesMax is about how many members' last coordinates and round trips are kept, at 128
	// bytes each. Below 8 none are.
	CoordinatesMax int
	// DisableConflictResolution reduces a conflict over the own name to a note: no vote is held.
	DisableConflictResolution bool

	// KeyringStore says how the driver persists the keyring when it changes.
	KeyringStore KeyringStore
	// Listener says which queries may be answered here. Nil: any.
	Listener Listener

	// BroadcastTimeout bounds how long Leave waits for its intent, and earlier own user events, to
	// be gossiped.
	BroadcastTimeout time.Duration
	// LeavePropagateDelay is how long a node that has left still answers probes.
	LeavePropagateDelay time.Duration

	// LastMemberTime, MinEventTime and MinQueryTime continue where a snapshot ended: the last
	// member time seen, and the first event and query times not seen. 0 without a snapshot.
	LastMemberTime, MinEventTime, MinQueryTime uint64
	// Previous are the live and failed members of an earlier run, from its snapshot: the node looks
	// for each until it knows it. Those with its own name or address are ignored.
	Previous []Previous

	sim Simulation // see NewSimulated
}

// Simulation is what simulations set about a node and nobody else needs. Zero is a node as in
// production.
type Simulation struct {
	// Without leaves mechanisms of the membership out, for comparisons.
	Without swim.Mechanism
	// Roster interns identities. The nodes of one goroutine share it; nil means one of its own.
	Roster *swim.Roster
	// Warm, if set, starts the node as a member of a cluster that has run for long, and whose
	// members it knows already: see Base. There are no events about them.
	Warm *Base
}

// membership is what the layer below has of it.
func (s *Simulation) membership() swim.Simulation {
	return swim.Simulation{Without: s.Without, Roster: s.Roster, Base: s.Warm.membership()}
}

// Preload reads a field in each cache line of n that most inputs need: see swim.Node.Preload.
func (n *Node) Preload() uint64 {
	return n.swim.Preload() + uint64(n.self) + uint64(len(n.call.arena)) +
		uint64(n.due[timerRejoin]) + uint64(n.leave.phase) + uint64(n.journal.event) +
		uint64(n.gossip.queued) + uint64(len(n.events.backlog)) + n.coords.client.Preload()
}

// NewSimulated is New for a node of a simulation.
func NewSimulated(now swim.Time, c Config, s Simulation, out *swim.Output) (*Node, error) {
	c.sim = s
	return New(now, c, out)
}

// Listener is asked about the layer above. It must not call the node.
type Listener interface {
	// WantsQuery says whether a query of this name may be answered. If not, the asker is told so
	// and needn't wait; the query is still handed out, and may still be answered. name is borrowed.
	WantsQuery(name []byte) bool
}

// DefaultConfig returns the defaults for the timings of a membership profile: swim.LAN(),
// swim.WAN() or swim.Local().
func DefaultConfig(t swim.Timing) Config {
	return Config{
		Timing:               t,
		PacketMax:            swim.PacketDefault,
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

// Validate returns every problem of c, each a *swim.Problem, joined; nil if there are none.
func (c *Config) Validate() error {
	var p swim.Problems
	c.problems(&p)
	return errors.Join(append([]error{c.membershipProblems()}, p...)...)
}

// problems reports what is wrong with c itself.
func (c *Config) problems(p *swim.Problems) {
	size := func(name string, n, most int) {
		p.Check(n >= 1 && n <= most, name+": %d bytes, allowed 1 to %d", n, most)
	}
	p.Check(c.Protocol == 0 || c.Protocol >= ProtocolMin && c.Protocol <= ProtocolMax,
		"Serf protocol %d: allowed %d to %d", c.Protocol, ProtocolMin, ProtocolMax)
	p.Check(!c.CheckNames || len(c.Name) <= checkedNameMax,
		"name: %d bytes. Valid length is 1 to %d when names are checked",
		len(c.Name), checkedNameMax)
	p.Check(!c.CheckNames || plainName(c.Name),
		"name: %q has invalid characters: allowed are letters, digits, dots and dashes", c.Name)
	_, err := encodeTags(c.protocol(), c.Tags)
	p.Check(err == nil, "%w", err)
	p.AtLeast("reap interval", c.ReapInterval, time.Millisecond)
	p.Check(c.ReconnectInterval == 0 || c.ReconnectInterval >= time.Millisecond,
		"reconnect interval: %v, allowed 0 or at least 1ms", c.ReconnectInterval)
	p.AtLeast("reconnect timeout", c.ReconnectTimeout, 0)
	p.AtLeast("tombstone timeout", c.TombstoneTimeout, 0)
	p.AtLeast("coalesce period", c.CoalescePeriod, 0)
	p.AtLeast("quiescent period", c.QuiescentPeriod, 0)
	p.AtLeast("user coalesce period", c.UserCoalescePeriod, 0)
	p.AtLeast("user quiescent period", c.UserQuiescentPeriod, 0)
	p.AtLeast("broadcast timeout", c.BroadcastTimeout, 0)
	p.AtLeast("leave propagate delay", c.LeavePropagateDelay, 0)
	p.Check(c.KeyringStore < keyringStores,
		"keyring store: %d, allowed 0 to %d", c.KeyringStore, keyringStores-1)
	p.Check(c.CoordinatesMax >= 0,
		"coordinates: at most %d are kept, which is negative", c.CoordinatesMax)
	size("user event size", c.EventSizeMax, EventSizeCeiling)
	size("query size", c.QuerySizeMax, messageCeiling)
	size("query response size", c.QueryResponseSizeMax, messageCeiling)
}

// membership is the configuration of the membership below. It lacks what New makes.
func (c *Config) membership() swim.Config {
	below := swim.DefaultConfig(c.Timing)
	below.Name, below.Addr, below.Families = c.Name, c.Addr, c.Families
	below.PacketMax, below.Sealer, below.Seed = c.PacketMax, c.Sealer, c.Seed
	below.Versions = c.versions()
	below.Zones = c.Zones.membership()
	below.DeadRetention = 0 // reap decides when to forget
	c.admissions(&below)
	return below
}

// versions are what this node gossips: of the membership protocol, then of Serf's.
func (c *Config) versions() [6]byte {
	return [6]byte{swim.ProtocolMin, swim.ProtocolMax, swim.ProtocolDefault,
		ProtocolMin, ProtocolMax, c.protocol()}
}

func (c *Config) membershipProblems() error {
	below := c.membership()
	return below.Validate()
}

// CheckEventSize returns a *SizeError if name and payload of a user event are too large, before
// they are encoded. size is the sum of their lengths, limit Config.EventSizeMax, in bytes.
func CheckEventSize(size, limit int) error {
	if size <= limit {
		return nil
	}
	return &SizeError{
		What: "name and payload of user event", Size: size, Limit: limit,
		Setting: eventSizeKey,
	}
}

// eventSizeKey is the key of EventSizeMax in agent configuration.
const eventSizeKey = "user_event_size_limit"

// protocol is the Serf protocol to speak.
func (c *Config) protocol() uint8 {
	if c.Protocol == 0 {
		return ProtocolMax
	}
	return c.Protocol
}

// plainName says whether a name has only the characters that CheckNames allows.
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
