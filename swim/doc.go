// Package swim keeps the membership of a cluster: it finds out which members are there and which
// fail, and spreads that. It is SWIM with Lifeguard's extensions, and speaks the protocol of
// HashiCorp's memberlist.
//
// A [Node] is a function of its inputs. It has no clock, socket, goroutine or random source of its
// own; a driver calls it with what happened, and with the time:
//
//	node.Packet(now, from, data, &out) // a datagram came
//	node.Stream(now, in, &out)         // a stream opened by another, or the answer to ours
//	node.Tick(now, &out)               // Deadline has come
//
// and then carries out what is in the [Output]: packets to send, streams to open, events for the
// layer above, notes for a log. Package agent drives one with real sockets, netsim drives thousands
// with virtual time.
//
// What it does, by file:
//
//   - probe.go, relay.go, pendingping.go: one member at a time is pinged, directly and through
//     helpers;
//   - route.go: members whose version of IP this node can't send to;
//   - unresponsive.go: most members don't answer, and many are probed at a time;
//   - suspicion.go, refute.go: a suspect has time to refute, less the more members accuse it, and
//     is pinged once more;
//   - claim.go, update.go, view.go: which messages are believed, which of two is newer (by
//     incarnation and state), and the records of all members;
//   - gossip.go, queue.go, pick.go: broadcasts go along with every packet, and to some members in
//     each round;
//   - pushpull.go, join.go: two members exchange all that they know;
//   - move.go, return.go, address.go: a member comes back at another address, or this node gets
//     another;
//   - rejoin.go: members that have to answer a ping to be believed to be back;
//   - correction.go, rebroadcasts.go: a member that missed gossip is told later;
//   - pause.go: time in which this node itself couldn't run;
//   - stalekey.go: members that don't use the newest key yet;
//   - mechanism.go: which of this a node can do without, for comparisons.
//
// The layer above takes part in packets and push/pulls as [Config].Carrier; package serf is one.
package swim
