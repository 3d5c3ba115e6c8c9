package serf

import (
	"net/netip"

	"serf/swim"
	"serf/wire"
)

// gossip is what waits to be told to others by this layer. Each queue holds swim.QueueMax
// messages; what was sent most is given up first, and counted.
type gossip struct {
	turns   uint8 // packets filled
	fresh   bool  // something was queued, or couldn't be, since noteDrops looked
	waiting int   // messages in all queues, as they are counted after each change

	intents, queries, events swim.Queue
	echoes                   swim.Rebroadcasts // of events: unlike queries, nobody repeats them

	buf   []byte                                  // a message with its type byte
	noted struct{ drops, tooLarge, large uint64 } // those that have been told
}

func (g *gossip) recount() { g.waiting = g.intents.Len() + g.queries.Len() + g.events.Len() }

func (g *gossip) drops() uint64 {
	return g.intents.Drops() + g.queries.Drops() + g.events.Drops()
}

// sent is how many messages have been gossiped, counted for each member that they went to, and their bytes.
func (g *gossip) sent() (messages, bytes uint64) {
	for _, q := range [...]*swim.Queue{&g.intents, &g.queries, &g.events} {
		m, b := q.Sent()
		messages, bytes = messages+m, bytes+b
	}
	return messages, bytes - messages // without the type byte of the layer below
}

// user returns msg, one of Serf's, as a message of the layer below.
func (g *gossip) user(msg []byte) []byte {
	g.buf = wire.AppendUser(g.buf[:0], msg)
	return g.buf
}

// spreadIntent queues msg, an intent about name. It replaces an older one about the same
// member: with a queue of news the newest is all that counts.
func (n *Node) spreadIntent(name, msg []byte) {
	n.spread(&n.gossip.intents, uint64(n.lookup(name)), msg)
}

// spread queues a copy of msg. Somebody who is alone tells nobody: who comes
// later learns by push/pull.
func (n *Node) spread(q *swim.Queue, key uint64, msg []byte) {
	if n.alone() {
		return
	}
	n.gossip.fresh = true
	if len(msg) > n.swim.MaxUser() {
		// It would wait for ever, with gossip armed for nothing.
		n.count.TooLargeToGossip++
		return
	}
	q.Add(key, n.gossip.user(msg))
	n.gossip.recount()
}

// sendTo sends msg to a member: in a packet if it fits, else by a stream.
func (n *Node) sendTo(now swim.Time, to netip.AddrPort, msg []byte, out *swim.Output) {
	if len(msg) > n.swim.MaxUser() {
		n.swim.SendUserStream(now, to, msg, out)
		return
	}
	n.swim.SendUser(now, to, msg, out)
}

// carrier is this layer as swim sees it.
type carrier struct{ n *Node }

// fairTurn: in one packet of so many the order of the queues is reversed. Else a
// storm of intents keeps user events waiting until it's over (F22). The membership gives way to this
// layer in one of four: the two must not keep in step.
const fairTurn = 3

// AppendBroadcasts implements swim.Carrier.
func (c carrier) AppendBroadcasts(_ swim.Time, p *wire.Packer, copies int) {
	g := &c.n.gossip
	g.turns++
	if g.waiting > 0 {
		g.fill(p, c.n.swim.Retransmits(), copies)
	}
	if copies == 1 { // a ping or an ack, which goes out anyway
		g.echoes.Fill(p)
	}
}

// fill adds what waits to p, which goes to so many members.
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
func (c carrier) BroadcastsQueued() int { return c.n.gossip.waiting }

// AppendAckPayload implements swim.Carrier.
func (c carrier) AppendAckPayload(b []byte) []byte { return c.n.coords.appendPayload(b) }

// State implements swim.Carrier.
func (c carrier) State(bool) wire.Rope { return *c.n.state() }

// noteDrops tells what got no place in the queues, once for all since the last time.
func (n *Node) noteDrops(out *swim.Output) {
	g := &n.gossip
	if !g.fresh {
		return
	}
	g.fresh = false
	if d := g.drops(); d != g.noted.drops {
		g.noted.drops = d
		n.note(out, swim.Note{Level: swim.Warn, Code: NoteQueueFull, N: int64(d)})
	}
	if d := n.count.TooLargeToGossip; d != g.noted.tooLarge {
		g.noted.tooLarge = d
		n.note(out, swim.Note{Level: swim.Warn, Code: NoteTooLargeToGossip, N: int64(d)})
	}
	if d := n.count.LargeEventsDropped; d != g.noted.large {
		g.noted.large = d
		n.note(out, swim.Note{Level: swim.Warn, Code: NoteLargeDropped, N: int64(d)})
	}
}
