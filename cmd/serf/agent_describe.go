package main

import (
	"fmt"

	"serf/agent/config"
)

// logStart logs automatic decisions, and warns of what is unwise.
func (d *daemon) logStart(listeners []rpcListener) {
	if a := &d.setup.addrs; a.Reason != "" {
		d.log.Infof("agent", "advertising %v: %s", a.Advertise.Addr(), a.Reason)
	}
	for _, ln := range listeners {
		d.warnOpen(&ln)
	}
}

// encryption says whether messages are encrypted, and what is missing while encryption is being
// turned on.
func encryption(c *config.Config) string {
	text := fmt.Sprint(len(c.Keys) > 0)
	switch {
	case len(c.Keys) == 0:
	case !c.VerifyOutgoing:
		text += " (plain text is sent and accepted)"
	case !c.VerifyIncoming:
		text += " (plain text is accepted)"
	}
	return text
}

// describe prints the main settings of the agent.
func (d *daemon) describe(rpcAddr string) {
	conf := &d.setup.conf
	d.out.value("Node name", "'"+conf.Node+"'")
	d.out.value("Bind addr", "'"+d.agent.Addr().String()+"'")
	if conf.Advertise != "" {
		d.out.value("Advertise addr", "'"+d.setup.addrs.Advertise.String()+"'")
	}
	d.out.value("RPC addr", "'"+rpcAddr+"'")
	if d.http.shown != "" {
		d.out.value("HTTP addr", "'"+d.http.shown+"'")
	}
	d.out.value("Encrypted", encryption(conf))
	if conf.Label != "" {
		d.out.value("Label", fmt.Sprintf("%q", conf.Label))
	}
	d.out.value("Snapshot", fmt.Sprint(conf.Snapshot != ""))
	d.out.value("Profile", conf.Profile)
	d.out.value("Message Compression Enabled", fmt.Sprint(conf.Compression))
	if conf.Discover != "" {
		d.out.value("mDNS cluster", conf.Discover)
	}
}
