package serf

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"

	"serf/agent"
	"serf/compat/internal/hooks"
	"serf/compat/memberlist"
	"serf/swim"
)

// membership is what a memberlist.Config says.
type membership struct {
	timing    swim.Timing
	packetMax int
	keys      [][]byte // the one to encrypt with first
	label     string
	compress  bool

	acceptPlain, sendPlain bool

	bind      netip.AddrPort
	advertise netip.AddrPort // port 0: the one bound
	nic       string         // the interface that advertise was chosen from; empty if it was given
}

// readMembership checks c and reads it.
func readMembership(c *memberlist.Config) (m membership, err error) {
	if err := checkMembership(c); err != nil {
		return m, err
	}
	m.timing, m.packetMax = hooks.Timing(c), c.UDPBufferSize
	m.label, m.compress = c.Label, c.EnableCompression
	m.acceptPlain = !c.GossipVerifyIncoming
	m.sendPlain = m.acceptPlain && !c.GossipVerifyOutgoing // as compat/memberlist has it
	if c.EncryptionEnabled() {
		m.keys = c.Keyring.GetKeys()
	}
	return m, m.chooseAddresses(c)
}

// checkMembership refuses what a Serf can't do.
func checkMembership(c *memberlist.Config) error {
	for _, field := range []struct {
		name string
		set  bool
	}{
		{"Transport", c.Transport != nil},
		{"Delegate", c.Delegate != nil},
		{"Events", c.Events != nil},
		{"Conflict", c.Conflict != nil},
		{"Ping", c.Ping != nil},
		{"Alive", c.Alive != nil},
		{"Merge", c.Merge != nil},
		{"DisableTcpPingsForNode", c.DisableTcpPingsForNode != nil},
	} {
		if field.set {
			return fmt.Errorf("MemberlistConfig.%s can't be used with Serf here", field.name)
		}
	}
	if c.Logger != nil && c.LogOutput != nil {
		return errors.New("cannot specify both LogOutput and Logger; " +
			"please choose a single log configuration setting")
	}
	return nil
}

// chooseAddresses determines where to listen, and what others are told.
func (m *membership) chooseAddresses(c *memberlist.Config) error {
	ip := netip.IPv4Unspecified()
	if c.BindAddr != "" {
		var err error
		if ip, err = netip.ParseAddr(c.BindAddr); err != nil {
			return fmt.Errorf("failed to parse bind address %q", c.BindAddr)
		}
	}
	if c.BindPort < 0 || c.BindPort > 1<<16-1 {
		return fmt.Errorf("bind port %d: allowed 0 to 65535", c.BindPort)
	}
	m.bind = netip.AddrPortFrom(ip, uint16(c.BindPort))
	switch {
	case c.AdvertiseAddr != "":
		return m.advertiseGiven(c)
	case !ip.IsUnspecified():
		return nil
	}
	spec := agent.AddressSpec{Bind: m.bind.String()}
	addrs, err := agent.ChooseAddresses(context.Background(), net.DefaultResolver, spec)
	m.bind, m.advertise, m.nic = addrs.Bind, addrs.Advertise, addrs.Interface
	return err
}

// advertiseGiven takes the address that c says to advertise.
func (m *membership) advertiseGiven(c *memberlist.Config) error {
	ip, err := netip.ParseAddr(c.AdvertiseAddr)
	if err != nil {
		return fmt.Errorf("failed to parse advertise address %q", c.AdvertiseAddr)
	}
	port := c.AdvertisePort
	if c.BindPort == 0 {
		port = 0
	}
	if port < 0 || port > 1<<16-1 {
		return errors.New("advertise port " + strconv.Itoa(port) + ": allowed 0 to 65535")
	}
	m.advertise = netip.AddrPortFrom(ip.Unmap(), uint16(port))
	return nil
}
