// Package config reads the agent's configuration from the command line and JSON files into one
// checked value. Parsing and checking are pure; Load reads files through an Env.
package config

import (
	"time"

	"serf/agent/recording"
	"serf/internal/timing"
	"serf/swim"
	"serf/swim/serf"
)

// Config is everything that can be configured of `serf agent`. Build it with Load. Text that other
// packages parse (addresses, event handlers) is kept as given.
type Config struct {
	// Node is this member's name; Load fills in the host's name.
	Node string
	// ValidateNodeNames restricts names to letters, digits, dots and dashes.
	ValidateNodeNames bool
	// Tags hold -tag, tags, -role and the tags file, merged.
	Tags map[string]string
	// TagsFile keeps tags that are set at run time. It excludes other tags.
	TagsFile string
	// Role is the deprecated form of the tag "role"; Load adds it to Tags.
	Role string

	// Bind is IP, IP:port, [v6]:port, :port, name or name:port.
	Bind string
	// Interface is the interface whose address to bind to.
	Interface string
	// Advertise is the address for the other members, in the forms of Bind; empty for the bound
	// one.
	Advertise string
	// Profile is lan, wan or local.
	Profile string
	// Protocol is the version of the Serf protocol, serf.ProtocolMin to serf.ProtocolMax.
	Protocol int

	// EncryptKey is a base64 key; Keys has it decoded. Load reads it from EncryptKeyFile if that is
	// set.
	EncryptKey, EncryptKeyFile string
	// KeyringFile has a JSON list of base64 keys, the primary first. It excludes EncryptKey.
	KeyringFile string
	// Keys are the decoded keys, primary first; none for plain text. Filled in by Load.
	Keys [][]byte

	// VerifyIncoming refuses plain text and VerifyOutgoing sends none, if there are keys.
	VerifyIncoming, VerifyOutgoing bool
	// Label separates clusters: messages with another label, or none, are dropped. At most LabelMax
	// bytes.
	Label string

	// RPCAddr has the addresses to serve RPC on, as rpcaddr.ParseList takes them. RPCAuth is the
	// key that clients must present (empty: none).
	RPCAddr, RPCAuth string
	// RPCAuthFile is a file with RPCAuth, which Load reads.
	RPCAuthFile string
	// RPCSocketMode and RPCSocketGroup are the permissions, octal, and the group of a Unix socket.
	RPCSocketMode, RPCSocketGroup string
	// RPCTLSCert and so on are PEM files for addresses with TLS.
	RPCTLSCert, RPCTLSKey, RPCTLSClientCA string

	// HTTPAddr is where to serve HTTP, empty for nowhere; see HTTPListen. HTTPAuth is the token of
	// clients, which Load reads from HTTPAuthFile if that is set.
	HTTPAddr, HTTPAuth, HTTPAuthFile string
	// HTTPCert and HTTPKey are PEM files, both or none.
	HTTPCert, HTTPKey string
	// HTTPWrite lets clients change something.
	HTTPWrite bool
	// HTTPOrigins are the origins whose pages may use HTTP.
	HTTPOrigins []string

	// Join lists members to contact at start; the start fails if none answers.
	Join []string
	// RetryJoin lists members to contact until one answers.
	RetryJoin []string
	// RetryInterval is the longest pause between attempts; RetryMax how many to make, 0 for no
	// limit.
	RetryInterval time.Duration
	RetryMax      int
	// Replay also asks for the events from before a join.
	Replay bool
	// Rejoin rejoins from the snapshot even if this node had left.
	Rejoin bool
	// Snapshot is the path of the snapshot file.
	Snapshot string

	// Record is the directory of a recording, empty for none. RecordLimit is the most that it
	// takes, as recording.ParseSize reads it.
	Record, RecordLimit string

	// Discover is the cluster's name on mDNS.
	Discover                         string
	MDNSInterface                    string
	MDNSDisableIPv4, MDNSDisableIPv6 bool
	StatsiteAddr, StatsdAddr         string
	Syslog                           bool
	SyslogFacility                   string
	// LogLevel is one of LogLevels, in lower case.
	LogLevel string
	// LogFormat is one of LogFormats, in lower case.
	LogFormat string
	// LogFile is a file that the log is appended to.
	LogFile string
	// EventHandlers are specifications "[filter=]script".
	EventHandlers []string
	// HandlerTimeout is when scripts without a time-out of their own are killed; zero means never.
	HandlerTimeout time.Duration

	// ZoneTag names the tag whose value is a member's zone; empty: there are no zones. ZoneShare is
	// what goes to other zones, in percent. ZoneProbes has probes stay within zones, too.
	ZoneTag    string
	ZoneShare  int
	ZoneProbes bool

	// LeaveOnTerminate and SkipLeaveOnInterrupt change what the signals TERM and INT do.
	LeaveOnTerminate, SkipLeaveOnInterrupt bool
	// BroadcastTimeout bounds how long leaving and force-leaving may take to tell the others.
	BroadcastTimeout time.Duration
	// Compression compresses messages before they are sent.
	Compression bool
	// DisableCoordinates turns off network coordinates.
	DisableCoordinates bool
	// DisableNameResolution leaves name conflicts unresolved, without a vote.
	DisableNameResolution bool
	// Timing overrides single timings of the profile.
	Timing timing.Timing
	// Limits in bytes.
	QueryResponseSizeLimit, QuerySizeLimit, UserEventSizeLimit int

	// Paths are the files and directories of -config-file and -config-dir, in order.
	Paths []string
	// Origins say what set a key last: "-bind", or file, line and column. Items of lists, and tags,
	// have their own origins, "start_join[0]", "tags.role". Load fills it in.
	Origins map[string]string
}

// LogLevels are the log levels, the most verbose first.
var LogLevels = []string{"trace", "debug", "info", "warn", "err"}

// LogFormats are the forms of log lines.
var LogFormats = []string{"text", "json"}

// Profiles are the names of the timing profiles.
var Profiles = []string{"lan", "wan", "local"}

// Default returns the configuration without files and options.
func Default() Config {
	return Config{
		Bind:                   "0.0.0.0",
		RPCAddr:                "127.0.0.1:7373",
		LogLevel:               "info",
		LogFormat:              "text",
		Profile:                "lan",
		RecordLimit:            recording.SizeText(recording.LimitDefault),
		Protocol:               serf.ProtocolMax,
		Compression:            true,
		VerifyIncoming:         true,
		VerifyOutgoing:         true,
		ZoneShare:              swim.ZoneShareDefault,
		RetryInterval:          30 * time.Second,
		BroadcastTimeout:       5 * time.Second,
		HandlerTimeout:         time.Hour,
		SyslogFacility:         "LOCAL0",
		QueryResponseSizeLimit: 1024,
		QuerySizeLimit:         1024,
		UserEventSizeLimit:     512,
	}
}
