package membership

import (
	"errors"
	"fmt"
	"net/netip"

	"serf/internal/fielderr"
	"serf/internal/hostaddr"
)

// ConfigError is one thing that is wrong with a Config.
type ConfigError struct {
	Field string // such as "Name", "Timing.ProbeInterval" or "Keys[1]"
	Text  string // the value and what is allowed
	err   error
}

func newConfigError(field string, err error) *ConfigError {
	return &ConfigError{Field: field, Text: err.Error(), err: err}
}

func (e *ConfigError) Error() string { return "membership: Config." + e.Field + ": " + e.Text }
func (e *ConfigError) Unwrap() error { return e.err }

// check returns all that is wrong with c, joined, each a *ConfigError.
func (c *Config) check() error {
	var errs []error
	bad := func(field string, err error) { errs = append(errs, newConfigError(field, err)) }
	if c.MessageQueue < 0 {
		bad("MessageQueue", fmt.Errorf("%d is negative", c.MessageQueue))
	}
	if c.JoinInterval < joinIntervalMin {
		bad("JoinInterval", fmt.Errorf("%v, at least %v", c.JoinInterval, joinIntervalMin))
	}
	if l := c.Layer; l.Current < l.Min || l.Current > l.Max {
		bad("Layer.Current", fmt.Errorf("%d, allowed %d to %d, as Min and Max say",
			l.Current, l.Min, l.Max))
	}
	for i, addr := range c.Join {
		if err := hostaddr.Check(addr); err != nil {
			bad(fmt.Sprintf("Join[%d]", i), err)
		}
	}
	if err := fielderr.Plain(c.AcceptPlain, c.SendPlain); err != nil {
		bad("SendPlain", err)
	}
	keyed := *c
	fielderr.Keys(c.Keys, func(field string, err error) {
		bad(field, err)
		keyed.Keys = nil // reported, and the rest doesn't depend on them
	})
	return errors.Join(append(errs, keyed.coreProblems()...)...)
}

// coreProblems are what the core wouldn't accept.
func (c *Config) coreProblems() (errs []error) {
	core := c.core()
	core.Addr = hostaddr.Complete(c.Advertise, c.Bind)
	if core.Addr.Port() == 0 { // known when it is bound
		core.Addr = netip.AddrPortFrom(core.Addr.Addr(), DefaultPort)
	}
	var err error
	if core.Sealer, err = c.sealer(); err != nil {
		return []error{newConfigError("Keys", err)}
	}
	for _, err := range fielderr.Flatten(core.Validate()) {
		field, text := fields.Of(err)
		errs = append(errs, &ConfigError{field, text, err})
	}
	return errs
}

// fields are those of Config that a problem of the core calls by another name.
var fields = fielderr.Names{
	{"name", "Name"}, {"metadata", "Meta"}, {"address", "Advertise"}, {"label", "Label"},
	{"protocol version", "Protocol"}, {"push pull nodes", "PushPullNodes"},
	{"packet size", "PacketMax"}, {"size of packets with one message", "SendPacketMax"},
	{"dead retention", "DeadRetention"},
	{"zone share", "Zones.Share"}, {"zone probes", "Zones.Probes"},
}
