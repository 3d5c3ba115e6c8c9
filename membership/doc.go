// Package membership keeps a cluster's membership: who is there, at which address, with what
// metadata, and who has failed. It speaks the protocol of memberlist, and is the part of Serf below
// user events, queries and tags; package agent has those.
//
//	node, err := membership.Start(ctx, membership.Config{
//		Join:    []string{"10.0.0.1", "10.0.0.2"},
//		OnEvent: func(e membership.Event) { log.Println(e) },
//	})
//	...
//	defer node.Close()
//	for _, m := range node.Members() {
//		fmt.Println(m.Name, m.Addr)
//	}
//
// # Goroutines
//
// Methods of [Node] may be called by any goroutine. Those that take a context wait for the node, or
// for others, at most until the context ends; the rest return at once, from the last state that the
// node published. What they return is the caller's, except for Meta, which is shared and must not
// be changed.
//
// The functions of [Config] are of two kinds.
//
// Those that report (OnEvent, OnMessage, OnAck, OnState) are called by goroutines that do nothing
// else, so they may take their time and call all methods. OnEvent has one goroutine, OnMessage and
// OnAck share one, OnState has one: each is called in the order of what happened, never twice at
// the same time, and never after Close has returned. OnMessage and OnState are called after OnEvent
// has returned from what came before, or hangs for 100 ms. Otherwise, one that takes long holds up
// only its goroutine. Events are never lost: if too many wait, OnEvent gets one event for each
// member, with its present state. Messages, acks and states are dropped and counted once
// [Config.MessageQueue] of them wait, see [Stats]. What Start causes, which is that this member
// joined, is reported before Start returns; so is what Join finds before Join does, and that this
// member left before Leave does. They wait for that no longer than their context lasts, and
// [ReportWait]; not at all when they are called from a function that reports.
//
// Those that are asked (Admit, AdmitMerge, Broadcasts, AckPayload, NoStreamPing, Select, Zones.Of)
// are called by the loop, which waits: they have to be quick. They may call the methods without a
// context. The others return [ErrInCallback] at once. Such a function must not wait for a goroutine
// that calls one of them, either: nothing could tell, and both would wait for ever. State is asked
// by a goroutine of its own, one call at a time, since it may have much to collect; an exchange
// goes on without it after half of Timing.StreamTimeout.
//
// Close waits for functions that are being called, but no longer than [CloseWait].
//
// # Messages
//
// Send puts a message into one packet, which may get lost. SendReliable opens a stream and reports
// whether it was written. Broadcast gossips one to a few members at random, as often as news of a
// member; members that get it may broadcast it again. All of them arrive in OnMessage, those of one
// packet last first, because a sender puts its newest in front.
package membership
