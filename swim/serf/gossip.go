package serf

import (
	"net/netip"

	"serf/swim"
	"serf/wire"
)

// gossip is this layer's broadcast queues. Each holds swim.QueueMax messages; when it is full the
// one that was sent most often is dropped, and counted.
type gossip struct {
	turns   uint8 // packets filled, modulo 256
	changed bool  // a message was queued or dropped since the last noteDrops
	queued  int   // messages in all queues; see recount

	rebroadcasts             swim.Rebroadcasts // of events; askers repeat queries themselves
	intents, queries, events swim.Queue

	buf   []byte                                  // of wrap
	noted struct{ drops, tooLarge, large uint64 } // figures of the last notes
}

func (g *gossip) init() {
	g.events.Fair, g.queries.Fair = true, true // messages count equally, and lose value with age
	g.events.Rebroadcasts = &g.rebroadcasts
}

func (g *gossip) recount() { g.queued = g.intents.Len() + g.queries.Len() + g.events.Len() }

func (g *gossip) drops() uint64 {
	return g.intents.Drops() + g.queries.Drops() + g.events.Drops()
}

// sent is the messages that were gossiped, counted once per recipient, and their bytes.
func (g *gossip) sent() (messages, bytes uint64) {
	for _, q := range [...]*swim.Queue{&g.intents, &g.queries, &g.events} {
		m, b := q.Sent()
		messages, bytes = messages+m, bytes+b
	}
	return messages, bytes - messages // without the type byte that wrap adds
}

// wrap returns a Serf message as a user message of the membership, valid until the next wrap.
func (g *gossip) wrap(msg []byte) []byte {
	g.buf = wire.AppendUser(g.buf[:0], msg)
	return g.buf
}

// broadcastIntent queues msg, an intent about name, in place of an older one about the same member.
func (n *Node) broadcastIntent(name, msg []byte) {
	n.broadcast(&n.gossip.intents, uint64(n.lookup(name)), msg)
}

// broadcast queues a copy of msg. A node that is alone queues nothing: members that come later
// learn it by push/pull.
func (n *Node) broadcast(q *swim.Queue, key uint64, msg []byte) {
	if n.alone() {
		return
	}
	n.gossip.changed = true
	if len(msg) > n.swim.MaxUser() {
		// It would wait for ever, and keep gossip busy for nothing.
		n.count.TooLargeToGossip++
		return
	}
	q.Add(key, n.gossip.wrap(msg))
	n.gossip.recount()
}

// sendTo sends msg to one address: in a packet if it fits, by a stream otherwise.
func (n *Node) sendTo(now swim.Time, to netip.AddrPort, msg []byte, out *swim.Output) {
	if len(msg) > n.swim.MaxUser() {
		n.swim.SendUserStream(now, to, msg, out)
		return
	}
	n.swim.SendUser(now, to, msg, out)
}

// carrier is how swim sees this layer.
type carrier struct{ n *Node }

// fairTurn: in one packet out of so many, events come before intents, or a storm of intents would
// hold up user events until it is over. The membership yields to this layer in one packet out of
// four; the two numbers must have no common divisor.
const fairTurn = 3

// AppendBroadcasts implements swim.Carrier.
func (c carrier) AppendBroadcasts(_ swim.Time, p *wire.Packer, copies int) {
	g := &c.n.gossip
	g.turns++
	if g.queued > 0 {
		g.fill(p, c.n.swim.Retransmits(), copies)
	}
	if copies == 1 && !c.n.swim.Sparing() { // a ping or an ack, which is sent anyway
		g.rebroadcasts.Fill(p)
	}
}

// fill adds queued messages to a packet that goes to so many members.
func (g *gossip) fill(p *wire.Packer, limit, copies int) {
	order := [3]*swim.Queue{&g.intents, &g.queries, &g.events}
	if g.turns%fairTurn == 0 {
		order[0], order[2] = order[2], order[0]
	}
	for _, q := range order {
		q.Fill(p, limit, copies)
	}
	g.recount()
}

// BroadcastsQueued implements swim.Carrier.
func (c carrier) BroadcastsQueued() int { return c.n.gossip.queued }

// AppendAckPayload implements swim.Carrier.
func (c carrier) AppendAckPayload(b []byte) []byte { return c.n.coords.appendPayload(b) }

// State implements swim.Carrier.
func (c carrier) State(bool) wire.Rope { return *c.n.state() }

// noteDrops notes the messages that were dropped since the last time, at most once per reason and
// call.
func (n *Node) noteDrops(out *swim.Output) {
	g := &n.gossip
	if !g.changed {
		return
	}
	g.changed = false
	for _, d := range [...]struct {
		total uint64
		noted *uint64
		code  swim.NoteCode
	}{
		{g.drops(), &g.noted.drops, NoteQueueFull},
		{n.count.TooLargeToGossip, &g.noted.tooLarge, NoteTooLargeToGossip},
		{n.count.LargeEventsDropped, &g.noted.large, NoteLargeDropped},
	} {
		if d.total != *d.noted {
			*d.noted = d.total
			n.note(out, swim.Warn, d.code, swim.Note{N: int64(d.total)})
		}
	}
}
