package agent

import (
	"context"
	"net/netip"
	"time"

	"serf/agent/handler"
	"serf/agent/recording"
	"serf/driver"
	"serf/internal/hostaddr"
	"serf/swim"
	"serf/swim/serf"
)

// Timing has the intervals, counts and multipliers of the membership: begin with [LAN], [WAN] or
// [Local], then change what should differ.
type Timing = swim.Timing

// Zones divides the members by a tag.
type Zones = serf.Zones

// LAN returns the timing for a local network.
func LAN() Timing { return swim.LAN() }

// WAN returns the timing for links across the internet.
func WAN() Timing { return swim.WAN() }

// Local returns the timing for members on one host.
func Local() Timing { return swim.Local() }

// Defaults of [Config].
const (
	// DefaultPort is where members listen unless they are told otherwise.
	DefaultPort = hostaddr.DefaultPort

	DefaultReapInterval         = 15 * time.Second
	DefaultReconnectInterval    = 30 * time.Second
	DefaultReconnectTimeout     = 24 * time.Hour
	DefaultTombstoneTimeout     = 24 * time.Hour
	DefaultBroadcastTimeout     = 5 * time.Second
	DefaultLeavePropagateDelay  = time.Second
	DefaultEventSizeMax         = 512  // bytes
	DefaultQuerySizeMax         = 1024 // bytes
	DefaultQueryResponseSizeMax = 1024 // bytes
	DefaultJoinInterval         = 30 * time.Second
)

// Config configures an agent. The zero value works: it is a member named as its host, with the
// timing of a LAN, at port 7946 of all addresses. What is zero has a default, which each field
// names; durations that may be none are negative then. [Config.Validate] says what is wrong with
// the rest. Start copies a Config; maps and slices must not be changed later.
type Config struct {
	// Name is this member's, unique in the cluster: up to 512 bytes. Empty means the host's name.
	Name string
	// CheckNames requires Name to consist of A-Z a-z 0-9 . - and to have at most 128 bytes.
	CheckNames bool
	// Tags say what this member is, at most 512 bytes when encoded. See [Agent.SetTags].
	Tags map[string]string

	// Bind is where UDP and TCP listen. Zero means all addresses, at DefaultPort. Port 0 of an
	// address takes any port that is free for both.
	Bind netip.AddrPort
	// Advertise is what the others are told. Zero means Bind, or, if that is all addresses, one
	// that [ChooseAddresses] picks. Port 0 means that of Bind.
	Advertise netip.AddrPort
	// Interface, with Advertise, says that the address was chosen and not given by a user, and is
	// this interface's (see [Addresses]): when this host loses it, another is chosen and
	// advertised. Without Advertise it is the interface whose address to use.
	Interface string
	// AddressChanged is called with the new address when another is advertised, on a goroutine of
	// the agent, which waits for it. Nil to ignore.
	AddressChanged func(netip.AddrPort)
	// Logger gets the lines of the agent's log, with the part that reports as the attribute
	// "component". They wait in a bounded queue, and one goroutine passes them on: a handler that
	// blocks delays nobody, and what finds no room is counted in a later line. Nil means the
	// default logger of package log, from slog.LevelInfo on. With slog.New(slog.DiscardHandler)
	// nothing is logged.
	Logger Logger

	// Join configures the agent's own attempts to join others.
	Join JoinConfig
	// Subscriptions get all events from the start on: that this member joined, and those that Join
	// finds, before Start has returned. Each comes from NewSubscription, for this agent alone; if
	// Start fails they end with its error.
	Subscriptions []*Subscription
	// OnEvent, if set, is called with all events from the start on, in order, by one goroutine of
	// the agent and not after Done. It may block, which delays nobody else, and may call all
	// methods of the agent but Close, which waits for it: ctx ends when the agent stops. While it
	// is too slow it gets of each member only what it has come to, and the oldest user events and
	// queries are dropped, see [Traffic].EventsDropped.
	OnEvent func(ctx context.Context, e Event)
	// Snapshot, if set, lets the agent continue where an earlier run ended, and keeps what the next
	// one needs: see package snapshot. It may be closed when the agent has stopped.
	Snapshot Snapshot

	// Record, if it has a directory, has the agent record there what happens to its node, for
	// serf replay: tags, payloads and addresses are in it, keys are not.
	Record recording.Config

	// Admit, if set, is asked before another member is taken in, or what it says about itself: an
	// error keeps that out, and is noted in the log. AdmitMerge is asked before the state of a
	// join, this member's or another's, is taken: after an error nothing of it is. They run on the
	// loop: they must be quick and not call the agent. The members have the Status that the other
	// node gives them, and no ID.
	Admit      func(Member) error
	AdmitMerge func([]Member) error

	// Keys encrypt all traffic, by AES: 16, 24 or 32 bytes each, the one to encrypt with first, and
	// at most 64. Nil means plain text. All members need a key in common.
	Keys [][]byte
	// AcceptPlain accepts plain text besides what the keys open, SendPlain sends plain text. They
	// are for turning encryption on in a running cluster.
	AcceptPlain, SendPlain bool
	// KeyringChanged saves the keys, primary first, after a change. Calls come one at a time from a
	// goroutine of the agent, and may be fewer than the changes. The member that asked for the
	// change is answered when it returns. An error becomes part of the answer, and is logged; the
	// agent calls again until there is none, and once more when it stops. Nil if keys aren't saved:
	// answers then say that they are lost with a restart.
	KeyringChanged func(keys [][]byte) error
	// Label separates clusters that can reach each other: packets with another label, or with none,
	// are refused. At most 255 bytes; empty means none.
	Label string
	// Compress compresses what is sent. Compressed messages are always understood.
	Compress bool

	// Timing is that of the membership. Zero means LAN().
	Timing Timing
	// ReapInterval is how often members that are long gone are looked for: at least 1 ms, 0 means
	// DefaultReapInterval.
	ReapInterval time.Duration
	// ReconnectInterval is how often a failed member is tried: at least 1 ms, 0 means
	// DefaultReconnectInterval, negative never.
	ReconnectInterval time.Duration
	// ReconnectTimeout is how long a failed member is listed, TombstoneTimeout a left one. 0 means
	// DefaultReconnectTimeout and DefaultTombstoneTimeout, negative until ReapInterval is over.
	ReconnectTimeout, TombstoneTimeout time.Duration
	// ListedFor, if set, decides how long one failed or left member is listed; d is what it would
	// be otherwise. It is asked at each ReapInterval, on the loop: it must be quick and not call
	// the agent.
	ListedFor func(m Member, d time.Duration) time.Duration
	// Zones divides the members by a tag: gossip stays mostly within each part. Zero doesn't.
	Zones Zones
	// BroadcastTimeout bounds how long Leave waits for its message, and earlier own user events, to
	// be gossiped. 0 means DefaultBroadcastTimeout, negative not at all.
	BroadcastTimeout time.Duration
	// LeavePropagateDelay is how long a member that has left still answers probes. 0 means
	// DefaultLeavePropagateDelay, negative not at all.
	LeavePropagateDelay time.Duration

	// Member events are collected until none came for QuiescentPeriod, but for CoalescePeriod at
	// most, and delivered as one. 0 for either turns that off. The other two are the same for user
	// events that may be coalesced.
	CoalescePeriod, QuiescentPeriod         time.Duration
	UserCoalescePeriod, UserQuiescentPeriod time.Duration

	// EventSizeMax bounds name and payload of a user event together: up to 9,216 bytes, 0 means
	// DefaultEventSizeMax. All members should have the same.
	EventSizeMax int
	// QuerySizeMax and QueryResponseSizeMax bound the encoded messages: up to 61,440 bytes, 0 means
	// DefaultQuerySizeMax and DefaultQueryResponseSizeMax.
	QuerySizeMax, QueryResponseSizeMax int
	// PacketMax is the size of the largest packet sent, in bytes: up to 65,507. 0 means 1,400,
	// which fits every common MTU. Larger messages go by stream.
	PacketMax int

	// Protocol is the version of Serf's protocol to speak, 2 to 5. 0 means 5.
	Protocol uint8
	// DisableCoordinates stops this member from estimating round trips.
	DisableCoordinates bool
	// DisableConflictResolution reduces a conflict over Name to a line in the log: no vote is held.
	DisableConflictResolution bool

	// Handlers are the event handlers: scripts that run for events. See SetHandlers.
	Handlers []handler.Handler
	// HandlerTimeout is when scripts without a time-out of their own are killed: 0 means
	// handler.DefaultTimeout, negative never. See SetHandlerTimeout.
	HandlerTimeout time.Duration
	// HandlerRPC is where this agent serves RPC, if it does: scripts find it in their environment.
	HandlerRPC handler.RPC
	// ObserveHandler, if set, is called by any goroutine with the time that each script took.
	ObserveHandler func(script string, took time.Duration)

	// Resolver looks up the names of join addresses; nil means the system's.
	Resolver Resolver

	// Network opens the sockets; nil means the operating system's. On another one, such as that of
	// package memnet, no address is watched.
	Network driver.Network

	host hostaddr.Host // whose addresses are watched
	seed uint64        // of the node's random numbers; 0 for a random one
}

// JoinConfig says which members an agent looks for by itself. Addresses are as in Agent.Join.
type JoinConfig struct {
	// Retry lists addresses that are joined in the background: at once, again soon, then at growing
	// pauses up to Interval, until one answers. After that they count as Seeds.
	Retry []string
	// Seeds lists addresses that are tried every Interval while no living member has one of them:
	// this heals partitions that outlast the memory of failed members.
	Seeds []string
	// Replay asks for past events on the first join.
	Replay bool
	// Interval between attempts: at least 1 s, 0 means DefaultJoinInterval.
	Interval time.Duration
	// Max is how many attempts Retry makes, Interval apart, before the agent stops with an error.
	// The earlier attempts of the beginning don't count. 0 means no limit.
	Max int
}
