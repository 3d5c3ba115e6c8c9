package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"time"

	"serf/agent"
	"serf/agent/config"
	"serf/agent/handler"
	"serf/internal/timing"
	"serf/swim"
	"serf/swim/serf"
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
	c := s.agentConfig()
	var errs []error
	for _, err := range config.Problems(c.Validate()) {
		var problem *swim.Problem // of the node, which names keys as files do
		if errors.As(err, &problem) {
			err = problem
		}
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
			return fmt.Errorf("%s: %v is in use for RPC, by %s of this agent: give them different "+
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
func (s *setup) agentConfig() agent.Config {
	c := &s.conf
	ac := agent.Config{
		Name: c.Node, CheckNames: c.ValidateNodeNames, Tags: c.Tags, Zones: zones(c),
		Bind: s.addrs.Bind, Advertise: s.addrs.Advertise, Interface: s.addrs.Interface,
		Join: agent.JoinConfig{
			Retry: c.RetryJoin, Seeds: c.Join, Replay: c.Replay, Interval: c.RetryInterval,
			Max: c.RetryMax,
		},
		Keys: c.Keys, AcceptPlain: !c.VerifyIncoming, SendPlain: !c.VerifyOutgoing,
		Label: c.Label, Compress: c.Compression,
		BroadcastTimeout: orNone(c.BroadcastTimeout),
		CoalescePeriod:   coalescePeriod, QuiescentPeriod: quiescentPeriod,
		UserCoalescePeriod: coalescePeriod, UserQuiescentPeriod: quiescentPeriod,
		EventSizeMax: c.UserEventSizeLimit, QuerySizeMax: c.QuerySizeLimit,
		QueryResponseSizeMax:      c.QueryResponseSizeLimit,
		Protocol:                  uint8(c.Protocol),
		DisableCoordinates:        c.DisableCoordinates,
		DisableConflictResolution: c.DisableNameResolution,
		Handlers:                  s.handlers, HandlerTimeout: orNone(c.HandlerTimeout),
		Record: s.record(),
	}
	profile, _ := timing.Profile(c.Profile) // checked
	n := serf.DefaultConfig(profile)
	c.Timing.Apply(&n)
	ac.Timing, ac.ReapInterval = n.Timing, n.ReapInterval
	ac.ReconnectInterval = orNone(n.ReconnectInterval)
	ac.ReconnectTimeout = orNone(n.ReconnectTimeout)
	ac.TombstoneTimeout = orNone(n.TombstoneTimeout)
	if path := c.KeyringFile; path != "" {
		ac.KeyringChanged = func(keys [][]byte) error { return config.SaveKeyring(path, keys) }
	}
	return ac
}

// zones is how members are divided.
func zones(c *config.Config) agent.Zones {
	if c.ZoneTag == "" {
		return agent.Zones{} // ZoneShare has a default
	}
	return agent.Zones{Tag: c.ZoneTag, Share: c.ZoneShare, Probes: c.ZoneProbes}
}

// orNone is a time-out as the agent wants it: zero would mean its default.
func orNone(d time.Duration) time.Duration { return cmp.Or(d, -1) }
