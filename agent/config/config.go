// Package config makes one checked value of what the agent is told on the command line and in JSON
// files. Parsing and checking are pure; Load reads files through an Env.
package config

import (
	"time"

	"serf/internal/timing"
)

// Config is everything that `serf agent` can be told. Build it with Load. Text that other packages
// parse (addresses, event handlers) is kept as given.
type Config struct {
	// Node is this member's name; Load fills in the host's name.
	Node string
	// ValidateNodeNames restricts names to letters, digits, dots and dashes.
	ValidateNodeNames bool
	// Tags hold -tag, tags, -role and the tags file, merged.
	Tags map[string]string
	// TagsFile keeps tags that were set at run time. Not together with other tags.
	TagsFile string
	// Role is the deprecated spelling of the tag "role"; Load has added it to Tags.
	Role string

	// Bind is IP, IP:port, [v6]:port, :port, name or name:port.
	Bind string
	// Interface names the interface whose address to bind to.
	Interface string
	// Advertise is the address told to others, in the forms of Bind; empty for the bound one.
	Advertise string
	// Profile is lan, wan or local.
	Profile string
	// Protocol is the version of the Serf protocol, ProtocolMin to ProtocolMax.
	Protocol int

	// EncryptKey is a base64 key; Keys has it decoded.
	EncryptKey string
	// KeyringFile holds a JSON list of base64 keys, the primary first. Not together with
	// EncryptKey.
	KeyringFile string
	// Keys are the decoded keys, primary first; none for plain text. Filled in by Load.
	Keys [][]byte

	// VerifyIncoming refuses plain text and VerifyOutgoing sends none, if there are keys.
	VerifyIncoming, VerifyOutgoing bool
	// Label separates clusters: who has another one, or none, is not heard. At most LabelMax bytes.
	Label string

	// RPCAddr is host:port to serve RPC on, RPCAuth what clients must present (empty: nothing).
	RPCAddr, RPCAuth string

	// Join lists members to contact at start; the start fails if none answers.
	Join []string
	// RetryJoin lists members to contact until one answers.
	RetryJoin []string
	// RetryInterval is the pause between attempts; RetryMax how many to make, 0 for ever.
	RetryInterval time.Duration
	RetryMax      int
	// Replay asks for the events from before a join, too.
	Replay bool
	// Rejoin joins again from the snapshot although this node had left.
	Rejoin bool
	// Snapshot is the path of the snapshot file.
	Snapshot string

	// Discover is the cluster's name on mDNS.
	Discover                         string
	MDNSInterface                    string
	MDNSDisableIPv4, MDNSDisableIPv6 bool
	StatsiteAddr, StatsdAddr         string
	Syslog                           bool
	SyslogFacility                   string
	// LogLevel is one of LogLevels, in lower case.
	LogLevel string
	// EventHandlers are specifications "[filter=]script".
	EventHandlers []string
	// HandlerTimeout is when a script is killed that has no time-out of its own; zero means never.
	HandlerTimeout time.Duration

	// LeaveOnTerminate and SkipLeaveOnInterrupt say what TERM and INT do.
	LeaveOnTerminate, SkipLeaveOnInterrupt bool
	// BroadcastTimeout bounds how long leaving and force-leaving tell the others.
	BroadcastTimeout time.Duration
	// Compression packs messages before they are sent.
	Compression bool
	// DisableCoordinates turns network coordinates off.
	DisableCoordinates bool
	// DisableNameResolution lets a name conflict stand, without a vote.
	DisableNameResolution bool
	// Timing replaces single timings of the profile.
	Timing timing.Timing
	// Limits in bytes.
	QueryResponseSizeLimit, QuerySizeLimit, UserEventSizeLimit int

	// Paths are the files and folders that -config-file and -config-dir named, in order.
	Paths []string
	// Origins say what set a key last: "-bind", or file, line and column. Items of lists and tags
	// have origins of their own, "start_join[0]", "tags.role". Filled in by Load.
	Origins map[string]string
}

// Versions of the Serf protocol that can be asked for.
const (
	ProtocolMin = 2
	ProtocolMax = 5
)

// LogLevels in order, the most talkative first.
var LogLevels = []string{"trace", "debug", "info", "warn", "err"}

// Profiles of timing.
var Profiles = []string{"lan", "wan", "local"}

// Default returns what holds where neither a file nor an option says otherwise.
func Default() Config {
	return Config{
		Bind:                   "0.0.0.0",
		RPCAddr:                "127.0.0.1:7373",
		LogLevel:               "info",
		Profile:                "lan",
		Protocol:               ProtocolMax,
		Compression:            true,
		VerifyIncoming:         true,
		VerifyOutgoing:         true,
		RetryInterval:          30 * time.Second,
		BroadcastTimeout:       5 * time.Second,
		HandlerTimeout:         time.Hour,
		SyslogFacility:         "LOCAL0",
		QueryResponseSizeLimit: 1024,
		QuerySizeLimit:         1024,
		UserEventSizeLimit:     512,
	}
}
