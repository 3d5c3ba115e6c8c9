// Package memberlist has the API of github.com/hashicorp/memberlist 0.7, and speaks its protocol: a
// program moves by an import line, and its members form one cluster with those that haven't moved.
// The work is done by package serf/membership, which new programs should use directly.
//
// # Calls of delegates
//
// Delegate.NotifyMsg, Delegate.MergeRemoteState, the EventDelegate with the ConflictDelegate, and
// Delegate.LocalState are each called by a goroutine of their own, one call after the other. They
// may take their time, and call every method of the Memberlist: a slow one holds up neither gossip
// nor probes, and the others for a tenth of a second at most: NotifyMsg and MergeRemoteState wait
// so long for the events that came before. NotifyPingComplete shares the goroutine of NotifyMsg.
//
// Delegate.GetBroadcasts, PingDelegate.AckPayload, AliveDelegate, MergeDelegate,
// NodeSelectionDelegate and Config.DisableTcpPingsForNode are called by the goroutine that runs the
// node, which waits for them. They may call the methods that read (Members, NumMembers, LocalNode,
// GetHealthScore, ProtocolVersion) and those that send in a packet; the others return an error at
// once.
//
// Delegate.NodeMeta is called by whoever calls Create or UpdateNode.
//
// Before Create returns, NotifyJoin was called for this node; before Join does, NotifyJoin for the
// nodes found and MergeRemoteState with their states; before UpdateNode does, NotifyUpdate; before
// Leave does, NotifyLeave. None of them waits longer than two seconds for that: the delegate may
// wait for a lock that the caller holds. Once Shutdown has returned no delegate is called any more.
//
// # What differs
//
//   - A Node is a snapshot: it doesn't change later, and its State is what it was at that time, in
//     NotifyLeave as well.
//   - No message, and no node that comes or goes, is waited for: events that a slow delegate can't
//     take are summed up, messages beyond Config.HandoffQueueDepth are dropped, with a line in the log.
//   - A message that doesn't fit the largest packet, of 65,507 bytes, is an error of SendBestEffort.
//   - MergeRemoteState may be called before NotifyJoin of the node that sent the state: each has a
//     goroutine of its own. Both were called when Join returns.
//   - A node that comes back at another address is taken there as soon as nobody answers at the old
//     one: Config.DeadNodeReclaimTime isn't needed for that, and has no effect.
//   - NotifyLeave is called once for a node that was declared dead and then says that it leaves.
//   - Join is an error after Leave: the others wouldn't take in a node that leaves. So is a
//     DelegateProtocolVersion out of its range for Create: nobody could be joined.
//   - AliveDelegate is asked about news, not about each message that repeats it. A node that refuses
//     itself is hidden from itself, not from others.
//   - Values of Config that make no sense, such as a ProbeTimeout beyond ProbeInterval, are taken for
//     the nearest that make some. Intervals of 0 turn off what they time.
//
// # What isn't there
//
//   - The metrics memberlist.probeNode, gossip, pushPullNode and degraded.probe. The others are there,
//     but are emitted every Config.QueueCheckInterval, with what has been counted since: none if that
//     is 0.
//   - Config.DNSConfigPath: names are looked up by Go's resolver.
//   - Config.CompressionAlgorithm other than lzw, and NodeState.Incarnation: they come from a fork, as
//     NodeSelection and PushPullNodes do, which work.
//   - Config.MsgpackUseNewTimeFormat: no message has a time in it.
//   - Packets of more than 65,507 bytes, whatever Config.UDPBufferSize and the Transport allow.
//   - CIDRsAllowed is about the addresses that nodes have, not about where packets come from.
package memberlist
