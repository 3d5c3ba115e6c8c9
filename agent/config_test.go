package agent

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"serf/internal/fielderr"
	"serf/internal/hostaddr"
	"serf/swim"
	"serf/swim/serf"
)

// valid is a configuration that depends on nothing of this host.
func valid() Config { return Config{Name: "a", Bind: hostAddr(1)} }

func TestZeroConfigHasDefaults(t *testing.T) {
	var c Config
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	if err := c.fill(); err != nil {
		t.Fatal(err)
	}
	host, _ := os.Hostname()
	if c.Name != host || c.Timing != LAN() || c.Bind.Port() != DefaultPort || !c.Bind.Addr().IsUnspecified() ||
		!c.Advertise.IsValid() || c.Advertise.Addr().IsUnspecified() || c.Advertise.Port() != DefaultPort {
		t.Errorf("name %q, bind %v, advertise %v, timing %+v", c.Name, c.Bind, c.Advertise, c.Timing)
	}
	n, err := c.node()
	if err != nil {
		t.Fatal(err)
	}
	got := []any{n.ReapInterval, n.ReconnectInterval, n.ReconnectTimeout, n.TombstoneTimeout, n.BroadcastTimeout,
		n.LeavePropagateDelay, n.EventSizeMax, n.QuerySizeMax, n.QueryResponseSizeMax, n.PacketMax}
	d := serf.DefaultConfig(LAN())
	want := []any{d.ReapInterval, d.ReconnectInterval, d.ReconnectTimeout, d.TombstoneTimeout, d.BroadcastTimeout,
		d.LeavePropagateDelay, d.EventSizeMax, d.QuerySizeMax, d.QueryResponseSizeMax, d.PacketMax}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error("other defaults than those of the node:", diff)
	}
}

func TestNegativeDurationsMeanNone(t *testing.T) {
	c := valid()
	c.ReconnectInterval, c.ReconnectTimeout, c.TombstoneTimeout = -1, -1, -1
	c.BroadcastTimeout, c.LeavePropagateDelay = -1, -time.Hour
	if err := c.Validate(); err != nil {
		t.Error(err)
	}
	n, _ := c.node()
	if n.ReconnectInterval != 0 || n.ReconnectTimeout != 0 || n.TombstoneTimeout != 0 || n.BroadcastTimeout != 0 || n.LeavePropagateDelay != 0 {
		t.Errorf("%+v", n)
	}
}

// A Config with Bind to all addresses and no Advertise uses an address of this host, or of the
// interface that it names.
func TestAdvertisedAddressIsChosen(t *testing.T) {
	host := hostaddr.Host{All: func() ([]hostaddr.Interface, error) {
		return []hostaddr.Interface{
			{Name: "lo", Up: true, Addrs: []netip.Addr{netip.MustParseAddr("127.0.0.1")}},
			{Name: "eth0", Up: true, Addrs: []netip.Addr{netip.MustParseAddr("9.9.9.9")}},
			{Name: "eth1", Up: true, Addrs: []netip.Addr{netip.MustParseAddr("10.0.0.8")}},
		}, nil
	}}
	for _, tt := range []struct {
		bind, advertise, on string
		want                string
	}{
		{"", "", "", "0.0.0.0:7946 10.0.0.8:7946 eth1"},
		{"0.0.0.0:1", "", "", "0.0.0.0:1 10.0.0.8:1 eth1"},
		{"127.0.0.1:1", "", "", "127.0.0.1:1 127.0.0.1:1 "},
		{"", "", "eth0", "9.9.9.9:7946 9.9.9.9:7946 "},
		{"", "8.8.8.8:2", "", "0.0.0.0:7946 8.8.8.8:2 "},
		{"", "8.8.8.8:2", "eth0", "0.0.0.0:7946 8.8.8.8:2 eth0"},
	} {
		c := Config{Name: "a", Interface: tt.on, Network: newMemNetwork().Host(hostAddr(1).Addr()), host: host}
		if tt.bind != "" {
			c.Bind = netip.MustParseAddrPort(tt.bind)
		}
		if tt.advertise != "" {
			c.Advertise = netip.MustParseAddrPort(tt.advertise)
		}
		err := c.fill()
		if got := fmt.Sprintf("%v %v %s", c.Bind, c.Advertise, c.Interface); got != tt.want || err != nil {
			t.Errorf("%+v: %s, %v, want %s", tt, got, err, tt.want)
		}
	}
}

func TestValidateNamesTheField(t *testing.T) {
	for want, set := range map[string]func(c *Config){
		"Config.Name: 513 bytes, allowed 1 to 512":                          func(c *Config) { c.Name = strings.Repeat("x", 513) },
		`Config.Name: "a b" has invalid characters: allowed are`:            func(c *Config) { c.Name, c.CheckNames = "a b", true },
		"Config.Tags: 1005 bytes encoded, which exceeds limit of 512 bytes": func(c *Config) { c.Tags = map[string]string{"x": strings.Repeat("y", 998)} },
		"Config.Advertise: 224.0.0.1:7946":                                  func(c *Config) { c.Advertise = netip.MustParseAddrPort("224.0.0.1:7946") },
		"Config.Keys: empty: want at least one key, or nil":                 func(c *Config) { c.Keys = [][]byte{} },
		"Config.Keys[1]: 3 bytes: key must be 16, 24 or 32 bytes":           func(c *Config) { c.Keys = [][]byte{storyKey(1), []byte("abc")} },
		"Config.Keys: 64 keys: keyring is full":                             func(c *Config) { c.Keys = manyKeys(65) },
		"Config.Label: 256 bytes, at most 255":                              func(c *Config) { c.Label = strings.Repeat("x", 256) },
		"Config.Timing.ProbeTimeout: 1m0s, at least 1ms and less than":      func(c *Config) { c.Timing = LAN(); c.Timing.ProbeTimeout = time.Minute },
		"Config.Timing: incomplete: begin with LAN(), WAN() or Local()":     func(c *Config) { c.Timing.ProbeInterval = time.Second },
		"Config.Timing.GossipInterval: 0s, at least 1ms":                    func(c *Config) { c.Timing = LAN(); c.Timing.GossipInterval = 0 },
		"Config.Timing.PushPullInterval: 1ms, allowed 0 or at least 10ms":   func(c *Config) { c.Timing = LAN(); c.Timing.PushPullInterval = time.Millisecond },
		"Config.Timing.GossipToTheDead: -1ns is negative":                   func(c *Config) { c.Timing = LAN(); c.Timing.GossipToTheDead = -1 },
		"Config.ReapInterval: -1ns, at least 1ms":                           func(c *Config) { c.ReapInterval = -1 },
		"Config.ReconnectInterval: 1ns, allowed 0 or at least 1ms":          func(c *Config) { c.ReconnectInterval = 1 },
		"Config.CoalescePeriod: -1ns, at least 0s":                          func(c *Config) { c.CoalescePeriod = -1 },
		"Config.UserQuiescentPeriod: -1ns, at least 0s":                     func(c *Config) { c.UserQuiescentPeriod = -1 },
		"Config.EventSizeMax: 9217 bytes, allowed 1 to 9216":                func(c *Config) { c.EventSizeMax = 9217 },
		"Config.QuerySizeMax: -1 bytes, allowed 1 to 61440":                 func(c *Config) { c.QuerySizeMax = -1 },
		"Config.QueryResponseSizeMax: 61441 bytes, allowed 1 to 61440":      func(c *Config) { c.QueryResponseSizeMax = 61441 },
		"Config.PacketMax: 65508, with this name and encryption allowed ":   func(c *Config) { c.PacketMax = 65508 },
		"Config.Zones.Share: 101, allowed 1 to 100":                         func(c *Config) { c.Zones.Share = 101 },
		"Config.Zones.Share: 20, allowed only if members have zones":        func(c *Config) { c.Zones.Share = 20 },
		"Config.Zones.Probes: true, allowed only if members have zones":     func(c *Config) { c.Zones.Probes = true },
		"Config.SendPlain: true, allowed only with AcceptPlain":             func(c *Config) { c.SendPlain = true },
		"Config.Timing.LeaveTimeout: 0s, at least 1ms":                      func(c *Config) { c.Timing = LAN(); c.Timing.LeaveTimeout = 0 },
		"Config.Protocol: 6: allowed 2 to 5":                                func(c *Config) { c.Protocol = 6 },
		"Config.Join.Interval: 999ms, at least 1s":                          func(c *Config) { c.Join.Interval = 999 * time.Millisecond },
		"Config.Join.Max: -1 is negative":                                   func(c *Config) { c.Join.Max = -1 },
		`Config.Join.Retry[1]: "": `:                                        func(c *Config) { c.Join.Retry = []string{"10.0.0.1", ""} },
		`Config.Join.Seeds[0]: "a:b:c"`:                                     func(c *Config) { c.Join.Retry, c.Join.Seeds = []string{"10.0.0.1"}, []string{"a:b:c"} },
		"Config.Subscriptions[0]: is nil":                                   func(c *Config) { c.Subscriptions = []*Subscription{nil} },
	} {
		c := valid()
		set(&c)
		err := c.Validate()
		var e *ConfigError
		if !errors.As(err, &e) || !strings.HasPrefix(strings.SplitN(err.Error(), "\n", 2)[0], want) {
			t.Errorf("got %q, want %q", fmt.Sprint(err), want)
			continue
		}
		if _, err := Start(background, c); err == nil {
			t.Errorf("%s: it starts all the same", want)
		}
	}
}

func TestValidateReportsAllProblems(t *testing.T) {
	c := valid()
	c.Join.Max, c.Keys, c.EventSizeMax, c.Tags = -1, [][]byte{nil}, -1, map[string]string{"x": strings.Repeat("y", 600)}
	var fields []string
	for _, err := range fielderr.Flatten(c.Validate()) {
		var e *ConfigError
		if errors.As(err, &e) {
			fields = append(fields, e.Field)
		}
	}
	slices.Sort(fields)
	if want := []string{"EventSizeMax", "Join.Max", "Keys[0]", "Tags"}; !slices.Equal(fields, want) {
		t.Errorf("%v, want %v", fields, want)
	}
}

func manyKeys(n byte) (keys [][]byte) {
	for i := range n {
		keys = append(keys, storyKey(i))
	}
	return keys
}

// What the node can be configured with is configured by something.
func TestConfigReachesTheWholeNode(t *testing.T) {
	elsewhere := map[string]string{
		"Addr": "Advertise", "Families": "the host", "Sealer": "Keys, Label and so on", "Seed": "random",
		"CoordinatesMax": "constant", "KeyringStore": "KeyringChanged", "Listener": "the agent",
		"LastMemberTime": "Snapshot", "MinEventTime": "Snapshot", "MinQueryTime": "Snapshot", "Previous": "Snapshot",
	}
	node, own := reflect.TypeFor[serf.Config](), reflect.TypeFor[Config]()
	for i := range node.NumField() {
		f := node.Field(i)
		if _, has := own.FieldByName(f.Name); f.IsExported() && !has && elsewhere[f.Name] == "" {
			t.Errorf("Config has no %s: add it, or name here what sets it", f.Name)
		}
	}
	c := valid()
	v := reflect.ValueOf(&c).Elem()
	v.FieldByName("Timing").Set(reflect.ValueOf(WAN()))
	for i := range own.NumField() {
		if f := v.Field(i); own.Field(i).IsExported() {
			switch {
			case f.CanInt():
				f.SetInt(7)
			case f.CanUint():
				f.SetUint(3)
			case f.Kind() == reflect.Bool:
				f.SetBool(true)
			case f.Type() == reflect.TypeFor[Zones]():
				f.Set(reflect.ValueOf(Zones{Tag: "zone"}))
			case f.Type() == reflect.TypeFor[func(serf.Member, time.Duration) time.Duration]():
				c.Admit = func(serf.Member) error { return nil }
				c.AdmitMerge = func([]serf.Member) error { return nil }
				c.ListedFor = func(_ serf.Member, d time.Duration) time.Duration { return d }
			}
		}
	}
	n, err := c.node()
	if err != nil {
		t.Fatal(err)
	}
	d, got := reflect.ValueOf(serf.DefaultConfig(LAN())), reflect.ValueOf(n)
	for i := range node.NumField() {
		name := node.Field(i).Name
		if node.Field(i).IsExported() && elsewhere[name] == "" && name != "Tags" && reflect.DeepEqual(d.Field(i).Interface(), got.Field(i).Interface()) {
			t.Errorf("%s of the Config doesn't reach the node", name)
		}
	}
}

// Members: the last time seen. Events and queries: the first time that is new. A member that
// changed its name is listed twice, and tried once.
func TestEarlierRunIsContinued(t *testing.T) {
	member := func(name string, i int) Previous { return Previous{Name: name, Addr: hostAddr(i)} }
	c := valid()
	c.Snapshot = &testJournal{before: SnapshotState{
		Members: []Previous{member("a", 1), member("b", 2), member("was b", 2)},
		Failed:  []Previous{member("c", 3), member("had its address", 2)}, MemberTime: 3, EventTime: 4, QueryTime: 5,
	}}
	n, err := c.node()
	got := []any{n.LastMemberTime, n.MinEventTime, n.MinQueryTime, fmt.Sprint(n.Previous), err}
	want := []any{uint64(3), uint64(5), uint64(6), fmt.Sprint([]Previous{member("b", 2), member("c", 3)}), error(nil)}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// The callers of a failed start can tell what was wrong, and wait for nothing.
func TestStartRefusesAsValidateDoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := memConfig(newMemNetwork(), strings.Repeat("x", swim.NameMax+1), 1)
		s := NewSubscription(1, nil)
		c.Subscriptions = []*Subscription{s}
		_, err := Start(background, c)
		if _, open := <-s.C; open || err == nil || fmt.Sprint(s.Err()) != err.Error() || err.Error() != c.Validate().Error() {
			t.Errorf("Start: %v, Validate: %v, the subscription: %v", err, c.Validate(), s.Err())
		}
	})
}
