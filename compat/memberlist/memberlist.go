package memberlist

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"net/netip"
	"slices"
	"sync/atomic"
	"time"

	"serf/membership"
)

// Memberlist is a member of a cluster. Its methods may be called by any goroutine, and by functions
// of delegates as the package says.
type Memberlist struct {
	conf      *Config
	logger    *log.Logger
	transport Transport // nil: the node has sockets of its own
	names     names     // of nodes by address, for transports
	node      atomic.Pointer[membership.Node]
	keys      keys
	hidden    atomic.Bool // this node was refused, and doesn't see itself
	unmeter   func()      // ends the metrics

	ended atomic.Bool
	deaf  chan struct{} // closed when the transport has ended
}

// Members returns the nodes that are alive or suspect, this one included, in the order of their
// names. They are the caller's.
func (m *Memberlist) Members() []*Node {
	members := m.node.Load().Members()
	if m.hidden.Load() {
		members = slices.DeleteFunc(members, func(m membership.Member) bool { return m.Local })
	}
	nodes := make([]Node, len(members))
	list := make([]*Node, len(members))
	for i := range members {
		nodes[i] = nodeOf(&members[i])
		list[i] = &nodes[i]
	}
	return list
}

// NumMembers returns the number of nodes that are alive or suspect, this one included.
func (m *Memberlist) NumMembers() (alive int) {
	alive = m.node.Load().Len()
	if m.hidden.Load() {
		alive--
	}
	return alive
}

// LocalNode returns this node.
func (m *Memberlist) LocalNode() *Node {
	self := m.node.Load().Self()
	n := nodeOf(&self)
	return &n
}

// GetHealthScore returns how well this node itself does: 0 is healthy, and the most is less than
// Config.AwarenessMaxMultiplier.
func (m *Memberlist) GetHealthScore() int { return m.node.Load().Health() }

// ProtocolVersion returns the version of the protocol that this node speaks.
func (m *Memberlist) ProtocolVersion() uint8 { return m.conf.ProtocolVersion }

// UpdateNode asks Delegate.NodeMeta for this node's metadata, and waits until the others were told:
// as often as any news. A timeout of 0 is none. The delegate is told of a change before it returns.
func (m *Memberlist) UpdateNode(timeout time.Duration) error {
	ctx, cancel := within(timeout)
	defer cancel()
	err := m.node.Load().SetMeta(ctx, m.conf.meta())
	if errors.Is(err, context.DeadlineExceeded) {
		return errors.New("timeout waiting for update broadcast")
	}
	return err
}

// within returns a context that ends after timeout, or never if that is 0.
func within(timeout time.Duration) (context.Context, context.CancelFunc) {
	if timeout <= 0 {
		return context.WithCancel(context.Background())
	}
	return context.WithTimeout(context.Background(), timeout)
}

// meta asks the delegate for this node's metadata.
func (c *Config) meta() []byte {
	if c.Delegate == nil {
		return nil
	}
	meta := c.Delegate.NodeMeta(MetaMaxSize)
	if len(meta) > MetaMaxSize {
		panic("Node meta data provided is longer than the limit")
	}
	return meta
}

// Leave tells the others that this node leaves, and waits until they were told. A timeout of 0 is
// none. The node goes on answering until Shutdown; another Leave waits for the same. After Shutdown
// it panics, as memberlist's does.
func (m *Memberlist) Leave(timeout time.Duration) error {
	if m.ended.Load() {
		panic("leave after shutdown")
	}
	ctx, cancel := within(timeout)
	defer cancel()
	err := m.node.Load().Leave(ctx)
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, membership.ErrLeaveTimeout) {
		return errors.New("timeout waiting for leave broadcast")
	}
	return err
}

// Shutdown ends the node without telling the others, who notice that it has failed: see Leave. When
// it returns the ports are free, and nothing of the delegates is called any more, except by whom
// Shutdown is called. It may be called again.
func (m *Memberlist) Shutdown() error {
	if !m.ended.Swap(true) {
		m.endTransport()
		close(m.deaf)
	}
	<-m.deaf
	if err := m.node.Load().Close(); err != nil {
		m.logger.Printf("[WARN] memberlist: %v", err)
	}
	return nil
}

// endTransport ends the transport and what follows the node. The transport's goroutines may wait
// for somebody who takes what they have received, so the node has to run until then.
func (m *Memberlist) endTransport() {
	m.keys.stop()
	m.unmeter()
	if m.transport == nil {
		return
	}
	if err := m.transport.Shutdown(); err != nil {
		m.logger.Printf("[ERR] memberlist: Failed to shutdown transport: %v", err)
	}
}

// Ping asks the node with this name at addr to answer, and returns how long that took. Without an
// answer within Config.ProbeTimeout the error is a NoPingResponseError.
func (m *Memberlist) Ping(node string, addr net.Addr) (time.Duration, error) {
	to, err := m.addressOf(Address{Addr: addr.String(), Name: node})
	if err != nil {
		return 0, err
	}
	pong, err := m.node.Load().Ping(context.Background(), node, to)
	if errors.Is(err, membership.ErrNoAnswer) {
		m.logger.Printf("[DEBUG] memberlist: Failed UDP ping: %s (timeout reached)", node)
		return 0, NoPingResponseError{node}
	}
	return pong.RTT, err
}

// SendTo is SendToAddress without a name.
//
// Deprecated: use SendBestEffort, or SendToAddress.
func (m *Memberlist) SendTo(to net.Addr, msg []byte) error {
	return m.SendToAddress(Address{Addr: to.String()}, msg)
}

// SendToUDP is SendBestEffort.
//
// Deprecated: use SendBestEffort.
func (m *Memberlist) SendToUDP(to *Node, msg []byte) error { return m.SendBestEffort(to, msg) }

// SendToTCP is SendReliable.
//
// Deprecated: use SendReliable.
func (m *Memberlist) SendToTCP(to *Node, msg []byte) error { return m.SendReliable(to, msg) }

// SendBestEffort is SendToAddress, to a node.
func (m *Memberlist) SendBestEffort(to *Node, msg []byte) error {
	return m.SendToAddress(to.FullAddress(), msg)
}

// SendToAddress sends a message to the delegate of the node at an address, in one packet, which may
// get lost. It never waits, and may be called by every function of a delegate. A message that
// doesn't fit Config.UDPBufferSize has a packet of up to 65,507 bytes to itself.
func (m *Memberlist) SendToAddress(a Address, msg []byte) error {
	to, err := m.addressOf(a)
	if err != nil {
		return err
	}
	return m.node.Load().Send(to, msg)
}

// SendReliable sends a message to the delegate of a node by a stream, and waits until it is
// written.
func (m *Memberlist) SendReliable(to *Node, msg []byte) error {
	addr, err := m.addressOf(to.FullAddress())
	if err != nil {
		return err
	}
	err = m.node.Load().SendReliable(context.Background(), addr, msg)
	if cause := errors.Unwrap(err); cause != nil {
		return cause // the caller knows the address
	}
	return err
}

// addressOf reads an address, whose host may be a name, and remembers the node's name for the
// transport.
func (m *Memberlist) addressOf(a Address) (netip.AddrPort, error) {
	if a.Name == "" && m.conf.RequireNodeNames {
		return netip.AddrPort{}, errNodeNamesAreRequired
	}
	to, err := netip.ParseAddrPort(a.Addr)
	if err != nil {
		udp, err := net.ResolveUDPAddr("udp", a.Addr)
		if err != nil {
			return to, fmt.Errorf("failed to resolve %s: %w", a.Addr, err)
		}
		to = udp.AddrPort()
	}
	to = netip.AddrPortFrom(to.Addr().Unmap(), to.Port())
	if a.Name != "" && m.names.at(to) == "" {
		m.names.learn(to, a.Name)
	}
	return to, nil
}
