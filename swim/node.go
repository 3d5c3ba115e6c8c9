package swim

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"serf/swim/history"
	"serf/wire"
)

// Node is one member of a cluster: SWIM with Lifeguard's extensions. It is a Machine; see there for
// who owns what.
type Node struct {
	// What most inputs read comes first, see Preload. With thousands of nodes in one process, an
	// input costs what it takes to get its node's memory into the cache.
	roster    *Roster
	self      MemberID
	inc       uint32    // own incarnation
	history   *recorder // nil if nobody wants to know
	pause     pause
	forgotten []forgotten // in the last call
	probe     probe
	health    int    // Lifeguard's local health multiplier: 0 is healthy
	lastSeq   uint32 // of pings
	unpinged  uint8  // refutations since another member last pinged this one

	suspicions   suspicions
	update       update
	pings        pendingPings
	leaving      leave
	lastOp       OpID
	joins        []join
	unresponsive unresponsive
	moves        moves
	gossip       gossip
	pushPull     pushPull
	rng          rng
	staleKeys    staleKeyPeers
	view         view
	rejoins      rejoins
	counters     Counters
	cfg          Config

	detours   detours
	streams   streams
	forgetPos int // of view.order: the next record that forgetOld looks at
	replies   replyBudget
	relays    relays
	changes   *Changes // nil if nobody wants to know

	candidates []MemberID // memory for Config.Select
}

// scratch is working memory that any number of nodes share through their Output.
type scratch struct {
	opened  wire.Scratch // backs the messages of the packet being read
	sealed  wire.Scratch
	packer  wire.Packer
	msgs    [][]byte
	msg     []byte // messages being built
	payload []byte // of an ack
	body    []byte // one packet being built
	acks    []ackDue
	// corrections are due to the sender of the packet being read.
	corrections []MemberID
	// forwards counts the pings that the packet being read requested on behalf of others.
	forwards int
}

// New returns a node that is alive at incarnation 1 and knows nobody else. The error joins every
// problem of c.
func New(now Time, c Config, out *Output) (*Node, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	n := &Node{
		cfg: c, roster: c.sim.roster(), rng: newRNG(c.Seed), inc: 1, lastSeq: uint32(mix(c.Seed)),
	}
	n.cfg.Addr = plainAddr(c.Addr)
	n.findDiffer()
	n.pause.lastInput = now
	n.gossip.last = now.Add(-c.GossipInterval)
	if !n.has(PromptGossip) {
		n.gossip.last, n.gossip.gap = now.Add(-n.stagger(c.GossipInterval)), c.GossipInterval
	}
	n.leaving.deadline, n.pushPull.next = Never, Never
	if c.sim.Base != nil {
		if err := n.startWarm(now); err != nil {
			return nil, err
		}
		return n, nil
	}
	n.view.roster = n.roster
	n.self = n.roster.acquireMember([]byte(c.Name))
	if n.self == NoMember {
		return nil, fmt.Errorf("roster: %d names, limit %d: %w",
			n.roster.Len(), maxMembers, ErrTooLarge)
	}
	ident := n.roster.acquireIdent(n.self, profile{n.cfg.Addr, c.Meta, c.Versions})
	n.view.add(n.self, ident, Alive, n.inc, now)
	n.place(n.self)
	n.counters.AliveUpdates++
	n.view.size = n.roster.stateSize(n.self, ident)
	// Staggered, so that members that start together don't act in step.
	n.probe.next = now.Add(n.stagger(c.ProbeInterval))
	if c.PushPullInterval > 0 {
		n.pushPull.next = now.Add(n.stagger(c.PushPullInterval))
	}
	out.event(Event{Kind: EventJoined, Member: n.self})
	return n, nil
}

// stagger returns a random duration below d.
func (n *Node) stagger(d time.Duration) time.Duration {
	return time.Duration(n.rng.float() * float64(d))
}

// Release returns this node's references to the roster. It is for simulations whose nodes share
// one; the node must not be used afterwards.
func (n *Node) Release() {
	n.releaseForgotten()
	for id := range n.view.all {
		n.roster.releaseIdent(id, n.view.at(id).ident)
		n.roster.releaseMember(id)
	}
	n.view = view{}
}

// Deadline implements Machine.
func (n *Node) Deadline() Time {
	d := min(n.probe.deadline(), n.unresponsive.deadline(), n.pings.deadline(),
		n.suspicions.deadline(), n.moves.deadline(), n.pushPull.next,
		n.leaveDeadline(), n.updateDeadline(), n.joinsDeadline())
	if n.gossipPending() {
		d = min(d, n.gossip.due())
	}
	return d
}

// Tick implements Machine.
func (n *Node) Tick(now Time, out *Output) {
	n.releaseForgotten()
	n.EndInput()
	n.noticePause(now, out)
	n.expirePending(now, out)
	n.expireMoves(now, out)
	n.expireSuspicions(now, out)
	n.tickProbe(now, out)
	n.tickUnresponsive(now, out)
	if now >= n.pushPull.next {
		n.tickPushPull(now, out)
	}
	if n.gossipPending() && now >= n.gossip.due() {
		n.tickGossip(now, out)
	}
	n.tickJoins(now, out)
	n.tickUpdate(out)
	n.tickLeave(now, out)
	n.noteDrops(out)
}

// Packet implements Machine.
func (n *Node) Packet(now Time, from netip.AddrPort, p []byte, out *Output) {
	n.releaseForgotten()
	n.noticePause(now, out)
	n.counters.PacketsIn++
	n.counters.BytesIn += uint64(len(p))
	from = unmapped(from)
	n.history.input(history.ByGossip, from, NoMember)
	sc := &out.scratch
	msgs, err := n.cfg.Sealer.OpenPacket(p, &sc.opened, sc.msgs[:0])
	sc.msgs = msgs
	if err != nil {
		n.dropPacket(from, err, out)
	}
	n.noteKey(from, sc.opened.Key())
	sc.acks, sc.forwards, sc.corrections = sc.acks[:0], 0, sc.corrections[:0]
	for _, m := range msgs {
		n.handleMessage(now, from, m, out)
	}
	// Acks go last: they carry what this packet made us say, a refutation for example.
	for _, a := range sc.acks {
		n.sendAck(now, a, out)
	}
	n.sendCorrections(from, out)
}

// dropPacket counts a packet that couldn't be opened completely.
func (n *Node) dropPacket(from netip.AddrPort, err error, out *Output) {
	n.counters.DroppedPackets++
	switch err {
	case wire.ErrLabel, wire.ErrNoLabel:
		n.counters.DroppedLabels++
	case wire.ErrNoKey, wire.ErrNotEncrypted:
		n.counters.DroppedKeys++
	}
	out.note(Note{Level: Warn, Code: NotePacketDropped, From: from, Err: err})
}

// handleMessage dispatches one message of a packet.
func (n *Node) handleMessage(now Time, from netip.AddrPort, m []byte, out *Output) {
	if len(m) == 0 {
		n.dropMessage(from, m, errMalformed, out)
		return
	}
	body, ok := m[1:], true
	switch wire.Type(m[0]) {
	case wire.TypePing:
		ok = n.handlePing(now, from, body, out)
	case wire.TypeIndirectPing:
		ok = n.handleIndirectPing(now, from, body, out)
	case wire.TypeAck:
		ok = n.handleAck(now, from, body, out)
	case wire.TypeNack:
		ok = n.handleNack(body)
	case wire.TypeSuspect:
		ok = n.handleSuspect(now, body, out)
	case wire.TypeAlive:
		ok = n.handleAlive(now, from, body, out)
	case wire.TypeDead:
		ok = n.handleDead(now, body, out)
	case wire.TypeUser:
		out.event(Event{Kind: EventUser, Addr: from, Data: body})
	default:
		n.dropMessage(from, m, errUnknownType, out)
	}
	if !ok {
		n.dropMessage(from, m, errMalformed, out)
	}
}

// Reasons to drop a message.
var (
	errMalformed   = errors.New("malformed")
	errUnknownType = errors.New("unknown type")
)

func (n *Node) dropMessage(from netip.AddrPort, m []byte, err error, out *Output) {
	n.counters.DroppedMessages++
	kind := int64(-1)
	if len(m) > 0 {
		kind = int64(m[0])
	}
	out.note(Note{Level: Warn, Code: NoteMessageDropped, From: from, N: kind, Err: err})
}

// send sends msgs with as much waiting gossip as fits. to is the member at addr, or NoMember if
// unknown: it decides whether the packet gets a checksum. Empty messages are left out.
func (n *Node) send(now Time, addr netip.AddrPort, to MemberID, out *Output, msgs ...[]byte) {
	n.pack(out, msgs)
	n.fillAlong(now, &out.scratch.packer, to)
	n.ship(addr, to, out)
}

// sendBare is send without gossip, for addresses where perhaps nobody listens: gossip sent there
// would count as sent.
func (n *Node) sendBare(addr netip.AddrPort, to MemberID, out *Output, msgs ...[]byte) {
	n.pack(out, msgs)
	n.ship(addr, to, out)
}

// sendUnlessDown is send, or sendBare if the member is likely to be down.
func (n *Node) sendUnlessDown(
	now Time, addr netip.AddrPort, to MemberID, out *Output, msgs ...[]byte,
) {
	if n.likelyDown(to) {
		n.sendBare(addr, to, out, msgs...)
		return
	}
	n.send(now, addr, to, out, msgs...)
}

func (n *Node) pack(out *Output, msgs [][]byte) {
	p := &out.scratch.packer
	p.Reset(n.room())
	for _, m := range msgs {
		if len(m) > 0 && !p.Add(m) {
			n.counters.DroppedTooLarge++
		}
	}
}

// ship sends what is in the packer, if there is anything.
func (n *Node) ship(addr netip.AddrPort, to MemberID, out *Output) {
	p := &out.scratch.packer
	if p.Count() == 0 {
		return
	}
	checksum := n.checksummed(to)
	n.put(addr, n.seal(n.cfg.Sealer, p, checksum, out), out)
	if s := n.staleKeySealer(addr); s != nil {
		n.put(addr, n.seal(s, p, checksum, out), out)
	}
}

// room is the number of bytes that one packet can carry before it is sealed.
func (n *Node) room() int { return n.cfg.PacketMax - n.cfg.Sealer.Overhead() }

// trusts tells whether everything received was sent by a holder of a key.
func (n *Node) trusts() bool {
	s := n.cfg.Sealer
	return s != nil && s.Keys != nil && !s.PlainIn
}

// seal returns the messages in p as a packet, valid until the output is reset.
func (n *Node) seal(s *wire.Sealer, p *wire.Packer, checksum bool, out *Output) []byte {
	sc := &out.scratch
	sc.body = p.AppendTo(sc.body[:0])
	start := len(out.arena)
	out.arena = s.SealPacket(out.arena, sc.body, checksum, &sc.sealed)
	return out.arena[start:len(out.arena):len(out.arena)]
}

// put outputs a packet if there is a route.
func (n *Node) put(to netip.AddrPort, data []byte, out *Output) {
	to, ok := n.Route(to)
	if !ok {
		n.counters.DroppedNoRoute++
		return
	}
	out.Packets = append(out.Packets, Packet{To: to, Data: data})
	n.counters.PacketsOut++
	n.counters.BytesOut += uint64(len(data))
}

// checksummed tells whether id is known to understand the CRC layer.
func (n *Node) checksummed(id MemberID) bool {
	const since = 5 // protocol
	return id != NoMember && n.identity(id).versions[1] >= since
}

// identity returns what a known member says about itself.
func (n *Node) identity(id MemberID) *identity {
	return &n.roster.idents[n.view.at(id).ident]
}

// member returns the ID of a name that this node has a record of, or NoMember.
func (n *Node) member(name []byte) MemberID {
	id, _ := n.find(name)
	return id
}

// find returns the ID of a name and this node's record of it, or NoMember.
func (n *Node) find(name []byte) (MemberID, record) {
	id := n.roster.Lookup(name)
	r := n.view.at(id)
	if !r.known() {
		return NoMember, record{}
	}
	return id, r
}

// memberAt tells whether addr is the known address of id, or the detour to it.
func (n *Node) memberAt(id MemberID, addr netip.AddrPort) bool {
	if id == NoMember {
		return false
	}
	known := n.identity(id).addr
	return known == addr || n.cfg.Families != 0 && n.detours.via[known] == addr
}

// ownName is this node's name as messages carry it.
func (n *Node) ownName() []byte { return n.roster.nameBytes(n.self) }

func (n *Node) nextSeq() uint32 {
	n.lastSeq++
	return n.lastSeq
}

func (n *Node) nextOp() OpID {
	n.lastOp++
	return n.lastOp
}

// adjustHealth moves the health score within its bounds.
func (n *Node) adjustHealth(by int, out *Output) {
	if !n.has(LocalHealth) {
		return
	}
	was := n.health
	n.health = min(max(n.health+by, 0), n.cfg.AwarenessMax-1)
	if n.health != was {
		out.note(Note{Level: Debug, Code: NoteDegraded, N: int64(n.health)})
	}
}

// noteDrops reports, once a tick, that broadcasts were dropped because the queue was full.
func (n *Node) noteDrops(out *Output) {
	if d := n.gossip.queue.Drops(); d != n.gossip.dropsNoted {
		n.gossip.dropsNoted = d
		out.note(Note{Level: Warn, Code: NoteQueueFull, N: int64(d)})
	}
}

// note and event copy large structs: inlined at all their calls, that is 24 kB of program.
func (o *Output) note(x Note) { o.Notes = append(o.Notes, x) }

func (o *Output) event(e Event) { o.Events = append(o.Events, e) }
