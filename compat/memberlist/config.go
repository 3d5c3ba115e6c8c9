package memberlist

import (
	"io"
	"log"
	"net"
	"os"
	"time"

	"github.com/hashicorp/go-metrics"
)

// Config is what a Memberlist is created with. Start from DefaultLANConfig, DefaultWANConfig or
// DefaultLocalConfig. Once Create has it, it mustn't be changed any more.
type Config struct {
	// Name is this node's name, unique in the cluster.
	Name string

	// Transport carries packets and streams. Nil: sockets on BindAddr and BindPort.
	Transport Transport

	// Label keeps clusters apart: packets and streams with another label, or with none, are
	// refused. With encryption it is authenticated, too. At most LabelMaxSize bytes.
	Label string

	// SkipInboundLabelCheck is for a Transport that has checked the label and taken it off. A
	// packet or stream that still has one is then refused.
	SkipInboundLabelCheck bool

	// BindAddr is the IP address to listen on, BindPort the port, for UDP and TCP. Port 0 lets the
	// system choose; Create then writes the port here and into AdvertisePort. Addresses without a
	// port, given to Join, get BindPort.
	BindAddr string
	BindPort int

	// AdvertiseAddr and AdvertisePort are what others are told to reach this node at, for instance
	// behind NAT. Without AdvertiseAddr both come from what is bound.
	AdvertiseAddr string
	AdvertisePort int

	// ProtocolVersion is the version to speak, from ProtocolVersionMin to ProtocolVersionMax.
	ProtocolVersion uint8

	// TCPTimeout bounds connecting a stream, and what is read from and written to it.
	TCPTimeout time.Duration

	// IndirectChecks is how many nodes are asked to ping a node that didn't answer.
	IndirectChecks int

	// RetransmitMult: each broadcast is sent RetransmitMult * ceil(log10(n+1)) times.
	RetransmitMult int

	// SuspicionMult: a node that doesn't answer is suspected for at least
	// SuspicionMult * max(1, log10(n)) * ProbeInterval before it is declared dead.
	SuspicionMult int

	// SuspicionMaxTimeoutMult: without confirmation by others, the suspicion lasts this many times
	// longer.
	SuspicionMaxTimeoutMult int

	// PushPullInterval is the time between exchanges of the whole state with a random node. It
	// grows with more than 32 nodes. 0 turns them off.
	PushPullInterval time.Duration

	// ProbeInterval is the time between probes of one node each, ProbeTimeout how long the answer
	// to a ping may take before others are asked to ping the node, too.
	ProbeInterval time.Duration
	ProbeTimeout  time.Duration

	// DisableTcpPings turns off the ping by stream of nodes that don't answer a packet.
	DisableTcpPings bool

	// DisableTcpPingsForNode turns it off for single nodes.
	DisableTcpPingsForNode func(nodeName string) bool

	// AwarenessMaxMultiplier bounds how far a node that suspects itself of being slow stretches
	// its probes.
	AwarenessMaxMultiplier int

	// GossipInterval is the time between rounds of gossip, GossipNodes the number of nodes that a
	// round sends to, and GossipToTheDeadTime how long after its death a node still gets gossip,
	// so that it can refute. Without interval or nodes, gossip only goes along with probes.
	GossipInterval      time.Duration
	GossipNodes         int
	GossipToTheDeadTime time.Duration

	// GossipVerifyIncoming refuses what isn't encrypted, GossipVerifyOutgoing encrypts what is
	// sent. Both matter only with keys; they are for turning encryption on in a running cluster.
	GossipVerifyIncoming bool
	GossipVerifyOutgoing bool

	// EnableCompression compresses what is sent where that makes it smaller.
	EnableCompression bool

	// SecretKey is added to Keyring, or to a new one, as its primary key. See ValidateKey.
	SecretKey []byte

	// Keyring has the keys: the primary one encrypts, all of them decrypt. It may be changed while
	// the Memberlist runs. Nil or empty: plain text.
	Keyring *Keyring

	// Delegate, Events, Conflict, Merge, Ping and Alive are told and asked about what happens. Each
	// may be nil.
	//
	// DelegateProtocolVersion, Min and Max are the versions of what Delegate sends and understands.
	// Nodes that don't understand each other don't exchange states.
	Delegate                Delegate
	DelegateProtocolVersion uint8
	DelegateProtocolMin     uint8
	DelegateProtocolMax     uint8
	Events                  EventDelegate
	Conflict                ConflictDelegate
	Merge                   MergeDelegate
	Ping                    PingDelegate
	Alive                   AliveDelegate

	// NodeSelection narrows down whom gossip goes to and with whom states are exchanged. Nil: all.
	// This and the next two come from a fork of memberlist, which some programs use.
	NodeSelection NodeSelectionDelegate

	// PushPullNodes is with how many nodes states are exchanged each PushPullInterval. 0: one.
	PushPullNodes int

	// CompressionAlgorithm is what EnableCompression compresses with: only CompressionAlgorithmLZW,
	// which is what empty means, too.
	CompressionAlgorithm CompressionAlgorithm

	// DNSConfigPath has no effect: names are looked up by Go's resolver.
	DNSConfigPath string

	// LogOutput takes the log, line by line. Nil: standard error.
	LogOutput io.Writer

	// Logger takes the log, instead of LogOutput: only one of them may be set.
	Logger *log.Logger

	// HandoffQueueDepth bounds the user messages that wait for a slow Delegate.NotifyMsg. More are
	// dropped, and counted in the log.
	HandoffQueueDepth int

	// UDPBufferSize is the size of the largest packet that is sent, in bytes.
	UDPBufferSize int

	// DeadNodeReclaimTime is how long after its death a node's name may be taken over from another
	// address. 0: not at all. The name of a node that left may be taken over at once.
	DeadNodeReclaimTime time.Duration

	// RequireNodeNames refuses to send to an address without a node's name.
	RequireNodeNames bool

	// CIDRsAllowed are the networks that nodes may have their addresses in. Empty: all.
	CIDRsAllowed []net.IPNet

	// MetricLabels are put on all metrics.
	MetricLabels []metrics.Label

	// QueueCheckInterval is how often metrics are emitted. 0: never.
	QueueCheckInterval time.Duration

	// MsgpackUseNewTimeFormat has no effect: no message has a time in it.
	MsgpackUseNewTimeFormat bool
}

// DefaultLANConfig returns the configuration for a local network, with the host's name.
func DefaultLANConfig() *Config {
	name, _ := os.Hostname() // a host without a name leaves Name empty
	return &Config{
		Name:                    name,
		BindAddr:                "0.0.0.0",
		BindPort:                7946,
		AdvertisePort:           7946,
		ProtocolVersion:         ProtocolVersion2Compatible,
		TCPTimeout:              10 * time.Second,
		IndirectChecks:          3,
		RetransmitMult:          4,
		SuspicionMult:           4,
		SuspicionMaxTimeoutMult: 6,
		PushPullInterval:        30 * time.Second,
		ProbeInterval:           time.Second,
		ProbeTimeout:            500 * time.Millisecond,
		AwarenessMaxMultiplier:  8,
		GossipInterval:          200 * time.Millisecond,
		GossipNodes:             3,
		GossipToTheDeadTime:     30 * time.Second,
		GossipVerifyIncoming:    true,
		GossipVerifyOutgoing:    true,
		EnableCompression:       true,
		DNSConfigPath:           "/etc/resolv.conf",
		HandoffQueueDepth:       1024,
		UDPBufferSize:           1400,
		QueueCheckInterval:      30 * time.Second,
	}
}

// DefaultWANConfig returns the configuration for links across the internet.
func DefaultWANConfig() *Config {
	c := DefaultLANConfig()
	c.TCPTimeout = 30 * time.Second
	c.SuspicionMult = 6
	c.PushPullInterval = time.Minute
	c.ProbeInterval = 5 * time.Second
	c.ProbeTimeout = 3 * time.Second
	c.GossipInterval = 500 * time.Millisecond
	c.GossipNodes = 4
	c.GossipToTheDeadTime = time.Minute
	return c
}

// DefaultLocalConfig returns the configuration for nodes on one host.
func DefaultLocalConfig() *Config {
	c := DefaultLANConfig()
	c.TCPTimeout = time.Second
	c.IndirectChecks = 1
	c.RetransmitMult = 2
	c.SuspicionMult = 3
	c.PushPullInterval = 15 * time.Second
	c.ProbeTimeout = 200 * time.Millisecond
	c.GossipInterval = 100 * time.Millisecond
	c.GossipToTheDeadTime = 15 * time.Second
	return c
}

// BuildVsnArray returns the versions that this node announces: least, greatest and current of the
// protocol, then of the delegate.
func (c *Config) BuildVsnArray() []uint8 {
	return []uint8{
		ProtocolVersionMin, ProtocolVersionMax, c.ProtocolVersion,
		c.DelegateProtocolMin, c.DelegateProtocolMax, c.DelegateProtocolVersion,
	}
}

// EncryptionEnabled tells whether there are keys.
func (c *Config) EncryptionEnabled() bool {
	return c.Keyring != nil && len(c.Keyring.GetKeys()) > 0
}
