package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"runtime/debug"
	"sync/atomic"
	"time"

	"serf/agent/config"
	"serf/agent/http"
	"serf/agent/metrics"
	"serf/driver"
	"serf/internal/certs"
)

// httpSide is what serves HTTP, if it is configured.
type httpSide struct {
	ln     net.Listener                // nil if HTTP is off
	certs  *certs.Live                 // nil without TLS
	server atomic.Pointer[http.Server] // nil before start; a scrape may be its first request
	shown  string                      // the address, as users know it
}

// listen takes the HTTP port. Like that of RPC it comes before the agent.
func (x *httpSide) listen(ctx context.Context, conf *config.Config, warn func(text string)) error {
	if conf.HTTPAddr == "" {
		return nil
	}
	addr, loopback := conf.HTTPListen()
	set, warning, err := loadHTTPCerts(conf)
	if err != nil {
		return fmt.Errorf("starting HTTP listener: %w", err)
	}
	if warning != "" {
		warn(warning)
	}
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", addr)
	if err != nil {
		return fmt.Errorf("starting HTTP listener: %s: %s", addr,
			driver.ExplainBind(err, conf.Setting("http_addr")))
	}
	if ip := ln.Addr().(*net.TCPAddr).IP; loopback && !ip.IsLoopback() {
		ln.Close() // whoever set up this host has other ideas of localhost
		return fmt.Errorf("starting HTTP listener: %s: %s is %v, which isn't a loopback address",
			conf.Where("http_addr"), addr, ip)
	}
	x.ln = ln
	if set != nil {
		x.certs = certs.NewLive(set)
		x.ln = tls.NewListener(ln, x.certs.Server())
	}
	return nil
}

// loadHTTPCerts reads the certificate for HTTP; nil if there is none.
func loadHTTPCerts(conf *config.Config) (set *certs.Set, warning string, err error) {
	if conf.HTTPCert == "" {
		return nil, "", nil
	}
	set, err = certs.Load(certs.Files{Cert: conf.HTTPCert, Key: conf.HTTPKey}, tls.VersionTLS12)
	var of *certs.Error
	if errors.As(err, &of) {
		return nil, "", fmt.Errorf("%s: %w", conf.Where("http_"+of.Part), err)
	}
	if text := set.Warning(time.Now()); text != "" {
		warning = conf.Where("http_cert") + ": " + text
	}
	return set, warning, err
}

// startHTTP serves the agent by HTTP.
func (d *daemon) startHTTP() {
	x, conf := &d.http, &d.setup.conf
	if x.ln == nil {
		return
	}
	bound := x.ln.Addr().(*net.TCPAddr).AddrPort().Addr()
	addr, loopback := conf.HTTPListen()
	o := http.Options{
		Token: conf.HTTPAuth, OpenReads: loopback, Write: conf.HTTPWrite, Origins: conf.HTTPOrigins,
		Host:    http.HostOf(bound, x.certificate),
		Metrics: d.exporter(),
		Version: version, Profile: conf.Profile, Label: conf.Label,
	}
	if d.tags != nil {
		o.SetTags = d.tags.SetTags
	}
	h, err := http.New(d.agent, o)
	if err != nil {
		panic("BUG: unchecked settings of HTTP: " + err.Error())
	}
	x.server.Store(http.Serve(x.ln, h, d.log))
	x.shown = shownAddr(addr, x.ln.Addr())
}

// exporter shows the agent's figures to Prometheus.
func (d *daemon) exporter() *metrics.Exporter {
	conf := &d.setup.conf
	info, _ := debug.ReadBuildInfo()
	return metrics.New(d.agent, metrics.Options{
		Version: version, Commit: commitOf(info), Node: conf.Node, Label: conf.Label,
		RPC: func() metrics.RPC {
			return metrics.RPC{Connections: d.rpc.Counters().Accepted, Requests: d.rpc.Requests()}
		},
		HTTP: d.http.figures,
	})
}

// figures are what metrics show of HTTP.
func (x *httpSide) figures() metrics.HTTP {
	s := x.server.Load()
	if s == nil {
		return metrics.HTTP{}
	}
	c := s.Counters()
	return metrics.HTTP{Requests: c.Requests, Streams: c.Streams, Dropped: c.Dropped}
}

// certificate is the present one, or nil.
func (x *httpSide) certificate() *x509.Certificate {
	if x.certs == nil {
		return nil
	}
	return x.certs.Leaf()
}

// close hangs up on all clients, or frees a port that wasn't used.
func (x *httpSide) close() {
	if s := x.server.Load(); s != nil {
		s.Close()
	} else if x.ln != nil {
		x.ln.Close()
	}
}

// reload reads the certificate again, from where it was at the start, and says whether it has
// changed.
func (x *httpSide) reload(conf *config.Config) (change, warning string, err error) {
	if x.certs == nil {
		return "", "", nil
	}
	set, warning, err := loadHTTPCerts(conf)
	if err == nil && x.certs.Replace(set) {
		change = "the certificate for HTTP is new"
	}
	return change, warning, err
}
