package swim

import (
	"net/netip"
	"slices"

	"serf/wire"
)

// gossipPending tells whether there is something to gossip and somebody to tell: an
// idle node wakes for probes alone.
func (n *Node) gossipPending() bool {
	if n.queue.Len() == 0 && (n.cfg.Carrier == nil || n.cfg.Carrier.BroadcastsQueued() == 0) {
		return false
	}
	return n.others() > 0 || n.gossiped.Add(n.cfg.GossipInterval) < n.graveOpen
}

// tickGossip tells some members what waits (spec 2.5). News that comes when nothing was
// said for a while goes out at once.
func (n *Node) tickGossip(now Time, out *Output) {
	n.gossiped = now
	var buf [maxPick]MemberID
	p := &out.scratch.packer
	for _, id := range n.pick(buf[:0], n.cfg.GossipNodes, func(_ MemberID, r *record) bool {
		return r.state.live() || now.Sub(r.since) < n.cfg.GossipToTheDead
	}) {
		p.Reset(n.room())
		if n.fill(now, p); p.Count() == 0 {
			return
		}
		n.flush(n.identity(id).addr, id, p, out)
	}
}

// fill adds waiting broadcasts to p: membership first, but in every fourth packet last, so
// that the layer above gets through while members come and go in numbers (F22).
func (n *Node) fill(now Time, p *wire.Packer) {
	n.fills++
	if n.cfg.Carrier == nil {
		n.queue.Fill(p, n.retransmits())
		return
	}
	if n.fills%carrierShare == 0 {
		n.cfg.Carrier.AppendBroadcasts(now, p)
		n.queue.Fill(p, n.retransmits())
		return
	}
	n.queue.Fill(p, n.retransmits())
	n.cfg.Carrier.AppendBroadcasts(now, p)
}

// carrierShare: of so many packets, one is the layer above's first.
const carrierShare = 4

// retransmits is how often each broadcast is sent now.
func (n *Node) retransmits() int { return retransmitLimit(n.cfg.RetransmitMult, n.view.live) }

// maxPick bounds how many members are drawn at once; Config allows no more.
const maxPick = 64

// pick draws up to k different members, not this one, for which ok holds. Few may be
// ok among many that are gone, so the draw gives up after some misses.
func (n *Node) pick(dst []MemberID, k int, ok func(MemberID, *record) bool) []MemberID {
	total := len(n.view.order)
	if total <= smallView {
		return n.pickSmall(dst, k, ok)
	}
	for misses := 0; len(dst) < k && misses < 4*k+16; {
		// Half of the draws are from those alive, so that tombstones can't crowd them out.
		span := total
		if misses&1 == 1 && n.view.live > 0 {
			span = n.view.live
		}
		id := n.view.order[n.rng.below(span)]
		if id == n.self || slices.Contains(dst, id) || !ok(id, &n.view.recs[id]) {
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
func (n *Node) pickSmall(dst []MemberID, k int, ok func(MemberID, *record) bool) []MemberID {
	var all [smallView]MemberID
	rest := all[:copy(all[:], n.view.order)]
	for len(rest) > 0 && len(dst) < k {
		i := n.rng.below(len(rest))
		id := rest[i]
		rest[i] = rest[len(rest)-1]
		rest = rest[:len(rest)-1]
		if id != n.self && ok(id, &n.view.recs[id]) {
			dst = append(dst, id)
		}
	}
	return dst
}

// others is the number of other members that are alive or suspect.
func (n *Node) others() int {
	if n.view.recs[n.self].state.live() {
		return n.view.live - 1
	}
	return n.view.live
}

// gossip queues msg, built in scratch, as the news about id.
func (n *Node) gossip(id MemberID, msg []byte) { n.queue.Add(uint64(id), msg) }

// appendNews appends what this node knows of id as a message.
func (n *Node) appendNews(b []byte, id MemberID) []byte {
	r, name := n.view.recs[id], n.roster.nameBytes(id)
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

// clip copies a name from a packet into a note.
func clip(name []byte) string {
	const most = 64 // bytes: a log line, not a dump
	if len(name) > most {
		return string(name[:most]) + "..."
	}
	return string(name)
}
