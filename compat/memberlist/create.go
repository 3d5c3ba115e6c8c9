package memberlist

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strings"

	"serf/driver"
	"serf/internal/hostaddr"
	"serf/membership"
)

// Create starts a node, which is a cluster of its own until somebody joins. The delegates are told
// that this node has joined before Create returns. c belongs to the Memberlist from then on.
func Create(c *Config) (*Memberlist, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	m := &Memberlist{conf: c, logger: loggerOf(c), transport: c.Transport, deaf: make(chan struct{})}
	m.names.known = m.known
	own := m.settings()
	if err := m.listen(&own); err != nil {
		return nil, err
	}
	m.delegate(&own)
	if c.EncryptionEnabled() && c.GossipVerifyIncoming && !c.GossipVerifyOutgoing {
		m.logger.Print("[WARN] memberlist: GossipVerifyOutgoing is off and GossipVerifyIncoming is on: " +
			"what is sent is encrypted all the same")
	}
	node, err := membership.Start(context.Background(), own)
	if err != nil {
		return nil, m.startError(err)
	}
	m.node.Store(node)
	m.keys.follow(m)
	m.unmeter = startMeter(c, node)
	if ip := node.Addr().Addr(); hostaddr.IsPublic(ip) && !c.EncryptionEnabled() {
		m.logger.Print("[WARN] memberlist: Binding to public address without encryption!")
	}
	return m, nil
}

// known are all nodes, those that are gone included; none while the node is being started.
func (m *Memberlist) known() []membership.Member {
	if node := m.node.Load(); node != nil {
		return node.Known()
	}
	return nil
}

// check refuses what memberlist refuses, with its words, and puts SecretKey into Keyring.
func (c *Config) check() error {
	const versions = "protocol version '%d' too %s. Must be in range: [%d, %d]"
	switch {
	case c.ProtocolVersion < ProtocolVersionMin:
		return fmt.Errorf(versions, c.ProtocolVersion, "low", ProtocolVersionMin, ProtocolVersionMax)
	case c.ProtocolVersion > ProtocolVersionMax:
		return fmt.Errorf(versions, c.ProtocolVersion, "high", ProtocolVersionMin, ProtocolVersionMax)
	}
	if err := c.fillKeyring(); err != nil {
		return err
	}
	switch {
	case c.LogOutput != nil && c.Logger != nil:
		return errors.New("cannot specify both LogOutput and Logger; " +
			"please choose a single log configuration setting")
	case c.DelegateProtocolVersion < c.DelegateProtocolMin ||
		c.DelegateProtocolVersion > c.DelegateProtocolMax:
		return fmt.Errorf("delegate protocol version '%d' must be in range: [%d, %d]",
			c.DelegateProtocolVersion, c.DelegateProtocolMin, c.DelegateProtocolMax)
	case c.CompressionAlgorithm != "" && c.CompressionAlgorithm != CompressionAlgorithmLZW:
		return fmt.Errorf("compression algorithm %q isn't supported, only %q",
			c.CompressionAlgorithm, CompressionAlgorithmLZW)
	case len(c.Label) > LabelMaxSize:
		return fmt.Errorf("could not use %q as a label: too long", c.Label)
	}
	return nil
}

// fillKeyring puts SecretKey into Keyring, as its primary key.
func (c *Config) fillKeyring() (err error) {
	switch {
	case len(c.SecretKey) == 0:
		return nil
	case c.Keyring == nil:
		c.Keyring, err = NewKeyring(nil, c.SecretKey)
		return err
	}
	if err := c.Keyring.AddKey(c.SecretKey); err != nil {
		return err
	}
	return c.Keyring.UseKey(c.SecretKey)
}

// settings are the configuration of the node below, without addresses and functions.
func (m *Memberlist) settings() membership.Config {
	c := m.conf
	s := membership.Config{
		Name:   c.Name,
		Logger: slog.New(lines{logger: m.logger}),
		Layer: membership.Versions{
			Min: c.DelegateProtocolMin, Max: c.DelegateProtocolMax, Current: c.DelegateProtocolVersion,
		},
		Protocol:    c.ProtocolVersion,
		AcceptPlain: !c.GossipVerifyIncoming,
		SendPlain:   !c.GossipVerifyIncoming && !c.GossipVerifyOutgoing,
		Label:       c.Label,
		Compress:    c.EnableCompression,
		Timing:      c.timing(),
		PacketMax:   min(c.UDPBufferSize, largestPacket),
		// What is sent to one node may be larger: programs count on it.
		SendPacketMax: largestPacket,
		MessageQueue:  max(c.HandoffQueueDepth, 0),
		PushPullNodes: min(max(c.PushPullNodes, 0), countMax),
		Meta:          c.meta(),
	}
	if c.EncryptionEnabled() {
		s.Keys = c.Keyring.GetKeys()
	}
	return s
}

// listen determines where the node listens, and what others are told.
func (m *Memberlist) listen(s *membership.Config) error {
	c := m.conf
	if m.transport == nil && (c.RequireNodeNames || c.SkipInboundLabelCheck) {
		if err := m.ownTransport(); err != nil {
			return err
		}
	}
	if m.transport == nil {
		return m.listenOnSockets(s)
	}
	ip, port, err := m.transport.FinalAdvertiseAddr(c.AdvertiseAddr, c.AdvertisePort)
	if err != nil {
		return fmt.Errorf("failed to get final advertise address: %v", err)
	}
	addr, _ := netip.AddrFromSlice(ip)
	if addr.IsUnspecified() {
		addr = someAddress(addr)
	}
	s.Bind = netip.AddrPortFrom(addr.Unmap(), uint16(port))
	s.Advertise = s.Bind
	s.Network = newBridge(m.transport, c, &m.names, m.logger.Printf)
	return nil
}

// ownTransport makes a transport of sockets, for what only transports can do.
func (m *Memberlist) ownTransport() error {
	c := m.conf
	t, err := NewNetTransport(&NetTransportConfig{
		BindAddrs: []string{c.BindAddr}, BindPort: c.BindPort, Logger: m.logger,
	})
	if err != nil {
		return fmt.Errorf("could not set up network transport: failed to obtain an address: %w", err)
	}
	m.transport = t
	m.setPort(t.GetAutoBindPort())
	return nil
}

// setPort writes the port that the system chose into the configuration.
func (m *Memberlist) setPort(port int) {
	if c := m.conf; c.BindPort == 0 {
		c.BindPort, c.AdvertisePort = port, port
		m.logger.Printf("[DEBUG] memberlist: Using dynamic bind port %d", port)
	}
}

// listenOnSockets has the node open its own sockets.
func (m *Memberlist) listenOnSockets(s *membership.Config) error {
	c := m.conf
	ip, err := netip.ParseAddr(strings.Trim(c.BindAddr, "[]"))
	if err != nil {
		ip = netip.IPv4Unspecified()
		if c.BindAddr != "" {
			m.logger.Printf("[WARN] memberlist: BindAddr %q isn't an IP address: listening on all addresses",
				c.BindAddr)
		}
	}
	s.Bind = netip.AddrPortFrom(ip.Unmap(), uint16(c.BindPort))
	switch {
	case c.AdvertiseAddr != "":
		ip, err := netip.ParseAddr(c.AdvertiseAddr)
		if err != nil {
			return fmt.Errorf("failed to get final advertise address: "+
				"failed to parse advertise address %q", c.AdvertiseAddr)
		}
		port := c.AdvertisePort
		if c.BindPort == 0 {
			port = 0 // the one that is bound
		}
		s.Advertise = netip.AddrPortFrom(ip.Unmap(), uint16(port))
	case ip.IsUnspecified():
		own, err := privateIP()
		if err != nil {
			return fmt.Errorf("failed to get final advertise address: %v", err)
		}
		addr, _ := netip.AddrFromSlice(own)
		s.Advertise = netip.AddrPortFrom(addr, 0)
	}
	s.Network = socketNetwork{driver.System(), m}
	return nil
}

// socketNetwork is the system's network. It tells the configuration which port was bound.
type socketNetwork struct {
	driver.Network
	m *Memberlist
}

// Listen opens both sockets.
func (n socketNetwork) Listen(bind netip.AddrPort) (driver.PacketConn, driver.StreamListener, error) {
	packets, streams, err := n.Network.Listen(bind)
	if err == nil {
		n.m.setPort(int(packets.LocalAddr().Port()))
	}
	return packets, streams, err
}

// startError is in the words that programs know, if an address couldn't be bound.
func (m *Memberlist) startError(err error) error {
	if m.transport != nil && m.conf.Transport == nil {
		_ = m.transport.Shutdown()
	}
	bind, ok := errors.AsType[*driver.BindError](err)
	if !ok {
		return err
	}
	return fmt.Errorf("could not set up network transport: failed to obtain an address: "+
		"failed to start TCP listener on %q port %d: %w", m.conf.BindAddr, m.conf.BindPort, bind.Err)
}

// nodeOf is a member in the form of this package.
func nodeOf(m *membership.Member) Node {
	return Node{
		Name: m.Name, Addr: ipOf(m.Addr), Port: m.Addr.Port(), Meta: m.Meta, State: stateOf(m.State),
		PMin: m.Protocol.Min, PMax: m.Protocol.Max, PCur: m.Protocol.Current,
		DMin: m.Layer.Min, DMax: m.Layer.Max, DCur: m.Layer.Current,
	}
}

// ipOf is an address in the form of this package.
func ipOf(a netip.AddrPort) net.IP { return a.Addr().AsSlice() }

func stateOf(s membership.State) NodeStateType {
	switch s {
	case membership.StateSuspect:
		return StateSuspect
	case membership.StateFailed:
		return StateDead
	case membership.StateLeft:
		return StateLeft
	}
	return StateAlive
}
