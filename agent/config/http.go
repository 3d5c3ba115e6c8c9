package config

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"serf/internal/http1"
)

// HTTPListen is HTTPAddr as host:port, and whether only this host can reach it. A port alone is one
// of 127.0.0.1, with or without a colon.
func (c *Config) HTTPListen() (addr string, loopback bool) {
	host, port, err := net.SplitHostPort(c.HTTPAddr)
	if err != nil {
		host, port = "", c.HTTPAddr
	}
	if host == "" {
		host = "127.0.0.1"
	}
	ip, err := netip.ParseAddr(host)
	return net.JoinHostPort(host, port), host == "localhost" || err == nil && ip.IsLoopback()
}

// checkHTTP keeps an agent from being open to a network, or to the pages of strangers.
func (c *Config) checkHTTP(p *problems) {
	if c.HTTPAddr == "" {
		return
	}
	addr, loopback := c.HTTPListen()
	_, port, err := net.SplitHostPort(addr)
	_, portErr := strconv.ParseUint(port, 10, 16)
	p.add(err == nil && portErr == nil, "http_addr",
		"%q, want a port, host:port or [v6]:port, port 0 to 65535", c.HTTPAddr)
	var missing []string
	lacks := func(value, names string) {
		if value == "" {
			missing = append(missing, names)
		}
	}
	if !loopback {
		lacks(c.HTTPAuth, "http_auth (or http_auth_file)")
		lacks(c.HTTPCert, "http_cert")
		lacks(c.HTTPKey, "http_key")
	}
	p.add(len(missing) == 0, "http_addr", "%q isn't a loopback address, so others could read and "+
		"change what is sent: it needs %s", c.HTTPAddr, strings.Join(missing, ", "))
	p.add(c.HTTPCert == "" || c.HTTPKey != "" || !loopback, "http_cert",
		"not without http_key (-http-key)")
	p.add(c.HTTPKey == "" || c.HTTPCert != "" || !loopback, "http_key",
		"not without http_cert (-http-cert)")
	p.add(!c.HTTPWrite || c.HTTPAuth != "", "http_write",
		"not without http_auth, or http_auth_file (-http-auth-file)")
	p.add(isToken(c.HTTPAuth), "http_auth", "has a character that headers of HTTP can't carry")
	for i, origin := range c.HTTPOrigins {
		p.add(http1.IsOrigin(origin), fmt.Sprintf("http_origins[%d]", i),
			"%q, want scheme://host or scheme://host:port, one origin each", origin)
	}
}

// isToken reports whether a header can carry text as one word.
func isToken(text string) bool {
	return strings.IndexFunc(text, func(r rune) bool { return r <= ' ' || r > '~' }) < 0
}

// uselessHTTP names the settings of HTTP that have no effect.
func (c *Config) uselessHTTP(p *problems) {
	off := c.HTTPAddr == ""
	const why = "without http_addr (-http-addr)"
	p.warn(off && c.HTTPAuth != "", "http_auth", why)
	p.warn(off && c.HTTPCert != "", "http_cert", why)
	p.warn(off && c.HTTPKey != "", "http_key", why)
	p.warn(off && c.HTTPWrite, "http_write", why)
	p.warn(off && len(c.HTTPOrigins) > 0, "http_origins[0]", why)
	_, loopback := c.HTTPListen()
	p.warn(!off && loopback && !c.HTTPWrite && c.HTTPAuth != "", "http_auth",
		"on a loopback address without http_write (-http-write): reading takes no token there")
}
