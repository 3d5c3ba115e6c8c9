// Package swim is the membership of a cluster: who is there, who doesn't answer, and how
// the others hear of it. It is SWIM with Lifeguard's extensions, on the wire what
// HashiCorp's memberlist speaks.
//
// A [Node] is a function of its inputs. It has no clock, socket, goroutine or random
// source of its own; a driver calls it with what happened, and with the time:
//
//	node.Packet(now, from, data, &out) // a datagram came
//	node.Stream(now, in, &out)         // a stream opened by another, or the answer to ours
//	node.Tick(now, &out)               // Deadline has come
//
// and then carries out what is in the [Output]: packets to send, streams to open, events for the
// layer above, notes for a log. Package agent drives one with real sockets, netsim
// drives thousands with virtual time.
//
// What it does, by file:
//
//   - probe.go, errand.go: one member at a time is pinged, and others are asked to try too;
//   - bridge.go, family.go: who is asked about members that this node can't reach, for good or by its version of IP;
//   - silence.go: most members are silent, and many are probed at a time;
//   - suspicion.go: who didn't answer has time to refute, less the more members agree, and is
//     asked once more;
//   - news.go, view.go: what beats what (by incarnation and state), and the records of all members;
//   - gossip.go, queue.go: news rides on every packet, and goes to some members in each round;
//   - pushpull.go, join.go: the exchange of all that two members know;
//   - move.go, readdress.go: a member that comes back at another address, or this one gets another;
//   - comeback.go: who isn't believed to be back unless it answers;
//   - correct.go, rebroadcasts.go: who missed news is told it later;
//   - pause.go: time in which this node itself stood still;
//   - mechanism.go: what of this a node can do without, for comparisons;
//   - laggard.go: members that haven't got the newest key yet.
//
// A layer above takes part in packets and exchanges as [Config].Carrier; that of Serf is package serf.
package swim
