package config

import (
	"io/fs"
	"slices"
	"strconv"

	"serf/internal/rpcaddr"
)

// Permissions of a Unix socket for RPC, without and with a group of its own.
const (
	socketMode      = 0o600
	socketGroupMode = 0o660
)

// RPCAddrs are the addresses to serve RPC on, which have been checked.
func (c *Config) RPCAddrs() []rpcaddr.Addr {
	all, err := rpcaddr.ParseList(c.RPCAddr)
	if err != nil {
		panic("BUG: unchecked RPC address: " + err.Error())
	}
	return all
}

// SocketMode is the permissions of a Unix socket for RPC.
func (c *Config) SocketMode() fs.FileMode {
	mode, _ := parseMode(c.RPCSocketMode) // checked
	switch {
	case c.RPCSocketMode != "":
		return mode
	case c.RPCSocketGroup != "":
		return socketGroupMode
	}
	return socketMode
}

// parseMode reads permissions under which the owner at least can connect.
func parseMode(s string) (mode fs.FileMode, ok bool) {
	n, err := strconv.ParseUint(s, 8, 32)
	return fs.FileMode(n), err == nil && n <= 0o777 && n&0o600 == 0o600
}

// checkRPC checks where RPC is served, and by whom it can be used.
func (c *Config) checkRPC(p *problems) {
	all, err := rpcaddr.ParseList(c.RPCAddr)
	p.add(err == nil, "rpc_addr", "%q, %v", c.RPCAddr, err)
	if _, ok := parseMode(c.RPCSocketMode); !ok && c.RPCSocketMode != "" {
		p.add(false, "rpc_socket_mode", "%q, want octal permissions with at least those of the "+
			"owner, 0600 to 0777", c.RPCSocketMode)
	}
	p.add(err != nil || !serves(all, rpcaddr.TLS) || c.RPCTLSCert != "", "rpc_addr",
		"%q needs a certificate, %s", c.RPCAddr, c.other("rpc_tls_cert"))
	p.add(c.RPCTLSCert == "" || c.RPCTLSKey != "", "rpc_tls_cert", "not without its key, %s",
		c.other("rpc_tls_key"))
	p.add(c.RPCTLSKey == "" || c.RPCTLSCert != "", "rpc_tls_key", "not without its certificate, %s",
		c.other("rpc_tls_cert"))
	p.add(c.RPCTLSClientCA == "" || c.RPCTLSCert != "", "rpc_tls_client_ca",
		"not without a certificate, %s", c.other("rpc_tls_cert"))
}

// serves reports whether one of the addresses is of a network.
func serves(all []rpcaddr.Addr, network string) bool {
	return slices.ContainsFunc(all, func(a rpcaddr.Addr) bool { return a.Network == network })
}

// uselessRPC names the settings of RPC that have no effect.
func (c *Config) uselessRPC(p *problems) {
	all, err := rpcaddr.ParseList(c.RPCAddr)
	if err != nil {
		return // it is reported
	}
	socket, encrypted := serves(all, rpcaddr.Unix), serves(all, rpcaddr.TLS)
	const noSocket = "without an address unix:///path in rpc_addr (-rpc-addr)"
	p.warn(c.RPCSocketMode != "" && !socket, "rpc_socket_mode", noSocket)
	p.warn(c.RPCSocketGroup != "" && !socket, "rpc_socket_group", noSocket)
	p.warn(c.RPCTLSCert != "" && !encrypted, "rpc_tls_cert",
		"without an address tls://host:port in rpc_addr (-rpc-addr)")
}
