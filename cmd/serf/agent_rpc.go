package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os/user"
	"runtime"
	"strconv"
	"strings"
	"time"

	"serf/agent/rpc/server"
	"serf/driver"
	"serf/internal/certs"
	"serf/internal/rpcaddr"
)

// rpcSetup is what the settings of RPC refer to.
type rpcSetup struct {
	certs *certs.Set // nil without an address with TLS
	gid   int        // of sockets
}

// checkRPC reads certificates and looks up the group of sockets.
func (s *setup) checkRPC() error {
	c := &s.conf
	s.rpc.gid = server.NoGroup
	var errs []error
	if runtime.GOOS == "windows" {
		why := errors.New("not on Windows: who may use a socket is decided by its folder there")
		if c.RPCSocketMode != "" {
			errs = append(errs, s.from("rpc_socket_mode", why))
		}
		if c.RPCSocketGroup != "" {
			errs = append(errs, s.from("rpc_socket_group", why))
		}
		return errors.Join(append(errs, s.loadRPCCerts())...)
	}
	var err error
	if c.RPCSocketGroup != "" {
		s.rpc.gid, err = lookupGroup(c.RPCSocketGroup)
	}
	return errors.Join(s.from("rpc_socket_group", err), s.loadRPCCerts())
}

// loadRPCCerts reads the certificates for addresses with TLS.
func (s *setup) loadRPCCerts() error {
	c := &s.conf
	if c.RPCTLSCert == "" || c.RPCTLSKey == "" { // also wrong if one is missing: config says so
		return nil
	}
	set, err := certs.Load(certs.Files{Cert: c.RPCTLSCert, Key: c.RPCTLSKey,
		ClientCA: c.RPCTLSClientCA}, tls.VersionTLS13)
	var bad *certs.Error
	if errors.As(err, &bad) {
		return s.from("rpc_tls_"+bad.Part, err)
	}
	if text := set.Warning(time.Now()); text != "" {
		s.warnings = append(s.warnings, c.Where("rpc_tls_cert")+": "+c.RPCTLSCert+": "+text)
	}
	s.rpc.certs = set
	return err
}

// lookupGroup is the number of a group, which is given by its name or number.
func lookupGroup(name string) (gid int, err error) {
	if n, err := strconv.ParseUint(name, 10, 31); err == nil {
		return int(n), nil
	}
	g, err := user.LookupGroup(name)
	if err != nil {
		return 0, fmt.Errorf("this host has no group %q", name)
	}
	return strconv.Atoi(g.Gid)
}

// rpcListener is one of the addresses at which RPC is served.
type rpcListener struct {
	net.Listener
	addr rpcaddr.Addr // as given
}

// listenRPC takes all addresses of RPC, or none.
func (d *daemon) listenRPC(ctx context.Context) (all []rpcListener, err error) {
	conf := &d.setup.conf
	for _, addr := range conf.RPCAddrs() {
		ln, err := d.listenAt(ctx, addr)
		if err != nil {
			closeRPC(all)
			return nil, fmt.Errorf("starting RPC listener: %v: %w", addr, err)
		}
		all = append(all, rpcListener{ln, addr})
	}
	return all, nil
}

func closeRPC(all []rpcListener) {
	for _, ln := range all {
		ln.Close()
	}
}

// listenAt takes one address.
func (d *daemon) listenAt(ctx context.Context, addr rpcaddr.Addr) (net.Listener, error) {
	conf := &d.setup.conf
	if addr.Network == rpcaddr.Unix {
		return server.ListenUnix(addr.Address, conf.SocketMode(), d.setup.rpc.gid)
	}
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", addr.Address)
	if err != nil {
		return nil, errors.New(driver.ExplainBind(err, conf.Setting("rpc_addr")))
	}
	if addr.Network == rpcaddr.TLS {
		if d.rpcCerts == nil {
			d.rpcCerts = certs.NewLive(d.setup.rpc.certs)
		}
		ln = tls.NewListener(ln, d.rpcCerts.Server())
	}
	return ln, nil
}

// reloadRPCCerts makes new connections get the certificates that were read again, and reports
// whether they have changed.
func (d *daemon) reloadRPCCerts(s *setup) (changed bool) {
	return d.rpcCerts != nil && s.rpc.certs != nil && d.rpcCerts.Replace(s.rpc.certs)
}

// serveRPC serves clients at all listeners.
func (d *daemon) serveRPC(all []rpcListener) {
	d.out.step("Starting Serf agent RPC...")
	d.rpc = server.Serve(all[0], server.ForAgent(d.agent), server.Options{
		AuthKey: d.setup.conf.RPCAuth, Log: d.log, Left: d.noteLeft, SetTags: d.keepTags(),
	})
	for _, ln := range all[1:] {
		d.rpc.Add(ln)
	}
}

// tcpAddr is where a listener listens, not valid for a socket.
func (ln *rpcListener) tcpAddr() netip.AddrPort {
	if tcp, ok := ln.Addr().(*net.TCPAddr); ok {
		at := tcp.AddrPort()
		return netip.AddrPortFrom(at.Addr().Unmap(), at.Port())
	}
	return netip.AddrPort{}
}

// warnOpen warns if strangers can use a listener.
func (d *daemon) warnOpen(ln *rpcListener) {
	conf := &d.setup.conf
	if conf.RPCAuth != "" {
		return
	}
	const remedy = "RPC on %v is open to everybody who can reach it: set rpc_auth, or "
	at := ln.tcpAddr().Addr()
	switch {
	case ln.addr.Network == rpcaddr.Unix:
		if runtime.GOOS != "windows" && conf.SocketMode()&0o002 != 0 {
			d.log.Warnf("agent", "RPC on %v is open to all users of this host: set rpc_auth, or "+
				"another rpc_socket_mode", ln.addr)
		}
	case at.IsLoopback(), ln.addr.Network == rpcaddr.TLS && conf.RPCTLSClientCA != "":
	case ln.addr.Network == rpcaddr.TLS:
		d.log.Warnf("agent", remedy+"rpc_tls_client_ca", ln.shown())
	default:
		d.log.Warnf("agent", remedy+"bind it to 127.0.0.1", ln.Addr())
	}
}

// shown is the address as the user gave it, but with the port that was bound.
func (ln *rpcListener) shown() rpcaddr.Addr {
	at := ln.addr
	if at.Network != rpcaddr.Unix {
		at.Address = shownAddr(at.Address, ln.Addr())
	}
	return at
}

// shownAddr is addr as the user gave it, but with the port that was bound: the system spells
// 0.0.0.0 as [::].
func shownAddr(addr string, bound net.Addr) string {
	host, _, err := net.SplitHostPort(addr)
	_, port, boundErr := net.SplitHostPort(bound.String())
	if err != nil || boundErr != nil {
		return bound.String()
	}
	return net.JoinHostPort(host, port)
}

// shownRPC is the addresses of all listeners.
func shownRPC(all []rpcListener) string {
	var list []string
	for _, ln := range all {
		list = append(list, ln.shown().String())
	}
	return strings.Join(list, ",")
}

// dialed is where commands on this host reach a listener. One on all addresses is reached at the
// loopback one.
func (ln *rpcListener) dialed() rpcaddr.Addr {
	at, tcp := ln.addr, ln.tcpAddr()
	if !tcp.IsValid() {
		return at
	}
	at.Address = ln.Addr().String()
	if tcp.Addr().IsUnspecified() {
		loopback := "127.0.0.1"
		if host, _, _ := net.SplitHostPort(ln.addr.Address); strings.Contains(host, ":") {
			loopback = "::1"
		}
		at.Address = net.JoinHostPort(loopback, strconv.Itoa(int(tcp.Port())))
	}
	return at
}

// handlerAddr is where the commands of handlers reach this agent: at a port without TLS if there is
// one, since that works with all clients; otherwise at a socket, for which they need no authority.
func handlerAddr(all []rpcListener) string {
	for _, network := range []string{rpcaddr.TCP, rpcaddr.Unix, rpcaddr.TLS} {
		for _, ln := range all {
			if ln.addr.Network == network {
				return ln.dialed().String()
			}
		}
	}
	panic("BUG: no RPC listener")
}
