package config

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"serf/internal/timing"
)

// fakeEnv is a system with these files and the host name "host".
func fakeEnv(files map[string]string) Env {
	m := fstest.MapFS{}
	for name, content := range files {
		m[name] = &fstest.MapFile{Data: []byte(content)}
	}
	return Env{Files: localFS{m}, Hostname: func() (string, error) { return "host", nil }}
}

// localFS accepts names as this system writes them.
type localFS struct{ fstest.MapFS }

func (f localFS) Open(name string) (fs.File, error) { return f.MapFS.Open(filepath.ToSlash(name)) }
func (f localFS) Stat(name string) (fs.FileInfo, error) {
	return f.MapFS.Stat(filepath.ToSlash(name))
}

// load loads args, preceded by the file c.json unless content is empty.
func load(t *testing.T, content string, args ...string) (Config, error) {
	t.Helper()
	env := fakeEnv(map[string]string{"c.json": content})
	if content != "" {
		args = append([]string{"-config-file=c.json"}, args...)
	}
	c, _, err := Load(args, env)
	c.Paths, c.Origins = nil, nil
	return c, err
}

func of[T any](v T) *T { return &v }

// settings are one value for each option, and its effect on the defaults.
var settings = []struct {
	flag, json string // either may be empty
	want       func(*Config)
}{
	{"-bind=127.0.0.1:1", `"bind": "127.0.0.1:1"`, func(c *Config) { c.Bind = "127.0.0.1:1" }},
	{"-iface=eth0", `"interface": "eth0"`, func(c *Config) { c.Interface = "eth0" }},
	{"-advertise=1.2.3.4", `"advertise": "1.2.3.4"`, func(c *Config) { c.Advertise = "1.2.3.4" }},
	{"-node=n", `"node_name": "n"`, func(c *Config) { c.Node = "n" }},
	{"", `"validate_node_names": true`, func(c *Config) { c.ValidateNodeNames = true }},
	{"-profile=wan", `"profile": "wan"`, func(c *Config) { c.Profile = "wan" }},
	{"-protocol=4", `"protocol": 4`, func(c *Config) { c.Protocol = 4 }},
	{"-tag=a=b=c", `"tags": {"a": "b=c"}`, func(c *Config) { c.Tags = map[string]string{"a": "b=c"} }},
	{"-tags-file=new.json", `"tags_file": "new.json"`, func(c *Config) { c.TagsFile = "new.json" }},
	{"-role=r", `"role": "r"`, func(c *Config) { c.Role, c.Tags = "r", map[string]string{"role": "r"} }},
	{"-tag=az=1 -zone-tag=az", `"tags": {"az": "1"}, "zone_tag": "az"`, func(c *Config) {
		c.ZoneTag, c.Tags = "az", map[string]string{"az": "1"}
	}},
	{"-zone-share=25", `"zone_share": 25`, func(c *Config) { c.ZoneShare = 25 }},
	{"-tag=az=1 -zone-tag=az -zone-probes", `"tags": {"az": "1"}, "zone_tag": "az", "zone_probes": true`, func(c *Config) {
		c.ZoneTag, c.ZoneProbes, c.Tags = "az", true, map[string]string{"az": "1"}
	}},
	{"-encrypt=MDEyMzQ1Njc4OWFiY2RlZg==", `"encrypt_key": "MDEyMzQ1Njc4OWFiY2RlZg=="`, func(c *Config) {
		c.EncryptKey, c.Keys = "MDEyMzQ1Njc4OWFiY2RlZg==", [][]byte{[]byte("0123456789abcdef")}
	}},
	{"-encrypt-key-file=key", `"encrypt_key_file": "key"`, func(c *Config) {
		c.EncryptKeyFile, c.EncryptKey, c.Keys = "key", "MDEyMzQ1Njc4OWFiY2RlZg==", [][]byte{[]byte("0123456789abcdef")}
	}},
	{"-keyring-file=ring.json", `"keyring_file": "ring.json"`, func(c *Config) {
		c.KeyringFile, c.Keys = "ring.json", [][]byte{[]byte("0123456789abcdef")}
	}},
	{"-label=blue", `"label": "blue"`, func(c *Config) { c.Label = "blue" }},
	{"-join=a", `"start_join": ["a"]`, func(c *Config) { c.Join = []string{"a"} }},
	{"-retry-join=a", `"retry_join": ["a"]`, func(c *Config) { c.RetryJoin = []string{"a"} }},
	{"-retry-interval=90s", `"retry_interval": "1m30s"`, func(c *Config) { c.RetryInterval = 90 * time.Second }},
	{"-retry-max=7", `"retry_max_attempts": 7`, func(c *Config) { c.RetryMax = 7 }},
	{"-replay", `"replay_on_join": true`, func(c *Config) { c.Replay = true }},
	{"-rejoin", `"rejoin_after_leave": true`, func(c *Config) { c.Rejoin = true }},
	{"-record=d", `"record": "d"`, func(c *Config) { c.Record = "d" }},
	{"-record-limit=3MiB", `"record_limit": "3MiB"`, func(c *Config) { c.RecordLimit = "3MiB" }},
	{"-snapshot=s", `"snapshot_path": "s"`, func(c *Config) { c.Snapshot = "s" }},
	{"-handler-timeout=5m", `"handler_timeout": "5m"`, func(c *Config) { c.HandlerTimeout = 5 * time.Minute }},
	{"-event-handler=user:x=a.sh", `"event_handlers": ["user:x=a.sh"]`, func(c *Config) { c.EventHandlers = []string{"user:x=a.sh"} }},
	{"-verify-incoming=false", `"verify_incoming": false`, func(c *Config) { c.VerifyIncoming = false }},
	{"-verify-incoming=false -verify-outgoing=false", `"verify_incoming": false, "verify_outgoing": false`, func(c *Config) {
		c.VerifyIncoming, c.VerifyOutgoing = false, false
	}},
	{"-log-level=DEBUG", `"log_level": "debug"`, func(c *Config) { c.LogLevel = "debug" }},
	{"-log-format=JSON", `"log_format": "json"`, func(c *Config) { c.LogFormat = "json" }},
	{"-log-file=serf.log", `"log_file": "serf.log"`, func(c *Config) { c.LogFile = "serf.log" }},
	{"-syslog", `"enable_syslog": true`, func(c *Config) { c.Syslog = true }},
	{"", `"syslog_facility": "LOCAL3"`, func(c *Config) { c.SyslogFacility = "LOCAL3" }},
	{"", `"statsite_addr": "metrics:8125"`, func(c *Config) { c.StatsiteAddr = "metrics:8125" }},
	{"", `"statsd_addr": "[::1]:8125"`, func(c *Config) { c.StatsdAddr = "[::1]:8125" }},
	{"-discover=d", `"discover": "d"`, func(c *Config) { c.Discover = "d" }},
	{"-discover=d -mdns-iface=eth0", `"discover": "d", "mdns": {"interface": "eth0"}`, func(c *Config) { c.Discover, c.MDNSInterface = "d", "eth0" }},
	{"-discover=d -mdns-disable-ipv4", `"discover": "d", "mdns": {"disable_ipv4": true}`, func(c *Config) { c.Discover, c.MDNSDisableIPv4 = "d", true }},
	{"-discover=d -mdns-disable-ipv6", `"discover": "d", "mdns": {"disable_ipv6": true}`, func(c *Config) { c.Discover, c.MDNSDisableIPv6 = "d", true }},
	{"-rpc-addr=127.0.0.1:9", `"rpc_addr": "127.0.0.1:9"`, func(c *Config) { c.RPCAddr = "127.0.0.1:9" }},
	{"", `"rpc_auth": "secret"`, func(c *Config) { c.RPCAuth = "secret" }},
	{"-rpc-auth-file=token", `"rpc_auth_file": "token"`, func(c *Config) { c.RPCAuthFile, c.RPCAuth = "token", "secret" }},
	{"-http-addr=8500", `"http_addr": "8500"`, func(c *Config) { c.HTTPAddr = "8500" }},
	{"", `"http_addr": "8500", "http_auth": "secret", "http_write": true`, func(c *Config) {
		c.HTTPAddr, c.HTTPAuth, c.HTTPWrite = "8500", "secret", true
	}},
	{"-http-addr=8500 -http-write=true -http-auth-file=token", `"http_addr": "8500", "http_write": true, "http_auth_file": "token"`, func(c *Config) {
		c.HTTPAddr, c.HTTPAuthFile, c.HTTPAuth, c.HTTPWrite = "8500", "token", "secret", true
	}},
	{"-http-addr=8500 -http-cert=c -http-key=k", `"http_addr": "8500", "http_cert": "c", "http_key": "k"`, func(c *Config) {
		c.HTTPAddr, c.HTTPCert, c.HTTPKey = "8500", "c", "k"
	}},
	{"-http-addr=8500 -http-origin=https://x -http-origin=http://y:1", `"http_addr": "8500", "http_origins": ["https://x", "http://y:1"]`, func(c *Config) {
		c.HTTPAddr, c.HTTPOrigins = "8500", []string{"https://x", "http://y:1"}
	}},
	{"-rpc-socket-mode=0660", `"rpc_socket_mode": "0660"`, func(c *Config) { c.RPCSocketMode = "0660" }},
	{"-rpc-socket-group=adm", `"rpc_socket_group": "adm"`, func(c *Config) { c.RPCSocketGroup = "adm" }},
	{"-rpc-tls-cert=c -rpc-tls-key=k -rpc-tls-client-ca=a", `"rpc_tls_cert": "c", "rpc_tls_key": "k", "rpc_tls_client_ca": "a"`, func(c *Config) {
		c.RPCTLSCert, c.RPCTLSKey, c.RPCTLSClientCA = "c", "k", "a"
	}},
	{"-gossip-rate=70000", `"gossip_rate": 70000`, func(c *Config) { c.Timing.GossipRate = of(70000) }},
	{"", `"gossip_rate": 0`, func(c *Config) { c.Timing.GossipRate = of(0) }},
	{"", `"probe_interval": "2s"`, func(c *Config) { c.Timing.ProbeInterval = of(timing.Duration(2 * time.Second)) }},
	{"", `"probe_timeout": "20ms"`, func(c *Config) { c.Timing.ProbeTimeout = of(timing.Duration(20 * time.Millisecond)) }},
	{"", `"indirect_probes": 0`, func(c *Config) { c.Timing.IndirectProbes = of(0) }},
	{"", `"stream_ping": false`, func(c *Config) { c.Timing.StreamPing = of(false) }},
	{"", `"gossip_interval": "1s"`, func(c *Config) { c.Timing.GossipInterval = of(timing.Duration(time.Second)) }},
	{"", `"gossip_nodes": 5`, func(c *Config) { c.Timing.GossipNodes = of(5) }},
	{"", `"gossip_to_the_dead": "1h"`, func(c *Config) { c.Timing.GossipToTheDead = of(timing.Duration(time.Hour)) }},
	{"", `"retransmit_mult": 6`, func(c *Config) { c.Timing.RetransmitMult = of(6) }},
	{"", `"push_pull_interval": "0s"`, func(c *Config) { c.Timing.PushPullInterval = of(timing.Duration(0)) }},
	{"", `"suspicion_mult": 7`, func(c *Config) { c.Timing.SuspicionMult = of(7) }},
	{"", `"suspicion_max_mult": 8`, func(c *Config) { c.Timing.SuspicionMaxMult = of(8) }},
	{"", `"awareness_max": 1`, func(c *Config) { c.Timing.AwarenessMax = of(1) }},
	{"", `"stream_timeout": "3s"`, func(c *Config) { c.Timing.StreamTimeout = of(timing.Duration(3 * time.Second)) }},
	{"", `"reap_interval": "4s"`, func(c *Config) { c.Timing.ReapInterval = of(timing.Duration(4 * time.Second)) }},
	{"-broadcast-timeout=7s", `"broadcast_timeout": "7s"`, func(c *Config) { c.BroadcastTimeout = 7 * time.Second }},
	{"-disable-compression", `"enable_compression": false`, func(c *Config) { c.Compression = false }},
	{"", `"disable_coordinates": true`, func(c *Config) { c.DisableCoordinates = true }},
	{"", `"disable_name_resolution": true`, func(c *Config) { c.DisableNameResolution = true }},
	{"", `"leave_on_terminate": true`, func(c *Config) { c.LeaveOnTerminate = true }},
	{"", `"skip_leave_on_interrupt": true`, func(c *Config) { c.SkipLeaveOnInterrupt = true }},
	{"", `"reconnect_interval": "15s"`, func(c *Config) { c.Timing.ReconnectInterval = of(timing.Duration(15 * time.Second)) }},
	{"", `"reconnect_timeout": "48h"`, func(c *Config) { c.Timing.ReconnectTimeout = of(timing.Duration(48 * time.Hour)) }},
	{"", `"tombstone_timeout": "72h"`, func(c *Config) { c.Timing.TombstoneTimeout = of(timing.Duration(72 * time.Hour)) }},
	{"", `"query_response_size_limit": 2000`, func(c *Config) { c.QueryResponseSizeLimit = 2000 }},
	{"", `"query_size_limit": 2001`, func(c *Config) { c.QuerySizeLimit = 2001 }},
	{"", `"user_event_size_limit": 2002`, func(c *Config) { c.UserEventSizeLimit = 2002 }},
}

func TestEachOptionAndKey(t *testing.T) {
	files := map[string]string{"ring.json": `["MDEyMzQ1Njc4OWFiY2RlZg=="]`,
		"key": "MDEyMzQ1Njc4OWFiY2RlZg==\n", "token": "secret"}
	check := func(t *testing.T, want func(*Config), args ...string) {
		t.Helper()
		expected := Default()
		expected.Node = "host"
		want(&expected)
		got, _, err := Load(args, fakeEnv(files))
		if err != nil {
			t.Fatal(err)
		}
		got.Paths, got.Origins = nil, nil
		if d := cmp.Diff(expected, got); d != "" {
			t.Error("-want +got:\n", d)
		}
	}
	for _, s := range settings {
		if s.flag != "" {
			t.Run(s.flag, func(t *testing.T) { check(t, s.want, strings.Fields(s.flag)...) })
			t.Run("-"+s.flag, func(t *testing.T) { check(t, s.want, strings.Fields("-"+s.flag)...) })
		}
		t.Run(s.json, func(t *testing.T) {
			files["c.json"] = "{" + s.json + "}"
			check(t, s.want, "-config-file", "c.json")
		})
	}
}

// Every option has a line in the table above.
func TestTableCoversAllOptions(t *testing.T) {
	var all strings.Builder
	for _, s := range settings {
		fmt.Fprintln(&all, s.flag+"=", s.json)
	}
	for _, o := range options {
		if o.flag != "" && !strings.HasPrefix(o.flag, "config-") && !strings.Contains(all.String(), "-"+o.flag+"=") {
			t.Errorf("no test sets -%s", o.flag)
		}
		for part := range strings.SplitSeq(o.key, ".") {
			if part != "" && !strings.Contains(all.String(), `"`+part+`"`) {
				t.Errorf("no test sets %s", o.key)
			}
		}
	}
}

func TestLaterWins(t *testing.T) {
	env := fakeEnv(map[string]string{
		"a.json":         `{"node_name": "a", "profile": "wan", "start_join": ["1"], "tags": {"x": "a", "y": "a"}, "replay_on_join": true}`,
		"dir/1.json":     `{"node_name": "b", "start_join": ["2"], "tags": {"y": "b"}, "replay_on_join": false}`,
		"dir/0.json":     `{"rpc_auth": "first", "log_level": "warn"}`,
		"dir/2.json":     `{"rpc_auth": "last"}`,
		"dir/notes.txt":  `not json`,
		"dir/sub/x.json": `{"node_name": "too deep"}`,
	})
	c, _, err := Load([]string{"-join=3", "-log-level=err", "-tag", "z=f", "-config-file=a.json", "-config-dir=dir", "-join=4"}, env)
	if err != nil {
		t.Fatal(err)
	}
	want := Default()
	want.Node, want.Profile, want.RPCAuth, want.LogLevel = "b", "wan", "last", "err"
	want.Join = []string{"1", "2", "3", "4"}
	want.Tags = map[string]string{"x": "a", "y": "b", "z": "f"}
	want.Paths = []string{"a.json", "dir"}
	want.Origins = map[string]string{
		"node_name": "dir/1.json:1:2", "profile": "a.json:1:20", "rpc_auth": "dir/2.json:1:2", "log_level": "-log-level",
		"replay_on_join": "dir/1.json:1:61", "start_join": "dir/1.json:1:20", "tags": "-tag",
		"start_join[0]": "a.json:1:53", "start_join[1]": "dir/1.json:1:35", "start_join[2]": "-join", "start_join[3]": "-join",
		"tags.x": "a.json:1:68", "tags.y": "dir/1.json:1:50", "tags.z": "-tag",
	}
	for key, origin := range want.Origins {
		want.Origins[key] = filepath.FromSlash(origin)
	}
	if d := cmp.Diff(want, c); d != "" {
		t.Error("files in order, then options; lists append: -want +got:\n", d)
	}
}

// The byte order mark of Windows editors, files that editors and copies leave in a folder, and what
// follows the first object, which HashiCorp's Serf doesn't read either.
func TestWhatIsSkippedInFiles(t *testing.T) {
	env := fakeEnv(map[string]string{
		"dir/a.json":  "\ufeff{\"node_name\": \"a\"}\n[",
		"dir/.a.json": "{", "dir/b.json.bak": "{", "empty/readme": "",
		"tags.json": "\ufeff{\"role\": \"web\"}\r\n",
		"ring.json": "\ufeff[\"MDEyMzQ1Njc4OWFiY2RlZg==\"]",
	})
	env.Files.(localFS).MapFS["dir/pipe.json"] = &fstest.MapFile{Mode: fs.ModeNamedPipe}
	c, warnings, err := Load([]string{"-config-dir=dir", "-config-dir=empty", "-tags-file=tags.json", "-keyring-file=ring.json"}, env)
	if err != nil || c.Node != "a" || c.Tags["role"] != "web" || len(c.Keys) != 1 {
		t.Errorf("error %v, %+v", err, c)
	}
	dir := "dir" + string(filepath.Separator)
	want := []string{dir + ".a.json is skipped: its name begins with a dot", dir + "a.json:2:1: what follows the first object is ignored",
		dir + "pipe.json is skipped: it isn't a regular file", "empty has no files *.json"}
	if d := cmp.Diff(want, warnings); d != "" {
		t.Error(d)
	}
}

func TestAdvice(t *testing.T) {
	for key, want := range map[string]string{
		"bnid": "did you mean bind?", "join": "did you mean start_join?", "retry_max": "did you mean retry_max_attempts?", "encrypt": "did you mean encrypt_key?",
		"log-level": "did you mean log_level?", "iface": "did you mean interface?", "mdns_iface": "did you mean mdns.interface?", "frobnicate": "'serf agent -h' lists the keys",
	} {
		_, err := load(t, `{"`+key+`": 1}`)
		wantProblem(t, err, "c.json:1:2: "+key+": is no key here; "+want)
	}
	for flag, want := range map[string]string{
		"-bnid": ", did you mean -bind?", "-start-join=a": ", did you mean -join?", "--node-name=a": ", did you mean -node?",
		"-rpc-auth=x": ": rpc_auth is a key of configuration files", "-log_level": ", did you mean -log-level?", "-frobnicate": "",
	} {
		_, err := load(t, "", flag)
		name, _, _ := strings.Cut(strings.TrimLeft(flag, "-"), "=")
		if want = "unknown option -" + name + want; err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

func TestWhere(t *testing.T) {
	c, _, err := Load([]string{"-config-file=c.json", "-bind=1.2.3.4"}, fakeEnv(map[string]string{"c.json": `{"event_handlers": ["a", "b"], "bind": "x"}`}))
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]string{
		"bind": "-bind", "event_handlers[1]": "c.json:1:26: event_handlers", "event_handlers": "c.json:1:2: event_handlers",
		"profile": "profile (-profile)", "rpc_auth": "rpc_auth", "start_join[0]": "start_join (-join)",
	} {
		if got := c.Where(key); got != want {
			t.Errorf("%s: %s, want %s", key, got, want)
		}
	}
	for key, want := range map[string]string{"bind": "-bind", "event_handlers": "event_handlers in c.json:1:2", "profile": "profile (-profile)"} {
		if got := c.Setting(key); got != want {
			t.Errorf("%s: %s, want %s", key, got, want)
		}
	}
}

func TestCompressionOptionBeatsFile(t *testing.T) {
	c, err := load(t, `{"enable_compression": false}`, "-disable-compression=false")
	if err != nil || !c.Compression {
		t.Errorf("compression %v, error %v", c.Compression, err)
	}
}

func TestKeysInAnyCase(t *testing.T) {
	c, err := load(t, `{"Node_Name": "x"}`)
	if err != nil || c.Node != "x" {
		t.Errorf("node %q, error %v", c.Node, err)
	}
}

// An empty value stands for a variable that isn't set: it is neither the default nor nothing.
func TestEmptyIsAnError(t *testing.T) {
	for _, o := range options {
		switch o.field(new(Config)).(type) {
		case *string, *time.Duration:
		default:
			continue
		}
		for _, text := range []string{"", " \t"} {
			if o.flag != "" {
				_, err := load(t, "", "-"+o.flag+"="+text)
				wantProblem(t, err, "-"+o.flag)
			}
			value := fmt.Sprintf("%q", text)
			if parts := strings.Split(o.key, "."); len(parts) == 2 {
				value = fmt.Sprintf("{%q: %s}", parts[1], value)
			}
			key, _, _ := strings.Cut(o.key, ".")
			_, err := load(t, fmt.Sprintf("{%q: %s}", key, value))
			wantProblem(t, err, "c.json", o.key+": "+ErrBlank.Error())
		}
	}
	for _, option := range []string{"-config-file", "-config-dir"} {
		_, err := load(t, "", option+"=")
		wantProblem(t, err, option, ErrBlank.Error())
	}
}

// wantProblem requires exactly one problem, which contains all of words.
func wantProblem(t *testing.T, err error, words ...string) {
	t.Helper()
	list := texts(err)
	if len(list) != 1 || slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(list[0], w) }) {
		t.Errorf("problems %q, want one with %q", list, words)
	}
}

func TestNullMeansUnsetButForGuards(t *testing.T) {
	for _, o := range options {
		if o.key == "" || strings.Contains(o.key, ".") {
			continue
		}
		c, err := load(t, fmt.Sprintf(`{%q: null}`, o.key))
		if guards[o.key] {
			wantProblem(t, err, "c.json", o.key+": "+ErrBlank.Error())
			continue
		}
		want := Default()
		want.Node = "host"
		if d := cmp.Diff(want, c); d != "" || err != nil {
			t.Error(o.key, err, d)
		}
	}
}

func TestWarnings(t *testing.T) {
	c, warnings, err := Load([]string{"-retry-interval=1ms", "-broadcast-timeout=999ms", "-role=web", "-zone-share=20", "-rejoin", "-verify-incoming=false"}, fakeEnv(nil))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"-retry-interval: 1ms is too low, using 1s",
		"-broadcast-timeout: 999ms is too low, using 1s",
		"-role is deprecated, use -tag role=web",
		"-zone-share does nothing without zone_tag (-zone-tag)",
		"-rejoin does nothing without a snapshot file",
		"-verify-incoming does nothing without a key (-encrypt, -keyring-file)",
	}
	if d := cmp.Diff(want, warnings); d != "" {
		t.Error(d)
	}
	if c.RetryInterval != time.Second || c.BroadcastTimeout != time.Second {
		t.Errorf("times %v and %v", c.RetryInterval, c.BroadcastTimeout)
	}
}

func TestSocketMode(t *testing.T) {
	for mode, want := range map[string]fs.FileMode{"0600": 0o600, "660": 0o660, "0777": 0o777} {
		if c, err := load(t, "", "-rpc-socket-mode="+mode); err != nil || c.SocketMode() != want {
			t.Errorf("%s: %v, %v", mode, c.SocketMode(), err)
		}
	}
	for _, mode := range []string{"0577", "01000", "0678", "rw", "-600", "0o600", "77777777777777777777777"} {
		_, err := load(t, "", "-rpc-socket-mode="+mode)
		wantProblem(t, err, `-rpc-socket-mode: "`+mode+`", want octal permissions with at least those of the owner, 0600 to 0777`)
	}
	for args, want := range map[string]fs.FileMode{"-node=a": 0o600, "-rpc-socket-group=g": 0o660, "-rpc-socket-group=g -rpc-socket-mode=0640": 0o640} {
		if c, err := load(t, "", strings.Fields(args)...); err != nil || c.SocketMode() != want {
			t.Errorf("%s: %v, %v", args, c.SocketMode(), err)
		}
	}
}

// What has no effect is more likely a mistake than wanted.
func TestSettingsOfRPCWithoutAnAddressForThem(t *testing.T) {
	_, warnings, err := Load([]string{"-rpc-socket-mode=0660", "-rpc-socket-group=g", "-rpc-tls-cert=c", "-rpc-tls-key=k"}, fakeEnv(nil))
	want := []string{
		"-rpc-socket-mode does nothing without an address unix:///path in rpc_addr (-rpc-addr)",
		"-rpc-socket-group does nothing without an address unix:///path in rpc_addr (-rpc-addr)",
		"-rpc-tls-cert does nothing without an address tls://host:port in rpc_addr (-rpc-addr)",
	}
	if d := cmp.Diff(want, warnings); d != "" || err != nil {
		t.Error(err, d)
	}
}

// texts are the problems of an error, one string each.
func texts(err error) (list []string) {
	for _, p := range Problems(err) {
		list = append(list, p.Error())
	}
	return list
}

func TestProblemsOfOptions(t *testing.T) {
	for _, tc := range []struct {
		args []string
		want string
	}{
		{[]string{"-nope"}, "unknown option -nope, did you mean -node?"},
		{[]string{"-node=a", "join", "-join=x"}, `unexpected argument "join" before -join=x: options start with a dash, switches take their value as -option=true`},
		{[]string{"-retry-interval=10"}, `invalid value "10" for option -retry-interval: want a time such as "10s"`},
		{[]string{"-retry-max=x"}, `invalid value "x" for option -retry-max: want a whole number`},
		{[]string{"-replay=maybe"}, `invalid value "maybe" for option -replay: want true or false`},
		{[]string{"-tag=novalue"}, `invalid value "novalue" for option -tag: want key=value`},
		{[]string{"-tag==v"}, `invalid value "=v" for option -tag: want key=value`},
		{[]string{"-bind"}, "option needs a value: -bind"},
		{[]string{"-config-file=gone.json"}, "gone.json: file does not exist"},
		{[]string{"-keyring-file=gone.json"}, "-keyring-file: gone.json: file does not exist"},
		{[]string{"-keyring-file=bad.json"}, "bad.json:1:1: want a list in [ and ]"},
		{[]string{"-keyring-file=empty.json"}, "empty.json:1:1: contains no keys"},
		{[]string{"-tags-file=bad.json"}, "bad.json:1:1: 5, want an object in { and }"},
		{[]string{"-tags-file=gone.json", "-tag=a=b"}, "-tags-file: not allowed together with tags (-tag, -role)"},
		{[]string{"-tags-file=gone.json", "-role=a"}, "-tags-file: not allowed together with tags (-tag, -role)"},
		{[]string{"-encrypt=*"}, "-encrypt: not base64; want the base64 of 16, 24 or 32 bytes, as serf keygen prints"},
		{[]string{"-encrypt=c2hvcnQ="}, "-encrypt: 5 bytes decoded, allowed 16, 24 or 32"},
		{[]string{"-encrypt=MDEyMzQ1Njc4OWFiY2RlZg==", "-keyring-file=r"}, "-encrypt: not allowed together with keyring_file (-keyring-file)"},
		{[]string{"-verify-outgoing=false", "-encrypt=MDEyMzQ1Njc4OWFiY2RlZg=="},
			"-verify-outgoing: off, so that plain text is sent, while verify_incoming (-verify-incoming) refuses it"},
		{[]string{"-label=" + strings.Repeat("x", LabelMax+1)}, "-label: 256 bytes, at most 255"},
		{[]string{"-log-level=loud"}, `-log-level: "loud", allowed trace, debug, info, warn, err`},
		{[]string{"-log-format=xml"}, `-log-format: "xml", allowed text, json`},
		{[]string{"-profile=moon"}, `-profile: "moon", allowed lan, wan, local`},
		{[]string{"-rpc-addr=127.0.0.1"}, `-rpc-addr: "127.0.0.1", want host:port, port 0 to 65535, tls://host:port or unix:///path`},
		{[]string{"-rpc-addr=127.0.0.1:"}, `-rpc-addr: "127.0.0.1:", want host:port, port 0 to 65535, tls://host:port or unix:///path`},
		{[]string{"-rpc-addr=127.0.0.1:65536"}, `-rpc-addr: "127.0.0.1:65536", want host:port, port 0 to 65535, tls://host:port or unix:///path`},
		{[]string{"-rpc-addr=127.0.0.1:-1"}, `-rpc-addr: "127.0.0.1:-1", want host:port, port 0 to 65535, tls://host:port or unix:///path`},
		{[]string{"-rpc-addr=127.0.0.1:1,unix://s"}, `-rpc-addr: "127.0.0.1:1,unix://s", want an absolute path, as in unix:///run/serf/rpc.sock, at "unix://s"`},
		{[]string{"-rpc-addr=tls://:1"}, `-rpc-addr: "tls://:1" needs a certificate, rpc_tls_cert (-rpc-tls-cert)`},
		{[]string{"-rpc-tls-cert=c"}, "-rpc-tls-cert: not without its key, rpc_tls_key (-rpc-tls-key)"},
		{[]string{"-rpc-tls-key=k"}, "-rpc-tls-key: not without its certificate, rpc_tls_cert (-rpc-tls-cert)"},
		{[]string{"-rpc-tls-client-ca=a"}, "-rpc-tls-client-ca: not without a certificate, rpc_tls_cert (-rpc-tls-cert)"},
		{[]string{"-protocol=1"}, "-protocol: 1, allowed 2 to 5"},
		{[]string{"-protocol=6"}, "-protocol: 6, allowed 2 to 5"},
		{[]string{"-retry-interval=-5s"}, "-retry-interval: -5s is negative, want at least 1s"},
		{[]string{"-broadcast-timeout=-1ms"}, "-broadcast-timeout: -1ms is negative, want at least 1s"},
	} {
		t.Run(strings.Join(tc.args, " "), func(t *testing.T) {
			_, _, err := Load(tc.args, fakeEnv(map[string]string{"bad.json": `5`, "empty.json": `[]`}))
			if d := cmp.Diff([]string{tc.want}, texts(err)); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestProblemsOfFiles(t *testing.T) {
	for _, tc := range []struct{ content, want string }{
		{`{"nope": 1}`, `c.json:1:2: nope: is no key here; 'serf agent -h' lists the keys`},
		{`{"mdns": {"nope": 1}}`, `c.json:1:11: mdns.nope: is no key here; allowed are interface, disable_ipv4, disable_ipv6`},
		{`{"mdns": 1}`, `c.json:1:10: mdns: 1, want an object in { and }`},
		{`{"bind": 5}`, `c.json:1:10: bind: 5, want a text`},
		{`{"protocol": "5"}`, `c.json:1:14: protocol: "5", want a whole number`},
		{`{"protocol": 4.5}`, `c.json:1:14: protocol: 4.5, want a whole number`},
		{`{"replay_on_join": "yes"}`, `c.json:1:20: replay_on_join: "yes", want true or false`},
		{`{"retry_interval": 30}`, `c.json:1:20: retry_interval: 30, want a time such as "10s"`},
		{`{"retry_interval": "30"}`, `c.json:1:20: retry_interval: "30", want a time such as "10s"`},
		{`{"start_join": "a"}`, `c.json:1:16: start_join: "a", want a list in [ and ]`},
		{`{"tags": {"a": 1}}`, `c.json:1:16: tags.a: 1, want a text`},
		{`{"tags": ["` + strings.Repeat("x", 100) + `"]}`, `c.json:1:10: tags: ["` + strings.Repeat("x", 58) + `..., want an object in { and }`},
		{`["MDEyMzQ1Njc4OWFiY2RlZg=="]`, "c.json:1:1: want an object in { and }"}, // a keyring: its keys aren't shown
		{"{\n\"bind\": \"a\",\n}", "c.json:2:12: nothing follows this comma: the last one before a } must go"},
		{`{"config-file": "x"}`, `c.json:1:2: config-file: is no key here; 'serf agent -h' lists the keys`},
		{`{"user_event_size_limit": -1}`, "c.json:1:2: user_event_size_limit: -1, allowed 1 to 9216"},
		{`{"user_event_size_limit": 9217}`, "c.json:1:2: user_event_size_limit: 9217 exceeds limit of 9216 bytes"},
		{`{"gossip_rate": -1}`, "c.json:1:2: gossip_rate: -1 is negative"},
		{`{"probe_interval": "400ms"}`, "c.json:1:2: probe_interval: 400ms, must be more than probe_timeout, 500ms"},
		{`{"profile": "wan", "probe_timeout": "5s"}`, "c.json:1:20: probe_timeout: 5s, at least 1ms and less than the probe interval 5s"},
		{`{"suspicion_mult": 0}`, "c.json:1:2: suspicion_mult: 0, allowed 1 to 100"},
		{`{"gossip_nodes": "3"}`, `c.json:1:18: gossip_nodes: "3", want a whole number`},
		{`{"push_pull_interval": 30}`, `c.json:1:24: push_pull_interval: 30, want a duration such as "90s"`},
		{`{"query_response_size_limit": -1}`, "c.json:1:2: query_response_size_limit: -1, allowed 1 to 61440"},
		{`{"reconnect_timeout": "-1s"}`, "c.json:1:2: reconnect_timeout: -1s, at least 0s"},
		{`{"syslog_facility": "LOCAL8", "enable_syslog": true}`, `c.json:1:2: syslog_facility: "LOCAL8", allowed ` + strings.Join(facilities, ", ")},
		{`{"statsd_addr": "127.0.0.1"}`, `c.json:1:2: statsd_addr: "127.0.0.1", want host:port, port 1 to 65535`},
		{`{"statsd_addr": "127.0.0.1:0"}`, `c.json:1:2: statsd_addr: "127.0.0.1:0", want host:port, port 1 to 65535`},
		{`{"statsite_addr": ":8125"}`, `c.json:1:2: statsite_addr: ":8125", want host:port, port 1 to 65535`},
		{`{"statsite_addr": "metrics:65536"}`, `c.json:1:2: statsite_addr: "metrics:65536", want host:port, port 1 to 65535`},
		{`{"tags": {"": "x"}}`, "c.json:1:2: tags: a tag has no name"},
		{`{"validate_node_names": true, "node_name": "a_b"}`, `c.json:1:31: node_name: "a_b" has invalid characters: only letters, digits, dots and dashes with validate_node_names`},
		{`{"validate_node_names": true, "node_name": "` + strings.Repeat("a", 129) + `"}`, "c.json:1:31: node_name: 129 bytes. Valid length is 1 to 128 with validate_node_names"},
	} {
		t.Run(tc.content, func(t *testing.T) {
			_, err := load(t, tc.content)
			if d := cmp.Diff([]string{tc.want}, texts(err)); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestLimitsAreAllowed(t *testing.T) {
	_, err := load(t, `{"user_event_size_limit": 9216, "query_size_limit": 61440, "query_response_size_limit": 1, "protocol": 2,
		"validate_node_names": true, "retry_interval": "1s", "broadcast_timeout": "1s", "node_name": "`+strings.Repeat("a", 128)+`",
		"label": "`+strings.Repeat("x", 255)+`"}`)
	if err != nil {
		t.Error(err)
	}
}

// All timings of scenarios are keys of the configuration.
func TestTimings(t *testing.T) {
	for _, key := range timing.Keys() {
		if !slices.ContainsFunc(options, func(o option) bool { return o.key == key }) {
			t.Errorf("%s is no key", key)
		}
		c := Default()
		value := map[bool]string{true: `"90m"`, false: `9`}[strings.Contains(key, "interval") || strings.Contains(key, "timeout") || key == "gossip_to_the_dead"]
		if key == "stream_ping" {
			value = "false"
		}
		if _, err := parseFile(&c, "c.json", []byte(`{"`+key+`": `+value+`}`)); err != nil || reflect.DeepEqual(c.Timing, timing.Timing{}) {
			t.Errorf("%s: error %v, %+v", key, err, c.Timing)
		}
	}
}

func TestReadFilesSaysOnlyWhatFilesDo(t *testing.T) {
	c, _, err := ReadFiles([]string{"c.json"}, fakeEnv(map[string]string{"c.json": `{"gossip_nodes": 99, "keyring_file": "gone"}`}))
	want := Config{KeyringFile: "gone", Timing: timing.Timing{GossipNodes: of(99)}, Origins: map[string]string{"gossip_nodes": "c.json:1:2", "keyring_file": "c.json:1:22"}}
	if d := cmp.Diff(want, c); d != "" || err != nil {
		t.Error(err, d)
	}
}

func TestAllProblemsAtOnce(t *testing.T) {
	_, err := load(t, `{"nope": 1, "bind": 2, "mdns": {"what": 1, "disable_ipv4": 3}}`, "-profile=moon", "-protocol=9")
	want := []string{
		"c.json:1:2: nope: is no key here; 'serf agent -h' lists the keys",
		"c.json:1:21: bind: 2, want a text",
		"c.json:1:33: mdns.what: is no key here; allowed are interface, disable_ipv4, disable_ipv6",
		"c.json:1:60: mdns.disable_ipv4: 3, want true or false",
		`-profile: "moon", allowed lan, wan, local`,
		"-protocol: 9, allowed 2 to 5",
	}
	if d := cmp.Diff(want, texts(err)); d != "" {
		t.Error(d)
	}
}

func TestMDNSSettings(t *testing.T) {
	_, err := load(t, "", "-discover=d", "-mdns-disable-ipv4", "-mdns-disable-ipv6")
	wantProblem(t, err, "-mdns-disable-ipv6: not together with mdns.disable_ipv4 (-mdns-disable-ipv4): nothing is left")
	_, err = load(t, `{"mdns": {"interface": "eth0"}}`)
	wantProblem(t, err, "c.json:1:11: mdns.interface: not without discover (-discover)")
}

// What HashiCorp's Serf accepts is accepted, with the same effect, and a warning if that is none.
func TestTakenAsTheOriginalDoes(t *testing.T) {
	for _, tt := range []struct {
		file, args string
		warnings   string
		want       func(*Config)
	}{
		{`{"protocol": 4.0}`, "", "", func(c *Config) { c.Protocol = 4 }},
		{`{"protocol": 0}`, "", "c.json:1:2: protocol: 0 does nothing: the default holds", nil},
		{`{"protocol": -1}`, "", "c.json:1:2: protocol: -1 does nothing: the default holds", nil},
		{`{"protocol": 4}`, "-protocol=0", "-protocol: 0 does nothing: the default holds", func(c *Config) { c.Protocol = 4 }},
		{`{"user_event_size_limit": 0, "query_size_limit": 0, "query_response_size_limit": 0}`, "",
			"c.json:1:2: user_event_size_limit: 0 does nothing*|c.json:1:30: query_size_limit: *|c.json:1:53: query_response_size_limit: *", nil},
		{`{"retry_interval": "0s", "broadcast_timeout": "0s"}`, "", "c.json:1:2: retry_interval: *|c.json:1:26: broadcast_timeout: *", nil},
		{`{"reconnect_interval": "0s", "reconnect_timeout": "0", "tombstone_timeout": "0ms"}`, "",
			"c.json:1:2: reconnect_interval: *|c.json:1:30: reconnect_timeout: *|c.json:1:56: tombstone_timeout: *", nil},
		{`{"retry_max_attempts": -1}`, "", "c.json:1:2: retry_max_attempts: *", nil},
		{"", "-retry-interval=0s -retry-max=-3", "-retry-interval: 0s does nothing: the default holds|-retry-max: -3 does nothing: the default holds", nil},
		{`{"query_size_limit": 61441, "query_response_size_limit": 1000000}`, "",
			"c.json:1:2: query_size_limit: 61441 is more than a message can have, using 61440|c.json:1:29: query_response_size_limit: 1000000 is more*",
			func(c *Config) { c.QuerySizeLimit, c.QueryResponseSizeLimit = queryMax, queryMax }},
		{"{\"node_name\": \"n\"}\n{\"node_name\": \"m\"}", "", "c.json:2:1: what follows the first object is ignored", func(c *Config) { c.Node = "n" }},
		{"null", "", "", nil},
		{`{"mdns": null, "tags": {"a": null, "b": ""}}`, "", "", func(c *Config) { c.Tags = map[string]string{"a": "", "b": ""} }},
		{`{"event_handlers": ["", "a.sh"]}`, "-event-handler=", "c.json:1:21: event_handlers: given, but empty: it does nothing|-event-handler: given, but empty: it does nothing",
			func(c *Config) { c.EventHandlers = []string{"a.sh"} }},
		{`{"zone_tag": "az", "tags": {"zone": "1"}}`, "", "c.json:1:2: zone_tag does nothing while this member has no tag of that name",
			func(c *Config) { c.ZoneTag, c.Tags = "az", map[string]string{"zone": "1"} }},
		{"", "-zone-probes", "-zone-probes does nothing without zone_tag (-zone-tag)", func(c *Config) { c.ZoneProbes = true }},
		{`{"mdns": {"disable_ipv4": true, "disable_ipv6": true}}`, "",
			"c.json:1:11: mdns.disable_ipv4 does nothing without discover (-discover)|c.json:1:33: mdns.disable_ipv6 does nothing without discover (-discover)",
			func(c *Config) { c.MDNSDisableIPv4, c.MDNSDisableIPv6 = true, true }},
		{`{"syslog_facility": "NONE"}`, "", "c.json:1:2: syslog_facility does nothing without enable_syslog (-syslog), and isn't one of KERN*", func(c *Config) { c.SyslogFacility = "NONE" }},
		{"", "start now", `"start" does nothing: the agent takes options only`, nil},
		{"", "-replay -- join", `"join" does nothing: the agent takes options only`, func(c *Config) { c.Replay = true }},
	} {
		args := strings.Fields(tt.args)
		if tt.file != "" {
			args = append([]string{"-config-file=c.json"}, args...)
		}
		c, warnings, err := Load(args, fakeEnv(map[string]string{"c.json": tt.file}))
		want := Default()
		want.Node = "host"
		if tt.want != nil {
			tt.want(&want)
		}
		c.Paths, c.Origins = nil, nil
		if d := cmp.Diff(want, c); d != "" || err != nil {
			t.Errorf("%s %s: error %v, %s", tt.file, tt.args, err, d)
		}
		wanted := strings.Split(tt.warnings, "|")
		if len(warnings) != len(wanted) && tt.warnings+strings.Join(warnings, "") != "" {
			t.Errorf("%s %s: warnings %q, want %q", tt.file, tt.args, warnings, wanted)
			continue
		}
		for i, w := range warnings {
			if start, any := strings.CutSuffix(wanted[i], "*"); w != wanted[i] && !(any && strings.HasPrefix(w, start)) {
				t.Errorf("%s %s: warning %q, want %q", tt.file, tt.args, w, wanted[i])
			}
		}
	}
}

func TestFileSizeLimit(t *testing.T) {
	exactly := `{"node_name": "x"}`
	exactly += strings.Repeat(" ", fileMax-len(exactly))
	if _, err := load(t, exactly); err != nil {
		t.Error("at the limit:", err)
	}
	_, err := load(t, exactly+" ")
	if want := "c.json: more than 1048576 bytes"; err == nil || err.Error() != want {
		t.Errorf("over the limit: %v, want %s", err, want)
	}
}

func TestNoHostName(t *testing.T) {
	env := fakeEnv(nil)
	env.Hostname = func() (string, error) { return "", errors.New("no idea") }
	if _, _, err := Load([]string{"-node=n"}, env); err != nil {
		t.Error("a name was given:", err)
	}
	_, _, err := Load(nil, env)
	if err == nil || !strings.Contains(err.Error(), "host's name is unknown: no idea") {
		t.Error(err)
	}
}

func TestHelp(t *testing.T) {
	_, _, err := Load([]string{"-h"}, fakeEnv(nil))
	if !errors.Is(err, flag.ErrHelp) {
		t.Error(err)
	}
	usage := Usage()
	for _, o := range options {
		if o.flag != "" && !strings.Contains(usage, "  -"+o.flag) || o.flag == "" && !strings.Contains(usage, "  "+o.key) {
			t.Errorf("the help misses -%s %s", o.flag, o.key)
		}
	}
}

func TestHelpWarnsOfCmdOnWindows(t *testing.T) {
	const warning = "an event named x&COMMAND runs COMMAND"
	if !strings.Contains(usage("windows"), warning) {
		t.Error("no warning on Windows")
	}
	if other := usage("linux"); strings.Contains(other, warning) || !strings.Contains(other, "exec:PROGRAM") {
		t.Error("elsewhere there is a warning, or no way without a shell")
	}
}

func TestHelpTellsOfSignalsThatThereAre(t *testing.T) {
	const reload, restart = "HUP reads the files again: log level", "a change of them needs a restart"
	if other := usage("linux"); !strings.Contains(other, reload) || strings.Contains(other, restart) {
		t.Error("elsewhere HUP isn't told of")
	}
	if text := usage("windows"); strings.Contains(text, "HUP") || !strings.Contains(text, restart) {
		t.Error("on Windows HUP is told of, or not what is to be done instead")
	}
}

func TestNeedRestart(t *testing.T) {
	before, err := load(t, `{"start_join": ["a"], "tags": {"a": "1"}}`)
	if err != nil {
		t.Fatal(err)
	}
	same, err := load(t, `{"start_join": ["a"], "tags": {"a": "2"}, "log_level": "err", "role": "r", "event_handlers": ["x"], "handler_timeout": "1m",
		"leave_on_terminate": true, "skip_leave_on_interrupt": true}`)
	if err != nil {
		t.Fatal(err)
	}
	if got := NeedRestart(&before, &same); got != nil {
		t.Errorf("these change while running, and %v doesn't", got)
	}
	after, err := load(t, `{"start_join": ["b"], "enable_compression": false}`)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"start_join (-join)", "enable_compression"}
	if d := cmp.Diff(want, NeedRestart(&before, &after)); d != "" {
		t.Error(d)
	}
}
