package memberlist

import "time"

// Delegate is the program's part in gossip. Its methods may be called at the same time by several
// goroutines.
type Delegate interface {
	// NodeMeta returns this node's metadata, which others see in Node.Meta: at most limit bytes.
	// It is called by Create and UpdateNode.
	NodeMeta(limit int) []byte

	// NotifyMsg takes a message that another node's delegate broadcast, or that was sent with
	// SendBestEffort or SendReliable. The slice is valid until it returns. It may take its time
	// and may call methods of the Memberlist: what arrives meanwhile waits, see
	// Config.HandoffQueueDepth.
	NotifyMsg([]byte)

	// GetBroadcasts returns messages to send to other nodes, in the next packet. Their lengths,
	// each with overhead added, are at most limit in all. It is called for every packet that has
	// room left, and mustn't block. See TransmitLimitedQueue.
	GetBroadcasts(overhead, limit int) [][]byte

	// LocalState returns what is sent to another node along with the whole membership: when this
	// node joins through it or the other way round (join), and from time to time.
	LocalState(join bool) []byte

	// MergeRemoteState takes what the other node's LocalState returned. The slice is valid until
	// it returns.
	MergeRemoteState(buf []byte, join bool)
}

// EventDelegate is told of members that come, go and change: one call after the other, never two at
// the same time. The nodes mustn't be changed.
type EventDelegate interface {
	// NotifyJoin is called when a node has joined, this node as well.
	NotifyJoin(*Node)

	// NotifyLeave is called when a node has left or was declared dead, see Node.State.
	NotifyLeave(*Node)

	// NotifyUpdate is called when a node's metadata changed.
	NotifyUpdate(*Node)
}

// NodeEventType is the kind of a NodeEvent.
type NodeEventType int

// The kinds of events.
const (
	NodeJoin NodeEventType = iota
	NodeLeave
	NodeUpdate
)

// NodeEvent is what a ChannelEventDelegate sends. The node mustn't be changed.
type NodeEvent struct {
	Event NodeEventType
	Node  *Node
}

// ChannelEventDelegate is an EventDelegate that sends events to a channel. It waits until the
// channel takes them, and so do the events and messages after it: read it until Shutdown has
// returned, or give it room.
type ChannelEventDelegate struct {
	Ch chan<- NodeEvent
}

// NotifyJoin sends a NodeJoin.
func (c *ChannelEventDelegate) NotifyJoin(n *Node) { c.send(NodeJoin, n) }

// NotifyLeave sends a NodeLeave.
func (c *ChannelEventDelegate) NotifyLeave(n *Node) { c.send(NodeLeave, n) }

// NotifyUpdate sends a NodeUpdate.
func (c *ChannelEventDelegate) NotifyUpdate(n *Node) { c.send(NodeUpdate, n) }

// send sends a copy of n, which the reader may keep.
func (c *ChannelEventDelegate) send(kind NodeEventType, n *Node) {
	node := *n
	c.Ch <- NodeEvent{Event: kind, Node: &node}
}

// ConflictDelegate is told when two nodes have the same name.
type ConflictDelegate interface {
	// NotifyConflict is called when other, at another address, claims to be the living node
	// existing.
	NotifyConflict(existing, other *Node)
}

// MergeDelegate decides about merging with another cluster.
type MergeDelegate interface {
	// NotifyMerge is called when this node joins through another one, or the other way round, with
	// all nodes that the other one knows. An error refuses them: Join returns it. It isn't called
	// for the exchanges that follow from time to time.
	NotifyMerge(peers []*Node) error
}

// AliveDelegate decides who may be a member.
type AliveDelegate interface {
	// NotifyAlive is called for every message that says that a node is alive, about this node as
	// well. An error has it ignored.
	NotifyAlive(peer *Node) error
}

// PingDelegate measures round trips, and sends something along with the answers to pings.
type PingDelegate interface {
	// AckPayload returns what the answer to a ping carries. It is called for every ping that
	// arrives in a packet, and mustn't block.
	AckPayload() []byte

	// NotifyPingComplete is called with what the answer carried when this node has probed another
	// one: not for pings through others, nor for those by stream.
	NotifyPingComplete(other *Node, rtt time.Duration, payload []byte)
}
