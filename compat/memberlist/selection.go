package memberlist

import (
	"time"

	"serf/membership"
)

// NodeSelectionDelegate decides whom gossip goes to and with whom states are exchanged, for instance
// by zones. Probes aren't its matter.
type NodeSelectionDelegate interface {
	// SelectNodes gets the nodes that could be drawn. It returns those that may be, and one that is
	// taken in any case, or nil. The slice and the nodes are the delegate's.
	SelectNodes([]*NodeState) (selected []*NodeState, preferred *NodeState)
}

// NodeState is a Node for a NodeSelectionDelegate.
type NodeState struct {
	Node
	Incarnation uint32        // isn't known here: 0
	State       NodeStateType // that of Node, too
	StateChange time.Time     // since when
}

// Address returns the node's address as host:port.
func (n *NodeState) Address() string { return n.Node.Address() }

// FullAddress returns the node's address as host:port, with its name.
func (n *NodeState) FullAddress() Address { return n.Node.FullAddress() }

// DeadOrLeft tells whether the node is gone.
func (n *NodeState) DeadOrLeft() bool { return n.State == StateDead || n.State == StateLeft }

// CompressionAlgorithm is a way of compressing.
type CompressionAlgorithm string

// The ways of compressing. Only the first is understood here.
const (
	CompressionAlgorithmLZW    CompressionAlgorithm = "lzw"
	CompressionAlgorithmSnappy CompressionAlgorithm = "snappy"
)

// selectNodes asks the delegate.
func selectNodes(d NodeSelectionDelegate, all []membership.Member) (selected []membership.Member,
	first *membership.Member) {
	states := make([]NodeState, len(all))
	candidates := make([]*NodeState, len(all))
	for i := range all {
		n := nodeOf(&all[i])
		states[i] = NodeState{Node: n, State: n.State, StateChange: all[i].Since}
		candidates[i] = &states[i]
	}
	chosen, preferred := d.SelectNodes(candidates)
	if preferred != nil {
		first = &membership.Member{Name: preferred.Name}
	}
	for _, n := range chosen {
		selected = append(selected, membership.Member{Name: n.Name})
	}
	return selected, first
}
