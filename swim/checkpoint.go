package swim

import (
	"net/netip"
	"sort"

	"serf/internal/checkpoint"
	"serf/swim/history"
)

// What a node is between two inputs, as bytes: see serf.Node.AppendState. Each struct has a
// function code that saves it, or restores it into a zero one. What follows from other fields isn't
// saved but found again, and neither is what the configuration says or only lasts for one input.

// Code saves n or, for Restore, restores it.
func (n *Node) Code(c *checkpoint.Coder) {
	if n.cfg.sim.Roster == nil { // otherwise whoever shares it has it
		n.roster.code(c)
	}
	n.members(c, &n.self)
	c.Addr(&n.cfg.Addr)
	checkpoint.Uint(c, &n.cfg.Families)
	n.view.code(c)
	n.codeProbing(c)
	n.codeSpreading(c)
	n.codeExchanges(c)
	n.codeHistory(c)
}

// Restore returns the node that Code saved. The configuration, of which it uses the Zones and the
// Sealer that the node had then, is otherwise that of New. If s has a Roster, that has what it had
// then, the node's references included.
func Restore(cfg Config, s Simulation, c *checkpoint.Coder) (*Node, error) {
	cfg.sim = s
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	n := &Node{cfg: cfg, roster: s.roster()}
	n.view.roster = n.roster
	if b := s.Base; b != nil {
		n.view.recs, n.view.order = b.view.recs.Fork(), b.view.order.Fork()
	}
	n.findDiffer()
	if n.Code(c); c.Err() != nil {
		return nil, c.Err()
	}
	c.Check(n.view.has(n.self) && n.roster.Name(n.self) == cfg.Name)
	return n, c.Err()
}

func (n *Node) members(c *checkpoint.Coder, ids ...*MemberID) { n.roster.CodeIDs(c, ids...) }

// codeProbing codes what decides who is alive.
func (n *Node) codeProbing(c *checkpoint.Coder) {
	checkpoint.Uint(c, &n.inc, &n.lastSeq)
	checkpoint.Int(c, &n.pause.lastInput, &n.pause.shortAfter)
	n.rng.code(c)
	n.codeProbe(c)
	checkpoint.Int(c, &n.health)
	n.codeSuspicions(c)
	for i := range checkpoint.Slice(c, &n.pings.list, 12) {
		n.codePing(c, &n.pings.list[i])
	}
	n.pings.settle()
	n.codeUnresponsive(c)
	n.codeMoves(c)
	n.codeRejoins(c)
	checkpoint.Int(c, &n.forgetPos)
	checkpoint.Uint(c, &n.unpinged)
	n.members(c, &n.relays[0], &n.relays[1])
	for i := range checkpoint.Slice(c, &n.forgotten, 2) {
		f := &n.forgotten[i]
		n.members(c, &f.id)
		checkpoint.Uint(c, &f.ident)
	}
}

// codeSpreading codes what is said to others, and when.
func (n *Node) codeSpreading(c *checkpoint.Coder) {
	g := &n.gossip
	g.queue.Code(c, c.Bytes)
	checkpoint.Int(c, &g.last, &g.toDeadUntil)
	checkpoint.Int(c, &g.gap)
	checkpoint.Uint(c, &g.packets)
	checkpoint.Uint(c, &g.dropsNoted)
	checkpoint.Int(c, &n.replies.until)
	checkpoint.Int(c, &n.replies.used)
	checkpoint.Uint(c, &n.leaving.op, &n.update.op)
	checkpoint.Int(c, &n.leaving.deadline)
	c.Bool(&n.leaving.fast)
	n.counters.code(c)

	d := &n.detours
	for i := range checkpoint.Slice(c, &d.noted, 1) {
		n.members(c, &d.noted[i])
	}
	checkpoint.Int(c, &d.asked)
	c.Addr(&d.helper)
	n.codePeers(c)
}

// peerEntry is what is known of an address: a detour, and the number of a key.
type peerEntry struct {
	at, via netip.AddrPort
	key     int
}

// codePeers codes what is known by address, in the order of the addresses.
func (n *Node) codePeers(c *checkpoint.Coder) {
	var list []peerEntry
	for at, via := range n.detours.via {
		list = append(list, peerEntry{at: at, via: via})
	}
	for at, key := range n.staleKeys {
		list = append(list, peerEntry{at: at, key: key})
	}
	sort.Slice(list, func(i, j int) bool {
		a, b := &list[i], &list[j]
		return a.key == 0 && b.key > 0 || (a.key > 0) == (b.key > 0) && a.at.Compare(b.at) < 0
	})
	for i := range checkpoint.Slice(c, &list, 3) {
		x := &list[i]
		c.Addr(&x.at, &x.via)
		checkpoint.Int(c, &x.key)
		if c.Check(x.key >= 0 && x.key < max(n.cfg.Sealer.KeysOut(), 1)); !c.Restoring() {
			continue
		}
		if x.key > 0 {
			n.setStaleKey(x.at, x.key)
		} else {
			n.setDetour(x.at, x.via)
		}
	}
}

// codeExchanges codes what goes by streams.
func (n *Node) codeExchanges(c *checkpoint.Coder) {
	p := &n.pushPull
	checkpoint.Int(c, &p.next, &p.strangers.after, &p.wide, &p.stockUntil)
	checkpoint.Int(c, &p.catchUp.newcomers)
	checkpoint.Int(c, &p.catchUp.gap, &p.strangers.gap)
	c.Bool(&p.cut)
	for i := range checkpoint.Slice(c, &p.peers, 1) {
		n.members(c, &p.peers[i])
	}
	checkpoint.Int(c, &p.oldest)
	c.Check(p.oldest >= 0 && p.oldest < peersMax && len(p.peers) <= peersMax)
	checkpoint.Uint(c, &n.lastOp)
	checkpoint.Uint(c, &n.streams.last)
	for i := range checkpoint.Slice(c, &n.streams.calls, 11) {
		n.codeCall(c, &n.streams.calls[i])
	}
	for i := range checkpoint.Slice(c, &n.joins, 9) {
		n.joins[i].code(c)
	}
}

func (n *Node) codeCall(c *checkpoint.Coder, x *call) {
	checkpoint.Uint(c, &x.id)
	checkpoint.Uint(c, &x.kind)
	n.members(c, &x.member)
	checkpoint.Uint(c, &x.seq)
	checkpoint.Uint(c, &x.step)
	c.Bool(&x.wide)
	checkpoint.Uint(c, &x.op)
	checkpoint.Int(c, &x.key)
	c.Addr(&x.to)
	checkpoint.Int(c, &x.deadline)
}

func (j *join) code(c *checkpoint.Coder) {
	checkpoint.Uint(c, &j.op)
	for i := range checkpoint.Slice(c, &j.waiting, 1) {
		c.Addr(&j.waiting[i])
	}
	checkpoint.Int(c, &j.reached, &j.slots, &j.failures.Failed)
	c.Bool(&j.alone, &j.one)
	checkpoint.Int(c, &j.widen)
	for i := range checkpoint.Slice(c, &j.failures.First, 2) {
		c.Error(&j.failures.First[i], keptErrors...)
	}
	c.Error(&j.failures.Last, keptErrors...)
	c.Check((j.failures.Last == nil) == (j.failures.Failed == 0))
}

// keptErrors are those that callers can act on, as far as an operation under way may have had them.
// Only append.
var keptErrors = []error{
	ErrMergeRefused, ErrStreamRefused, ErrStreamSilent, errTooManyCalls, errBadAnswer, errRefused,
}

func (r *rng) code(c *checkpoint.Coder) {
	var buf [20]byte
	b, _ := r.pcg.AppendBinary(buf[:0]) // it has no error
	if c.Raw(b); c.Restoring() {
		c.Check(r.pcg.UnmarshalBinary(b) == nil)
	}
}

func (n *Node) codeHistory(c *checkpoint.Coder) {
	some := n.history != nil
	if c.Bool(&some); !some {
		return
	}
	if c.Restoring() {
		n.history = &recorder{log: new(history.Log)}
	}
	h := n.history
	h.log.Code(c)
	checkpoint.Uint(c, &h.learned)
	c.Addr(&h.from)
	n.members(c, &h.member)
	for i := range h.senders {
		n.members(c, &h.senders[i])
	}
}

func (k *Counters) code(c *checkpoint.Coder) {
	checkpoint.Uint(c, &k.PacketsIn, &k.PacketsOut, &k.BytesIn, &k.BytesOut,
		&k.Probes, &k.ProbesEnded, &k.ProbesDirect, &k.ProbesRelayed,
		&k.StreamsIn, &k.StreamsOut, &k.StreamsFailed,
		&k.AliveUpdates, &k.SuspectUpdates, &k.DeadUpdates, &k.ProbesFailed, &k.StreamAcks,
		&k.Suspicions, &k.FailuresUnconfirmed, &k.Refutations,
		&k.PushPulls, &k.PushPullErrors, &k.StatesCut, &k.Pauses,
		&k.DroppedPackets, &k.DroppedLabels, &k.DroppedKeys, &k.DroppedMessages, &k.DroppedVersions,
		&k.DroppedAddresses, &k.DroppedIncarnations, &k.DroppedNames, &k.DroppedForwards,
		&k.DroppedMembers, &k.DroppedMoves, &k.DroppedTooLarge, &k.DroppedNoRoute, &k.DroppedStale,
		&k.RefusedMembers, &k.RefusedMerges)
	checkpoint.Int(c, &k.ProbeTime, &k.RTTs.Sum)
	for i := range k.RTTs.Counts {
		checkpoint.Uint(c, &k.RTTs.Counts[i])
	}
	for i := range k.Claims {
		checkpoint.Uint(c, &k.Claims[i])
	}
}
