package agent

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"serf/agent/recording"
	"serf/internal/hostaddr"
	"serf/internal/std"
	"serf/wire"
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
		errs = append(errs, newConfigError(field, std.Errorf(format, args...)))
	})
	if whole {
		errs = append(errs, c.nodeProblems()...)
	}
	return std.Join(errs...)
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
	t := &c.Timing
	if t.RetransmitMult == 0 && t.SuspicionMult == 0 { // neither may be
		bad("Timing", "incomplete: begin with LAN(), WAN() or Local()")
		return false
	}
	return true
}

// nodeProblems is what the node wouldn't accept.
func (c *Config) nodeProblems() (errs []error) {
	errs = c.keyProblems()
	keyed := *c
	if errs != nil {
		keyed.Keys = nil // reported, and the rest doesn't depend on them
	}
	n, err := keyed.node()
	if err != nil {
		return append(errs, newConfigError("Keys", err))
	}
	n.Addr = hostaddr.Complete(n.Addr, c.Bind)
	if n.Addr.Port() == 0 { // known when it is bound
		n.Addr = netip.AddrPortFrom(n.Addr.Addr(), DefaultPort)
	}
	if joined, ok := n.Validate().(interface{ Unwrap() []error }); ok {
		for _, err := range flatten(joined.Unwrap()) {
			errs = append(errs, problemOf(err))
		}
	}
	return errs
}

// keyProblems is what is wrong with the keys one by one.
func (c *Config) keyProblems() (errs []error) {
	if c.Keys != nil && len(c.Keys) == 0 {
		return []error{newConfigError("Keys", errEmptyKeys)}
	}
	for i, key := range c.Keys {
		if _, err := wire.NewKeyring(key); err != nil {
			errs = append(errs, newConfigError(fmt.Sprintf("Keys[%d]", i), err))
		}
	}
	return errs
}

// flatten takes joined errors apart.
func flatten(list []error) (flat []error) {
	for _, err := range list {
		if joined, ok := err.(interface{ Unwrap() []error }); ok {
			flat = append(flat, flatten(joined.Unwrap())...)
			continue
		}
		flat = append(flat, err)
	}
	return flat
}

// fields are those of Config that a problem of the node calls by another name. Those of its timing
// have their own names.
var fields = []struct{ problem, field string }{
	{"name", "Name"}, {"address", "Advertise"}, {"label", "Label"}, {"tags", "Tags"},
	{"packet size", "PacketMax"}, {"Serf protocol", "Protocol"}, {"keyring", "Keys"},
	{"user event size", "EventSizeMax"}, {"query size", "QuerySizeMax"},
	{"query response size", "QueryResponseSizeMax"}, {"reap interval", "ReapInterval"},
	{"reconnect interval", "ReconnectInterval"}, {"coalesce period", "CoalescePeriod"},
	{"quiescent period", "QuiescentPeriod"}, {"user coalesce period", "UserCoalescePeriod"},
	{"user quiescent period", "UserQuiescentPeriod"}, {"zone share", "Zones.Share"},
}

// problemOf says what a problem of the node means for Config.
func problemOf(err error) *ConfigError {
	text := err.Error()
	for _, f := range fields {
		if rest, ok := strings.CutPrefix(text, f.problem); ok {
			return &ConfigError{f.field, strings.TrimLeft(rest, ": "), err}
		}
	}
	name, rest, _ := strings.Cut(text, ": ")
	var field strings.Builder
	field.WriteString("Timing.")
	for word := range strings.FieldsSeq(name) {
		field.WriteString(strings.ToUpper(word[:1]) + word[1:])
	}
	return &ConfigError{field.String(), rest, err}
}

var errEmptyKeys = errors.New("empty: want at least one key, or nil for plain text")
