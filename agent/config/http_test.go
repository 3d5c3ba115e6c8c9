package config

import (
	"strings"
	"testing"
)

func TestHTTPListen(t *testing.T) {
	for given, want := range map[string]string{
		"8500":             "127.0.0.1:8500 loopback",
		":8500":            "127.0.0.1:8500 loopback",
		"127.9.9.9:1":      "127.9.9.9:1 loopback",
		"localhost:1":      "localhost:1 loopback",
		"[::1]:1":          "[::1]:1 loopback",
		"0.0.0.0:1":        "0.0.0.0:1",
		"[::]:1":           "[::]:1",
		"192.0.2.1:1":      "192.0.2.1:1",
		"localhost.evil:1": "localhost.evil:1",
		"127.0.0.1.evil:1": "127.0.0.1.evil:1",
	} {
		c := Default()
		c.HTTPAddr = given
		got, loopback := c.HTTPListen()
		if loopback {
			got += " loopback"
		}
		if got != want {
			t.Errorf("%s: %s, want %s", given, got, want)
		}
	}
}

// An address that others can reach needs a token and TLS; the error names each that is missing.
func TestHTTPIsClosedToNetworks(t *testing.T) {
	for _, tt := range []struct {
		change func(*Config)
		want   string // "" for no problem
	}{
		{func(c *Config) { c.HTTPAddr = "8500" }, ""},
		{func(c *Config) { c.HTTPAddr = "0.0.0.0:8500" }, `it needs http_auth (or http_auth_file), http_cert, http_key`},
		{func(c *Config) { c.HTTPAddr, c.HTTPAuth = "192.0.2.1:8500", "t" }, `it needs http_cert, http_key`},
		{func(c *Config) { c.HTTPAddr, c.HTTPAuth, c.HTTPCert = "192.0.2.1:8500", "t", "c" }, `it needs http_key`},
		{func(c *Config) { c.HTTPAddr, c.HTTPCert, c.HTTPKey = "x:8500", "c", "k" }, `it needs http_auth (or http_auth_file)`},
		{func(c *Config) { c.HTTPAddr, c.HTTPAuth, c.HTTPCert, c.HTTPKey = "x:8500", "t", "c", "k" }, ""},
		{func(c *Config) { c.HTTPAddr, c.HTTPCert = "8500", "c" }, "http_cert (-http-cert): not without http_key"},
		{func(c *Config) { c.HTTPAddr, c.HTTPKey = "8500", "k" }, "http_key (-http-key): not without http_cert"},
		{func(c *Config) { c.HTTPAddr, c.HTTPWrite = "8500", true }, "http_write (-http-write): not without http_auth"},
		{func(c *Config) { c.HTTPAddr, c.HTTPAuth = "8500", "a b" }, "http_auth: has a character"},
		{func(c *Config) { c.HTTPAddr, c.HTTPAuth = "8500", "é" }, "http_auth: has a character"},
		{func(c *Config) { c.HTTPAddr = "x" }, `"x", want a port, host:port or [v6]:port`},
		{func(c *Config) { c.HTTPAddr = "65536" }, `"65536", want a port`},
		{func(c *Config) { c.HTTPAddr = "::1:1" }, `"::1:1", want a port`},
		{func(c *Config) { c.HTTPAddr, c.HTTPOrigins = "8500", []string{"http://a", "https://b:1"} }, ""},
		{func(c *Config) { c.HTTPAddr, c.HTTPOrigins = "8500", []string{"*"} }, `http_origins (-http-origin): "*", want scheme://host`},
		{func(c *Config) { c.HTTPAddr, c.HTTPOrigins = "8500", []string{"https://*.x"} }, `"https://*.x", want`},
		{func(c *Config) { c.HTTPAddr, c.HTTPOrigins = "8500", []string{"https://x/"} }, `"https://x/", want`},
		{func(c *Config) { c.HTTPAddr, c.HTTPOrigins = "8500", []string{"null"} }, `"null", want`},
	} {
		c := Default()
		c.Node = "n"
		tt.change(&c)
		err := c.Validate()
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s, %s: %v, want %q", c.HTTPAddr, c.HTTPOrigins, err, tt.want)
		}
	}
}

func TestUselessHTTP(t *testing.T) {
	for args, want := range map[string]string{
		"-http-write":                        "-http-write does nothing without http_addr",
		"-http-cert=c":                       "-http-cert does nothing without http_addr",
		"-http-origin=http://x":              "-http-origin does nothing without http_addr",
		"-http-addr=1 -http-auth-file=token": "does nothing on a loopback address without http_write",
		"-http-addr=1":                       "",
		"-http-addr=1 -http-auth-file=token -http-write": "",
	} {
		_, warnings, err := Load(strings.Fields(args), fakeEnv(map[string]string{"token": "t"}))
		all := strings.Join(warnings, "\n")
		if err != nil || !strings.Contains(all, want) || want == "" && all != "" {
			t.Errorf("%s: %v, warnings %q, want %q", args, err, all, want)
		}
	}
}
