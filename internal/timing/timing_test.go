package timing

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"serf/swim"
	"serf/swim/serf"
)

// limits are values for each key at its bounds and beyond, on top of the profile lan.
var limits = map[string]struct{ good, bad []string }{
	"probe_interval":     {[]string{`"501ms"`, `"1h"`}, []string{`"500ms"`, `"0s"`, `"-1s"`, `"1h0m0.001s"`}},
	"probe_timeout":      {[]string{`"1ms"`, `"999ms"`}, []string{`"0s"`, `"1s"`, `"-1s"`}},
	"indirect_probes":    {[]string{`0`, `64`}, []string{`-1`, `65`}},
	"stream_ping":        {[]string{`false`, `true`}, nil},
	"gossip_interval":    {[]string{`"1ms"`, `"1h"`}, []string{`"0s"`, `"61m"`}},
	"gossip_nodes":       {[]string{`1`, `64`}, []string{`0`, `65`}},
	"gossip_rate":        {[]string{`0`, `1000000000`}, []string{`-1`}},
	"gossip_to_the_dead": {[]string{`"0s"`, `"876000h"`}, []string{`"-1s"`, `"876001h"`}},
	"retransmit_mult":    {[]string{`1`, `100`}, []string{`0`, `101`}},
	"push_pull_interval": {[]string{`"0s"`, `"10ms"`}, []string{`"9ms"`, `"-1s"`}},
	"suspicion_mult":     {[]string{`1`, `100`}, []string{`0`, `101`}},
	"suspicion_max_mult": {[]string{`1`, `100`}, []string{`0`, `101`}},
	"awareness_max":      {[]string{`1`, `64`}, []string{`0`, `65`}},
	"stream_timeout":     {[]string{`"1ms"`, `"1h"`}, []string{`"0s"`, `"2h"`}},
	"reconnect_interval": {[]string{`"0s"`, `"1ms"`}, []string{`"999us"`, `"-1s"`, `"876001h"`}},
	"reconnect_timeout":  {[]string{`"0s"`, `"876000h"`}, []string{`"-1s"`, `"876001h"`}},
	"tombstone_timeout":  {[]string{`"0s"`, `"876000h"`}, []string{`"-1s"`, `"876001h"`}},
	"reap_interval":      {[]string{`"1ms"`, `"1h"`}, []string{`"0s"`, `"-1s"`}},
}

func read(t *testing.T, key, value string) (timing Timing) {
	t.Helper()
	if err := json.Unmarshal([]byte(`{"`+key+`": `+value+`}`), &timing); err != nil {
		t.Fatal(err)
	}
	return timing
}

func TestLimits(t *testing.T) {
	for _, key := range Keys() {
		l, ok := limits[key]
		if !ok {
			t.Errorf("%s: no limits are tested", key)
		}
		for _, value := range l.good {
			timing := read(t, key, value)
			if p := timing.Problems(swim.LAN()); p != nil {
				t.Errorf("%s %s: %v", key, value, p)
			}
		}
		for _, value := range l.bad {
			timing := read(t, key, value)
			if p := timing.Problems(swim.LAN()); len(p) == 0 || p[0].Key != key || p[0].Text == "" {
				t.Errorf("%s %s: %v", key, value, p)
			}
		}
	}
}

// Each key changes the configuration of a node, in exactly one field.
func TestApply(t *testing.T) {
	for _, key := range Keys() {
		value := limits[key].good[0]
		timing := read(t, key, value)
		before, after := serf.DefaultConfig(swim.LAN()), serf.DefaultConfig(swim.LAN())
		timing.Apply(&after)
		changed := append(changes(&before.Timing, &after.Timing), changes(&before, &after)...)
		if key == "stream_ping" {
			key = "disable_stream_ping"
		}
		if len(changed) != 1 || !strings.EqualFold(changed[0], strings.ReplaceAll(key, "_", "")) {
			t.Errorf("%s %s: changed %v", key, value, changed)
		}
	}
}

// changes names the fields that differ, without those of nested structs.
func changes[T any](a, b *T) (names []string) {
	x, y := reflect.ValueOf(a).Elem(), reflect.ValueOf(b).Elem()
	for i := range x.NumField() {
		if f := x.Type().Field(i); f.IsExported() && !f.Anonymous && !reflect.DeepEqual(x.Field(i).Interface(), y.Field(i).Interface()) {
			names = append(names, f.Name)
		}
	}
	return names
}

func TestTake(t *testing.T) {
	two, five, no := 2, 5, false
	timing := Timing{IndirectProbes: &two, GossipNodes: &two}
	timing.Take(&Timing{GossipNodes: &five, StreamPing: &no})
	if !reflect.DeepEqual(timing, Timing{IndirectProbes: &two, GossipNodes: &five, StreamPing: &no}) {
		t.Errorf("%+v", timing)
	}
}

func TestProblemBlamesWhatWasGiven(t *testing.T) {
	short := Duration(200 * time.Millisecond)
	for _, tt := range []struct {
		timing Timing
		want   Problem
	}{
		{Timing{ProbeInterval: &short}, Problem{"probe_interval", "200ms, must be more than probe_timeout, 500ms"}},
		{Timing{ProbeInterval: &short, ProbeTimeout: &short}, Problem{"probe_timeout", "200ms, at least 1ms and less than the probe interval 200ms"}},
	} {
		if got := tt.timing.Problems(swim.LAN()); len(got) != 1 || got[0] != tt.want {
			t.Errorf("%v, want %v", got, tt.want)
		}
	}
}

func TestProfile(t *testing.T) {
	for _, name := range []string{"lan", "wan", "local"} {
		if c, ok := Profile(name); !ok || c.ProbeInterval == 0 {
			t.Errorf("%s: %v", name, ok)
		}
	}
	if _, ok := Profile("moon"); ok {
		t.Error("moon is a profile")
	}
}

// Of leaves no timing out: applied to another profile, it gives the same.
func TestOfIsWhatApplySets(t *testing.T) {
	from, to := serf.DefaultConfig(swim.WAN()), serf.DefaultConfig(swim.Local())
	from.ReconnectInterval, from.ReconnectTimeout, from.TombstoneTimeout, from.ReapInterval = 1, 2, 3, 4
	from.DisableStreamPing, from.GossipRate = true, 77
	x := Of(&from)
	if n := len(x.Texts()); n != len(Keys()) {
		t.Errorf("%d timings are set, want %d", n, len(Keys()))
	}
	x.Apply(&to)
	if again := Of(&to); !reflect.DeepEqual(again, x) {
		t.Errorf("after Apply: %v, want %v", again.Texts(), x.Texts())
	}
	from.ProbeInterval = 0
	if *x.ProbeInterval == 0 {
		t.Error("it shares memory with the configuration")
	}
}
