package membership

import (
	"serf/driver"
	"serf/swim"
)

// Stats are what a node did and dropped since its start.
type Stats struct {
	// Members that are alive or suspect, and all that are known.
	Living, Known int
	Health        int
	// Queued is how much news of members waits to be sent once more.
	Queued int
	// Dropped because too many waited for the functions of Config that report.
	MessagesDropped, StatesDropped uint64
	// EventsMerged were not reported one by one, because too many waited for a reader: it got what
	// they came to.
	EventsMerged uint64
	// StatesMissing are the exchanges that went on without what State returns: it was too large, or
	// took too long.
	StatesMissing uint64
	// SendsDropped are messages of Send that didn't fit a packet any more when it was their turn:
	// the keys had changed.
	SendsDropped uint64
	// BroadcastsDropped were given up because too many waited.
	BroadcastsDropped uint64
	// LinesLost of the log, because the logger was too slow.
	LinesLost uint64
	// Protocol counts what the node did and dropped, Traffic what happened to sockets and streams.
	Protocol swim.Counters
	Traffic  driver.Counters
}

// Stats returns the counts. It waits for the loop, at most for one turn; after Close they are the
// last. Called by a function that is asked, it leaves Protocol out.
func (n *Node) Stats() (s Stats) {
	s.Health = n.Health()
	n.table.mu.RLock()
	s.Living, s.Known, s.EventsMerged = n.table.living, len(n.table.members), n.table.merged
	n.table.mu.RUnlock()
	s.MessagesDropped, s.StatesDropped = n.messages.drops(), n.states.drops()
	if n.provider != nil {
		s.StatesMissing = n.provider.missing.Load()
	}
	s.SendsDropped = n.outbox.dropped.Load()
	s.BroadcastsDropped = n.carrier.queued.drops.Load()
	n.log.mu.Lock()
	s.LinesLost = n.log.lost
	n.log.mu.Unlock()
	s.Traffic = n.driver.Counters()
	if !asked() {
		n.driver.Read(func() { s.Protocol = *n.loop.core.Counters() })
	}
	return s
}

// drops is how many items were dropped.
func (b *inbox) drops() uint64 {
	if b == nil {
		return 0
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.dropped
}
