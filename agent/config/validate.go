package config

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"serf/agent/recording"
	"serf/internal/timing"
	"serf/swim/serf"
)

// Least times: shorter ones would hammer the members to join, or let a leave reach nobody.
const (
	minRetryInterval    = time.Second
	minBroadcastTimeout = time.Second
)

// Limits in bytes.
const (
	// userEventMax is what other implementations accept for name and payload of a user event.
	userEventMax = 9 << 10
	// queryMax leaves room for the layers around a query in the largest datagram, 65,507 bytes.
	queryMax = 60 << 10
	// LabelMax is the longest label that messages can carry.
	LabelMax = 255
	// strictNameMax is the longest name under validate_node_names.
	strictNameMax = 128
)

// facilities are the values of syslog_facility.
var facilities = []string{"KERN", "USER", "MAIL", "DAEMON", "AUTH", "SYSLOG", "LPR", "NEWS", "UUCP",
	"CRON", "AUTHPRIV", "FTP",
	"LOCAL0", "LOCAL1", "LOCAL2", "LOCAL3", "LOCAL4", "LOCAL5", "LOCAL6", "LOCAL7"}

// problems collects what is wrong, each problem with what set the key.
type problems struct {
	c        *Config
	errs     []error
	warnings []string
}

func (p *problems) add(ok bool, key, format string, args ...any) {
	if !ok {
		p.errs = append(p.errs, fmt.Errorf("%s: %s", p.c.Where(key), fmt.Sprintf(format, args...)))
	}
}

// warn says that a setting does nothing.
func (p *problems) warn(useless bool, key, why string) {
	if useless {
		p.warnings = append(p.warnings, p.c.Where(key)+" does nothing "+why)
	}
}

func (p *problems) atLeast(key string, d, least time.Duration) {
	p.add(d >= 0, key, "%v is negative, want at least %v", d, least)
	p.add(d < 0 || d >= least, key, "%v, at least %v", d, least)
}

func (p *problems) size(key string, n, limit int) {
	p.add(n >= 1, key, "%d, allowed 1 to %d", n, limit)
	p.add(n <= limit, key, "%d exceeds limit of %d bytes", n, limit)
}

// label names a setting by its key and option: "log_level (-log-level)".
func label(key string) string {
	for _, o := range options {
		if o.key == key && o.flag != "" {
			return fmt.Sprintf("%s (-%s)", key, o.flag)
		}
	}
	return key
}

// Validate reports every problem of c, joined, or nil. Addresses and event handlers are checked by
// the packages that use them.
func (c *Config) Validate() error {
	p := problems{c: c}
	c.checkIdentity(&p)
	c.checkSecrets(&p)
	c.checkRPC(&p)
	c.checkLimits(&p)
	c.checkMetrics(&p)
	c.checkHTTP(&p)
	return errors.Join(p.errs...)
}

func (c *Config) checkIdentity(p *problems) {
	p.add(c.Node != "", "node_name", "empty")
	if c.ValidateNodeNames {
		p.add(len(c.Node) <= strictNameMax, "node_name", "%d bytes. Valid length is 1 to %d with "+
			"validate_node_names", len(c.Node), strictNameMax)
		p.add(strings.IndexFunc(c.Node, notStrict) < 0, "node_name", "%q has invalid characters: "+
			"only letters, digits, dots and dashes with validate_node_names", c.Node)
	}
	_, empty := c.Tags[""]
	p.add(!empty, "tags", "a tag has no name")
	p.add(slices.Contains(LogLevels, c.LogLevel), "log_level", "%q, allowed %s", c.LogLevel,
		strings.Join(LogLevels, ", "))
	p.add(slices.Contains(LogFormats, c.LogFormat), "log_format", "%q, allowed %s", c.LogFormat,
		strings.Join(LogFormats, ", "))
	p.add(slices.Contains(Profiles, c.Profile), "profile", "%q, allowed %s", c.Profile,
		strings.Join(Profiles, ", "))
	p.add(c.Protocol >= serf.ProtocolMin && c.Protocol <= serf.ProtocolMax, "protocol",
		"%d, allowed %d to %d", c.Protocol, serf.ProtocolMin, serf.ProtocolMax)
	p.add(!c.Syslog || knownFacility(c.SyslogFacility), "syslog_facility", "%q, allowed %s",
		c.SyslogFacility, strings.Join(facilities, ", "))
	p.add(c.Discover != "" || c.MDNSInterface == "", "mdns.interface",
		"not without discover (-discover)")
	p.add(c.Discover == "" || !c.MDNSDisableIPv4 || !c.MDNSDisableIPv6, "mdns.disable_ipv6",
		"not together with %s: nothing is left", c.other("mdns.disable_ipv4"))
}

func knownFacility(name string) bool { return slices.Contains(facilities, strings.ToUpper(name)) }

func notStrict(r rune) bool {
	return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '.' ||
		r == '-')
}

// checkSecrets never shows a value: messages end up in logs.
func (c *Config) checkSecrets(p *problems) {
	if c.EncryptKey != "" {
		_, err := decodeKey(c.EncryptKey)
		p.add(err == nil, "encrypt_key", "%v", err)
		p.add(c.KeyringFile == "", "encrypt_key", "not allowed together with %s",
			c.other("keyring_file"))
	}
	// Members with this configuration would not hear each other.
	p.add(c.VerifyOutgoing || !c.VerifyIncoming, "verify_outgoing",
		"off, so that plain text is sent, while %s refuses it", c.other("verify_incoming"))
}

func (c *Config) checkLimits(p *problems) {
	p.atLeast("retry_interval", c.RetryInterval, minRetryInterval)
	p.atLeast("broadcast_timeout", c.BroadcastTimeout, minBroadcastTimeout)
	p.atLeast("handler_timeout", c.HandlerTimeout, 0)
	if profile, ok := timing.Profile(c.Profile); ok {
		for _, problem := range c.Timing.Problems(profile) {
			p.add(false, problem.Key, "%s", problem.Text)
		}
	}
	limit, err := recording.ParseSize(c.RecordLimit)
	p.add(err == nil, "record_limit", "%v", err)
	p.add(err != nil || limit >= recording.LimitMin, "record_limit", "%s, at least %s",
		c.RecordLimit, recording.SizeText(recording.LimitMin))
	p.add(c.ZoneShare >= 1 && c.ZoneShare <= 100, "zone_share", "%d, allowed 1 to 100 percent",
		c.ZoneShare)
	p.add(c.RetryMax >= 0, "retry_max_attempts", "%d, at least 0", c.RetryMax)

	p.add(len(c.Label) <= LabelMax, "label", "%d bytes, at most %d", len(c.Label), LabelMax)
	p.size("user_event_size_limit", c.UserEventSizeLimit, userEventMax)
	p.size("query_size_limit", c.QuerySizeLimit, queryMax)
	p.size("query_response_size_limit", c.QueryResponseSizeLimit, queryMax)
}

// checkMetrics checks where metrics are sent to.
func (c *Config) checkMetrics(p *problems) {
	server := func(key, addr string) {
		if addr == "" {
			return
		}
		host, port, err := net.SplitHostPort(addr)
		n, portErr := strconv.ParseUint(port, 10, 16)
		p.add(err == nil && host != "" && portErr == nil && n > 0, key,
			"%q, want host:port, port 1 to 65535", addr)
	}
	server("statsite_addr", c.StatsiteAddr)
	server("statsd_addr", c.StatsdAddr)
}

// adjust brings values within bounds that HashiCorp's Serf accepts although they are too low or too
// high, and says so.
func (c *Config) adjust() (warnings []string) {
	warn := func(key, format string, args ...any) {
		warnings = append(warnings, c.Where(key)+": "+fmt.Sprintf(format, args...))
	}
	lift := func(key string, d *time.Duration, least time.Duration) {
		if *d >= 0 && *d < least {
			warn(key, "%v is too low, using %v", *d, least)
			*d = least
		}
	}
	lift("retry_interval", &c.RetryInterval, minRetryInterval)
	lift("broadcast_timeout", &c.BroadcastTimeout, minBroadcastTimeout)
	lower := func(key string, n *int) {
		if *n > queryMax {
			warn(key, "%d is more than a message can have, using %d", *n, queryMax)
			*n = queryMax
		}
	}
	lower("query_size_limit", &c.QuerySizeLimit)
	lower("query_response_size_limit", &c.QueryResponseSizeLimit)
	return warnings
}

// useless names the settings that have no effect.
func (c *Config) useless() []string {
	p := problems{c: c}
	_, zoned := c.Tags[c.ZoneTag]
	p.warn(c.ZoneTag != "" && !zoned && c.TagsFile == "", "zone_tag",
		"while this member has no tag of that name")
	p.warn(c.ZoneTag == "" && c.ZoneProbes, "zone_probes", "without zone_tag (-zone-tag)")
	p.warn(c.ZoneTag == "" && c.ZoneShare != Default().ZoneShare, "zone_share",
		"without zone_tag (-zone-tag)")
	p.warn(c.Rejoin && c.Snapshot == "", "rejoin_after_leave", "without a snapshot file")
	p.warn(c.Record == "" && c.RecordLimit != Default().RecordLimit, "record_limit",
		"without record (-record)")
	// This is no error: the options may be rolled out before the keys, and nothing is weaker than
	// before.
	plain := c.EncryptKey == "" && c.KeyringFile == ""
	p.warn(plain && !c.VerifyIncoming, "verify_incoming", "without a key (-encrypt, -keyring-file)")
	p.warn(plain && !c.VerifyOutgoing, "verify_outgoing", "without a key (-encrypt, -keyring-file)")
	const undiscovered = "without discover (-discover)"
	p.warn(c.Discover == "" && c.MDNSDisableIPv4, "mdns.disable_ipv4", undiscovered)
	p.warn(c.Discover == "" && c.MDNSDisableIPv6, "mdns.disable_ipv6", undiscovered)
	c.uselessHTTP(&p)
	p.warn(!c.Syslog && !knownFacility(c.SyslogFacility), "syslog_facility",
		"without enable_syslog (-syslog), and isn't one of "+strings.Join(facilities, ", "))
	c.uselessRPC(&p)
	return p.warnings
}
