package swim

import (
	"errors"
	"fmt"
	"iter"
	"math"
	"net/netip"
	"strings"
	"time"

	"serf/wire"
)

// Config has the parameters of a Node. Start from DefaultConfig, then set at least Name, Addr and
// Seed. New copies it.
type Config struct {
	// Name is this member's name, unique in the cluster: 1 to NameMax bytes.
	Name string
	// Addr is the address that this node announces. See SetAddr.
	Addr netip.AddrPort
	// Meta is gossiped with this member, at most MetaMax bytes. The node copies it.
	Meta []byte
	// Versions as gossiped: protocol minimum, maximum and current, then those of the layer above.
	Versions [6]byte
	// Seed is that of this node's random numbers. No two nodes may share one.
	Seed uint64
	// PushPullNodes is with how many members states are exchanged each PushPullInterval. 0 means
	// one.
	PushPullNodes int
	// UserPacketMax is the size of the largest packet with nothing but a message of SendUser that doesn't fit
	// PacketMax. 0 means PacketMax.
	UserPacketMax int

	sim Simulation // see NewSimulated
	// Sealer seals packets and streams, and opens them. Nil means plain and uncompressed.
	Sealer *wire.Sealer
	// Carrier is the layer above. Nil if there is none.
	Carrier Carrier
	// PacketMax is the size of the largest packet sent, in bytes, after sealing.
	PacketMax int
	// Families are the versions of IP that this node's sockets and host can send to. 0 means both.
	// See SetFamilies.
	Families Families
	// Timing is that of LAN, WAN or Local, perhaps with changes.
	Timing
	// DeadRetention is how long the record of a dead or left member is kept, so that outdated
	// messages can't revive it. 0 means until Forget is called.
	DeadRetention time.Duration
	// VerifyForgotten is for how long after its record was forgotten a member has to answer a ping
	// if others say that it is alive at the incarnation that it had: they may have missed its end.
	// 0 means not at all.
	VerifyForgotten time.Duration
	// Zones divides the members.
	Zones Zones
	// Select, if set, narrows down whom gossip goes to and with whom states are exchanged, instead
	// of Zones. It gets the members that could be drawn, in no order, and returns those that may
	// be, perhaps in the same memory, and one that is taken in any case, or NoMember. It is asked
	// once a round, and may only read the node.
	Select func(candidates []MemberID) (selected []MemberID, first MemberID)
	// NoStreamPing, if set, is asked before another member is pinged by stream: true turns that off
	// for this one. It must not call the node.
	NoStreamPing func(name []byte) bool
	// Admit, if set, is asked before this node takes in that another member is alive, or what it
	// says about itself: an error keeps that out, and is noted. A member that was never admitted
	// isn't known at all; one that is known stays as it is. Admit must not call the node, and keeps
	// nothing of the Peer.
	Admit func(Peer) error
	// AdmitMerge, if set, is asked before this node takes in the state of a join, its own or
	// another member's, or of an exchange with a member that it doesn't know: after an error it
	// takes nothing of it. The other member isn't told: it has this node's state by then, and
	// decides for itself. Gossip may still introduce the members, which is up to Admit. The rules
	// are Admit's.
	AdmitMerge func(iter.Seq[Peer]) error
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

// DefaultConfig returns a configuration of these timings with everything that has a default: all
// but Name, Addr and Seed.
func DefaultConfig(t Timing) Config {
	return Config{
		Versions:        [6]byte{ProtocolMin, ProtocolMax, ProtocolDefault, 0, 0, 0},
		Timing:          t,
		DeadRetention:   24 * time.Hour,
		VerifyForgotten: 24 * time.Hour,
		PacketMax:       PacketDefault,
	}
}

// Problem is one thing that is wrong in a Config: "probe interval: 0s, at least 1ms".
type Problem struct {
	Field string // as configuration files name it, "probe_interval"; "" if it isn't about one field
	Text  string // without the field
	err   error
}

// newProblem returns a problem with this text, which begins with the field and a colon if it is
// about one.
func newProblem(format string, args ...any) *Problem {
	p := &Problem{err: fmt.Errorf(format, args...)}
	p.Text = p.err.Error()
	if field, _, ok := strings.Cut(format, ": "); ok && !strings.Contains(field, "%") {
		p.Field, p.Text = strings.ReplaceAll(field, " ", "_"), p.Text[len(field)+2:]
	}
	return p
}

func (p *Problem) Error() string { return p.err.Error() }
func (p *Problem) Unwrap() error { return errors.Unwrap(p.err) }

// Problems collects what is wrong with a configuration: each is a *Problem.
type Problems []error

// Check adds a problem, unless ok. Its text begins with the field and a colon if it is about one:
// "gossip rate: %d is negative".
func (p *Problems) Check(ok bool, format string, args ...any) {
	if !ok {
		*p = append(*p, newProblem(format, args...))
	}
}

// AtLeast checks that a duration isn't too short.
func (p *Problems) AtLeast(field string, v, least time.Duration) {
	p.Check(v >= least, field+": %v, at least %v", v, least)
}

func (p *Problems) notNegative(field string, v time.Duration) {
	p.Check(v >= 0, field+": %v is negative", v)
}

func (p *Problems) within(field string, v, least, most int) {
	p.Check(v >= least && v <= most, field+": %d, allowed %d to %d", v, least, most)
}

// Validate reports every problem of c, joined, or nil. Each is a *Problem.
func (c *Config) Validate() error {
	var p Problems
	c.problems(&p)
	return errors.Join(append(p, c.Zones.validate())...)
}

// problems reports what is wrong with c, but for its Zones.
func (c *Config) problems(p *Problems) {
	p.Check(len(c.Name) >= 1 && len(c.Name) <= NameMax,
		"name: %d bytes, allowed 1 to %d", len(c.Name), NameMax)
	p.Check(len(c.Meta) <= MetaMax,
		"metadata: %d bytes, limit %d: %w", len(c.Meta), MetaMax, ErrTooLarge)
	if c.Addr.IsValid() {
		err := unusable(c.Addr)
		p.Check(err == nil, "address %v: %w", c.Addr, err)
	} else {
		p.Check(false, "address: not set")
	}
	p.Check(c.Families <= IPv4|IPv6, "families: %d, allowed 0 to %d", c.Families, IPv4|IPv6)
	c.Timing.problems(p)
	p.Check(c.PushPullNodes >= 0 && c.PushPullNodes <= maxPick,
		"push pull nodes: %d, allowed 0 to %d", c.PushPullNodes, maxPick)
	p.notNegative("dead retention", c.DeadRetention)
	p.notNegative("verify forgotten", c.VerifyForgotten)
	sealerErr := c.Sealer.Validate()
	p.Check(sealerErr == nil, "%w", sealerErr)
	floor := c.packetFloor()
	p.Check(c.PacketMax >= floor && c.PacketMax <= packetCeiling,
		"packet size: %d, with this name and encryption allowed %d to %d",
		c.PacketMax, floor, packetCeiling)
	p.Check(c.UserPacketMax == 0 ||
		c.UserPacketMax >= c.PacketMax && c.UserPacketMax <= packetCeiling,
		"size of packets with one message: %d, allowed 0, and %d to %d",
		c.UserPacketMax, c.PacketMax, packetCeiling)
	p.Check(c.Versions[0] > 0 && c.Versions[0] <= c.Versions[2] && c.Versions[2] <= c.Versions[1],
		"protocol version %d: allowed %d to %d", c.Versions[2], c.Versions[0], c.Versions[1])
	p.Check(c.sim.Base == nil || c.sim.Roster == nil || c.sim.Roster.base == c.sim.Base,
		"roster: not made from the base")
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
	// BroadcastsQueued is the number of waiting messages, or BroadcastsUnknown. Gossip rounds take
	// place while there are any.
	BroadcastsQueued() int
	// AppendAckPayload appends the payload of this node's acks, if they have any.
	AppendAckPayload(b []byte) []byte
	// State returns the user state for a push/pull.
	State(join bool) wire.Rope
}

// LateCarrier is a Carrier whose user state takes long to build. LateState is called instead of
// State, and the function that it returns, unless nil, by the driver: once, outside of the node,
// perhaps at the same time as the node runs. It returns at most room bytes. The other member's
// state may arrive before.
type LateCarrier interface {
	Carrier
	LateState(join bool) func(room int) []byte
}

// BroadcastsUnknown is what a Carrier that doesn't know returns for BroadcastsQueued. It is asked
// for messages in a gossip round each Config.GossipInterval, and for each packet with room.
const BroadcastsUnknown = -1

// Differ is a Carrier whose state can be compared and sent in parts. With any other Carrier whole
// states are exchanged.
type Differ interface {
	Carrier
	// Digest is that of what the state says about members that are here.
	Digest() uint64
	// MemberDigests sets to to those of what the state says about the members from first on.
	MemberDigests(first MemberID, to []uint64)
	// AppendSums appends digests of what the state says about other things than members, by which
	// another node finds out what to send.
	AppendSums(b []byte) []byte
	// SumsDiffer tells whether this node, or one with these sums, lacks something.
	SumsDiffer(sums []byte) bool
	// Part returns the state of the members for which in holds (nil: of none), and of other things
	// that a node with these sums lacks (nil: of none).
	Part(in func(MemberID) bool, sums []byte) wire.Rope
}

// Errors that callers can act on.
var (
	ErrTooLarge = errors.New("too large")
	ErrLeaving  = errors.New("this node is leaving")
	ErrUnknown  = errors.New("no such member")
	ErrNoAnswer = errors.New("no answer in time")
	ErrNoRoute  = errors.New("no route: this node can't send to addresses of that family")
)
