package scenario

import (
	"context"
	"strings"
	"testing"
	"time"

	"serf/netsim"
	"serf/netsim/cluster"
)

func exampleScenario() Scenario {
	return Scenario{
		Members: 12, Profile: "lan", Seed: 4, For: Duration(2 * time.Minute), Events: 4,
		Faults: []Fault{
			{Kind: FaultCrash, Start: Duration(10 * time.Second), Who: Who{Count: 2}},
			{Kind: FaultPartition, Start: Duration(30 * time.Second), Length: Duration(40 * time.Second), Who: Who{Share: netsim.Probability(0.25)}},
		},
	}
}

func TestScenarioIsCarriedOutAndMeasured(t *testing.T) {
	t.Parallel()
	p := exampleScenario()
	r, err := p.Run(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Detections) != 2 || r.AllNoticed.Count != 2 || r.Running != 10 || !r.Settled {
		t.Errorf("2 of 12 crashed: %d crashes, %d noticed by all, %d running, settled %v",
			len(r.Detections), r.AllNoticed.Count, r.Running, r.Settled)
	}
	if r.UserEvents != 4 || r.EventSpread.Count == 0 {
		t.Errorf("%d events, %d reached all", r.UserEvents, r.EventSpread.Count)
	}
	if r.FalseFailures.AcrossFaults == 0 || r.FalseFailures.All != 0 || r.Network.Cut == 0 {
		t.Errorf("40s of partition: false failures %+v, %d packets cut", r.FalseFailures, r.Network.Cut)
	}
}

func TestSameScenarioSameReport(t *testing.T) {
	t.Parallel()
	report := func(seed uint64) string {
		p := exampleScenario()
		p.Seed = seed
		r, err := p.Run(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		var b strings.Builder
		if _, err := r.WriteTo(&b); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	if a, b := report(1), report(1); a != b {
		t.Errorf("one seed, two reports:\n%s\n%s", a, b)
	}
	if report(1) == report(2) {
		t.Error("two seeds, one report")
	}
}

func TestWarmClusterIsMeasuredFromWhenItHasSettled(t *testing.T) {
	t.Parallel()
	p := Scenario{Members: 20, Profile: "lan", Seed: 1, For: Duration(20 * time.Second), Start: Start{Warm: true}}
	r, err := p.Run(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if r.Time != time.Duration(p.For) || len(r.Episodes) != 0 || !r.Settled {
		t.Errorf("measured %v with %d episodes, settled %v", r.Time, len(r.Episodes), r.Settled)
	}
	// An idle member probes once a second, and is probed: a ping and an ack each.
	if perMember := float64(r.Network.Sent) / 20 / 20; perMember < 1.8 || perMember > 2.5 {
		t.Errorf("%.1f packets a second and member, want about 2", perMember)
	}
}

func TestInterruptedScenarioReportsWhatIsDone(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(t.Context())
	p := exampleScenario()
	r, err := p.Run(ctx, func(c *cluster.Cluster, left time.Duration) {
		if left <= time.Duration(p.For/2) {
			stop()
		}
	})
	if err != nil || !r.Cut || r.Time != time.Duration(p.For/2) || len(r.Detections) != 2 {
		t.Errorf("error %v, cut %v after %v with %d crashes", err, r.Cut, r.Time, len(r.Detections))
	}
}

func late(d Duration) *Duration { return &d }

// scenarioProblems are changes to a valid scenario of 12 nodes, and what is wrong with it then.
var scenarioProblems = []struct {
	change func(*Scenario)
	want   string // "" for no problem
}{
	{func(s *Scenario) {}, ""},
	{func(s *Scenario) { s.Members = 1; s.Faults = nil }, ""},
	{func(s *Scenario) { s.Members = 0; s.Faults = nil }, "nodes 0: allowed 1 to 10000 from a cold start"},
	{func(s *Scenario) { s.Members = cluster.MaxCold; s.Faults = nil }, ""},
	{func(s *Scenario) { s.Members = cluster.MaxCold + 1 }, "nodes 10001: allowed 1 to 10000 from a cold start, and 100000 with a warm start"},
	{func(s *Scenario) { s.Members, s.Start.Warm = cluster.MaxMembers, true }, ""},
	{func(s *Scenario) { s.Members, s.Start.Warm = cluster.MaxMembers+1, true }, "nodes 100001: allowed 1 to 100000 with a warm start"},
	{func(s *Scenario) { s.Members, s.Check = cluster.MaxChecked+1, true }, "nodes 1001: allowed 1 to 1000 under check"},
	{func(s *Scenario) { s.For = 0; s.Faults = nil }, "for 0s: allowed more than 0, up to 720h0m0s"},
	{func(s *Scenario) { s.For = Duration(MaxTime) }, ""},
	{func(s *Scenario) { s.For = Duration(MaxTime) + 1 }, "for 720h0m0.000000001s: allowed more than 0, up to 720h0m0s"},
	{func(s *Scenario) { s.Events = maxEvents + 1 }, "events 10001: allowed 0 to 10000"},
	{func(s *Scenario) { s.Profile = "moon" }, `profile "moon": allowed are lan, wan, local`},
	{func(s *Scenario) { s.Timing.ProbeTimeout = late(Duration(time.Second)) },
		"timing.probe_timeout 1s, at least 1ms and less than the probe interval 1s"},
	{func(s *Scenario) { s.Timing.ReapInterval = late(0) }, "timing.reap_interval 0s, at least 1ms"},
	{func(s *Scenario) { s.Start.Seeds = 12 }, ""},
	{func(s *Scenario) { s.Start.Seeds = 13 }, "start.seeds 13: allowed 1 to the 12 nodes"},
	{func(s *Scenario) { s.Start.Later = 11 }, ""},
	{func(s *Scenario) { s.Start.Apart = true }, "start.apart only together with warm: nobody would meet anybody"},
	{func(s *Scenario) { s.Start.Later = 12 }, "start.later 12: allowed 0 to 11, the nodes that are not seeds"},
	{func(s *Scenario) { s.Start.Over = late(-1) }, "start.over -1ns: allowed 0s to 720h0m0s"},
	{func(s *Scenario) { s.Start.Warm, s.Start.Over = true, late(1) }, "start.over not together with warm: all have been there for long"},
	{func(s *Scenario) { s.Network.Reorder = netsim.Always }, "network.hold_back not set: say by how much packets that are reordered are held back"},
	{func(s *Scenario) { s.Network.Queue = 1 }, "network.queue has no meaning without bandwidth"},
	{func(s *Scenario) { s.Network.Jitter = -1 }, "network.jitter -1ns: allowed 0s to 1h0m0s"},
	{func(s *Scenario) { s.Faults[0].Count = 12 }, ""},
	{func(s *Scenario) { s.Faults[0].Count = 0 }, "faults[0] kind crash needs one of count, share, region, members"},
	{func(s *Scenario) { s.Faults[0].Count = 13 }, "faults[0].count 13: allowed 1 to 12 nodes"},
	{func(s *Scenario) { s.Faults[0].Names = []string{"m3..m5"}; s.Faults[0].Count = 4 }, "faults[0].count 4: allowed 1 to 3 nodes that are named"},
	{func(s *Scenario) { s.Faults[0].Share = 1 }, "faults[0].share not together with count"},
	{func(s *Scenario) { s.Faults[0].Names = []string{"m12"}; s.Faults[0].Count = 0 }, ""},
	{func(s *Scenario) { s.Faults[0].Names = []string{"m1", "m13", "m4..m3", "m01"}; s.Faults[0].Count = 0 },
		`faults[0].members[1] "m13": allowed are m1 to m12, or several as m2..m5` +
			`|faults[0].members[2] "m4..m3": allowed are m1 to m12, or several as m2..m5` +
			`|faults[0].members[3] "m01": allowed are m1 to m12, or several as m2..m5`},
	{func(s *Scenario) { s.Faults[0].Kind = "fire" },
		`faults[0].kind "fire": allowed are crash, leave, join, pause, churn, partition, block-udp, nat, network, mtu, half-open, reject, conntrack, nat-ports, receive-buffer, clock, suspend, throttle, own-name`},
	{func(s *Scenario) { s.Faults[0].Loss, s.Faults[0].Way = netsim.Always, "in" },
		"faults[0].loss means nothing for kind crash; allowed are count, share, region, members, every, repeat, gap, length, snapshot, move" +
			"|faults[0].way means nothing for kind crash; allowed are count, share, region, members, every, repeat, gap, length, snapshot, move"},
	{func(s *Scenario) { s.Faults[1].Way = "up" }, `faults[1].way "up": allowed are in and out; for both leave it out`},
	{func(s *Scenario) { s.Faults[0].Start = s.For }, ""},
	{func(s *Scenario) { s.Faults[0].Start = s.For + 1 }, "faults[0].start 2m0.000000001s: allowed 0s to 2m0s, the length of the run"},
	{func(s *Scenario) { s.Faults[1].Length = s.For }, "faults[1].length 2m0s: would end at 2m30s, the run ends at 2m0s"},
	{func(s *Scenario) { s.Faults[1].Gap = 1 }, "faults[1].gap has no meaning without repeat"},
	{func(s *Scenario) { s.Faults[1].Repeat = 2; s.Faults[1].Gap = Duration(50 * time.Second) }, ""},
	{func(s *Scenario) { s.Faults[1].Repeat = 2; s.Faults[1].Gap = Duration(51 * time.Second) },
		"faults[1].repeat 2: the last time would begin at 2m1s, the run ends at 2m0s"},
	{func(s *Scenario) { s.Faults[1].Share = netsim.Always }, "faults[1] nobody is left on the other side"},
	{func(s *Scenario) { s.Faults[1] = Fault{Kind: FaultChurn, Joins: maxChurn + 1, Length: 1} },
		"faults[1].joins 60001: allowed 0 to 60000 a minute"},
	{func(s *Scenario) { s.Faults[1] = Fault{Kind: FaultChurn, Joins: maxChurn} },
		"faults[1] about 120000 joins, leaves and crashes in all, limit 100000"},
	{func(s *Scenario) {
		s.Faults[1] = Fault{Kind: FaultNetwork, Bandwidth: 1e6, Way: "in"}
	}, "faults[1].bandwidth limits what a node sends, to whomever: not together with to, nor with way in"},
	{func(s *Scenario) { s.Faults = make([]Fault, maxFaults+1) }, "more than one"},
	{func(s *Scenario) { s.Work = []Work{{Kind: WorkEvent, Every: 1e6, Size: maxPayload}} },
		"work[0].every 1ms: 120000 times in all, limit 100000"},
	{func(s *Scenario) { s.Work = []Work{{Kind: WorkTags, Size: maxPayload + 1, Length: 1}} },
		"work[0].length has no meaning without every|work[0].size 401: allowed 0 to 400 bytes"},
	{func(s *Scenario) { s.Work = []Work{{Kind: WorkEvent, Size: maxEventPayload, Burst: maxBurst}} }, ""},
	{func(s *Scenario) { s.Work = []Work{{Kind: WorkEvent, Size: maxEventPayload + 1, Burst: maxBurst + 1}} },
		"work[0].size 8705: allowed 0 to 8704 bytes|work[0].burst 10001: allowed 1 to 10000"},
	{func(s *Scenario) { s.Work = []Work{{Kind: WorkEvent, Every: 1e9, Burst: 1000}} },
		"work[0].every 1s: 120000 times in all, limit 100000"},
	// More than 64 bits: 10,000 in each of some 10^15 nanoseconds, by 12.
	{func(s *Scenario) {
		s.For = Duration(720 * time.Hour)
		s.Work = []Work{{Kind: WorkEvent, Every: 1, Burst: maxBurst, Who: Who{Count: 12}}}
	}, "work[0].every 1ns: 311040000000000000000 times in all, limit 100000"},
	{func(s *Scenario) { s.Work = []Work{{Kind: WorkQuery, Relay: maxRelay}} }, ""},
	{func(s *Scenario) { s.Work = []Work{{Kind: WorkQuery, Relay: maxRelay + 1, Burst: 2}} },
		"work[0].burst means nothing for kind query; allowed are count, share, region, members, every, length, name, size, relay|work[0].relay 11: allowed 0 to 10"},
	{func(s *Scenario) {
		s.Work = []Work{{Kind: WorkForceLeave, To: &Who{Names: []string{"m13"}}, Prune: true}}
	},
		`work[0].to.members[0] "m13": allowed are m1 to m12, or several as m2..m5`},
	{func(s *Scenario) { s.Work = []Work{{Kind: WorkForceLeave}} }, "work[0] kind force-leave needs the key to"},
	{func(s *Scenario) {
		s.Encrypt, s.Work = true, []Work{{Kind: WorkRotateKey, Every: 1, Length: 2, KeepOld: true}}
	}, ""},
	{func(s *Scenario) { s.Encrypt, s.Work = true, []Work{{Kind: WorkRotateKey, Every: 1, Length: 2}} },
		"work[0].length has no meaning without keep_old: a rotation has three steps"},
	{func(s *Scenario) { s.Work = []Work{{Kind: WorkRotateKey, Every: 1}} }, "work[0] there is no key to rotate: set encrypt"},
	{func(s *Scenario) { s.Work = []Work{{Kind: "sleep"}} }, `work[0].kind "sleep": allowed are event, query, tags, force-leave, rotate-key`},
	{func(s *Scenario) { s.Regions = []Region{{Name: "eu", Members: 5}, {Name: "us"}} }, ""},
	{func(s *Scenario) { s.Regions = []Region{{Name: "eu", Members: 5}, {Name: "us", Members: 6}} },
		"regions have 11 nodes together, but there are 12"},
	{func(s *Scenario) { s.Regions = []Region{{Name: "eu", Members: 5, Share: 1}, {Name: "eu"}} },
		`regions[0] nodes and share: only one of them may be set|regions[1].name "eu" is the name of another region, too`},
	{func(s *Scenario) { s.Paths = []Path{{From: "eu", To: "us"}} },
		`paths[0].from "eu": there are no regions|paths[0].to "us": there are no regions`},
	{func(s *Scenario) {
		s.Regions, s.Paths = []Region{{Name: "eu"}}, []Path{{From: "eu", To: "us"}}
	}, `paths[0].to "us": allowed are eu`},
	{func(s *Scenario) { s.Zones.Members = 1 }, "zones.nodes there are no regions"},
	{func(s *Scenario) { s.Regions, s.Zones = []Region{{Name: "eu"}}, Zones{Members: 1, Share: 101} },
		"zones.share 101: allowed 1 to 100"},
	{func(s *Scenario) { s.Regions, s.Zones = []Region{{Name: "eu"}}, Zones{Members: 1, Share: 100} }, ""},
	{func(s *Scenario) { s.Zones.Probes = true }, "zones.nodes not set: say which share of the nodes tells zones apart"},
	{func(s *Scenario) { s.Events, s.Faults[0].Count = -1, -1 },
		"events -1: allowed 0 to 10000|faults[0].count -1: allowed 1 to 12 nodes"},
}

func TestScenarioProblemsAreAllNamed(t *testing.T) {
	t.Parallel()
	for _, tt := range scenarioProblems {
		s := exampleScenario()
		tt.change(&s)
		got := ""
		if err := s.Validate(); err != nil {
			got = strings.ReplaceAll(err.Error(), "\n", "|")
		}
		if tt.want == "more than one" && strings.Count(got, "|") > 1 {
			continue
		}
		if got != tt.want {
			t.Errorf("got  %q\nwant %q", got, tt.want)
		}
	}
}

func TestWhoReadsAsAPartOfASentence(t *testing.T) {
	t.Parallel()
	for want, w := range map[string]Who{
		"all nodes":        {},
		"1 node":           {Count: 1},
		"3 nodes":          {Count: 3},
		"30% of the nodes": {Share: netsim.Probability(0.3)},
		"region eu":        {Region: "eu"},
		"2 of region eu":   {Region: "eu", Count: 2},
		"m1, m3..m5":       {Names: []string{"m1", "m3..m5"}},
		"1 of m1, m2":      {Names: []string{"m1", "m2"}, Count: 1},
		"m1 of region eu":  {Names: []string{"m1"}, Region: "eu"},
		"50% of m1, m2":    {Names: []string{"m1", "m2"}, Share: netsim.Probability(0.5)},
	} {
		if got := w.String(); got != want {
			t.Errorf("%+v: %q, want %q", w, got, want)
		}
	}
	churn := Fault{Kind: FaultChurn, Joins: 1, Leaves: 2, Crashes: 3, Start: Duration(time.Second)}
	if got, want := churn.String(), "1 joins, 2 leaves, 3 crashes a minute at 1s to the end"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	churn.Region = "eu"
	if got, want := churn.String(), "1 joins, 2 leaves, 3 crashes a minute among region eu at 1s to the end"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestFaultsHaveLabels(t *testing.T) {
	t.Parallel()
	for want, f := range map[string]Fault{
		"churn":                       {Kind: FaultChurn, Who: Who{Count: 3}},
		"3 nodes crash":               {Kind: FaultCrash, Who: Who{Count: 3}},
		"1 node crashes":              {Kind: FaultCrash, Who: Who{Count: 1}},
		"region eu crashes":           {Kind: FaultCrash, Who: Who{Region: "eu"}},
		"2 of region eu crash":        {Kind: FaultCrash, Who: Who{Region: "eu", Count: 2}},
		"1 of region eu leaves":       {Kind: FaultLeave, Who: Who{Region: "eu", Count: 1}},
		"m5 crashes":                  {Kind: FaultCrash, Who: Who{Names: []string{"m5"}}},
		"m5..m7 crash":                {Kind: FaultCrash, Who: Who{Names: []string{"m5..m7"}}},
		"m5, m7 crash":                {Kind: FaultCrash, Who: Who{Names: []string{"m5", "m7"}}},
		"50% of the nodes cut off":    {Kind: FaultPartition, Who: Who{Share: netsim.Probability(0.5)}},
		"region eu without UDP":       {Kind: FaultBlockUDP, Who: Who{Region: "eu"}},
		"m5 behind a NAT":             {Kind: FaultNAT, Who: Who{Names: []string{"m5"}}},
		"1 node with a worse network": {Kind: FaultNetwork, Who: Who{Count: 1}},
		"all nodes paused":            {Kind: FaultPause},
		"m5 rejected":                 {Kind: FaultReject, Who: Who{Names: []string{"m5"}}},
		"2 nodes with a wrong clock":  {Kind: FaultClock, Who: Who{Count: 2}},
		"region eu suspended":         {Kind: FaultSuspend, Who: Who{Region: "eu"}},
		"1 node throttled":            {Kind: FaultThrottle, Who: Who{Count: 1}},
		"all nodes crash":             {Kind: FaultCrash, Who: Who{Share: netsim.Always}},
		"region us crashes":           {Kind: FaultCrash, Who: Who{Share: netsim.Always, Region: "us"}},
		"2 nodes leave":               {Kind: FaultLeave, Who: Who{Count: 2}},
		"region eu joins":             {Kind: FaultJoin, Who: Who{Region: "eu"}},
	} {
		if got := f.label(); got != want {
			t.Errorf("%+v: %q, want %q", f, got, want)
		}
	}
}
