package scenario

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"serf/netsim/report"
)

// systemExamples has each kind of fault of systems in the form of the command line, for members
// m1 to m5 of 30.
var systemExamples = map[string][]string{
	FaultMTU:           {"mtu=600", "mtu=1000,way=out"},
	FaultHalfOpen:      {"", "tcp=hang", "way=in"},
	FaultReject:        {"to.members=m6", "to.members=m6+m7,error=refused,way=out"},
	FaultConntrack:     {"entries=4", "entries=8,idle=2s"},
	FaultNATPorts:      {"", "idle=3s"},
	FaultReceiveBuffer: {"buffer=3000"},
	FaultClock:         {"rate=1.0005", "rate=1.3", "rate=0.7", "jump=1m", "jump=-10s", "rate=1.1,jump=5m"},
	FaultSuspend:       {"", "buffer=20000,first=reads", "clock_stops=true", "first=timers"},
	FaultThrottle:      {"quota=5ms", "quota=50ms", "quota=300ms,period=1s"},
	FaultOwnName:       {""},
}

// eachSystemFault calls fn with a fault of each kind, from 10 s to 50 s.
func eachSystemFault(t *testing.T, fn func(t *testing.T, f Fault)) {
	t.Parallel()
	for kind, list := range systemExamples {
		for _, keys := range list {
			t.Run(strings.TrimSuffix(kind+" "+keys, " "), func(t *testing.T) {
				t.Parallel()
				text := kind + ",members=m1..m5,start=10s"
				if keys != "" {
					text += "," + keys
				}
				if !strings.HasPrefix(keys, "jump") {
					text += ",length=40s"
				}
				f, err := ParseFault(text)
				if err != nil {
					t.Fatal(err)
				}
				fn(t, f)
			})
		}
	}
}

func TestEachFaultOfSystemsHasAnExample(t *testing.T) {
	t.Parallel()
	for _, k := range faultKinds[9:] {
		if len(systemExamples[k.Name]) == 0 {
			t.Errorf("%s has none", k.Name)
		}
	}
}

// While some members are disturbed, no healthy one calls a healthy one failed, which is a rule under
// check; and all views are right again soon after the fault.
func TestFaultsOfSystemsConcernNobodyElseAndPass(t *testing.T) {
	eachSystemFault(t, func(t *testing.T, f Fault) {
		s := Default()
		s.Members, s.For, s.Check, s.Settle, s.Start.Warm = 15, Duration(80*time.Second), true, true, true
		s.Faults = []Fault{f}
		s.Work = []Work{{Kind: WorkEvent, Every: Duration(5 * time.Second)}}
		r := play(t, s)
		for _, v := range r.Violations {
			t.Error(v)
		}
		if r.FalseFailures.OfHealthy > 0 || report.Share(r.Events) < 1 {
			t.Errorf("%d healthy members called failed by healthy ones, %v of the events delivered",
				r.FalseFailures.OfHealthy, report.Share(r.Events))
		}
		for _, e := range r.Changes() {
			if worst := e.AgreedSeconds.Worst; worst > 35 {
				t.Errorf("views agree %v s after %s", worst, e.What)
			}
		}
	})
}

// A fault of systems shows in the course of a run, and the same way each time.
func TestFaultsOfSystemsMakeADifference(t *testing.T) {
	if testing.Short() {
		t.Skip("two runs for each fault")
	}
	base := Default()
	base.Members, base.For, base.Start.Warm = 10, Duration(55*time.Second), true
	base.Faults = []Fault{{Kind: FaultPause, Who: Who{Names: []string{"m4"}}, Start: Duration(15 * time.Second), Length: Duration(20 * time.Second)}}
	base.Work = []Work{{Kind: WorkEvent, Every: Duration(3 * time.Second), Size: maxPayload, Burst: 4}}
	without := play(t, base)
	eachSystemFault(t, func(t *testing.T, f Fault) {
		s := base.Clone()
		s.Faults = append(s.Faults, f)
		first, again := play(t, s), play(t, s)
		if first.Trace != again.Trace || first.Trace == without.Trace {
			t.Errorf("traces %x and %x, without the fault %x", first.Trace, again.Trace, without.Trace)
		}
	})
}

func TestFaultsOfSystemsAreValidated(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"mtu,count=1":                             "faults[0] kind mtu needs the key mtu",
		"mtu,mtu=68":                              "",
		"mtu,mtu=67":                              "faults[0].mtu 67: allowed 68 to 65535 bytes",
		"mtu,mtu=65535":                           "",
		"mtu,mtu=65536":                           "faults[0].mtu 65536: allowed 68 to 65535 bytes",
		"half-open":                               "faults[0] kind half-open needs one of count, share, region, members",
		"half-open,count=1":                       "",
		"half-open,count=1,tcp=dead":              `faults[0].tcp "dead": allowed are silent and hang`,
		"half-open,count=1,mtu=99":                "faults[0].mtu means nothing for kind half-open; allowed are count, share, region, members, every, repeat, gap, length, to, way, tcp",
		"reject,count=1,error=no":                 `faults[0].error "no": allowed are unreachable and refused`,
		"reject,share=100%":                       "faults[0] nobody is left on the other side",
		"conntrack,count=1":                       "faults[0] kind conntrack needs the key entries",
		"conntrack,entries=-1":                    "faults[0].entries -1: allowed 1 to 262144",
		"conntrack,entries=262144,idle=-1s":       "faults[0].idle -1s: allowed 0s to 720h0m0s",
		"conntrack,entries=262145":                "faults[0].entries 262145: allowed 1 to 262144",
		"receive-buffer,buffer=1":                 "",
		"receive-buffer,buffer=1073741824":        "",
		"receive-buffer,buffer=1073741825":        "faults[0].buffer 1073741825: allowed 1 to 1073741824 bytes",
		"clock,count=1":                           "faults[0] kind clock needs one of rate, jump",
		"clock,rate=0.5":                          "",
		"clock,rate=2":                            "",
		"clock,rate=2.01":                         "faults[0].rate 2.01: allowed 0.5 to 2",
		"clock,rate=-1":                           "faults[0].rate -1: allowed 0.5 to 2",
		"clock,jump=-720h":                        "",
		"clock,jump=721h":                         "faults[0].jump 721h0m0s: allowed -720h0m0s to 720h0m0s",
		"clock,jump=1s,length=1s":                 "faults[0].length has no meaning without rate",
		"clock,jump=1s,length=1s,repeat=2,gap=1s": "",
		"suspend,count=1,first=me":                `faults[0].first "me": allowed are timers and reads`,
		"throttle,count=1":                        "faults[0] kind throttle needs the key quota",
		"throttle,quota=100ms":                    "",
		"throttle,quota=101ms":                    "faults[0].quota 101ms: allowed 1ms to 100ms",
		"throttle,quota=999us":                    "faults[0].quota 999µs: allowed 1ms to 100ms",
		"throttle,quota=1s,period=1s":             "",
		"throttle,quota=1ms,period=1001ms":        "faults[0].period 1.001s: allowed 1ms to 1s",
	} {
		f, err := ParseFault(text)
		if err != nil {
			t.Fatal(err)
		}
		s := Default()
		s.Faults = []Fault{f}
		got := ""
		if err := s.Validate(); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s:\n%q, want\n%q", text, got, want)
		}
	}
}

func TestFaultsOfSystemsAreDescribed(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"mtu,mtu=600,count=2,start=1s,way=in,to.region=eu":       "2 nodes, mtu 600 bytes, in only, with region eu at 1s to the end",
		"half-open,count=1,tcp=hang,length=3s":                   "1 node, tcp hang at 0s for 3s",
		"reject,members=m1,error=refused,to.members=m2":          "m1, error refused, with m2 at 0s to the end",
		"conntrack,count=1,entries=5,idle=4s":                    "1 node, entries 5, idle 4s at 0s to the end",
		"receive-buffer,count=1,buffer=3000":                     "1 node, buffer 3000 bytes at 0s to the end",
		"clock,count=1,rate=1.01,length=1m":                      "1 node, rate 1.01 at 0s for 1m0s",
		"clock,count=1,jump=5m":                                  "1 node, jump 5m0s at 0s",
		"suspend,count=1,length=1m,first=reads,clock_stops=true": "1 node, reads first at 0s for 1m0s, clocks stand still",
		"throttle,count=1,quota=5ms":                             "1 node, 5ms of each 100ms at 0s to the end",
		"own-name,count=1":                                       "1 node at 0s to the end",
	} {
		f, err := ParseFault(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := f.String(); got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
}

// Each of two faults of a clock ends without the other, and all end when everything is mended.
func TestFaultsOfAHostAddUpAndAreMended(t *testing.T) {
	t.Parallel()
	p := playOut(t, `{"nodes": 3, "for": "100s", "faults": [
		{"kind": "clock", "members": ["m1"], "rate": 1.5, "start": "10s", "length": "20s"},
		{"kind": "clock", "members": ["m1"], "rate": 0.8, "start": "20s"},
		{"kind": "clock", "members": ["m2"], "jump": "-90s", "start": "10s"},
		{"kind": "throttle", "members": ["m3"], "quota": "1ms", "start": "10s"}]}`)
	shown := func(i int) time.Duration { return time.Duration(p.c.Sim().Clock(i)) }
	for _, x := range []struct{ at, m1, m2 time.Duration }{
		{10 * time.Second, 10 * time.Second, 10 * time.Second},
		{20 * time.Second, 25 * time.Second, 10 * time.Second},
		{30 * time.Second, 38 * time.Second, 10 * time.Second},
		{40 * time.Second, 46 * time.Second, 10 * time.Second},
	} {
		if p.at(x.at); shown(0) != x.m1 || shown(1) != x.m2 {
			t.Errorf("at %v clocks show %v and %v, want %v and %v", x.at, shown(0), shown(1), x.m1, x.m2)
		}
	}
	p.mend()
	before := p.c.Sim().Stats()
	p.at(50 * time.Second)
	if shown(0) != 56*time.Second || shown(1) != 20*time.Second {
		t.Errorf("ten seconds after all was mended clocks show %v and %v", shown(0), shown(1))
	}
	if s := p.c.Sim().Stats().Since(before); s.Overflowed > 0 || !p.c.Sim().Running(2) {
		t.Error("m3 is still throttled")
	}
	p.at(100 * time.Second) // what was to end them later changes nothing
	if shown(0) != 106*time.Second || shown(1) != 70*time.Second {
		t.Errorf("at the end clocks show %v and %v", shown(0), shown(1))
	}
}

// A host that is suspended loses what is sent to it; one that is paused doesn't.
func TestSuspendedHostLosesPackets(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		fault string
		lost  bool
		leaps bool
	}{
		{`"kind": "pause"`, false, true},
		{`"kind": "suspend"`, true, true},
		{`"kind": "suspend", "buffer": 200000`, false, true},
		{`"kind": "suspend", "clock_stops": true`, true, false},
	} {
		p := playOut(t, fmt.Sprintf(`{"nodes": 5, "faults": [{%s, "members": ["m2"], "start": "5s", "length": "10s"}]}`, tt.fault))
		p.at(15 * time.Second)
		if lost := p.c.Sim().Stats().Overflowed > 0; lost != tt.lost {
			t.Errorf("%s: packets lost: %v", tt.fault, lost)
		}
		want := 15 * time.Second
		if !tt.leaps {
			want -= 10 * time.Second
		}
		if got := time.Duration(p.c.Sim().Clock(1)); got != want {
			t.Errorf("%s: its clock shows %v, want %v", tt.fault, got, want)
		}
		p.wantUp("it runs on", 1, 2, 3, 4, 5)
	}
}

// Whoever finds itself under the seeds' names joins nobody, and joins when it finds them.
func TestMemberThatFindsItselfUnderTheSeedsNameJoinsLater(t *testing.T) {
	t.Parallel()
	p := playOut(t, `{"nodes": 4, "for": "3m", "start": {"later": 1}, "faults": [
		{"kind": "own-name", "members": ["m2", "m4"], "start": "1s", "length": "40s"},
		{"kind": "join", "members": ["m4"], "start": "5s"}]}`)
	p.at(4 * time.Second)
	if !p.c.Settled() {
		t.Errorf("that m2 joins itself changes something: %s", p.c.Disagreement())
	}
	p.at(60 * time.Second)
	if n := p.c.Node(3); n.Swim().Len() != 1 || n.Swim().Health() != 0 {
		t.Errorf("m4 knows %d members and has health score %d, want itself and 0", n.Swim().Len(), n.Swim().Health())
	}
	p.at(70 * time.Second) // it tries again every half minute
	if !p.c.Settled() {
		t.Error(p.c.Disagreement())
	}
}
