package swim

import (
	"time"

	"serf/wire"
)

// gossip is when the next gossip round is due, and the broadcasts that wait for one.
type gossip struct {
	last        Time          // start of the last round
	gap         time.Duration // from there to the next
	toDeadUntil Time          // until then some dead member still gets gossip
	dropsNoted  uint64        // of queue.Drops
	packets     uint32        // filled so far
	sparing     bool          // see Sparing
	queue       Queue
}

// due is when the next round may start. After a quiet interval that is at once.
func (g *gossip) due() Time { return g.last.Add(g.gap) }

const (
	// leaveSpeedUp is how many times as often rounds come after SpeedUpLeave.
	leaveSpeedUp = 5
	// carrierShare: one in carrierShare packets is filled by the layer above first.
	carrierShare = 4
)

// gossipPending tells whether there is something to gossip and somebody to send it to: an idle node
// wakes for probes only.
func (n *Node) gossipPending() bool {
	if !n.has(PromptGossip) {
		return true
	}
	return (n.waiting() > 0 || n.polls()) && (n.others() > 0 || n.gossip.due() < n.gossip.toDeadUntil)
}

// waiting is the number of queued broadcasts, those of the layer above included as far as it knows.
func (n *Node) waiting() int {
	if n.cfg.Carrier == nil {
		return n.gossip.queue.Len()
	}
	return n.gossip.queue.Len() + max(n.cfg.Carrier.BroadcastsQueued(), 0)
}

// polls tells whether the layer above has to be asked whether it has broadcasts.
func (n *Node) polls() bool {
	return n.cfg.Carrier != nil && n.cfg.Carrier.BroadcastsQueued() == BroadcastsUnknown
}

// roundStart is the time that counts as the start of the round that is due at now.
func (n *Node) roundStart(now Time) Time {
	if n.has(PromptGossip) {
		return now
	}
	// Like a ticker: missed rounds are skipped, and the others stay in step.
	return now.Add(-(now.Sub(n.gossip.last) % n.cfg.GossipInterval))
}

// tickGossip starts a round: some members get the same packet, which in a small cluster reaches
// everybody.
func (n *Node) tickGossip(now Time, out *Output) {
	n.gossip.last, n.gossip.gap = n.roundStart(now), n.cfg.GossipInterval
	if n.leaving.fast {
		n.gossip.gap /= leaveSpeedUp
	}
	var buf [maxPick]MemberID
	to, living := n.pickGossip(buf[:0], now)
	if len(to) == 0 {
		return
	}
	waiting := n.waiting()
	p := &out.scratch.packer
	p.Reset(n.room())
	n.fill(now, p, living)
	if p.Count() == 0 {
		return
	}
	n.flushAll(to, p, out)
	if p.Count() < waiting {
		n.paceBurst(p.Len() * len(to))
	}
}

// pickGossip draws the members of a round. living is how many count as recipients, at least 1: not
// the dead, and while most members don't answer only those heard from lately. In a small cluster
// the others would use up the retransmissions.
func (n *Node) pickGossip(to []MemberID, now Time) (_ []MemberID, living int) {
	ok := func(_ MemberID, r record) bool { return r.state.live() }
	to = n.pickResponsive(to, n.cfg.GossipNodes, ok)
	living = len(to)
	to = n.pickNear(to, max(n.cfg.GossipNodes, living+1), ok)
	if living == 0 {
		living = len(to)
	}
	if now < n.gossip.toDeadUntil { // one more, which may be alive after all
		to = n.pick(to, len(to)+1, func(_ MemberID, r record) bool {
			return r.state == Dead && now.Sub(r.since) < n.cfg.GossipToTheDead
		})
	}
	return to, max(living, 1)
}

// flushAll seals the messages in p, once for members that understand checksums and once for the
// rest, and outputs a packet for each of to.
func (n *Node) flushAll(to []MemberID, p *wire.Packer, out *Output) {
	var sealed [2][]byte
	for _, id := range to {
		kind := 0
		if n.checksummed(id) {
			kind = 1
		}
		if sealed[kind] == nil {
			sealed[kind] = n.seal(n.cfg.Sealer, p, kind == 1, out)
		}
		addr := n.identity(id).addr
		n.put(addr, sealed[kind], out)
		if s := n.staleKeySealer(addr); s != nil {
			n.put(addr, n.seal(s, p, kind == 1, out), out)
		}
	}
}

// paceBurst shortens the gap after a round that left broadcasts behind: a burst of updates goes out
// at Config.GossipRate instead of one packet an interval.
func (n *Node) paceBurst(sent int) {
	const leastGap = time.Millisecond // fewer timers, larger turns
	if n.cfg.GossipRate > 0 && n.has(PromptGossip) {
		gap := time.Duration(sent) * time.Second / time.Duration(n.cfg.GossipRate)
		n.gossip.gap = min(n.gossip.gap, max(gap, leastGap))
	}
}

// fill adds waiting broadcasts to p, a packet for this many recipients. Membership goes first, but
// last in every fourth packet, so that the layer above gets through while many members come and go
// (F22).
func (n *Node) fill(now Time, p *wire.Packer, copies int) {
	above := n.cfg.Carrier
	n.gossip.packets++
	if above != nil && n.gossip.packets%carrierShare == 0 {
		above.AppendBroadcasts(now, p, copies)
		above = nil
	}
	if n.gossip.queue.Len() > 0 {
		n.gossip.queue.Fill(p, n.Retransmits(), copies)
	}
	if above != nil {
		above.AppendBroadcasts(now, p, copies)
	}
}

// fillAlong adds waiting broadcasts to p, a packet for one member that is sent anyway.
func (n *Node) fillAlong(now Time, p *wire.Packer, to MemberID) {
	n.gossip.sparing = to != NoMember && !n.passes(to)
	n.fill(now, p, 1)
	n.gossip.sparing = false
}

// Sparing tells the Carrier whether the packet that it adds to goes to another zone, so that it
// should carry only what is new.
func (n *Node) Sparing() bool { return n.gossip.sparing }

// Retransmits is how often a broadcast is sent at the present number of members.
func (n *Node) Retransmits() int { return retransmitLimit(n.cfg.RetransmitMult, n.view.live) }

// broadcast queues msg, which replaces a queued message about the same member. With NoMember it
// replaces nothing.
func (n *Node) broadcast(id MemberID, msg []byte) {
	if len(msg) > n.room() {
		n.counters.DroppedTooLarge++ // by a member with larger packets: it would wait for ever
		return
	}
	n.gossip.queue.Add(uint64(id), msg)
}

// appendUpdate appends what this node knows of id as a message.
func (n *Node) appendUpdate(b []byte, id MemberID) []byte {
	r, name := n.view.at(id), n.roster.nameBytes(id)
	if r.state != Alive {
		return appendAccusation(b, name, r.state, r.inc, n.ownName())
	}
	d := n.identity(id)
	addr := addrBytes(d.addr.Addr())
	m := wire.Alive{
		Inc: r.inc, Node: name, Addr: addr.slice(), Port: d.addr.Port(),
		Meta: d.meta, Vsn: d.versions[:],
	}
	return m.Append(b)
}
