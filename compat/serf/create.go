package serf

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"serf/agent"
	"serf/agent/snapshot"
	"serf/compat/internal/hooks"
	core "serf/swim/serf"
)

// Create starts a node. It is alone until Join, or until a snapshot tells it whom to join.
func Create(conf *Config) (*Serf, error) {
	conf.Init()
	if err := conf.check(); err != nil {
		return nil, err
	}
	if err := hooks.FillKeyring(conf.MemberlistConfig); err != nil {
		return nil, fmt.Errorf("Failed to create memberlist: %w", err)
	}
	m, err := readMembership(conf.MemberlistConfig)
	if err != nil {
		return nil, fmt.Errorf("Failed to create memberlist: %w", err)
	}
	s := &Serf{
		config: conf, encrypted: m.keys != nil,
		gossipInterval:   m.timing.GossipInterval,
		queryTimeoutMult: cmp.Or(conf.QueryTimeoutMult, queryTimeoutMult),
		shutdown:         make(chan struct{}),
	}
	s.keyManager, s.keys.serf = &KeyManager{serf: s}, s
	if err := s.start(s.agentConfig(&m)); err != nil {
		return nil, err
	}
	go s.awaitEnd()
	return s, nil
}

// queryTimeoutMult is that of DefaultConfig.
const queryTimeoutMult = 16

// check returns what is wrong, in the original's words where it says the same.
func (c *Config) check() error {
	const outOfRange = "Protocol version '%d' too %s. Must be in range: [%d, %d]"
	switch v := c.ProtocolVersion; {
	case v < ProtocolVersionMin:
		return fmt.Errorf(outOfRange, v, "low", ProtocolVersionMin, ProtocolVersionMax)
	case v > ProtocolVersionMax:
		return fmt.Errorf(outOfRange, v, "high", ProtocolVersionMin, ProtocolVersionMax)
	case c.UserEventSizeLimit > UserEventSizeLimit:
		return fmt.Errorf("user event size limit exceeds limit of %d bytes", UserEventSizeLimit)
	case c.MemberlistConfig == nil:
		return errors.New("MemberlistConfig isn't set: memberlist.DefaultLANConfig returns one")
	}
	return c.validateName(c.NodeName)
}

func (c *Config) validateName(name string) error {
	if !c.ValidateNodeNames {
		return nil
	}
	bad := strings.ContainsFunc(name, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '.'
	})
	switch {
	case bad:
		return fmt.Errorf("Node name contains invalid characters %v , Valid characters include "+
			"all alpha-numerics and dashes and '.' ", name)
	case len(name) > MaxNodeNameLength:
		return fmt.Errorf("Node name is %v characters. Valid length is between 1 and 128 characters",
			len(name))
	}
	return nil
}

// agentConfig is the configuration as the agent takes it.
func (s *Serf) agentConfig(m *membership) agent.Config {
	c := s.config
	if s.name = c.NodeName; s.name == "" {
		s.name, _ = os.Hostname() // the agent says why it fails
	}
	ac := agent.Config{
		Name: c.NodeName, Tags: c.Tags, Protocol: c.ProtocolVersion,
		Bind: m.bind, Advertise: m.advertise, Interface: m.nic,
		Timing: m.timing, PacketMax: m.packetMax,
		Keys: m.keys, AcceptPlain: m.acceptPlain, SendPlain: m.sendPlain,
		Label: m.label, Compress: m.compress,
		ReapInterval: c.ReapInterval, ReconnectInterval: c.ReconnectInterval,
		ReconnectTimeout: c.ReconnectTimeout, TombstoneTimeout: c.TombstoneTimeout,
		BroadcastTimeout:    c.BroadcastTimeout,
		LeavePropagateDelay: cmp.Or(c.LeavePropagateDelay, -1),
		EventSizeMax:        c.UserEventSizeLimit, QuerySizeMax: c.QuerySizeLimit,
		QueryResponseSizeMax: c.QueryResponseSizeLimit,
		CoalescePeriod:       c.CoalescePeriod, QuiescentPeriod: c.QuiescentPeriod,
		UserCoalescePeriod: c.UserCoalescePeriod, UserQuiescentPeriod: c.UserQuiescentPeriod,
		DisableCoordinates:        c.DisableCoordinates,
		DisableConflictResolution: !c.EnableNameConflictResolution,
	}
	if o := c.ReconnectTimeoutOverride; o != nil {
		ac.ListedFor = func(m core.Member, d time.Duration) time.Duration {
			member := memberOf(&m)
			return o.ReconnectTimeout(&member, d)
		}
	}
	if c.Merge != nil || c.MemberlistConfig.IPMustBeChecked() {
		ac.Admit = c.admit
	}
	if c.Merge != nil {
		ac.AdmitMerge = c.admitMerge
	}
	if c.EventCh != nil {
		ac.OnEvent = s.sendEvent
	}
	if s.encrypted {
		ac.KeyringChanged = s.keys.save
	}
	return ac
}

// start opens what the configuration names, and runs the agent.
func (s *Serf) start(ac agent.Config) (err error) {
	log := newLog(s.config)
	ac.Logger = log
	if path := s.config.SnapshotPath; path != "" {
		s.snapshot, err = snapshot.Open(snapshot.Config{Path: path,
			Rejoin: s.config.RejoinAfterLeave, Log: log})
		if err != nil {
			log.Close()
			return fmt.Errorf("Failed to setup snapshot: %w", err)
		}
		ac.Snapshot = s.snapshot
	}
	if s.agent, err = agent.Start(context.Background(), ac); err != nil {
		s.closeFiles(log)
		return startError(err)
	}
	s.keys.follow()
	m := s.config.MemberlistConfig
	if len(ac.Keys) > 0 && m.GossipVerifyIncoming && !m.GossipVerifyOutgoing {
		log.Warnf("memberlist", "GossipVerifyOutgoing is off and GossipVerifyIncoming is on: "+
			"what is sent is encrypted all the same")
	}
	if m.BindPort == 0 {
		m.BindPort = int(s.agent.Addr().Port())
		m.AdvertisePort = m.BindPort
	}
	return nil
}

// startError has the original's words for errors that programs look for.
func startError(err error) error {
	if bind, ok := errors.AsType[*agent.BindError](err); ok {
		return fmt.Errorf("Failed to create memberlist: Could not set up network transport: "+
			"failed to obtain an address: failed to start TCP listener on %q port %d: %w",
			bind.Addr.Addr().String(), bind.Addr.Port(), bind.Err)
	}
	if size, ok := errors.AsType[*core.SizeError](err); ok && size.What == "tags" {
		return overLimit(err, tagsTooLarge)
	}
	return fmt.Errorf("Failed to create memberlist: %w", err)
}

// closeFiles writes what snapshot and log still have.
func (s *Serf) closeFiles(log *agent.Log) (err error) {
	if s.snapshot != nil {
		err = s.snapshot.Close()
	}
	log.Close()
	return err
}
