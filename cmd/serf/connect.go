package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"serf/agent/config"
	"serf/agent/rpc"
)

// defaultRPCAddr is the default RPC address of agents.
const defaultRPCAddr = "127.0.0.1:7373"

// rpcHelp ends the help text of every command that talks to an agent.
const rpcHelp = `
  -rpc-addr=127.0.0.1:7373
        Where the agent's RPC listens. Default: $SERF_RPC_ADDR, if set; an empty value is an error.

  -rpc-auth=KEY
        The agent's RPC key. Default: $SERF_RPC_AUTH, likewise.

  -rpc-auth-file=PATH
        A file with that key instead, relative to $CREDENTIALS_DIRECTORY if that is set.
        Default: $SERF_RPC_AUTH_FILE, likewise.

  -rpc-timeout=DURATION
        How long to wait for the connection, and for each answer of the agent, such as
        5s. What follows an answer, as those to a query do, is not bounded by it. Default:
        10s for the connection, for ever for answers.
`

// connection is how a command reaches an agent.
type connection struct {
	o          *options
	addr, auth *string
	authFile   *string
	timeout    *time.Duration
	checks     []func() error
}

// connection adds the options of a connection.
func (o *options) connection() *connection {
	c := &connection{o: o, timeout: o.patience("rpc-timeout")}
	c.addr = c.fromEnv("SERF_RPC_ADDR", "rpc-addr", defaultRPCAddr,
		"host:port, port 1 to 65535", dialable)
	c.auth = c.fromEnv("SERF_RPC_AUTH", "rpc-auth", "", "", nil)
	c.authFile = c.fromEnv("SERF_RPC_AUTH_FILE", "rpc-auth-file", "", "", nil)
	return c
}

// fromEnv is an option with a default from the environment, which check checks.
func (c *connection) fromEnv(
	variable, option, otherwise, want string, valid func(string) bool,
) *string {
	value, check := c.o.fromEnv(variable, option, otherwise, want, valid)
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
	return c.readKey()
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
	env := config.OS()
	env.Getenv = func(name string) string { v, _ := c.o.e.LookupEnv(name); return v }
	key, warning, err := config.ReadSecret(*c.authFile, env)
	if warning != "" {
		c.o.warn("%s", warning)
	}
	*c.auth = key
	return err
}

// dial connects to the agent.
func (c *connection) dial(ctx context.Context) (*rpc.Client, error) {
	return rpc.Dial(ctx, *c.addr,
		rpc.Options{AuthKey: *c.auth, Timeout: *c.timeout, AnswerTimeout: *c.timeout})
}

// dialable reports whether an agent's RPC can be at addr. The port may be a name.
func dialable(addr string) bool {
	_, port, err := net.SplitHostPort(addr)
	if err != nil || port == "" {
		return false
	}
	n, err := net.LookupPort("tcp", port)
	return err == nil && n > 0
}

// hint prints what to do about an error.
func (o *options) hint(err error, otherwise string) {
	switch {
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
