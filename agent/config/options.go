package config

import (
	"reflect"

	"serf/internal/jsonfile"
)

// option is one setting: a flag, a key of a JSON file, or both. The table below is the only place
// that lists them; flags, files and help text are made from it.
type option struct {
	flag  string // without dashes; "" if only a file can set it
	key   string // a dot separates the parts of a nested key; "" if only a flag can set it
	arg   string // what the help calls the value; "" for a switch
	usage string
	// in points at the setting in at: *string, *bool, inverted, *int, *time.Duration, *[]string
	// (each use appends), *map[string]string (each use adds a pair) or a pointer of Timing.
	in any
}

// at is a configuration whose fields stand for those of any other.
var at Config

// field points at the setting in c.
func (o *option) field(c *Config) any {
	if x, ok := o.in.(inverted); ok {
		return inverted{counterpart(x.on, c).(*bool)}
	}
	return counterpart(o.in, c)
}

// counterpart points at the field of c that p points at in at.
func counterpart(p any, c *Config) any {
	var find func(from, to reflect.Value) any
	find = func(from, to reflect.Value) any {
		for i := range from.NumField() {
			if from.Field(i).Addr().Interface() == p {
				return to.Field(i).Addr().Interface()
			}
			if from.Field(i).Kind() == reflect.Struct {
				if found := find(from.Field(i), to.Field(i)); found != nil {
					return found
				}
			}
		}
		return nil
	}
	return find(reflect.ValueOf(&at).Elem(), reflect.ValueOf(c).Elem())
}

// inverted is a switch that turns off what the field turns on.
type inverted struct{ on *bool }

var options = []option{
	{"bind", "bind", "addr", "address to listen on: IP, IP:port, [v6]:port, :port, " +
		"name or name:port; [::] takes IPv4 and IPv6 (default 0.0.0.0:7946)", &at.Bind},
	{"iface", "interface", "name",
		"interface to listen on, instead of an address or to check one against", &at.Interface},
	{"advertise", "advertise", "addr", "address to tell the other members, if not the one " +
		"listened on (default: one of this host, replaced when it is lost)", &at.Advertise},
	{"node", "node_name", "name",
		"name of this node, unique in the cluster (default: the host's name)", &at.Node},
	{"", "validate_node_names", "",
		"allow only letters, digits, dots and dashes in names, at most 128", &at.ValidateNodeNames},
	{"profile", "profile", "name", "timing: lan, wan or local (default lan)", &at.Profile},
	{"protocol", "protocol", "n", "version of the Serf protocol, 2 to 5 (default 5)", &at.Protocol},

	{"config-file", "", "path", "JSON file to read options from; repeatable, later values win",
		&at.Paths},
	{"config-dir", "", "path",
		"folder whose *.json files to read, in the order of their names; repeatable", &at.Paths},

	{"tag", "tags", "key=value", "tag of this node; repeatable", &at.Tags},
	{"tags-file", "tags_file", "path",
		"file that keeps the tags set at run time; not together with tags", &at.TagsFile},
	{"role", "role", "name", "deprecated: same as -tag role=name", &at.Role},

	{"zone-tag", "zone_tag", "name", "tag whose value is a member's zone: gossip and exchanges of " +
		"states stay mostly within its own (default: no zones)", &at.ZoneTag},
	{"zone-share", "zone_share", "n", "percentage of gossip and exchanges for other zones, " +
		"more if the zone is small (default 10)", &at.ZoneShare},
	{"zone-probes", "zone_probes", "", "keep probes, too, mostly within the own zone",
		&at.ZoneProbes},

	{"encrypt", "encrypt_key", "key",
		"base64 key of 16, 24 or 32 bytes to encrypt all traffic with (see serf keygen)",
		&at.EncryptKey},
	{"encrypt-key-file", "encrypt_key_file", "path",
		"file with the key of -encrypt; relative to $CREDENTIALS_DIRECTORY, if that is set",
		&at.EncryptKeyFile},
	{"keyring-file", "keyring_file", "path",
		"file that keeps the keys, updated when they are rotated; not together with -encrypt",
		&at.KeyringFile},
	{"verify-incoming", "verify_incoming", "",
		"refuse what isn't encrypted, with a key (default true)", &at.VerifyIncoming},
	{"verify-outgoing", "verify_outgoing", "", "encrypt what is sent, with a key (default true)",
		&at.VerifyOutgoing},
	{"label", "label", "text", "name of the cluster: messages with another name, or none, are " +
		"dropped; the same for all members", &at.Label},

	{"join", "start_join", "addr", "member to join at start, fails if none answers; repeatable",
		&at.Join},
	{"retry-join", "retry_join", "addr",
		"member to join at start, tried until one answers; repeatable", &at.RetryJoin},
	{"retry-interval", "retry_interval", "time", "longest pause between attempts of -retry-join; " +
		"the first pauses are shorter and double up to it (default 30s, at least 1s)",
		&at.RetryInterval},
	{"retry-max", "retry_max_attempts", "n",
		"give up -retry-join after the time that this many attempts take, -retry-interval apart " +
			"(default 0: never)", &at.RetryMax},
	{"replay", "replay_on_join", "", "also get the events from before the join", &at.Replay},
	{"snapshot", "snapshot_path", "path", "file that keeps the members, failed ones too, " +
		"and the times of events, to rejoin after a restart", &at.Snapshot},
	{"rejoin", "rejoin_after_leave", "", "rejoin from the snapshot even if this node had left",
		&at.Rejoin},
	{"record", "record", "dir", "directory to record in what happens to this node, for serf replay; " +
		"tags, payloads and addresses are in it, keys are not (default: none)", &at.Record},
	{"record-limit", "record_limit", "size", "most that the files in -record may take together; " +
		"the oldest are removed first (default 256MiB, at least 1MiB)", &at.RecordLimit},
	{"discover", "discover", "name", "find the members of this cluster by mDNS", &at.Discover},
	{"mdns-iface", "mdns.interface", "name", "interface for mDNS (default: that of -iface)",
		&at.MDNSInterface},
	{"mdns-disable-ipv4", "mdns.disable_ipv4", "", "no IPv4 for mDNS", &at.MDNSDisableIPv4},
	{"mdns-disable-ipv6", "mdns.disable_ipv6", "", "no IPv6 for mDNS", &at.MDNSDisableIPv6},

	{"event-handler", "event_handlers", "[filter=]script", "script to run on events; repeatable",
		&at.EventHandlers},
	{"handler-timeout", "handler_timeout", "time",
		"how long a script may run before it is killed (default 1h, 0 for ever)",
		&at.HandlerTimeout},
	{"log-level", "log_level", "level", "trace, debug, info, warn or err (default info)",
		&at.LogLevel},
	{"log-format", "log_format", "format", "text or json (default text)", &at.LogFormat},
	{"log-file", "log_file", "path", "append the log to this file, too", &at.LogFile},
	{"syslog", "enable_syslog", "", "send the log to syslog, too", &at.Syslog},
	{"", "syslog_facility", "name", "facility for syslog (default LOCAL0)", &at.SyslogFacility},
	{"", "statsite_addr", "addr", "send metrics to this statsite", &at.StatsiteAddr},
	{"", "statsd_addr", "addr", "send metrics to this statsd", &at.StatsdAddr},

	{"rpc-addr", "rpc_addr", "addr", "address to serve RPC on: host:port, unix:///path or " +
		"tls://host:port, or several with commas between (default 127.0.0.1:7373)", &at.RPCAddr},
	{"", "rpc_auth", "token", "token that RPC clients must present", &at.RPCAuth},
	{"rpc-auth-file", "rpc_auth_file", "path",
		"file with the token of rpc_auth; relative to $CREDENTIALS_DIRECTORY, if that is set",
		&at.RPCAuthFile},
	{"rpc-socket-mode", "rpc_socket_mode", "mode", "permissions of unix:///path, octal " +
		"(default 0600; with -rpc-socket-group 0660)", &at.RPCSocketMode},
	{"rpc-socket-group", "rpc_socket_group", "group", "group of unix:///path, name or number",
		&at.RPCSocketGroup},
	{"rpc-tls-cert", "rpc_tls_cert", "path", "PEM file with the certificate for tls://host:port",
		&at.RPCTLSCert},
	{"rpc-tls-key", "rpc_tls_key", "path", "PEM file with the private key of -rpc-tls-cert",
		&at.RPCTLSKey},
	{"rpc-tls-client-ca", "rpc_tls_client_ca", "path", "PEM file with the authorities of " +
		"clients: each then needs a certificate (default: none does)", &at.RPCTLSClientCA},

	{"http-addr", "http_addr", "addr", "address to serve HTTP on: a port, of 127.0.0.1, or " +
		"host:port; any but a loopback address needs http_auth and a certificate (default: none)",
		&at.HTTPAddr},
	{"", "http_auth", "token", "token that HTTP clients must present to write, and to read if " +
		"the address isn't loopback", &at.HTTPAuth},
	{"http-auth-file", "http_auth_file", "path",
		"file with the token of http_auth; relative to $CREDENTIALS_DIRECTORY, if that is set",
		&at.HTTPAuthFile},
	{"http-cert", "http_cert", "path", "PEM file with the certificate for HTTP, read again by " +
		"a reload; relative to $CREDENTIALS_DIRECTORY, if that is set", &at.HTTPCert},
	{"http-key", "http_key", "path", "PEM file with the private key of -http-cert, read likewise",
		&at.HTTPKey},
	{"http-write", "http_write", "", "let HTTP clients that have the token send events and " +
		"queries, join, force members to leave and set tags", &at.HTTPWrite},
	{"http-origin", "http_origins", "origin", "origin, such as https://ops.example.com, whose " +
		"pages may use HTTP from a browser; repeatable", &at.HTTPOrigins},

	{"broadcast-timeout", "broadcast_timeout", "time",
		"how long an agent that leaves may take to announce it (default 5s, at least 1s)",
		&at.BroadcastTimeout},
	{"disable-compression", "", "", "send messages uncompressed", inverted{&at.Compression}},
	{"", "enable_compression", "", "compress messages (default true)", &at.Compression},
	{"", "disable_coordinates", "", "no network coordinates, so no rtt", &at.DisableCoordinates},
	{"", "disable_name_resolution", "", "no vote when two members claim one name",
		&at.DisableNameResolution},
	{"", "leave_on_terminate", "", "leave gracefully on TERM", &at.LeaveOnTerminate},
	{"", "skip_leave_on_interrupt", "", "don't leave gracefully on INT", &at.SkipLeaveOnInterrupt},
	{"", "query_response_size_limit", "bytes", "largest answer to a query (default 1024)",
		&at.QueryResponseSizeLimit},
	{"", "query_size_limit", "bytes", "largest query (default 1024)", &at.QuerySizeLimit},
	{"", "user_event_size_limit", "bytes", "largest user event, name and payload (default 512)",
		&at.UserEventSizeLimit},

	// Timings, as scenarios of the simulator have them.
	{"", "probe_interval", "time", "pause between two probes (default: lan and local 1s, wan 5s)",
		&at.Timing.ProbeInterval},
	{"", "probe_timeout", "time",
		"how long a direct answer to a probe may take (default: lan 500ms, wan 3s, local 200ms)",
		&at.Timing.ProbeTimeout},
	{"", "indirect_probes", "n", "other members asked to probe one that doesn't " +
		"answer (default: lan and wan 3, local 1)", &at.Timing.IndirectProbes},
	{"", "stream_ping", "", "probe by TCP, too, when UDP fails (default true)",
		&at.Timing.StreamPing},
	{"", "gossip_interval", "time",
		"pause between two rounds of gossip (default: lan 200ms, wan 500ms, local 100ms)",
		&at.Timing.GossipInterval},
	{"", "gossip_nodes", "n", "members gossiped to in a round (default: lan and local 3, wan 4)",
		&at.Timing.GossipNodes},
	{"gossip-rate", "gossip_rate", "bytes", "most bytes a second of bursts of gossip, " +
		"0: no bursts (default: lan 2097152, wan 262144, local 8388608)", &at.Timing.GossipRate},
	{"", "gossip_to_the_dead", "time",
		"how long a failed member still gets gossip (default: lan 30s, wan 1m, local 15s)",
		&at.Timing.GossipToTheDead},
	{"", "retransmit_mult", "n", "how often each message is gossiped, times log of the members " +
		"(default: lan and wan 4, local 2)", &at.Timing.RetransmitMult},
	{"", "push_pull_interval", "time",
		"pause between two exchanges of states, 0s: none (default: lan 30s, wan 1m, local 15s)",
		&at.Timing.PushPullInterval},
	{"", "suspicion_mult", "n", "least time to refute a suspicion, in probe intervals, times log " +
		"of the members (default: lan 4, wan 6, local 3)", &at.Timing.SuspicionMult},
	{"", "suspicion_max_mult", "n", "longest time to refute a suspicion, as a multiple " +
		"of the least (default 6)", &at.Timing.SuspicionMaxMult},
	{"", "awareness_max", "n", "bound of the health score, which stretches probes (default 8)",
		&at.Timing.AwarenessMax},
	{"", "stream_timeout", "time",
		"how long an exchange by TCP may take (default: lan 10s, wan 30s, local 1s)",
		&at.Timing.StreamTimeout},
	{"", "reconnect_interval", "time",
		"pause between attempts to reach failed members (default 30s)",
		&at.Timing.ReconnectInterval},
	{"", "reconnect_timeout", "time", "how long reconnecting to a failed member is tried (default 24h)",
		&at.Timing.ReconnectTimeout},
	{"", "tombstone_timeout", "time", "how long to remember a member that left (default 24h)",
		&at.Timing.TombstoneTimeout},
	{"", "reap_interval", "time", "pause between looks for members to forget (default 15s)",
		&at.Timing.ReapInterval},
}

// secrets are the keys whose values are never shown.
var secrets = map[string]bool{"encrypt_key": true, "rpc_auth": true, "http_auth": true}

// keyOf is the key that o sets, even if it has only a flag.
func (o *option) keyOf() string {
	if o.flag == "disable-compression" {
		return "enable_compression"
	}
	return o.key
}

// wants describes the value that a flag takes.
func wants(field any) string {
	switch field.(type) {
	case inverted:
		return "true or false"
	case **int:
		return wants(new(int))
	default:
		return jsonfile.WantOf(reflect.ValueOf(field).Elem())
	}
}
