// Package serf is a Serf node on top of a [swim.Node]: member statuses that tell a departure from a
// failure, user events, queries, tags, keys and network coordinates.
//
// Like swim it is a function of its inputs: the driver says what happened and when, and finds the
// effects in a [swim.Output]. There, events of this package (EventMemberJoin and so on) take the
// place of those of the membership.
//
// Where to look for what:
//
//   - node.go, call.go: the node, its inputs, and how messages and events of the membership get to
//     their handlers;
//   - member.go, table.go, reap.go, digest.go: the status of a member, when it is no longer listed,
//     and whether two nodes agree;
//   - intent.go, leave.go: what members say about joining and leaving, in Lamport time;
//   - event.go, large.go, coalesce.go: user events;
//   - query.go, repeat.go: own queries; inbound.go, relay.go: those that come in, and replies;
//   - ask.go, compare.go: what members of this implementation ask each other about their views;
//   - gossip.go: the broadcast queues; state.go: this layer's part of a push/pull;
//   - join.go, rejoin.go: joins; keys.go, conflict.go, coordinate.go: keyrings, two members of one
//     name, round trips;
//   - journal.go: the lines of a snapshot; base.go: warm starts of simulations.
//
// Every message carries a Lamport time. Members that receive it move their clock past it, so that
// "later" means the same everywhere, and windows of recent times recognise duplicates. Times that
// no honest member can have reached are refused. See docs/protocol.md, Serf messages and Lamport
// clocks.
package serf
