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

// Config is what a Node is made of. Start from LAN, WAN or Local, then set at least Name and Addr.
// New copies it; nothing in it changes later.
type Config struct {
	// Name is this member's name, unique in the cluster: 1 to NameMax bytes.
	Name string
	// Addr is the address that the others are told to use.
	Addr netip.AddrPort
	// Families are the versions of IP that this node's sockets and host can send to. 0 means both.
	Families Families
	// Meta is gossiped with this member, at most MetaMax bytes. The node copies it.
	Meta []byte
	// Versions as gossiped: protocol min, max, current, then those of the layer above (spec 1.3).
	Versions [6]byte

	// ProbeInterval is the time between probes, before the health score scales it.
	ProbeInterval time.Duration
	// ProbeTimeout is how long a direct ping may take before others are asked. Less than
	// ProbeInterval.
	ProbeTimeout time.Duration
	// IndirectProbes is how many others are asked to ping for us.
	IndirectProbes int
	// DisableStreamPing turns off the fallback probe by stream.
	DisableStreamPing bool

	// GossipInterval is the time between gossip rounds while there is something to tell.
	GossipInterval time.Duration
	// GossipNodes is how many members a round tells.
	GossipNodes int
	// GossipRate is how many bytes a second gossip rounds may send while more waits than a round
	// carries: rounds then come sooner than GossipInterval. 0 means never sooner.
	GossipRate int
	// GossipToTheDead is how long a dead member still gets gossip, so that it may refute.
	GossipToTheDead time.Duration
	// RetransmitMult: a broadcast is sent RetransmitMult * ceil(log10(n+1)) times.
	RetransmitMult int

	// PushPullInterval is the time between full exchanges with a random member, scaled up from 32
	// members on. 0 turns them off.
	PushPullInterval time.Duration
	// SuspicionMult: the least suspicion time is SuspicionMult * max(1, log10(n)) * ProbeInterval.
	SuspicionMult int
	// SuspicionMaxMult times the least is the greatest suspicion time.
	SuspicionMaxMult int
	// AwarenessMax bounds the health score: 0 .. AwarenessMax-1.
	AwarenessMax int
	// Without is what this node does without, for comparisons. 0, nothing, in earnest.
	Without Mechanism
	// StreamTimeout bounds one exchange on a stream.
	StreamTimeout time.Duration
	// DeadRetention is how long the record of a dead or left member is kept, so that old news of it
	// can't revive it. 0 means until Forget is called.
	DeadRetention time.Duration
	// VerifyForgotten is for how long after the record of a member has been forgotten others are
	// not believed that it lives at the incarnation that it had, unless it answers a ping: they may
	// have missed its end. 0: they are.
	VerifyForgotten time.Duration
	// LeaveTimeout bounds how long Leave tells the others.
	LeaveTimeout time.Duration

	// PacketMax is the size of the largest packet sent, all layers included.
	PacketMax int
	// Sealer wraps what goes out and opens what comes in. Nil means plain and uncompressed.
	Sealer *wire.Sealer
	// Seed of this node's random numbers; two nodes must not share one.
	Seed uint64
	// Roster interns identities; nodes of one simulation share one. Nil means an own one.
	Roster *Roster
	// Base, if set, is what this node, one of its members, knows from the start, as if it had run
	// for long: nothing tells of that in events. Roster, if set, must have been made from it.
	Base *Base
	// Carrier is the layer above. Nil if there is none.
	Carrier Carrier
}

// Limits of the protocol and of this node. Each is checked where it grows.
const (
	NameMax = 512 // bytes; longer names would crowd everything else out of a packet
	MetaMax = 512 // bytes (spec 1.3)

	// PacketDefault fits every common MTU with its headers.
	PacketDefault = 1400
	packetCeiling = 65507 // what UDP over IPv4 can carry
)

// Versions of the membership protocol that this node speaks (spec 1.3).
const (
	ProtocolMin     = 1
	ProtocolMax     = 5
	ProtocolDefault = 2
)

// LAN returns the profile for a local network (spec 2.1).
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

// Problem is one thing that is wrong with a Config: "probe interval: 0s, at least 1ms".
type Problem struct {
	Field string // as files call it, "probe_interval"; "" for what isn't one thing
	Text  string // without the field
	err   error
}

// NewProblem words a problem. It begins with the field and a colon, if there is one.
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
	bad(len(c.Name) >= 1 && len(c.Name) <= NameMax, "name: %d bytes, allowed 1 to %d", len(c.Name), NameMax)
	bad(len(c.Meta) <= MetaMax, "metadata: %d bytes, limit %d: %w", len(c.Meta), MetaMax, ErrTooLarge)
	if c.Addr.IsValid() {
		err := unusable(c.Addr)
		bad(err == nil, "address %v: %w", c.Addr, err)
	} else {
		bad(false, "address: not set")
	}
	bad(c.Families <= IPv4|IPv6, "families: %d, allowed 0 to %d", c.Families, IPv4|IPv6)
	bad(c.ProbeInterval >= time.Millisecond, "probe interval: %v, at least 1ms", c.ProbeInterval)
	bad(c.ProbeTimeout >= time.Millisecond && c.ProbeTimeout < c.ProbeInterval,
		"probe timeout: %v, at least 1ms and less than the probe interval %v", c.ProbeTimeout, c.ProbeInterval)
	bad(c.IndirectProbes >= 0 && c.IndirectProbes <= 64, "indirect probes: %d, allowed 0 to 64", c.IndirectProbes)
	bad(c.GossipInterval >= time.Millisecond, "gossip interval: %v, at least 1ms", c.GossipInterval)
	bad(c.GossipNodes >= 1 && c.GossipNodes <= 64, "gossip nodes: %d, allowed 1 to 64", c.GossipNodes)
	bad(c.GossipRate >= 0, "gossip rate: %d is negative", c.GossipRate)
	bad(c.GossipToTheDead >= 0, "gossip to the dead: %v is negative", c.GossipToTheDead)
	bad(c.RetransmitMult >= 1 && c.RetransmitMult <= 100, "retransmit mult: %d, allowed 1 to 100", c.RetransmitMult)
	bad(c.PushPullInterval == 0 || c.PushPullInterval >= 10*time.Millisecond, "push pull interval: %v, allowed 0 or at least 10ms", c.PushPullInterval)
	bad(c.SuspicionMult >= 1 && c.SuspicionMult <= 100, "suspicion mult: %d, allowed 1 to 100", c.SuspicionMult)
	bad(c.SuspicionMaxMult >= 1 && c.SuspicionMaxMult <= 100, "suspicion max mult: %d, allowed 1 to 100", c.SuspicionMaxMult)
	bad(c.AwarenessMax >= 1 && c.AwarenessMax <= 64, "awareness max: %d, allowed 1 to 64", c.AwarenessMax)
	bad(c.StreamTimeout >= time.Millisecond, "stream timeout: %v, at least 1ms", c.StreamTimeout)
	bad(c.DeadRetention >= 0, "dead retention: %v is negative", c.DeadRetention)
	bad(c.VerifyForgotten >= 0, "unconfirmed: %v is negative", c.VerifyForgotten)
	bad(c.LeaveTimeout >= 0, "leave timeout: %v is negative", c.LeaveTimeout)
	sealerErr := c.Sealer.Validate()
	bad(sealerErr == nil, "%w", sealerErr)
	floor := c.packetFloor()
	bad(c.PacketMax >= floor && c.PacketMax <= packetCeiling, "packet size: %d, with this name and encryption allowed %d to %d", c.PacketMax, floor, packetCeiling)
	bad(c.Versions[0] > 0 && c.Versions[0] <= c.Versions[2] && c.Versions[2] <= c.Versions[1],
		"protocol version %d: allowed %d to %d", c.Versions[2], c.Versions[0], c.Versions[1])
	bad(c.Base == nil || c.Roster == nil || c.Roster.base == c.Base, "roster: not made from the base")
	return errors.Join(errs...)
}

// packetFloor is the size of the largest packet that this node can't do without: it says of itself
// that it is alive, or pings a member with the longest name.
func (c *Config) packetFloor() int {
	var long [max(NameMax, MetaMax)]byte
	const most, port = math.MaxUint32, math.MaxUint16
	ip, own := long[:16], []byte(c.Name)
	alive := wire.Alive{Inc: most, Node: own, Addr: ip, Port: port, Meta: long[:MetaMax], Vsn: c.Versions[:]}
	ping := wire.Ping{Seq: most, Node: long[:NameMax], SourceAddr: ip, SourcePort: port, SourceNode: own}
	return max(len(alive.Append(nil)), len(ping.Append(nil))) + c.Sealer.Overhead()
}

// Carrier is the layer above, asked for bytes while a message is built. It must not call the node.
type Carrier interface {
	// AppendBroadcasts adds messages to p for as long as they fit. The packet goes to copies
	// members.
	AppendBroadcasts(now Time, p *wire.Packer, copies int)
	// BroadcastsQueued is how many messages wait: gossip is armed while there are any.
	BroadcastsQueued() int
	// AppendAckPayload appends what an ack of this node carries; nothing for no payload.
	AppendAckPayload(b []byte) []byte
	// State returns this node's user state for a push/pull.
	State(join bool) wire.Rope
}

// Errors that callers can act on.
var (
	ErrTooLarge = errors.New("too large")
	ErrLeaving  = errors.New("this node is leaving")
	ErrUnknown  = errors.New("no such member")
)
