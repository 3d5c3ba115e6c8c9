package memberlist

import (
	"net"
	"strconv"
)

// NodeStateType is what a node is thought to be.
type NodeStateType int

// The states of a node.
const (
	StateAlive NodeStateType = iota
	StateSuspect
	StateDead
	StateLeft
)

// Node is a member of the cluster. Nodes that a Memberlist hands out are snapshots: they don't
// change, and mustn't be changed.
type Node struct {
	Name  string
	Addr  net.IP
	Port  uint16
	Meta  []byte        // what the node's Delegate.NodeMeta returned
	State NodeStateType // what this node is thought to be
	PMin  uint8         // the oldest protocol version that it understands
	PMax  uint8         // the newest
	PCur  uint8         // the version that it speaks
	DMin  uint8         // the oldest version of the delegate's messages that it understands
	DMax  uint8         // the newest
	DCur  uint8         // the version that its delegate speaks
}

// Address returns the node's address as host:port.
func (n *Node) Address() string {
	return net.JoinHostPort(n.Addr.String(), strconv.Itoa(int(n.Port)))
}

// FullAddress returns the node's address as host:port, with its name.
func (n *Node) FullAddress() Address { return Address{Addr: n.Address(), Name: n.Name} }

// String returns the node's name.
func (n *Node) String() string { return n.Name }

// Address is where a transport sends to.
type Address struct {
	// Addr is host:port, or whatever else the transport takes.
	Addr string

	// Name is the node's name. It may be empty unless the transport needs it.
	Name string
}

// String returns the address, after the name if there is one.
func (a *Address) String() string {
	if a.Name == "" {
		return a.Addr
	}
	return a.Name + " (" + a.Addr + ")"
}
