package serf

import (
	"io"
	"log"
	"os"
	"time"

	"github.com/hashicorp/go-metrics"

	"serf/compat/memberlist"
)

// ProtocolVersionMin is the oldest version of the Serf protocol that Config.ProtocolVersion may
// name.
const ProtocolVersionMin uint8 = 2

// ProtocolVersionMax is the newest one.
const ProtocolVersionMax = 5

// Limits in bytes.
const (
	UserEventSizeLimit = 9 * 1024 // of name and payload of a user event
	MaxNodeNameLength  = 128      // of a name, where Config.ValidateNodeNames is set
)

// InternalQueryPrefix begins the names of queries that Serf keeps for itself.
const InternalQueryPrefix = "_serf_"

// Config is what Create makes a Serf from. Start from DefaultConfig. Fields that are zero, and
// can't be, have their defaults. It mustn't be changed once Create has it.
type Config struct {
	// NodeName is this node's name, unique in the cluster. Empty: the host's name.
	NodeName string
	// Tags are told to all members. See SetTags.
	Tags map[string]string

	// EventCh gets all events in order, from this node's own join on, until Shutdown returns. It
	// isn't closed. A full channel holds up nobody: up to 16,384 user events and queries of 16 MiB
	// wait in memory, then the oldest are dropped, with a line in the log and a count in Stats. Of
	// the events about a member at least the last one comes. Nil: no events, and queries of others
	// are told at once that nobody here answers.
	EventCh chan<- Event

	// ProtocolVersion is the Serf protocol to speak.
	ProtocolVersion uint8

	// BroadcastTimeout is how long Leave waits until somebody is told.
	BroadcastTimeout time.Duration
	// LeavePropagateDelay is how long Leave goes on answering probes after that.
	LeavePropagateDelay time.Duration

	// CoalescePeriod and QuiescentPeriod, both set, make one event of those about members that come
	// within CoalescePeriod, or until none came for QuiescentPeriod. The other two do so for user
	// events that may be coalesced.
	CoalescePeriod      time.Duration
	QuiescentPeriod     time.Duration
	UserCoalescePeriod  time.Duration
	UserQuiescentPeriod time.Duration

	// ReapInterval is how often it is checked which members have been listed for long enough since
	// they failed (ReconnectTimeout) or left (TombstoneTimeout). Every ReconnectInterval some
	// failed member is tried again.
	ReapInterval      time.Duration
	ReconnectInterval time.Duration
	ReconnectTimeout  time.Duration
	TombstoneTimeout  time.Duration

	// These have no effect: queues and memories have fixed limits, which the node keeps by itself.
	FlapTimeout         time.Duration
	QueueCheckInterval  time.Duration
	QueueDepthWarning   int
	MaxQueueDepth       int
	MinQueueDepth       int
	RecentIntentTimeout time.Duration
	EventBuffer         int
	QueryBuffer         int

	// QueryTimeoutMult: see DefaultQueryTimeout.
	QueryTimeoutMult int
	// QuerySizeLimit and QueryResponseSizeLimit bound encoded queries and answers, in bytes.
	QueryResponseSizeLimit int
	QuerySizeLimit         int

	// MemberlistConfig has the timings, addresses and keys of the membership. The delegates in it
	// must not be set. After Create, BindPort and AdvertisePort are those in use.
	MemberlistConfig *memberlist.Config

	// LogOutput takes the log line by line. Nil: standard error.
	LogOutput io.Writer
	// Logger takes the log instead of LogOutput.
	Logger *log.Logger

	// SnapshotPath is a file in which this node finds, when it is created again, whom to join and
	// which events it has seen. Empty: none.
	SnapshotPath string
	// RejoinAfterLeave makes it rejoin even if it left.
	RejoinAfterLeave bool

	// EnableNameConflictResolution makes the members vote if two have one name: the one that loses
	// shuts down.
	EnableNameConflictResolution bool

	// DisableCoordinates stops the node from estimating round trips.
	DisableCoordinates bool

	// KeyringFile is where keys are saved when the cluster changes them. It isn't read.
	KeyringFile string

	// Merge, if set, decides whether this node and another cluster become one.
	Merge MergeDelegate

	// UserEventSizeLimit bounds name and payload of a user event fired here, in bytes: at most
	// UserEventSizeLimit.
	UserEventSizeLimit int

	// ReconnectTimeoutOverride, if set, decides how long each member is listed.
	ReconnectTimeoutOverride ReconnectTimeoutOverrider

	// ValidateNodeNames requires the own name to have letters, digits, dashes and dots only, and at
	// most MaxNodeNameLength bytes.
	ValidateNodeNames bool

	// MetricLabels have no effect: metrics are read with Stats, or package serf/agent/metrics.
	MetricLabels []metrics.Label

	// MsgpackUseNewTimeFormat has no effect: no message has a time of day in it.
	MsgpackUseNewTimeFormat bool
}

// ReconnectTimeoutOverrider decides how long a failed or left member is listed; timeout is what the
// configuration says. It is called by the node, which waits: it must be quick and not call the
// Serf.
type ReconnectTimeoutOverrider interface {
	ReconnectTimeout(member *Member, timeout time.Duration) time.Duration
}

// Init makes Tags, if it is nil.
func (c *Config) Init() {
	if c.Tags == nil {
		c.Tags = make(map[string]string)
	}
}

// DefaultConfig returns the defaults, with the host's name and those of
// memberlist.DefaultLANConfig.
func DefaultConfig() *Config {
	name, _ := os.Hostname() // a host without a name leaves NodeName empty
	return &Config{
		NodeName:                     name,
		BroadcastTimeout:             5 * time.Second,
		LeavePropagateDelay:          time.Second,
		EventBuffer:                  512,
		QueryBuffer:                  512,
		LogOutput:                    os.Stderr,
		ProtocolVersion:              4,
		ReapInterval:                 15 * time.Second,
		RecentIntentTimeout:          5 * time.Minute,
		ReconnectInterval:            30 * time.Second,
		ReconnectTimeout:             24 * time.Hour,
		QueueCheckInterval:           30 * time.Second,
		QueueDepthWarning:            128,
		MaxQueueDepth:                4096,
		TombstoneTimeout:             24 * time.Hour,
		FlapTimeout:                  time.Minute,
		MemberlistConfig:             memberlist.DefaultLANConfig(),
		QueryTimeoutMult:             16,
		QueryResponseSizeLimit:       1024,
		QuerySizeLimit:               1024,
		EnableNameConflictResolution: true,
		UserEventSizeLimit:           512,
	}
}
