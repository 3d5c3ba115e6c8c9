package serf

import (
	"slices"
	"time"

	"serf/swim"
)

// User events that fit no packet go by streams to members drawn at random, who pass them on
// likewise: as many as gossip would tell, but nobody twice. (Between members that don't do
// this they spread by push/pull only.)
const (
	// largeMax bounds events that wait for it: half a megabyte. Beyond, the oldest is given up.
	largeMax = 64
	// largeInFlight is how many may wait when a further own one gets its time.
	largeInFlight = 8
	// largePause is the least time between rounds: drivers open a limited number of streams at once.
	largePause = 20 * time.Millisecond
)

// large is the events that wait, oldest first.
type large struct {
	queue []largeEvent
	next  swim.Time // no round before
}

type largeEvent struct {
	key  uint64 // Lamport time of an own one; 0: another's
	msg  []byte
	told idSet
	sent int
}

// has tells whether an own event of that time waits.
func (l *large) has(key uint64) bool {
	return slices.ContainsFunc(l.queue, func(e largeEvent) bool { return e.key == key })
}

// spreadEvent queues a copy of msg, a user event, by packets or by streams.
func (n *Node) spreadEvent(now swim.Time, key uint64, msg []byte) {
	if len(msg) <= n.swim.MaxUser() || n.alone() {
		n.spread(&n.gossip.events, key, msg)
		return
	}
	l := &n.large
	if len(l.queue) >= largeMax {
		l.queue = slices.Delete(l.queue, 0, 1)
		n.gossip.fresh = true
		n.count.LargeEventsDropped++
	}
	l.queue = append(l.queue, largeEvent{key: key, msg: slices.Clone(msg)})
	n.arm(dutyLarge, max(now, l.next))
}

// tellLarge is a round: some members are told the oldest event.
func (n *Node) tellLarge(now swim.Time, out *swim.Output) {
	l := &n.large
	if len(l.queue) == 0 {
		return
	}
	e := &l.queue[0]
	limit := n.swim.Retransmits()
	want := min(n.cfg.GossipNodes, limit-e.sent)
	n.picks = n.swim.RandomLive(n.picks[:0], want, func(id swim.MemberID) bool { return !e.told.has(id) })
	for _, id := range n.picks {
		e.told.add(id)
		n.swim.SendUserStream(now, n.view(id).Addr, e.msg, out)
	}
	e.sent += len(n.picks)
	l.next = now.Add(n.largeGap(len(n.picks) * len(e.msg)))
	if len(n.picks) < want || e.sent >= limit {
		l.queue = slices.Delete(l.queue, 0, 1)
	}
	if len(l.queue) > 0 {
		n.arm(dutyLarge, l.next)
	}
}

// largeGap is the time to the next round after one of so many bytes: as gossip is paced.
func (n *Node) largeGap(sent int) time.Duration {
	if n.cfg.GossipRate == 0 {
		return n.cfg.GossipInterval
	}
	pause := time.Duration(sent) * time.Second / time.Duration(n.cfg.GossipRate)
	return max(min(pause, n.cfg.GossipInterval), largePause)
}
