package main

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"os"

	"serf/agent"
	"serf/agent/mdns"
	"serf/agent/telemetry"
)

// extras are the parts of an agent besides the cluster itself: all but metrics are optional.
type extras struct {
	syslog    *agent.Syslog
	logFile   *agent.LogFile
	metrics   *telemetry.Metrics
	collector *telemetry.Collector
	discovery *mdns.Service
}

// checkDiscovery checks the settings of mDNS.
func (s *setup) checkDiscovery() error {
	c := &s.conf
	if c.Discover == "" {
		return nil
	}
	if err := mdns.Check(c.Discover, c.Node); err != nil {
		return s.fromKey(err)
	}
	key := "mdns.interface"
	if c.MDNSInterface == "" {
		key = "interface"
	}
	return s.from(key, mdns.CheckInterface(s.mdnsInterface()))
}

// mdnsInterface is the interface for mDNS; empty leaves it to the system.
func (s *setup) mdnsInterface() string { return cmp.Or(s.conf.MDNSInterface, s.conf.Interface) }

// openExtras starts what has to exist before the agent.
func (d *daemon) openExtras(ac *agent.Config) (err error) {
	conf := &d.setup.conf
	if conf.Syslog {
		d.extras.syslog, err = agent.StartSyslog(d.log, d.setup.level(), conf.SyslogFacility)
		if err != nil {
			return fmt.Errorf("syslog: %w", err)
		}
	}
	if conf.LogFile != "" {
		d.extras.logFile, err = agent.OpenLogFile(d.log, d.setup.level(), conf.LogFile,
			d.setup.logFormat())
		if err != nil {
			return d.setup.from("log_file", err)
		}
	}
	host, err := os.Hostname()
	if err != nil {
		host = conf.Node
	}
	d.extras.metrics = telemetry.New(telemetry.Options{Statsd: conf.StatsdAddr,
		Statsite: conf.StatsiteAddr, Host: host, Log: d.log})
	ac.ObserveHandler = d.extras.metrics.Script
	return nil
}

// startExtras starts what needs the agent and its RPC server.
func (d *daemon) startExtras() {
	x := &d.extras
	x.collector = telemetry.Collect(x.metrics, d.agent, func() (accepted, commands uint64) {
		c := d.rpc.Counters()
		return c.Accepted, c.Commands
	})
	d.startDiscovery()
}

// startDiscovery starts mDNS, if it is configured.
func (d *daemon) startDiscovery() {
	x, conf := &d.extras, &d.setup.conf
	if conf.Discover == "" {
		return
	}
	iface := d.setup.mdnsInterface()
	if iface != "" {
		d.log.Infof("agent", "Starting mDNS listener on interface %s", iface)
	}
	replay := conf.Replay
	var err error
	x.discovery, err = mdns.Start(mdns.Config{
		Cluster: conf.Discover, Node: conf.Node, Addr: d.agent.Self().Addr, Interface: iface,
		DisableIPv4: conf.MDNSDisableIPv4, DisableIPv6: conf.MDNSDisableIPv6, Log: d.log,
		Join: func(ctx context.Context, addrs []string) (int, error) {
			return d.agent.Join(ctx, addrs, replay)
		},
	})
	if err != nil { // the configuration was checked: the system has changed since
		d.log.Errorf("agent", "Error starting mDNS listener: %v", err)
	}
}

// restartDiscovery lets others find this member at its new address.
func (d *daemon) restartDiscovery() {
	if d.extras.discovery != nil {
		d.extras.discovery.Close()
		d.startDiscovery()
	}
}

// stopExtras stops what needs the agent.
func (d *daemon) stopExtras() {
	if d.extras.discovery != nil {
		d.extras.discovery.Close()
	}
	if d.extras.collector != nil {
		d.extras.collector.Close()
	}
}

// closeExtras stops the rest. Syslog still gets what is in the log.
func (d *daemon) closeExtras() {
	if d.extras.metrics != nil {
		d.extras.metrics.Close()
	}
	if d.extras.syslog != nil {
		d.extras.syslog.Close()
	}
	if d.extras.logFile != nil {
		d.extras.logFile.Close()
	}
}

// setLevel changes what syslog and the log file get.
func (x *extras) setLevel(level slog.Level) {
	if x.syslog != nil {
		x.syslog.SetLevel(level)
	}
	if x.logFile != nil {
		x.logFile.SetLevel(level)
	}
}

// reopenLog opens the log file again, which was renamed.
func (d *daemon) reopenLog() {
	if d.extras.logFile != nil {
		d.extras.logFile.Reopen()
	}
}

// dump writes the metrics of the last minute to standard error.
func (d *daemon) dump() {
	d.extras.collector.Read()
	d.out.queue(d.stderr, d.extras.metrics.Dump())
}
