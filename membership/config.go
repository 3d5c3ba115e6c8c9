package membership

import (
	"cmp"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"time"

	"serf/driver"
	"serf/internal/hostaddr"
	"serf/swim"
)

// Timing has the intervals, counts and multipliers of the membership: begin with [LAN], [WAN] or
// [Local], then change what should differ.
type Timing = swim.Timing

// Zones divides the members, so that gossip and exchanges of states stay mostly within each part.
// For zones by metadata, for example:
//
//	Zones{Of: func(_, meta []byte) uint64 { return ZoneKey(meta) }}
type Zones = swim.Zones

// ZoneKey is a number for the zone of this name, for Zones.Of: a hash, and 0 for "", which is none.
func ZoneKey[T string | []byte](name T) uint64 { return swim.ZoneKey(name) }

// LAN returns the timing for a local network.
func LAN() Timing { return swim.LAN() }

// WAN returns the timing for links across the internet.
func WAN() Timing { return swim.WAN() }

// Local returns the timing for members on one host.
func Local() Timing { return swim.Local() }

// Defaults and limits of Config.
const (
	// DefaultPort is where members listen unless they are told otherwise.
	DefaultPort = 7946
	// DefaultJoinInterval is how often the members in Config.Join are tried.
	DefaultJoinInterval = 30 * time.Second
	// joinIntervalMin is the shortest: a shorter one would load the seeds without finding them
	// sooner.
	joinIntervalMin = time.Second
)

// Config configures a node. The zero value works: it is a member named as its host, with the timing
// of a LAN, at port 7946 of all addresses. What is zero has a default, which each field names.
// Start says what is wrong with the rest, all of it joined, each a *ConfigError, and copies a
// Config; slices must not be changed later.
type Config struct {
	// Name is this member's, unique in the cluster: up to NameMax bytes. Empty means the host's.
	Name string
	// Bind is where packets and streams are received. Zero means all addresses, at DefaultPort.
	// Port 0 of an address takes any port that is free for both.
	Bind netip.AddrPort
	// Advertise is what the others are told. Zero means Bind, or, if that is all addresses, a
	// private address of this host if it has one, else a public one. Port 0 means that of Bind.
	Advertise netip.AddrPort
	// Network opens the sockets. Nil means the operating system's; package driver/memnet has one in
	// memory, for tests.
	Network driver.Network
	// Resolver looks up names of members to join. Nil means the system's.
	Resolver Resolver
	// Logger receives the log. Nil means slog.Default().
	Logger *slog.Logger

	// Join lists members to join in the background, as in Node.Join: at once, soon again, and then
	// every JoinInterval some of those that aren't living members. So partitions heal that outlast
	// the memory of failed members.
	Join []string
	// JoinInterval is at least 1 s; 0 means DefaultJoinInterval.
	JoinInterval time.Duration

	// Meta is what this member says about itself, up to MetaMax bytes. See Node.SetMeta.
	Meta []byte
	// Layer are the versions of what the program speaks by means of messages: members don't know
	// each other unless the current one of each is in the range of the other. Zero is a version.
	Layer Versions
	// Protocol is the version of the membership protocol to speak, 1 to 5. 0 means 2, which all
	// members understand.
	Protocol uint8

	// Keys encrypt all traffic, by AES: 16, 24 or 32 bytes each, the one to encrypt with first, at
	// most 64. None means plain text. All members need a key in common. See Node.SetKeys.
	Keys [][]byte
	// AcceptPlain accepts plain text besides what the keys open, SendPlain sends plain text. They
	// are for turning encryption on in a running cluster: first all members get keys and both, then
	// SendPlain ends for all, then AcceptPlain. See Node.SetPlain.
	AcceptPlain, SendPlain bool
	// Label separates clusters that can reach each other: packets with another label, or with none,
	// are refused. At most 255 bytes; empty means none.
	Label string
	// Compress compresses what is sent. Compressed messages are always understood.
	Compress bool

	// Timing is that of the membership. Zero means LAN().
	Timing Timing
	// Zones keeps most gossip within zones. The zero value has none. Its Of is asked by the loop.
	// See Node.SetZones.
	Zones Zones
	// PushPullNodes is with how many members states are exchanged each Timing.PushPullInterval, up
	// to 66. 0 means one.
	PushPullNodes int
	// PacketMax is the size of the largest packet sent, in bytes: up to 65,507. 0 means 1,400,
	// which fits every common MTU.
	PacketMax int
	// SendPacketMax is the size of the largest packet of Send, in bytes: up to 65,507. A message
	// that doesn't fit PacketMax has such a packet to itself. Networks cut it into pieces, and it
	// is lost with each of them. 0 means PacketMax.
	SendPacketMax int
	// DeadRetention is how long a member that failed or left is remembered, so that outdated news
	// can't bring it back. 0 means 24 hours.
	DeadRetention time.Duration
	// MessageQueue is how many messages may wait for OnMessage, and states for OnState. 0 means
	// 1,024.
	MessageQueue int

	// The following functions may be nil. The package says which goroutines call them.

	// OnEvent is told of all changes of the membership, from the joining of this member on.
	OnEvent func(Event)
	// OnMessage gets the messages of Send, SendReliable and Broadcast. m.Data is borrowed.
	OnMessage func(m Message)
	// OnAck is told of each ping that a member has acked: how long it took, and the payload of its
	// AckPayload, which is borrowed.
	OnAck func(m Member, rtt time.Duration, payload []byte)
	// OnState gets what the State of another member returned, in each exchange. s.Data is borrowed.
	OnState func(s RemoteState)

	// State returns what the other side of an exchange of states is to get. join says that one of
	// the two joins. Every exchange calls it: with each member that joins through this one, and
	// each Timing.PushPullInterval in both directions. The result isn't changed any more.
	State func(join bool) []byte
	// Broadcasts is asked for messages whenever a packet has room, at least each
	// Timing.GossipInterval: it calls add with each, of at most room bytes, until that returns
	// false. add copies the message. See Node.Broadcast for a queue that this package has.
	Broadcasts func(room int, add func(msg []byte) bool)
	// AckPayload appends to b what acks are to carry.
	AckPayload func(b []byte) []byte
	// Select narrows down whom gossip goes to and with whom states are exchanged, instead of Zones:
	// of the candidates it returns those that may be drawn, and one that is taken in any case, or
	// nil. What it gets is valid until it returns. Members that are never selected by anybody hear
	// of others by probes alone.
	Select func(candidates []Member) (selected []Member, first *Member)
	// NoStreamPing is asked before a member that hasn't acked a packet is pinged by stream: true
	// turns that off for this one. Timing.DisableStreamPing does it for all.
	NoStreamPing func(name string) bool
	// Admit is asked before this node takes in that another member is alive, or what it says about
	// itself: an error keeps that out. A member that was never admitted isn't known at all; one
	// that is known stays as it is.
	Admit func(m Member) error
	// AdmitMerge is asked before this node takes in the members of a cluster that it joins, or that
	// joins it: after an error none of them is taken in. The other side doesn't learn of it, and
	// decides for itself. It isn't asked in the regular exchanges between members, nor for single
	// members that gossip introduces: those are up to Admit. So it keeps apart clusters that meet
	// by mistake, not members that lie.
	AdmitMerge func(members []Member) error
}

// fill sets the defaults of c.
func (c *Config) fill() (err error) {
	if c.Name == "" {
		if c.Name, err = os.Hostname(); err != nil {
			return newConfigError("Name", fmt.Errorf("not set, and the host has none: %w", err))
		}
	}
	if !c.Bind.IsValid() {
		c.Bind = netip.AddrPortFrom(netip.IPv4Unspecified(), DefaultPort)
	}
	if err = c.chooseAddress(); err != nil {
		return err
	}
	c.Resolver = cmp.Or[Resolver](c.Resolver, net.DefaultResolver)
	c.Logger = cmp.Or(c.Logger, slog.Default())
	c.Timing = cmp.Or(c.Timing, LAN())
	c.Protocol = cmp.Or(c.Protocol, swim.ProtocolDefault)
	c.PacketMax = cmp.Or(c.PacketMax, swim.PacketDefault)
	c.MessageQueue = cmp.Or(c.MessageQueue, messageQueueDefault)
	c.JoinInterval = cmp.Or(c.JoinInterval, DefaultJoinInterval)
	return c.check()
}

// chooseAddress chooses what the others are told if Bind leaves that open, on the operating
// system's network. Without IPv4, the node listens on all IPv6 addresses.
func (c *Config) chooseAddress() error {
	if c.Network != nil {
		return nil
	}
	c.Network = driver.System()
	if c.Advertise.Addr().IsValid() || !c.Bind.Addr().IsUnspecified() {
		return nil
	}
	chosen, err := hostaddr.Choose(hostaddr.Spec{Bind: c.Bind.String()}, hostaddr.Interfaces)
	if err != nil {
		return newConfigError("Bind", err)
	}
	port := c.Advertise.Port()
	c.Bind, c.Advertise = chosen.Bind, chosen.Advertise
	if port != 0 {
		c.Advertise = netip.AddrPortFrom(c.Advertise.Addr(), port)
	}
	return nil
}

// core is the configuration of the node that runs.
func (c *Config) core() swim.Config {
	s := swim.DefaultConfig(c.Timing)
	s.Name, s.Meta, s.Zones = c.Name, c.Meta, c.Zones
	s.Versions[2] = c.Protocol
	s.Versions[3], s.Versions[4], s.Versions[5] = c.Layer.Min, c.Layer.Max, c.Layer.Current
	s.PacketMax, s.UserPacketMax = c.PacketMax, c.SendPacketMax
	s.PushPullNodes = c.PushPullNodes
	s.DeadRetention = cmp.Or(c.DeadRetention, s.DeadRetention)
	return s
}
