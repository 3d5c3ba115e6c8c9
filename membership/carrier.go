package membership

import (
	"hash/maphash"
	"sync"
	"sync/atomic"

	"serf/swim"
	"serf/wire"
)

// carrier is what the core asks for bytes.
type carrier struct {
	node   *Node
	queued broadcasts
	packer *wire.Packer      // that add adds to
	add    func([]byte) bool // for Config.Broadcasts
	buf    []byte
}

// broadcasts are the messages of Broadcast.
type broadcasts struct {
	mu    sync.Mutex
	queue swim.Queue
	buf   []byte
	len   atomic.Int32 // of queue
	drops atomic.Uint64
}

var keySeed = maphash.MakeSeed()

// Broadcast gossips a message: in the next rounds it goes to a few members at random, as often as
// news of a member does, which is about 4 log10 of their number. That is about as many members as
// news reaches directly: for a message to get to all, those who get it for the first time broadcast
// it again. It isn't reported here. A later message with the same key replaces it if it waits; the
// empty key replaces nothing. At most 4,096 messages wait: then those sent most often are given up,
// and counted in Stats. The error says that the message is larger than MaxMessage, or ErrClosed.
func (n *Node) Broadcast(key string, msg []byte) error {
	if err := n.checkPacket(msg, n.MaxMessage()); err != nil {
		return err
	}
	b := &n.carrier.queued
	b.mu.Lock()
	defer b.mu.Unlock()
	b.buf = wire.AppendUser(b.buf[:0], msg)
	b.queue.Add(keyOf(key), b.buf)
	b.note()
	n.driver.Wake()
	return nil
}

// StopBroadcast gives up the message with this key, if it waits.
func (n *Node) StopBroadcast(key string) {
	b := &n.carrier.queued
	b.mu.Lock()
	defer b.mu.Unlock()
	if key != "" {
		b.queue.Remove(keyOf(key))
		b.note()
	}
}

// Broadcasting is how many messages of Broadcast wait to be sent once more.
func (n *Node) Broadcasting() int { return int(n.carrier.queued.len.Load()) }

// keyOf is the number of a key: 0 for none.
func keyOf(key string) uint64 {
	if key == "" {
		return 0
	}
	return max(maphash.String(keySeed, key), 1)
}

// note writes down what is read without the lock; b.mu is held.
func (b *broadcasts) note() {
	b.len.Store(int32(b.queue.Len()))
	b.drops.Store(b.queue.Drops())
}

// AppendBroadcasts implements swim.Carrier.
func (c *carrier) AppendBroadcasts(_ swim.Time, p *wire.Packer, copies int) {
	if b := &c.queued; b.len.Load() > 0 {
		b.mu.Lock()
		b.queue.Fill(p, c.node.loop.core.Retransmits(), copies)
		b.note()
		b.mu.Unlock()
	}
	if c.node.conf.Broadcasts != nil {
		c.poll(p)
	}
}

// poll asks Config.Broadcasts.
func (c *carrier) poll(p *wire.Packer) {
	const kind = 1 // byte of a message's type
	room := p.Room() - kind
	if room <= 0 {
		return
	}
	if c.add == nil {
		c.add = func(msg []byte) bool {
			c.buf = wire.AppendUser(c.buf[:0], msg)
			return c.packer.Add(c.buf)
		}
	}
	c.packer = p
	ask(func() { c.node.conf.Broadcasts(room, c.add) })
	c.packer = nil
}

// BroadcastsQueued implements swim.Carrier.
func (c *carrier) BroadcastsQueued() int {
	if c.node.conf.Broadcasts != nil {
		return swim.BroadcastsUnknown
	}
	return int(c.queued.len.Load())
}

// AppendAckPayload implements swim.Carrier.
func (c *carrier) AppendAckPayload(b []byte) []byte {
	if f := c.node.conf.AckPayload; f != nil {
		ask(func() { b = f(b) })
	}
	return b
}

// State implements swim.Carrier; LateState is asked instead.
func (c *carrier) State(bool) wire.Rope { return wire.Rope{} }

// LateState implements swim.LateCarrier.
func (c *carrier) LateState(join bool) func(room int) []byte {
	p := c.node.provider
	if p == nil {
		return nil
	}
	return func(room int) []byte { return p.state(join, room) }
}
