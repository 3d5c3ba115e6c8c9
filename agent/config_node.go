package agent

import (
	"cmp"
	"crypto/rand"
	mathrand "math/rand/v2"
	"net"
	"net/netip"
	"os"
	"slices"
	"time"

	"serf/driver"
	"serf/internal/hostaddr"
	"serf/swim/serf"
	"serf/wire"
)

// encryptVersion is the encryption of all Serf protocols since 2: without padding.
const encryptVersion = 1

// fill sets the defaults of c. The error is one of finding them out.
func (c *Config) fill() error {
	if c.Network == nil {
		c.Network, c.host = driver.System(), hostaddr.System
	}
	c.Resolver = cmp.Or[Resolver](c.Resolver, net.DefaultResolver)
	if c.Name == "" {
		name, err := os.Hostname()
		if err != nil {
			return newConfigError("Name", err)
		}
		c.Name = name
	}
	c.Timing = cmp.Or(c.Timing, LAN())
	c.Join.Interval = cmp.Or(c.Join.Interval, DefaultJoinInterval)
	c.EventSizeMax = cmp.Or(c.EventSizeMax, DefaultEventSizeMax)
	c.QuerySizeMax = cmp.Or(c.QuerySizeMax, DefaultQuerySizeMax)
	c.QueryResponseSizeMax = cmp.Or(c.QueryResponseSizeMax, DefaultQueryResponseSizeMax)
	c.seed = cmp.Or(c.seed, mathrand.Uint64())
	return c.fillAddresses()
}

// fillAddresses decides where to listen, and what to advertise if Bind leaves that open.
func (c *Config) fillAddresses() error {
	if !c.Bind.IsValid() {
		c.Bind = netip.AddrPortFrom(netip.IPv4Unspecified(), DefaultPort)
	}
	if c.Advertise.Addr().IsValid() || c.host.All == nil {
		return nil
	}
	port := c.Advertise.Port()
	spec := AddressSpec{Bind: c.Bind.String(), Interface: c.Interface}
	chosen, err := hostaddr.Choose(spec, c.host.All)
	if err != nil {
		return newConfigError("Bind", err)
	}
	c.Bind, c.Advertise, c.Interface = chosen.Bind, chosen.Advertise, chosen.Interface
	if port != 0 {
		c.Advertise = netip.AddrPortFrom(c.Advertise.Addr(), port)
	}
	return nil
}

// node is the configuration of the node. It lacks what depends on the sockets.
func (c *Config) node() (serf.Config, error) {
	n := serf.DefaultConfig(c.Timing)
	n.Name, n.Addr, n.Tags, n.Seed = c.Name, c.Advertise, c.Tags, c.seed
	n.Zones, n.ListedFor = c.Zones, c.ListedFor
	n.Admit, n.AdmitMerge = c.Admit, c.AdmitMerge
	n.CheckNames, n.Protocol = c.CheckNames, c.Protocol
	n.PacketMax = cmp.Or(c.PacketMax, n.PacketMax)
	n.ReapInterval = cmp.Or(c.ReapInterval, DefaultReapInterval)
	n.ReconnectInterval = orNone(c.ReconnectInterval, DefaultReconnectInterval)
	n.ReconnectTimeout = orNone(c.ReconnectTimeout, DefaultReconnectTimeout)
	n.TombstoneTimeout = orNone(c.TombstoneTimeout, DefaultTombstoneTimeout)
	n.BroadcastTimeout = orNone(c.BroadcastTimeout, DefaultBroadcastTimeout)
	n.LeavePropagateDelay = orNone(c.LeavePropagateDelay, DefaultLeavePropagateDelay)
	n.CoalescePeriod, n.QuiescentPeriod = c.CoalescePeriod, c.QuiescentPeriod
	n.UserCoalescePeriod, n.UserQuiescentPeriod = c.UserCoalescePeriod, c.UserQuiescentPeriod
	n.EventSizeMax, n.QuerySizeMax = c.EventSizeMax, c.QuerySizeMax
	n.QueryResponseSizeMax = c.QueryResponseSizeMax
	n.DisableCoordinates = c.DisableCoordinates
	n.DisableConflictResolution = c.DisableConflictResolution
	n.KeyringStore = serf.StoreNone
	if c.KeyringChanged != nil {
		n.KeyringStore = serf.StoreReports
	}
	if c.Snapshot != nil {
		s := c.Snapshot.Previous()
		n.LastMemberTime, n.MinEventTime, n.MinQueryTime = s.MemberTime, s.EventTime+1, s.QueryTime+1
		n.Previous = s.others(c.Name)
	}
	var err error
	n.Sealer, err = c.sealer()
	return n, err
}

// orNone is d, but def if it is zero, and zero if it is negative.
func orNone(d, def time.Duration) time.Duration { return max(0, cmp.Or(d, def)) }

// sealer is what seals this member's messages.
func (c *Config) sealer() (*wire.Sealer, error) {
	s := &wire.Sealer{
		Label: c.Label, Compress: c.Compress, EncryptVersion: encryptVersion,
		PlainIn: c.AcceptPlain, PlainOut: c.SendPlain,
		Nonce: func(b []byte) { rand.Read(b) },
	}
	if len(c.Keys) == 0 {
		return s, nil
	}
	ring, err := wire.NewKeyring(c.Keys[0], c.Keys[1:]...)
	if err != nil {
		return nil, err
	}
	s.Keys = ring
	return s, nil
}

// SnapshotState is what an earlier run knew: the last Lamport times seen, 0 for none; the living
// members, itself included, sorted by name; and those that had failed without leaving, oldest
// first.
type SnapshotState struct {
	Members, Failed                  []Previous
	MemberTime, EventTime, QueryTime uint64
}

// Previous is a member known to an earlier run.
type Previous = serf.Previous

// others are the members but this one, without those whose address another had later.
func (s *SnapshotState) others(name string) (list []Previous) {
	tried := make(map[netip.AddrPort]bool) // a member that changed its name is listed twice
	for _, m := range slices.Concat(s.Members, s.Failed) {
		if m.Name != name && !tried[m.Addr] {
			tried[m.Addr] = true
			list = append(list, m)
		}
	}
	return list
}
