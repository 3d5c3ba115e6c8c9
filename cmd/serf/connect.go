package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"time"

	"serf/agent/config"
	"serf/agent/rpc"
	"serf/internal/rpcaddr"
)

// defaultRPCAddr is the default RPC address of agents.
const defaultRPCAddr = "127.0.0.1:7373"

// rpcHelp ends the help text of every command that talks to an agent.
const rpcHelp = `
  -rpc-addr=127.0.0.1:7373
        Where the agent's RPC listens: host:port, unix:///path or tls://host:port. Default:
        $SERF_RPC_ADDR, if set; an empty value is an error.
` + rpcAccessHelp

// rpcAccessHelp is the part of rpcHelp that doesn't say where the agent is.
const rpcAccessHelp = `
  -rpc-auth=KEY
        The agent's RPC key. Default: $SERF_RPC_AUTH, likewise.

  -rpc-auth-file=PATH
        A file with that key instead, relative to $CREDENTIALS_DIRECTORY if that is set.
        Default: $SERF_RPC_AUTH_FILE, likewise.

  -rpc-tls-ca=PATH
        A PEM file with the authorities to trust for tls://host:port. Default:
        $SERF_RPC_TLS_CA, likewise; without it those of the system.

  -rpc-tls-server-name=NAME
        The name that the agent's certificate is for. Default: $SERF_RPC_TLS_SERVER_NAME,
        likewise; without it the host of the address.

  -rpc-tls-cert=PATH
        A PEM file with this client's certificate, if the agent demands one. Default:
        $SERF_RPC_TLS_CERT, likewise.

  -rpc-tls-key=PATH
        A PEM file with its private key. Default: $SERF_RPC_TLS_KEY, likewise. The files of all
        these options are relative to $CREDENTIALS_DIRECTORY if that is set.

  -rpc-timeout=DURATION
        How long to wait for the connection, and for each answer of the agent, such as
        5s. What follows an answer, as those to a query do, is not bounded by it. Default:
        10s for the connection, for ever for answers.
`

// connection is how a command reaches an agent.
type connection struct {
	o              *options
	option         string // that gives the address
	addr           *string
	auth, authFile *string
	tls            [4]*string // the values of tlsOptions
	timeout        *time.Duration
	answer         time.Duration // for an answer, if -rpc-timeout isn't given; 0: without end
	checks         []func() error

	config *tls.Config // nil without TLS
}

// tlsOptions are the options for addresses with TLS.
var tlsOptions = [4]struct{ variable, option string }{
	{"SERF_RPC_TLS_CA", "rpc-tls-ca"},
	{"SERF_RPC_TLS_CERT", "rpc-tls-cert"},
	{"SERF_RPC_TLS_KEY", "rpc-tls-key"},
	{"SERF_RPC_TLS_SERVER_NAME", "rpc-tls-server-name"},
}

// connection adds the options of a connection.
func (o *options) connection() *connection {
	c := &connection{o: o, option: "rpc-addr"}
	c.addr = c.fromEnv("SERF_RPC_ADDR", c.option, defaultRPCAddr, dialable)
	c.access()
	return c
}

// accessOptions are the options of a connection that don't say where the agent is.
var accessOptions = []string{"rpc-auth", "rpc-auth-file", "rpc-tls-ca", "rpc-tls-cert",
	"rpc-tls-key", "rpc-tls-server-name", "rpc-timeout"}

// access adds them.
func (c *connection) access() {
	c.timeout = c.o.patience("rpc-timeout")
	c.auth = c.fromEnv("SERF_RPC_AUTH", "rpc-auth", "", nil)
	c.authFile = c.fromEnv("SERF_RPC_AUTH_FILE", "rpc-auth-file", "", nil)
	for i, opt := range tlsOptions {
		c.tls[i] = c.fromEnv(opt.variable, opt.option, "", nil)
	}
}

// fromEnv is an option with a default from the environment, which check checks.
func (c *connection) fromEnv(
	variable, option, otherwise string, valid func(string) error,
) *string {
	value, check := c.o.fromEnv(variable, option, otherwise, valid)
	c.checks = append(c.checks, check)
	return value
}

// check checks what was parsed, and reads the key.
func (c *connection) check() error {
	for _, check := range c.checks {
		if err := check(); err != nil {
			return err
		}
	}
	if err := c.readKey(); err != nil {
		return err
	}
	return c.readCerts()
}

// readKey reads the key if it is in a file. An option wins over the environment.
func (c *connection) readKey() error {
	switch auth, file := c.o.given("rpc-auth"), c.o.given("rpc-auth-file"); {
	case *c.authFile == "" || auth && !file:
		return nil
	case *c.auth != "" && auth == file:
		return errors.New("-rpc-auth and -rpc-auth-file, or SERF_RPC_AUTH and " +
			"SERF_RPC_AUTH_FILE, exclude each other")
	}
	key, warning, err := config.ReadSecret(*c.authFile, c.system())
	if warning != "" {
		c.o.warn("%s", warning)
	}
	*c.auth = key
	return err
}

// system is where files are, by the variables of this command.
func (c *connection) system() config.Env {
	env := config.OS()
	env.Getenv = func(name string) string { v, _ := c.o.e.LookupEnv(name); return v }
	return env
}

// readCerts reads the files for TLS. Those of the environment may be for another agent, so without
// TLS they aren't read.
func (c *connection) readCerts() (err error) {
	if to, _ := rpcaddr.Parse(*c.addr, 1); to.Network == rpcaddr.TLS {
		at := c.system().Credential
		files := rpc.TLSFiles{CA: at(*c.tls[0]), Cert: at(*c.tls[1]), Key: at(*c.tls[2]),
			ServerName: *c.tls[3]}
		c.config, err = files.Config()
		return err
	}
	for _, opt := range tlsOptions {
		if c.o.given(opt.option) {
			return fmt.Errorf("-%s: only for an address tls://host:port, and -%s is %s",
				opt.option, c.option, *c.addr)
		}
	}
	return nil
}

// dial connects to the agent.
func (c *connection) dial(ctx context.Context) (*rpc.Client, error) {
	return rpc.Dial(ctx, *c.addr,
		rpc.Options{AuthKey: *c.auth, Timeout: *c.timeout,
			AnswerTimeout: cmp.Or(*c.timeout, c.answer), TLS: c.config})
}

// dialable returns an error unless an agent's RPC can be at addr.
func dialable(addr string) error {
	_, err := rpcaddr.Parse(addr, 1)
	return err
}

// alertCertRequired is the alert of TLS 1.3 to a client without a certificate, which has no type.
const alertCertRequired = "tls: certificate required"

// hint prints what to do about an error.
func (o *options) hint(err error, otherwise string) {
	var stranger x509.UnknownAuthorityError
	var other x509.HostnameError
	switch {
	case errors.As(err, &other):
		otherwise = "If that is the agent, give a name of its certificate with -rpc-tls-server-name or " +
			"SERF_RPC_TLS_SERVER_NAME."
	case errors.As(err, &stranger):
		otherwise = "If the agent's certificate isn't of an authority that this system trusts, give " +
			"that with -rpc-tls-ca or SERF_RPC_TLS_CA."
	case strings.Contains(err.Error(), alertCertRequired):
		otherwise = "The agent demands a certificate: give it with -rpc-tls-cert and -rpc-tls-key."
	case errors.Is(err, rpc.ErrAuthRequired):
		otherwise = "The agent wants its RPC key (rpc_auth): give it with -rpc-auth, " +
			"-rpc-auth-file or SERF_RPC_AUTH."
	case errors.Is(err, rpc.ErrInvalidToken):
		otherwise = "The key isn't the agent's (rpc_auth): give that one with -rpc-auth, " +
			"-rpc-auth-file or SERF_RPC_AUTH."
	case errors.Is(err, rpc.ErrNeedlessKey):
		otherwise = "Leave out -rpc-auth, unset SERF_RPC_AUTH, or give the agent the key as " +
			"rpc_auth."
	}
	if otherwise != "" {
		fmt.Fprintln(o.e.Stderr, otherwise)
	}
}
