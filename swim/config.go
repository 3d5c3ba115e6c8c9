package swim

import (
	"errors"
	"fmt"
	"math"
	"net/netip"
	"strings"
	"time"

	"serf/wire"
)

// Config has the parameters of a Node. Start from LAN, WAN or Local, then set at least Name and
// Addr. New copies it.
type Config struct {
	// Name is this member's name, unique in the cluster: 1 to NameMax bytes.
	Name string
	// Addr is the address that this node announces. See SetAddr.
	Addr netip.AddrPort
	// Families are the versions of IP that this node's sockets and host can send to. 0 means both.
	// See SetFamilies.
	Families Families
	// Meta is gossiped with this member, at most MetaMax bytes. The node copies it.
	Meta []byte
	// Versions as gossiped: protocol minimum, maximum and current, then those of the layer above.
	Versions [6]byte

	// ProbeInterval is the time between probes, before the health score scales it.
	ProbeInterval time.Duration
	// ProbeTimeout is how long a direct ping may take before helpers are asked. It is less than
	// ProbeInterval.
	ProbeTimeout time.Duration
	// IndirectProbes is the number of helpers of an indirect probe.
	IndirectProbes int
	// DisableStreamPing turns off the ping by stream that goes along with an indirect probe.
	DisableStreamPing bool

	// GossipInterval is the time between gossip rounds while broadcasts wait.
	GossipInterval time.Duration
	// GossipNodes is the number of members that a round sends to.
	GossipNodes int
	// GossipRate is how many bytes a second gossip rounds may send while more broadcasts wait than
	// a round carries: rounds then follow sooner than after GossipInterval. 0 means never sooner.
	GossipRate int
	// GossipToTheDead is how long a dead member still gets gossip, so that it may refute.
	GossipToTheDead time.Duration
	// RetransmitMult: a broadcast is sent RetransmitMult * ceil(log10(n+1)) times.
	RetransmitMult int

	// PushPullInterval is the time between push/pulls with a random member. It grows with more than
	// 32 members. 0 turns them off.
	PushPullInterval time.Duration
	// SuspicionMult: the least suspicion time is SuspicionMult * max(1, log10(n)) * ProbeInterval.
	SuspicionMult int
	// SuspicionMaxMult: the greatest suspicion time is SuspicionMaxMult times the least.
	SuspicionMaxMult int
	// AwarenessMax bounds the health score, which goes from 0 to AwarenessMax-1.
	AwarenessMax int
	// Without leaves mechanisms out, for comparisons. It is 0 in production.
	Without Mechanism
	// StreamTimeout bounds a call or a message by stream.
	StreamTimeout time.Duration
	// DeadRetention is how long the record of a dead or left member is kept, so that outdated
	// messages can't revive it. 0 means until Forget is called.
	DeadRetention time.Duration
	// VerifyForgotten is for how long after its record was forgotten a member has to answer a ping
	// if others say that it is alive at the incarnation that it had: they may have missed its end.
	// 0 means not at all.
	VerifyForgotten time.Duration
	// LeaveTimeout bounds the time of a Leave.
	LeaveTimeout time.Duration

	// PacketMax is the size of the largest packet sent, in bytes, after sealing.
	PacketMax int
	// Sealer seals packets and streams, and opens them. Nil means plain and uncompressed.
	Sealer *wire.Sealer
	// Seed is that of this node's random numbers. No two nodes may share one.
	Seed uint64
	// Roster interns identities. The nodes of a simulation share one; nil means one of its own.
	Roster *Roster
	// Base, if set, is what this node, one of its members, knows from the start, as if it had run
	// for long. No events report it. Roster, if set, must have been made from it.
	Base *Base
	// Carrier is the layer above. Nil if there is none.
	Carrier Carrier
}

// Limits, in bytes.
const (
	NameMax = 512 // longer names would crowd everything else out of a packet
	MetaMax = 512 // as in memberlist

	// PacketDefault fits every common MTU with its headers.
	PacketDefault = 1400
	packetCeiling = 65507 // what UDP over IPv4 can carry
)

// Versions of the membership protocol that this node speaks.
const (
	ProtocolMin     = 1
	ProtocolMax     = 5
	ProtocolDefault = 2
)

// LAN returns the profile for a local network.
func LAN() Config {
	return Config{
		Versions:         [6]byte{ProtocolMin, ProtocolMax, ProtocolDefault, 0, 0, 0},
		ProbeInterval:    time.Second,
		ProbeTimeout:     500 * time.Millisecond,
		IndirectProbes:   3,
		GossipInterval:   200 * time.Millisecond,
		GossipNodes:      3,
		GossipRate:       2 << 20,
		GossipToTheDead:  30 * time.Second,
		RetransmitMult:   4,
		PushPullInterval: 30 * time.Second,
		SuspicionMult:    4,
		SuspicionMaxMult: 6,
		AwarenessMax:     8,
		StreamTimeout:    10 * time.Second,
		DeadRetention:    24 * time.Hour,
		VerifyForgotten:  24 * time.Hour,
		LeaveTimeout:     5 * time.Second,
		PacketMax:        PacketDefault,
	}
}

// WAN returns the profile for links across the internet.
func WAN() Config {
	c := LAN()
	c.ProbeInterval = 5 * time.Second
	c.ProbeTimeout = 3 * time.Second
	c.GossipInterval = 500 * time.Millisecond
	c.GossipNodes = 4
	c.GossipRate = 256 << 10
	c.GossipToTheDead = 60 * time.Second
	c.PushPullInterval = 60 * time.Second
	c.SuspicionMult = 6
	c.StreamTimeout = 30 * time.Second
	return c
}

// Local returns the profile for members on one host.
func Local() Config {
	c := LAN()
	c.ProbeTimeout = 200 * time.Millisecond
	c.IndirectProbes = 1
	c.GossipInterval = 100 * time.Millisecond
	c.GossipRate = 8 << 20
	c.GossipToTheDead = 15 * time.Second
	c.RetransmitMult = 2
	c.PushPullInterval = 15 * time.Second
	c.SuspicionMult = 3
	c.StreamTimeout = time.Second
	return c
}

// Problem is one thing that is wrong in a Config: "probe interval: 0s, at least 1ms".
type Problem struct {
	Field string // as configuration files name it, "probe_interval"; "" if it isn't about one field
	Text  string // without the field
	err   error
}

// NewProblem returns a problem with this text, which begins with the field and a colon if it is
// about one.
func NewProblem(format string, args ...any) *Problem {
	p := &Problem{err: fmt.Errorf(format, args...)}
	p.Text = p.err.Error()
	if field, _, ok := strings.Cut(format, ": "); ok && !strings.Contains(field, "%") {
		p.Field, p.Text = strings.ReplaceAll(field, " ", "_"), p.Text[len(field)+2:]
	}
	return p
}

func (p *Problem) Error() string { return p.err.Error() }
func (p *Problem) Unwrap() error { return errors.Unwrap(p.err) }

// Validate reports every problem of c, joined, or nil. Each is a *Problem.
func (c *Config) Validate() error {
	var errs []error
	bad := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, NewProblem(format, args...))
		}
	}
	within := func(field string, v, least, most int) {
		bad(v >= least && v <= most, field+": %d, allowed %d to %d", v, least, most)
	}
	atLeast := func(field string, v, least time.Duration) {
		bad(v >= least, field+": %v, at least %v", v, least)
	}
	notNegative := func(field string, v time.Duration) {
		bad(v >= 0, field+": %v is negative", v)
	}
	bad(len(c.Name) >= 1 && len(c.Name) <= NameMax,
		"name: %d bytes, allowed 1 to %d", len(c.Name), NameMax)
	bad(len(c.Meta) <= MetaMax,
		"metadata: %d bytes, limit %d: %w", len(c.Meta), MetaMax, ErrTooLarge)
	if c.Addr.IsValid() {
		err := unusable(c.Addr)
		bad(err == nil, "address %v: %w", c.Addr, err)
	} else {
		bad(false, "address: not set")
	}
	within("families", int(c.Families), 0, int(IPv4|IPv6))
	atLeast("probe interval", c.ProbeInterval, time.Millisecond)
	bad(c.ProbeTimeout >= time.Millisecond && c.ProbeTimeout < c.ProbeInterval,
		"probe timeout: %v, at least 1ms and less than the probe interval %v",
		c.ProbeTimeout, c.ProbeInterval)
	within("indirect probes", c.IndirectProbes, 0, 64)
	atLeast("gossip interval", c.GossipInterval, time.Millisecond)
	within("gossip nodes", c.GossipNodes, 1, 64)
	bad(c.GossipRate >= 0, "gossip rate: %d is negative", c.GossipRate)
	notNegative("gossip to the dead", c.GossipToTheDead)
	within("retransmit mult", c.RetransmitMult, 1, 100)
	bad(c.PushPullInterval == 0 || c.PushPullInterval >= 10*time.Millisecond,
		"push pull interval: %v, allowed 0 or at least 10ms", c.PushPullInterval)
	within("suspicion mult", c.SuspicionMult, 1, 100)
	within("suspicion max mult", c.SuspicionMaxMult, 1, 100)
	within("awareness max", c.AwarenessMax, 1, 64)
	atLeast("stream timeout", c.StreamTimeout, time.Millisecond)
	notNegative("dead retention", c.DeadRetention)
	notNegative("verify forgotten", c.VerifyForgotten)
	notNegative("leave timeout", c.LeaveTimeout)
	sealerErr := c.Sealer.Validate()
	bad(sealerErr == nil, "%w", sealerErr)
	floor := c.packetFloor()
	bad(c.PacketMax >= floor && c.PacketMax <= packetCeiling,
		"packet size: %d, with this name and encryption allowed %d to %d",
		c.PacketMax, floor, packetCeiling)
	bad(c.Versions[0] > 0 && c.Versions[0] <= c.Versions[2] && c.Versions[2] <= c.Versions[1],
		"protocol version %d: allowed %d to %d", c.Versions[2], c.Versions[0], c.Versions[1])
	bad(c.Base == nil || c.Roster == nil || c.Roster.base == c.Base,
		"roster: not made from the base")
	return errors.Join(errs...)
}

// packetFloor is the size of the largest packet that this node must be able to send: its own alive
// message, or a ping of a member with the longest name.
func (c *Config) packetFloor() int {
	var long [max(NameMax, MetaMax)]byte
	const most, port = math.MaxUint32, math.MaxUint16
	ip, own := long[:16], []byte(c.Name)
	alive := wire.Alive{
		Inc: most, Node: own, Addr: ip, Port: port, Meta: long[:MetaMax], Vsn: c.Versions[:],
	}
	ping := wire.Ping{
		Seq: most, Node: long[:NameMax], SourceAddr: ip, SourcePort: port, SourceNode: own,
	}
	return max(len(alive.Append(nil)), len(ping.Append(nil))) + c.Sealer.Overhead()
}

// Carrier is the layer above, which the node asks for bytes while it builds a message. It must not
// call the node.
type Carrier interface {
	// AppendBroadcasts adds messages to p while they fit. The packet goes to copies members.
	AppendBroadcasts(now Time, p *wire.Packer, copies int)
	// BroadcastsQueued is the number of waiting messages. Gossip rounds take place while there are
	// any.
	BroadcastsQueued() int
	// AppendAckPayload appends the payload of this node's acks, if they have any.
	AppendAckPayload(b []byte) []byte
	// State returns the user state for a push/pull.
	State(join bool) wire.Rope
}

// Errors that callers can act on.
var (
	ErrTooLarge = errors.New("too large")
	ErrLeaving  = errors.New("this node is leaving")
	ErrUnknown  = errors.New("no such member")
)
