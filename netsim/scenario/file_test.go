package scenario

import (
	"bytes"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"serf/internal/jsonfile"
	"serf/netsim"
)

// everything is a scenario in which each key is set.
const everything = `{
  "about": "all there is",
  "nodes": 30,
  "for": "10m0s",
  "seed": 7,
  "profile": "wan",
  "timing": {
    "probe_interval": "2s",
    "probe_timeout": "1s",
    "indirect_probes": 0,
    "stream_ping": false,
    "gossip_interval": "100ms",
    "gossip_nodes": 4,
    "gossip_rate": 1000,
    "gossip_to_the_dead": "10s",
    "retransmit_mult": 3,
    "push_pull_interval": "0s",
    "suspicion_mult": 5,
    "suspicion_max_mult": 2,
    "awareness_max": 4,
    "stream_timeout": "3s",
    "reconnect_interval": "7s",
    "reconnect_timeout": "1h0m0s",
    "tombstone_timeout": "2h0m0s",
    "reap_interval": "9s"
  },
  "start": {
    "over": "0s",
    "seeds": 2,
    "later": 3
  },
  "network": {
    "latency": "normal:5ms,1ms",
    "jitter": "2ms",
    "loss": "1.5%",
    "duplicate": "0.1%",
    "reorder": "100%",
    "hold_back": "1ms..5ms",
    "bandwidth": "10mbit",
    "queue": "50ms"
  },
  "regions": [
    {
      "name": "eu",
      "nodes": 10
    },
    {
      "name": "us",
      "share": "50%"
    },
    {
      "name": "asia"
    }
  ],
  "paths": [
    {
      "from": "eu",
      "to": "us",
      "one_way": true,
      "latency": "exp:40ms,45ms",
      "jitter": "1ms",
      "loss": "1%",
      "duplicate": "2%",
      "reorder": "3%",
      "hold_back": "4ms"
    }
  ],
  "zones": {
    "nodes": "50%",
    "share": 20,
    "probes": true
  },
  "encrypt": true,
  "compress": true,
  "disable": "correction+relay",
  "disable_nodes": "25%",
  "events": 0,
  "faults": [
    {
      "kind": "crash",
      "start": "1m0s",
      "length": "1s",
      "count": 2,
      "region": "us",
      "members": [
        "m11..m20",
        "m25"
      ],
      "repeat": 3,
      "gap": "10s",
      "snapshot": true,
      "move": true
    },
    {
      "kind": "network",
      "start": "2m0s",
      "length": "1s",
      "share": "10%",
      "every": "1s",
      "to": {
        "region": "eu"
      },
      "way": "out",
      "delay": "lognormal:1ms,2ms,0.5",
      "loss": "5%",
      "duplicate": "6%",
      "reorder": "7%",
      "hold_back": "8ms"
    },
    {
      "kind": "network",
      "start": "3m0s",
      "bandwidth": "512kbit"
    },
    {
      "kind": "churn",
      "start": "0s",
      "joins": 0.5,
      "leaves": 1,
      "crashes": 2
    },
    {
      "kind": "pause",
      "start": "4m0s",
      "length": "10s",
      "count": 1,
      "when_sending": true,
      "read_time": "50µs"
    },
    {
      "kind": "mtu",
      "start": "0s",
      "count": 1,
      "mtu": 1280
    },
    {
      "kind": "half-open",
      "start": "0s",
      "count": 1,
      "tcp": "hang"
    },
    {
      "kind": "reject",
      "start": "0s",
      "count": 1,
      "error": "refused"
    },
    {
      "kind": "conntrack",
      "start": "0s",
      "count": 1,
      "entries": 20,
      "idle": "5s"
    },
    {
      "kind": "clock",
      "start": "0s",
      "count": 1,
      "rate": 1.01,
      "jump": "-1s"
    },
    {
      "kind": "suspend",
      "start": "0s",
      "length": "5s",
      "count": 1,
      "buffer": 5000,
      "clock_stops": true,
      "first": "reads"
    },
    {
      "kind": "throttle",
      "start": "0s",
      "count": 1,
      "quota": "20ms",
      "period": "50ms"
    }
  ],
  "work": [
    {
      "kind": "event",
      "start": "0s",
      "every": "1s",
      "length": "20s",
      "count": 2,
      "name": "deploy",
      "size": 100,
      "burst": 5
    },
    {
      "kind": "query",
      "start": "1s",
      "relay": 2
    },
    {
      "kind": "force-leave",
      "start": "2s",
      "to": {
        "count": 1
      },
      "prune": true
    },
    {
      "kind": "rotate-key",
      "start": "3s",
      "every": "4s",
      "keep_old": true
    }
  ],
  "settle": true,
  "until_settled": true,
  "timers_first": true,
  "check": true
}
`

func TestScenarioFileIsReadAndWrittenAsItIs(t *testing.T) {
	t.Parallel()
	s, places, err := Parse([]byte(everything))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Validate(); err != nil {
		t.Error(err)
	}
	var b bytes.Buffer
	if _, err := s.WriteTo(&b); err != nil || b.String() != everything {
		t.Errorf("error %v, written:\n%s", err, b.String())
	}
	for _, key := range append(jsonfile.KeysOf(reflect.TypeFor[Scenario]()), slices.Concat(jsonfile.KeysOf(reflect.TypeFor[Fault]()), jsonfile.KeysOf(reflect.TypeFor[Work]()))...) {
		if !strings.Contains(everything, `"`+key+`"`) {
			t.Errorf("no %q: the test doesn't show that it works", key)
		}
	}
	if got := places["faults[1].way"]; got != (Place{Line: 103, Column: 7}) {
		t.Errorf("way is at %v", got)
	}
}

func TestScenarioFileSaysOnlyWhatDiffers(t *testing.T) {
	t.Parallel()
	s, _, err := Parse([]byte(` { "for" : "5s", "network": {"loss": 0.25} } `))
	want := Default()
	want.For, want.Network.Loss = Duration(5*time.Second), netsim.Probability(0.25)
	if err != nil || !reflect.DeepEqual(s, want) {
		t.Errorf("error %v, read %+v", err, s)
	}
}

// unset is the problem of a value that stands for the default.
const unset = "empty or 0, it would count as not given: leave it out"

func TestScenarioFileProblemsAreAllNamedWithTheirPlaces(t *testing.T) {
	t.Parallel()
	tests := []struct{ file, want string }{
		{``, `1:1: the file is empty`},
		{"{\n  \"nodes\": 5,\n}", `2:13: nothing follows this comma: the last one before a } must go`},
		{`{} {}`, `1:4: something follows the end of the object`},
		{`[]`, `1:1: [], want an object in { and }`},
		{"\ufeff" + `{"node": 5}`, `1:2: node: is no key here; did you mean nodes? allowed are about, nodes, for, seed, profile, timing, start, network, regions, paths, ` +
			`zones, encrypt, compress, disable, disable_nodes, events, faults, work, settle, until_settled, timers_first, check`},
		{`{"Nodes": 5, "nodes": 5, "nodes": 6}`, `1:2: Nodes: is no key here; did you mean nodes? *|1:26: nodes: is there twice, first at 1:14`},
		{`{"nodes": "5", "seed": -1, "events": 1.5, "check": 1}`,
			`1:11: nodes: "5", want a whole number|1:24: seed: -1, want a whole number, 0 or more|1:38: events: 1.5, want a whole number|1:52: check: 1, want true or false`},
		{`{"for": 60, "profile": null, "about": 1e999}`,
			`1:9: for: 60, want a duration such as "90s"|1:24: profile: null, want a text|1:39: about: 1e999, want a text`},
		{`{"network": {"latency": "fast", "loss": 200, "bandwidth": "1bit"}}`,
			`1:25: network.latency: "fast", "fast" is no duration such as 5ms|1:41: network.loss: 200, want a percentage up to 100, as 5% or 5, or a share below 1, as 0.05` +
				`|1:59: network.bandwidth: "1bit", want a speed from "1kbit" to "1000gbit", such as "100mbit", or "0bit" for no limit`},
		{`{"start": true, "faults": {}}`, `1:11: start: true, want an object in { and }|1:27: faults: {}, want a list in [ and ]`},
		{"{\"faults\": [{\"kind\": \"crash\"},\n  {\"kind\": 1, \"who\": 3, \"to\": {\"al\": 1}}]}",
			`2:12: faults[1].kind: 1, want a text|2:15: faults[1].who: is no key here; allowed are kind, start, length, count, *` +
				`|2:32: faults[1].to.al: is no key here; allowed are count, share, region, members`},
		{`{"about": "", "nodes": 5, "faults": [{"kind": "pause", "count": 0, "length": "0s", "members": [], "start": "0s", "gap": "1s"}], "work": []}`,
			`1:2: about: ` + unset + `|1:56: faults[0].count: ` + unset + `|1:68: faults[0].length: ` + unset + `|1:84: faults[0].members: ` + unset},
		{`{"faults": [{"kind": "network", "loss": 0, "way": "", "to": {"region": ""}}], "regions": [{"name": "eu", "share": 0, "nodes": 0}]}`,
			`1:44: faults[0].way: ` + unset + `|1:62: faults[0].to.region: ` + unset + `|1:106: regions[0].share: ` + unset + `|1:118: regions[0].nodes: ` + unset},
		{`{"start": {"over": "0s", "seeds": 0}, "network": {"jitter": "0s", "queue": "0s"}, "zones": {"nodes": 0}}`,
			`1:26: start.seeds: ` + unset + `|1:67: network.queue: ` + unset},
		{`{"timing": {"gossip_nodes": "` + strings.Repeat("x", 100) + `"}}`, `1:29: timing.gossip_nodes: "` + strings.Repeat("x", 59) + `..., want a whole number`},
	}
	for _, tt := range tests {
		_, _, err := Parse([]byte(tt.file))
		if err == nil {
			t.Errorf("%s: no problem", tt.file)
			continue
		}
		got, want := strings.Split(err.Error(), "\n"), strings.Split(tt.want, "|")
		for i := range min(len(got), len(want)) {
			if start, any := strings.CutSuffix(want[i], "*"); got[i] != want[i] && !(any && strings.HasPrefix(got[i], start)) {
				t.Errorf("%s:\ngot  %s\nwant %s", tt.file, got[i], want[i])
			}
		}
		if len(got) != len(want) {
			t.Errorf("%s: %d problems, want %d: %v", tt.file, len(got), len(want), err)
		}
	}
}

func FuzzParseScenario(f *testing.F) {
	f.Add([]byte(everything))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, _, err := Parse(data)
		if err != nil || s.Validate() != nil {
			return
		}
		var b bytes.Buffer
		if _, err := s.WriteTo(&b); err != nil {
			t.Fatal(err)
		}
		again, _, err := Parse(b.Bytes())
		if err != nil || again.Validate() != nil {
			t.Fatalf("written and read again: %v, %v\n%s", err, again.Validate(), b.Bytes())
		}
		_ = s.Lines()
	})
}

func TestEveryParamCanBeSet(t *testing.T) {
	t.Parallel()
	values := []string{"3", "true", "7s", "lan", "5%", "1mbit", "relay"}
	for _, p := range Params() {
		s := Default()
		set := ""
		for _, v := range values {
			if s.Set(p.Name, v) == nil {
				set = v
				break
			}
		}
		byKey, err := s.Value(p.Key)
		if set == "" || err != nil || byKey == "" || byKey[0] != set[0] {
			t.Errorf("%s: set to %q, then %q, error %v", p.Name, set, byKey, err)
		}
	}
}

func TestSetReachesIntoLists(t *testing.T) {
	t.Parallel()
	s, _, err := Parse([]byte(everything))
	if err != nil {
		t.Fatal(err)
	}
	c := s.Clone()
	for key, value := range map[string]string{
		"faults[0].count": "5", "faults[1].to.region": "asia", "work[0].every": "3s", "paths[0].loss": "9%",
		"regions[1].share": "20%", "timing.gossip_nodes": "9", "faults[3].joins": "1.5", "faults[0].members": "m1+m2",
	} {
		if err := c.Set(key, value); err != nil {
			t.Error(err)
		}
		if got, err := c.Value(key); err != nil || got != value && key != "faults[0].members" {
			t.Errorf("%s: %q, error %v", key, got, err)
		}
	}
	var b bytes.Buffer
	if _, err := s.WriteTo(&b); err != nil || b.String() != everything {
		t.Errorf("changing a clone changed what it was made from:\n%s", b.String())
	}
}

func TestSetNamesWhatIsWrong(t *testing.T) {
	t.Parallel()
	tests := []struct{ key, value, want string }{
		{"speed", "1", "speed doesn't exist; did you mean seed? allowed are nodes, for, "},
		{"network.speed", "1", "network.speed doesn't exist; allowed are latency, jitter, "},
		{"faults[0].count", "1", "faults[0] doesn't exist"},
		{"faults[-1].count", "1", "faults[-1] doesn't exist"},
		{"nodes[0]", "1", "nodes[0] doesn't exist"},
		{"nodes.x", "1", "nodes has no parts"},
		{"network", "1", "network has no value of its own"},
		{"faults", "1", "faults has no value of its own"},
		{"nodes", "many", "want a whole number"},
		{"seed", "-1", "want a whole number, 0 or more"},
		{"check", "maybe", "want true or false"},
		{"gossip-interval", "fast", "want a duration such as 90s or 2h"},
		{"start-seeds", "0", unset},
		{"disable-nodes", "0", unset},
	}
	for _, tt := range tests {
		s := Default()
		if err := s.Set(tt.key, tt.value); err == nil || !strings.HasPrefix(err.Error(), tt.want) {
			t.Errorf("%s=%s: %v, want %s", tt.key, tt.value, err, tt.want)
		}
	}
}

func TestFaultIsReadFromAnOption(t *testing.T) {
	t.Parallel()
	f, err := ParseFault("network,share=20%,start=10s,delay=exp:1ms,5ms,to.region=eu,to.count=2,members=m1+m3..m5")
	want := Fault{
		Kind: FaultNetwork, Start: Duration(10 * time.Second), Delay: netsim.Exponential(time.Millisecond, 5*time.Millisecond),
		Who: Who{Share: netsim.Probability(0.2), Names: []string{"m1", "m3..m5"}}, To: &Who{Region: "eu", Count: 2},
	}
	if err != nil || !reflect.DeepEqual(f, want) {
		t.Errorf("error %v, read %+v", err, f)
	}
	f, err = ParseFault("suspend,clock_stops,count=2")
	if err != nil || !f.ClockStops || f.Count != 2 {
		t.Errorf("a switch without a value: error %v, read %+v", err, f)
	}
	for text, want := range map[string]string{
		"":                      `kind "": allowed are crash, leave, `,
		"fire,count=1":          `kind "fire": allowed are crash, leave, `,
		"crash,3":               `"3": want KEY=VALUE`,
		"half-open,tcp=":        "tcp=: no value is given", // not the default
		"crash,region=":         "region=: no value is given",
		"crash,count=":          "count=: no value is given",
		"crash,":                `"": want KEY=VALUE`,
		"crash,,count=1":        `"": want KEY=VALUE`,
		"crash,count=1,":        "count=1,: want a whole number",
		"crash,count=0":         "count=0: " + unset,
		"pause,length=0s":       "length=0s: " + unset,
		"reject,to.count=0":     "to.count=0: " + unset,
		"crash,count=1,count=2": "count=2: count is there twice",
		"crash,kind=leave":      "kind=leave: kind is there twice",
		"crash,coun=3":          `coun=3: coun doesn't exist; did you mean count? allowed are kind, start, `,
		"crash,count=few":       `count=few: want a whole number`,
		"crash,to.x=few":        `to.x=few: to.x doesn't exist; allowed are `,
	} {
		if _, err := ParseFault(text); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}
