package serf

// Counters count what this layer did and dropped since its start.
type Counters struct {
	Joins, Leaves, Failures, Updates, Reaps uint64 // events about members
	Flaps                                   uint64 // members that were back within flapTime of failing
	Restarts                                uint64
	LeavesRefuted                           uint64
	Reconnects                              uint64
	Conflicts                               uint64

	Events, Queries uint64 // new here: delivered, unless a query isn't meant for this member
	InternalQueries uint64 // of Queries: those that members ask by themselves, or for an operator
	// EventBytes and QueryBytes are of payloads, those of internal queries not included.
	EventBytes, QueryBytes uint64
	QueriesAsked           uint64
	QueriesRepeated        uint64 // messages to single members
	RepliesRepeated        uint64 // acks and responses sent again
	Acks, Responses        uint64 // to own queries; acks only if wanted
	Relays                 uint64 // responses passed on for others
	Coalesced              uint64 // events replaced by newer ones of the same member or name

	// Duplicates and events from before a join are normal in gossip.
	EventDuplicates, EventsBeforeMin  uint64
	QueryDuplicates, QueriesBeforeMin uint64
	AckDuplicates, ResponseDuplicates uint64

	// What was dropped, by reason.
	BadMessages           uint64 // malformed, of unknown type, or not to be acted on
	TimesRefused          uint64 // Lamport times too far ahead
	IntentsDropped        uint64 // about unknown members, over the limit
	EventsOld             uint64 // before the window
	EventsDropped         uint64 // too large, or over the window's limits
	EventsRefused         uint64 // own, with ErrBusy
	QueriesOld            uint64 // before the window
	QueriesDropped        uint64 // over the window's limits, or of unknown internal name
	InboundQueriesDropped uint64 // still unanswered, over the limit
	ResponsesStray        uint64 // to no running query
	ResponsesDropped      uint64 // from unknown members, over the limit
	RepliesRefused        uint64 // own, to an address that isn't a member's
	RelaysRefused         uint64 // to an address that isn't a member's, or not of a response
	RelaysDropped         uint64 // too large
	TooLargeToGossip      uint64
	LargeEventsDropped    uint64 // given up by the queue for streams, over the limit
	KeyErrors             uint64 // key changes that were refused, or not saved
	CoordinatesRefused    uint64

	MessagesIn, MessageBytesIn uint64 // of this layer, whatever became of them
	ZeroRTTs                   uint64 // pings whose round trip is below the clock's resolution
}

// Counters returns the node's own counters, for reading only. Drops of the broadcast queues are in
// Stats.
func (n *Node) Counters() *Counters { return &n.count }

// Stats are the figures that operators are shown.
type Stats struct {
	Members, Failed, Left, Health       int
	Alive, Leaving                      int
	MemberTime, EventTime, QueryTime    uint64
	IntentQueue, EventQueue, QueryQueue int    // messages
	Backlog                             int    // own user events that wait to be stamped
	QueueDrops                          uint64 // messages, by all broadcast queues
	MessagesOut, MessageBytesOut        uint64 // gossiped, counted once per recipient
	Encrypted                           bool
	Digest                              Digest
	CoordinateResets                    uint64
	ZoneTag                             string // of Config.Zones
	Zones, ZoneMates                    int    // see swim.Node.ZoneCounts
}

// Stats returns the present figures.
func (n *Node) Stats() Stats {
	messages, bytes := n.gossip.sent()
	zones, mates := n.swim.ZoneCounts()
	return Stats{
		Members: n.table.len(), Failed: n.Count(StatusFailed), Left: n.Count(StatusLeft),
		Alive: n.Count(StatusAlive), Leaving: n.Count(StatusLeaving),
		Health:     n.swim.Health(),
		MemberTime: uint64(n.memberClock.Now()), EventTime: uint64(n.eventClock.Now()),
		QueryTime:   uint64(n.queryClock.Now()),
		IntentQueue: n.gossip.intents.Len(), QueryQueue: n.gossip.queries.Len(),
		EventQueue: n.gossip.events.Len() + len(n.large.queue),
		Backlog:    len(n.events.backlog), QueueDrops: n.gossip.drops(),
		MessagesOut: messages, MessageBytesOut: bytes,
		Encrypted: n.keyring() != nil, CoordinateResets: n.coords.client.Resets(),
		Digest: n.table.digest, ZoneTag: n.cfg.Zones.Tag, Zones: zones, ZoneMates: mates,
	}
}
