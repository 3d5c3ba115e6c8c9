// Package serf is a Serf node on top of a [swim.Node]: statuses that tell a departure
// from a failure, user events, queries, tags, keys and coordinates.
//
// It is a function of its inputs, as swim is: the driver says what happened and when,
// and finds the effects in a [swim.Output]. Of the events there, those of the
// membership below are replaced by the ones of this package (EventMemberJoin and so on).
//
// Where to look for what:
//
//   - node.go: the node, its inputs, and how messages and events of the membership get to their handlers;
//   - member.go, table.go, reap.go: what a member's status is, and when it is listed no more;
//   - intent.go, leave.go: what members say about coming and going, in Lamport time;
//   - event.go, query.go, asked.go: user events, own queries, and the queries of others;
//   - gossip.go: the queues that share packets with the membership; state.go: what a push/pull carries;
//   - keys.go, conflict.go, coordinate.go: keyrings, two members of one name, round-trip times;
//   - journal.go: what a snapshot has to keep.
//
// Messages spread with a Lamport time each: who receives one moves its clock past it, so
// that "later" means the same everywhere, and windows of times recognise what was seen. Times that
// no honest member can have reached are refused.
package serf
