package metrics

// drop is one reason for which something isn't used, with its count.
type drop struct {
	reason string
	of     func(r *reading) uint64
}

// kernelDrops is the reason that not all systems know.
const kernelDrops = "packet_kernel"

// drops are the reasons of serf_dropped_total. docs/metrics.md says what each means.
var drops = []drop{
	{kernelDrops, func(r *reading) uint64 { return r.Traffic.KernelDrops }},
	{"packet_label", func(r *reading) uint64 { return r.Membership.DroppedLabels }},
	{"packet_key", func(r *reading) uint64 { return r.Membership.DroppedKeys }},
	{"packet_malformed", func(r *reading) uint64 {
		m := &r.Membership
		return m.DroppedPackets - m.DroppedLabels - m.DroppedKeys
	}},
	{"message", func(r *reading) uint64 { return r.Membership.DroppedMessages + r.Above.BadMessages }},
	{"version", func(r *reading) uint64 { return r.Membership.DroppedVersions }},
	{"address", func(r *reading) uint64 { return r.Membership.DroppedAddresses }},
	{"incarnation", func(r *reading) uint64 { return r.Membership.DroppedIncarnations }},
	{"name", func(r *reading) uint64 { return r.Membership.DroppedNames }},
	{"forward", func(r *reading) uint64 { return r.Membership.DroppedForwards }},
	{"members_full", func(r *reading) uint64 { return r.Membership.DroppedMembers }},
	{"move", func(r *reading) uint64 { return r.Membership.DroppedMoves }},
	{"no_route", func(r *reading) uint64 { return r.Membership.DroppedNoRoute }},
	{"too_large", func(r *reading) uint64 {
		return r.Membership.DroppedTooLarge + r.Above.TooLargeToGossip
	}},
	{"state_cut", func(r *reading) uint64 { return r.Membership.StatesCut }},
	{"queue_full", func(r *reading) uint64 { return r.QueueDrops + r.Node.QueueDrops }},
	{"lamport_time", func(r *reading) uint64 { return r.Above.TimesRefused }},
	{"intent", func(r *reading) uint64 { return r.Above.IntentsDropped }},
	{"event_old", func(r *reading) uint64 { return r.Above.EventsOld }},
	{"event_full", func(r *reading) uint64 { return r.Above.EventsDropped }},
	{"event_busy", func(r *reading) uint64 { return r.Above.EventsRefused }},
	{"event_large", func(r *reading) uint64 { return r.Above.LargeEventsDropped }},
	{"query_old", func(r *reading) uint64 { return r.Above.QueriesOld }},
	{"query_full", func(r *reading) uint64 {
		return r.Above.QueriesDropped + r.Above.InboundQueriesDropped
	}},
	{"response", func(r *reading) uint64 {
		return r.Above.ResponsesStray + r.Above.ResponsesDropped + r.Above.RepliesRefused
	}},
	{"relay", func(r *reading) uint64 { return r.Above.RelaysRefused + r.Above.RelaysDropped }},
	{"coordinate", func(r *reading) uint64 { return r.Above.CoordinatesRefused }},
	{"subscriber", func(r *reading) uint64 { return r.Traffic.SubscribersCut }},
	{"handler", func(r *reading) uint64 {
		return r.Handlers.Total.Dropped + r.Handlers.Total.Lost
	}},
}
