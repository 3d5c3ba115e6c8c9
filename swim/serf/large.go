package serf

import (
	"slices"
	"time"

	"serf/swim"
)

// User events too large for a packet go by streams to members drawn at random, which pass them on
// in the same way: each sends to as many members as it would gossip to, but to none twice. The
// original doesn't do this; there such events spread by push/pull only.
const (
	// largeMax bounds the events that wait: half a megabyte. Beyond it the oldest is dropped.
	largeMax = 64
	// largeInFlight is how many may wait when another own event gets its time.
	largeInFlight = 8
	// largePause is the least time between rounds: drivers limit the streams that are open at once.
	largePause = 20 * time.Millisecond
)

// largeEvents are the events that wait, oldest first.
type largeEvents struct {
	queue []largeEvent
	next  swim.Time // no round before
}

type largeEvent struct {
	key    uint64 // Lamport time if it is an own event, 0 otherwise
	msg    []byte
	sentTo idSet
	sent   int
}

// has says whether the own event of that time waits.
func (l *largeEvents) has(key uint64) bool {
	return slices.ContainsFunc(l.queue, func(e largeEvent) bool { return e.key == key })
}

// broadcastEvent queues a copy of msg, a user event, for packets or for streams.
func (n *Node) broadcastEvent(now swim.Time, key uint64, msg []byte) {
	if len(msg) <= n.swim.MaxUser() || n.alone() {
		n.broadcast(&n.gossip.events, key, msg)
		return
	}
	l := &n.large
	if len(l.queue) >= largeMax {
		l.queue = slices.Delete(l.queue, 0, 1)
		n.gossip.changed = true
		n.count.LargeEventsDropped++
	}
	l.queue = append(l.queue, largeEvent{key: key, msg: slices.Clone(msg)})
	n.arm(timerLarge, max(now, l.next))
}

// sendLarge is one round: it sends the oldest event to some members.
func (n *Node) sendLarge(now swim.Time, out *swim.Output) {
	l := &n.large
	if len(l.queue) == 0 {
		return
	}
	e := &l.queue[0]
	limit := n.swim.Retransmits()
	want := min(n.cfg.GossipNodes, limit-e.sent)
	unsent := func(id swim.MemberID) bool { return !e.sentTo.has(id) }
	n.picks = n.swim.RandomNear(n.picks[:0], want, unsent)
	for _, id := range n.picks {
		e.sentTo.add(id)
		n.swim.SendUserStream(now, n.view(id).Addr, e.msg, out)
	}
	e.sent += len(n.picks)
	l.next = now.Add(n.largeGap(len(n.picks) * len(e.msg)))
	if len(n.picks) < want || e.sent >= limit {
		l.queue = slices.Delete(l.queue, 0, 1)
	}
	if len(l.queue) > 0 {
		n.arm(timerLarge, l.next)
	}
}

// largeGap is the time to the next round after one of so many bytes, paced as gossip is.
func (n *Node) largeGap(sent int) time.Duration {
	if n.cfg.GossipRate == 0 {
		return n.cfg.GossipInterval
	}
	pause := time.Duration(sent) * time.Second / time.Duration(n.cfg.GossipRate)
	return max(min(pause, n.cfg.GossipInterval), largePause)
}
