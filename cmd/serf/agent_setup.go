package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"time"

	"serf/agent"
	"serf/agent/config"
	"serf/agent/handler"
	"serf/internal/timing"
	"serf/swim/serf"
	"serf/wire"
)

// setup is a configuration with everything in it parsed.
type setup struct {
	conf     config.Config
	addrs    agent.Addresses
	handlers []handler.Handler
	warnings []string
	rpc      rpcSetup
}

// Events are collected for a while, so that handlers get one event about many members.
const (
	coalescePeriod  = 3 * time.Second // at most
	quiescentPeriod = time.Second     // after the last
)

// encryptVersion is the encryption of all Serf protocols since 2: without padding.
const encryptVersion = 1

// loadSetup reads options and files. The error has all problems, joined.
func loadSetup(args []string) (setup, error) {
	conf, warnings, err := config.Load(args, config.OS())
	if errors.Is(err, flag.ErrHelp) {
		return setup{}, err
	}
	s := setup{conf: conf, warnings: warnings}
	errs := []error{err}
	for i, spec := range conf.EventHandlers {
		h, err := handler.Parse(spec)
		err = s.from(fmt.Sprintf("event_handlers[%d]", i), err)
		if errors.Is(err, handler.ErrNoScript) { // HashiCorp's Serf accepts it
			s.warnings = append(s.warnings, err.Error()+": it does nothing")
			continue
		}
		s.handlers = append(s.handlers, h)
		errs = append(errs, err)
	}
	errs = append(errs, s.checkJoins("start_join", conf.Join),
		s.checkJoins("retry_join", conf.RetryJoin))
	errs = append(errs, s.fromKey(s.chooseAddresses()), s.checkDiscovery(), s.checkRPC())
	if err := errors.Join(errs...); err != nil {
		return s, err
	}
	return s, s.checkNode()
}

// checkNode finds what the node wouldn't accept, such as too many tags: here it is known what set
// it.
func (s *setup) checkNode() error {
	c := s.serfConfig()
	if c.Addr.Port() == 0 { // chosen when it is bound
		c.Addr = netip.AddrPortFrom(c.Addr.Addr(), agent.DefaultPort)
	}
	var errs []error
	for _, err := range config.Problems(c.Validate()) {
		if text, ok := strings.CutPrefix(err.Error(), "name: "); ok {
			errs = append(errs, s.from("node_name", errors.New(text)))
			continue
		}
		errs = append(errs, s.fromKey(err))
	}
	return errors.Join(errs...)
}

// checkJoins checks the form of join addresses, which would otherwise fail later, again and again.
func (s *setup) checkJoins(key string, addrs []string) error {
	var errs []error
	for i, addr := range addrs {
		errs = append(errs, s.from(fmt.Sprintf("%s[%d]", key, i), agent.CheckJoin(addr)))
	}
	return errors.Join(errs...)
}

// chooseAddresses determines this member's addresses.
func (s *setup) chooseAddresses() (err error) {
	spec := agent.AddressSpec{Bind: s.conf.Bind, Interface: s.conf.Interface,
		Advertise: s.conf.Advertise}
	s.addrs, err = agent.ChooseAddresses(context.Background(), net.DefaultResolver, spec)
	return err
}

// checkPorts finds an RPC port that is also the gossip port: the system would only say that it is
// taken.
func (s *setup) checkPorts(rpc []rpcListener) error {
	bind := s.addrs.Bind
	for _, ln := range rpc {
		at := ln.tcpAddr()
		same := at.Addr().Unmap() == bind.Addr().Unmap() || at.Addr().IsUnspecified() ||
			bind.Addr().IsUnspecified()
		if at.IsValid() && same && at.Port() == bind.Port() {
			return fmt.Errorf("%s: %v is taken for RPC, by %s of this agent: give them different "+
				"ports", s.conf.Where("bind"), bind, s.conf.Where("rpc_addr"))
		}
	}
	return nil
}

// from adds to an error which option, or which place in a file, it comes from.
func (s *setup) from(key string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", s.conf.Where(key), err)
}

// fromKey is from for an error that begins with its key.
func (s *setup) fromKey(err error) error {
	if err == nil {
		return nil
	}
	if key, text, ok := strings.Cut(err.Error(), ": "); ok && !strings.Contains(key, " ") {
		return fmt.Errorf("%s: %s", s.conf.Where(key), text)
	}
	return err
}

// level is the log level, which has been checked.
func (s *setup) level() slog.Level {
	level, err := agent.ParseLevel(s.conf.LogLevel)
	if err != nil {
		panic("BUG: unchecked log level: " + err.Error())
	}
	return level
}

// logFormat is the form of log lines, which has been checked.
func (s *setup) logFormat() agent.LogFormat {
	format, err := agent.ParseLogFormat(s.conf.LogFormat)
	if err != nil {
		panic("BUG: unchecked log format: " + err.Error())
	}
	return format
}

// agentConfig is the configuration as the agent takes it.
func (s *setup) agentConfig() (agent.Config, error) {
	c := &s.conf
	sealer, err := s.sealer()
	if err != nil {
		return agent.Config{}, err
	}
	ac := agent.Config{
		Serf:      s.serfConfig(),
		Bind:      s.addrs.Bind,
		Interface: s.addrs.Interface,
		Handlers:  s.handlers, HandlerTimeout: s.handlerTimeout(),
		Join: agent.JoinConfig{
			Retry: c.RetryJoin, Seeds: c.Join, Replay: c.Replay, Interval: c.RetryInterval,
			Max: c.RetryMax,
		},
	}
	ac.Serf.Sealer = sealer
	if path := c.KeyringFile; path != "" {
		ac.KeyringChanged = func(keys [][]byte) error { return config.SaveKeyring(path, keys) }
	}
	return ac, nil
}

// handlerTimeout is the time-out for scripts as the agent wants it: zero would mean its default.
func (s *setup) handlerTimeout() time.Duration { return cmp.Or(s.conf.HandlerTimeout, -1) }

// sealer is what seals this member's messages.
func (s *setup) sealer() (*wire.Sealer, error) {
	sealer := &wire.Sealer{
		Label: s.conf.Label, Compress: s.conf.Compression, EncryptVersion: encryptVersion,
		PlainIn: !s.conf.VerifyIncoming, PlainOut: !s.conf.VerifyOutgoing,
	}
	if keys := s.conf.Keys; len(keys) > 0 {
		ring, err := wire.NewKeyring(keys[0], keys[1:]...)
		if err != nil {
			return nil, err
		}
		sealer.Keys = ring
	}
	return sealer, nil
}

// zones is how members are divided.
func zones(c *config.Config) serf.Zones {
	return serf.Zones{Tag: c.ZoneTag, Share: c.ZoneShare, Probes: c.ZoneProbes}
}

// serfConfig is the configuration as the node takes it.
func (s *setup) serfConfig() serf.Config {
	c := &s.conf
	profile, _ := timing.Profile(c.Profile) // checked
	sc := serf.DefaultConfig(profile)
	c.Timing.Apply(&sc)
	sc.Name, sc.Addr, sc.CheckNames = c.Node, s.addrs.Advertise, c.ValidateNodeNames
	sc.Protocol = uint8(c.Protocol)
	sc.Tags, sc.Zones = c.Tags, zones(c)
	sc.EventSizeMax = c.UserEventSizeLimit
	sc.QuerySizeMax, sc.QueryResponseSizeMax = c.QuerySizeLimit, c.QueryResponseSizeLimit
	sc.CoalescePeriod, sc.QuiescentPeriod = coalescePeriod, quiescentPeriod
	sc.UserCoalescePeriod, sc.UserQuiescentPeriod = coalescePeriod, quiescentPeriod
	sc.DisableCoordinates = c.DisableCoordinates
	sc.DisableConflictResolution = c.DisableNameResolution
	sc.BroadcastTimeout = c.BroadcastTimeout
	return sc
}
