package agent

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"serf/agent/recording"
	"serf/internal/fielderr"
	"serf/internal/hostaddr"
)

// joinIntervalMin is the shortest interval between joins: a shorter one would load the seeds
// without finding them sooner.
const joinIntervalMin = time.Second

// ConfigError is one thing that is wrong with a Config.
type ConfigError struct {
	Field string // such as "Name", "Timing.ProbeInterval" or "Keys[1]"
	Text  string // the value and what is allowed
	err   error
}

func newConfigError(field string, err error) *ConfigError {
	return &ConfigError{Field: field, Text: err.Error(), err: err}
}

func (e *ConfigError) Error() string { return "Config." + e.Field + ": " + e.Text }
func (e *ConfigError) Unwrap() error { return e.err }

// Validate reports everything that is wrong with c, joined; nil if there is nothing. Each error is
// a *ConfigError. It doesn't try whether Bind can be had, and looks up no names.
func (c *Config) Validate() error {
	filled := *c
	if err := filled.fill(); err != nil {
		return err
	}
	return filled.validate()
}

// validate is Validate for what fill has completed.
func (c *Config) validate() error {
	var errs []error
	whole := c.problems(func(field, format string, args ...any) {
		errs = append(errs, newConfigError(field, fmt.Errorf(format, args...)))
	})
	if whole {
		errs = append(errs, c.nodeProblems()...)
	}
	return errors.Join(errs...)
}

// problems reports what the node doesn't know of. It is false if the timing isn't one, so that
// there is no use to look at the rest.
func (c *Config) problems(bad func(field, format string, args ...any)) bool {
	if i := c.Join.Interval; i < joinIntervalMin {
		bad("Join.Interval", "%v, at least %v", i, joinIntervalMin)
	}
	if c.Join.Max < 0 {
		bad("Join.Max", "%d is negative", c.Join.Max)
	}
	if l := c.Record.Limit; l != 0 && l < recording.LimitMin {
		bad("Record.Limit", "%d bytes, at least %d", l, recording.LimitMin)
	}
	for i, addr := range slices.Concat(c.Join.Retry, c.Join.Seeds) {
		if err := CheckJoin(addr); err != nil {
			field := fmt.Sprintf("Join.Retry[%d]", i)
			if k := i - len(c.Join.Retry); k >= 0 {
				field = fmt.Sprintf("Join.Seeds[%d]", k)
			}
			bad(field, "%w", err)
		}
	}
	for i, s := range c.Subscriptions {
		if s == nil {
			bad(fmt.Sprintf("Subscriptions[%d]", i), "is nil")
		}
	}
	if err := fielderr.Plain(c.AcceptPlain, c.SendPlain); err != nil {
		bad("SendPlain", "%w", err)
	}
	t := &c.Timing
	if t.RetransmitMult == 0 && t.SuspicionMult == 0 { // neither may be
		bad("Timing", "incomplete: begin with LAN(), WAN() or Local()")
		return false
	}
	return true
}

// nodeProblems is what the node wouldn't accept.
func (c *Config) nodeProblems() (errs []error) {
	keyed := *c
	fielderr.Keys(c.Keys, func(field string, err error) {
		errs = append(errs, newConfigError(field, err))
		keyed.Keys = nil // reported, and the rest doesn't depend on them
	})
	n, err := keyed.node()
	if err != nil {
		return append(errs, newConfigError("Keys", err))
	}
	n.Addr = hostaddr.Complete(n.Addr, c.Bind)
	if n.Addr.Port() == 0 { // known when it is bound
		n.Addr = netip.AddrPortFrom(n.Addr.Addr(), DefaultPort)
	}
	for _, err := range fielderr.Flatten(n.Validate()) {
		field, text := fields.Of(err)
		errs = append(errs, &ConfigError{field, text, err})
	}
	return errs
}

// fields are those of Config that a problem of the node calls by another name.
var fields = fielderr.Names{
	{"name", "Name"}, {"address", "Advertise"}, {"label", "Label"}, {"tags", "Tags"},
	{"packet size", "PacketMax"}, {"Serf protocol", "Protocol"}, {"keyring", "Keys"},
	{"user event size", "EventSizeMax"}, {"query size", "QuerySizeMax"},
	{"query response size", "QueryResponseSizeMax"}, {"reap interval", "ReapInterval"},
	{"reconnect interval", "ReconnectInterval"}, {"coalesce period", "CoalescePeriod"},
	{"quiescent period", "QuiescentPeriod"}, {"user coalesce period", "UserCoalescePeriod"},
	{"user quiescent period", "UserQuiescentPeriod"}, {"zone share", "Zones.Share"},
	{"zone probes", "Zones.Probes"},
}
