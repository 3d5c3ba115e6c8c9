package swim

import (
	"net/netip"
	"slices"
	"time"

	"serf/wire"
)

// gossipPending tells whether there is something to gossip and somebody to tell: an
// idle node wakes for probes alone.
func (n *Node) gossipPending() bool {
	if !n.has(PromptGossip) {
		return true
	}
	return n.waiting() > 0 && (n.others() > 0 || n.gossipDue() < n.graveOpen)
}

// waiting is how many broadcasts wait, those of the layer above included.
func (n *Node) waiting() int {
	if n.cfg.Carrier == nil {
		return n.queue.Len()
	}
	return n.queue.Len() + n.cfg.Carrier.BroadcastsQueued()
}

// gossipDue is when the next round may be. News that comes when nothing was said for a
// while goes out at once.
func (n *Node) gossipDue() Time { return n.gossiped.Add(n.gossipPause) }

// gossipBeat is when the round that is due at now counts as begun.
func (n *Node) gossipBeat(now Time) Time {
	if n.has(PromptGossip) {
		return now
	}
	// A ticker: rounds that were missed are left out, the others stay in step.
	return now.Add(-(now.Sub(n.gossiped) % n.cfg.GossipInterval))
}

// tickGossip tells some members what waits (spec 2.5). All of them are told the same: what
// one packet holds reaches each, in a small cluster everybody.
func (n *Node) tickGossip(now Time, out *Output) {
	n.gossiped, n.gossipPause = n.gossipBeat(now), n.cfg.GossipInterval
	if n.hasty {
		n.gossipPause /= hasteFactor
	}
	var buf [maxPick]MemberID
	ok := func(_ MemberID, r record) bool { return r.state.live() }
	to := n.pickHeard(buf[:0], n.cfg.GossipNodes, ok)
	living := len(to)
	to = n.pick(to, max(n.cfg.GossipNodes, living+1), ok)
	if living == 0 {
		living = len(to)
	}
	all := len(to)
	if now < n.graveOpen { // one more, who may live after all
		to = n.pick(to, all+1, func(_ MemberID, r record) bool {
			return r.state == Dead && now.Sub(r.since) < n.cfg.GossipToTheDead
		})
	}
	if len(to) == 0 {
		return
	}
	waiting := n.waiting()
	p := &out.scratch.packer
	p.Reset(n.room())
	// The dead don't count: in a small cluster they would use up what the living are to hear. Neither do those
	// who may be dead, if there is somebody who isn't.
	n.fill(now, p, max(living, 1))
	if p.Count() == 0 {
		return
	}
	n.flushAll(to, p, out)
	if p.Count() < waiting {
		n.hurryGossip(p.Len() * len(to))
	}
}

// SpeedUpLeave lets gossip rounds come hasteFactor times as often from now on: this node is about to
// leave. With the profile for the internet, telling it in the usual rhythm takes longer than
// whoever waits for the process to end will.
func (n *Node) SpeedUpLeave() { n.hasty = true }

const hasteFactor = 5

// flushAll seals what is in p, once for those who understand checksums and once for
// those who don't, and puts it out for each of to.
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
		if s := n.laggardSealer(addr); s != nil {
			n.put(addr, n.seal(s, p, kind == 1, out), out)
		}
	}
}

// hurryGossip shortens the pause after a round that left something behind: a burst of news
// goes out as fast as Config.GossipRate allows, instead of a packet an interval.
func (n *Node) hurryGossip(sent int) {
	const leastPause = time.Millisecond // fewer timers, larger turns
	if n.cfg.GossipRate > 0 && n.has(PromptGossip) {
		pause := time.Duration(sent) * time.Second / time.Duration(n.cfg.GossipRate)
		n.gossipPause = min(n.gossipPause, max(pause, leastPause))
	}
}

// fill adds waiting broadcasts to p, which goes to so many members as copies says: membership
// first, but in every fourth packet last, so that the layer above gets through while
// members come and go in numbers (F22).
func (n *Node) fill(now Time, p *wire.Packer, copies int) {
	above := n.cfg.Carrier
	n.fills++
	if above != nil && n.fills%carrierShare == 0 {
		above.AppendBroadcasts(now, p, copies)
		above = nil
	}
	if n.queue.Len() > 0 {
		n.queue.Fill(p, n.retransmits(), copies)
	}
	if above != nil {
		above.AppendBroadcasts(now, p, copies)
	}
}

// carrierShare: of so many packets, one is the layer above's first.
const carrierShare = 4

// retransmits is how often each broadcast is sent now.
func (n *Node) retransmits() int { return retransmitLimit(n.cfg.RetransmitMult, n.view.live) }

// maxPick bounds how many members are drawn at once: Config allows 64, one that may be dead, and one that is.
const maxPick = 64 + 2

// pick draws up to k different members, not this one, for which ok holds and to whom there is a way. Few may be
// ok among many that are gone, so the draw gives up after some misses. Those in dst stay.
func (n *Node) pick(dst []MemberID, k int, ok func(MemberID, record) bool) []MemberID {
	total := n.view.len()
	if total <= smallView {
		return n.pickSmall(dst, k, ok)
	}
	for misses := 0; len(dst) < k && misses < 4*k+16; {
		// Half of the draws are from those alive, so that tombstones can't crowd them out.
		span := total
		if misses&1 == 1 && n.view.live > 0 {
			span = n.view.live
		}
		id := n.view.order.At(n.rng.below(span))
		if id == n.self || slices.Contains(dst, id) || !ok(id, n.view.at(id)) || !n.reachesMember(id) {
			misses++
			continue
		}
		dst = append(dst, id)
	}
	return dst
}

// smallView is a view in which random draws would often meet the same member.
const smallView = 32

// pickSmall draws from a shuffled copy: it finds everyone who is ok.
func (n *Node) pickSmall(dst []MemberID, k int, ok func(MemberID, record) bool) []MemberID {
	var all [smallView]MemberID
	rest := all[:0]
	for id := range n.view.all {
		rest = append(rest, id)
	}
	for len(rest) > 0 && len(dst) < k {
		i := n.rng.below(len(rest))
		id := rest[i]
		rest[i] = rest[len(rest)-1]
		rest = rest[:len(rest)-1]
		if id != n.self && !slices.Contains(dst, id) && ok(id, n.view.at(id)) && n.reachesMember(id) {
			dst = append(dst, id)
		}
	}
	return dst
}

// others is the number of other members that are alive or suspect.
func (n *Node) others() int {
	if n.view.at(n.self).state.live() {
		return n.view.live - 1
	}
	return n.view.live
}

// gossip queues msg, built in scratch, as the news about id, which replaces what is queued about
// it; of NoMember it replaces nothing.
func (n *Node) gossip(id MemberID, msg []byte) {
	if len(msg) > n.room() {
		n.counters.DroppedTooLarge++ // of a member with larger packets: it would wait for ever
		return
	}
	n.queue.Add(uint64(id), msg)
}

// appendNews appends what this node knows of id as a message.
func (n *Node) appendNews(b []byte, id MemberID) []byte {
	r, name := n.view.at(id), n.roster.nameBytes(id)
	switch r.state {
	case Suspect:
		m := wire.Suspect{Inc: r.inc, Node: name, From: n.roster.nameBytes(n.self)}
		return m.Append(b)
	case Dead:
		m := wire.Dead{Inc: r.inc, Node: name, From: n.roster.nameBytes(n.self)}
		return m.Append(b)
	case Left:
		m := wire.Dead{Inc: r.inc, Node: name, From: name}
		return m.Append(b)
	}
	d := n.identity(id)
	addr := addrBytes(d.addr.Addr())
	m := wire.Alive{Inc: r.inc, Node: name, Addr: addr.slice(), Port: d.addr.Port(), Meta: d.meta, Vsn: d.versions[:]}
	return m.Append(b)
}

// ipBytes is an address as messages carry it, without an allocation.
type ipBytes struct {
	b [16]byte
	n uint8
}

func addrBytes(a netip.Addr) ipBytes {
	a = a.Unmap()
	if a.Is4() {
		x := ipBytes{n: 4}
		b := a.As4()
		copy(x.b[:], b[:])
		return x
	}
	return ipBytes{b: a.As16(), n: 16}
}

func (x *ipBytes) slice() []byte { return x.b[:x.n] }

// ClipText copies a name from a packet into a note.
func ClipText(name []byte) string {
	const most = 64 // bytes: a log line, not a dump
	if len(name) > most {
		return string(name[:most]) + "..."
	}
	return string(name)
}
