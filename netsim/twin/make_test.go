package twin

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"serf/internal/timing"
	"serf/netsim"
	"serf/netsim/cluster"
	"serf/netsim/scenario"
	"serf/swim"
	"serf/swim/serf"
	"serf/swim/serf/coord"
)

// members makes members that are alive, with these values of a tag; "" is none.
func members(tag string, values ...string) (list []Member) {
	for i, v := range values {
		m := Member{Name: fmt.Sprintf("n%d", i+1), Status: "alive"}
		if v != "" {
			m.Tags = map[string]string{tag: v}
		}
		list = append(list, m)
	}
	return list
}

// about returns the findings about a subject.
func (tw *Twin) about(subject string) string {
	var texts []string
	for _, f := range tw.Findings {
		if f.Subject == subject {
			texts = append(texts, f.Text)
		}
	}
	return strings.Join(texts, "; ")
}

func TestMembersThatArentAliveAreLeftOut(t *testing.T) {
	o := &Observed{Agent: "n1", Members: members("dc", "eu", "eu", "us", "us", "us")}
	o.Members[2].Status, o.Members[3].Status, o.Members[4].Status = "failed", "left", "leaving"
	tw, err := Make(o, Options{})
	if err != nil || tw.Scenario.Members != 2 {
		t.Fatalf("%d nodes, %v, want 2", tw.Scenario.Members, err)
	}
	if got, want := tw.about("nodes"), "2 alive, as n1 sees them; not simulated: 1 failed, 1 left, 1 leaving"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if !tw.Scenario.Start.Warm {
		t.Error("the twin starts cold: the cluster runs already")
	}
}

func TestNumbersOfMembers(t *testing.T) {
	for n, want := range map[int]string{
		0: "no member alive", 1: "", cluster.MaxMembers: "", cluster.MaxMembers + 1: "at most 100000",
	} {
		_, err := Make(&Observed{Agent: "n1", Members: members("dc", make([]string, n)...)}, Options{})
		if got := fmt.Sprint(err); err == nil != (want == "") || !strings.Contains(got, want) {
			t.Errorf("%d: %v, want %q", n, err, want)
		}
	}
}

func TestRegionsByTag(t *testing.T) {
	for _, tc := range []struct {
		values []string
		want   map[string]int
	}{
		{[]string{"eu", "us", "eu", "asia"}, map[string]int{"eu": 2, "us": 1, "asia": 1}},
		{[]string{"eu", "", "us", ""}, map[string]int{"eu": 1, "us": 1, "no-dc": 2}},
		{[]string{"no-dc", "", "us", ""}, map[string]int{"no-dc": 1, "us": 1, "no-dc_": 2}},
		{[]string{"eu", "eu"}, map[string]int{"eu": 2}},
	} {
		tw, err := Make(&Observed{Agent: "n1", Members: members("dc", tc.values...)}, Options{RegionTag: "dc"})
		if diff := cmp.Diff(tc.want, sizes(&tw.Scenario)); err != nil || diff != "" {
			t.Errorf("%q: %v %s", tc.values, err, diff)
		}
	}
}

func TestTagThatNobodyHas(t *testing.T) {
	for want, o := range map[string]*Observed{
		`no member has the tag "zone"; tags are dc`:          {Members: members("dc", "eu", "")},
		`no member has the tag "zone"; members have no tags`: {Members: members("dc", "", "")},
	} {
		if _, err := Make(o, Options{RegionTag: "zone"}); err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

func TestNumberOfRegions(t *testing.T) {
	for n, ok := range map[int]bool{regionMax: true, regionMax + 1: false} {
		var values []string
		for i := range 2 * n {
			values = append(values, fmt.Sprintf("z%03d", i%n))
		}
		tw, err := Make(&Observed{Members: members("dc", values...)}, Options{RegionTag: "dc"})
		if (err == nil) != ok || ok && len(sizes(&tw.Scenario)) != n {
			t.Errorf("%d values: %d regions, %v", n, len(tw.Scenario.Regions), err)
		}
	}
}

// A twin can be played with more members: its regions grow.
func TestRegionsGrow(t *testing.T) {
	var values []string
	for i, n := range []int{37, 2, 1, 60} {
		values = append(values, slices.Repeat([]string{string(rune('a' + i))}, n)...)
	}
	tw, err := Make(&Observed{Members: members("dc", values...)}, Options{RegionTag: "dc"})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]int{"a": 37, "b": 2, "c": 1, "d": 60}, sizes(&tw.Scenario)); diff != "" {
		t.Error(diff)
	}
	tw.Scenario.Members = 300
	if err := tw.Scenario.Validate(); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]int{"a": 111, "b": 6, "c": 3, "d": 180}, sizes(&tw.Scenario)); diff != "" {
		t.Errorf("three times as many: %s", diff)
	}
}

// Slow access links make heights, and nothing is measured twice the same: neither hides a region.
func TestGroupsOfPlaces(t *testing.T) {
	for seed := range uint64(20) {
		rng := rand.New(rand.NewPCG(seed, 0))
		var o Observed
		o.Members = members("dc", slices.Repeat([]string{""}, 60)...)
		sizes := []int{35, 20, 5}
		i := 0
		for r, n := range sizes {
			for range n {
				at := coord.Origin()
				at.Error = 0.1
				at.Vec[r] = 0.02 // 28 ms from the others
				for d := range at.Vec {
					at.Vec[d] += 0.001 * rng.NormFloat64()
				}
				at.Height = 0.0005 + 0.0005*rng.ExpFloat64()
				if rng.IntN(5) == 0 {
					at.Height = 0.03
				}
				o.Members[i].At = &at
				i++
			}
		}
		tw, err := Make(&o, Options{})
		if err != nil {
			t.Fatal(err)
		}
		got := tw.Scenario.RegionSizes()
		if !slices.Equal(got, sizes) {
			t.Errorf("seed %d: %v nodes, want %v", seed, got, sizes)
		}
	}
}

// Without coordinates there is one region with the profile's latency, and the findings say so.
func TestNoCoordinatesYet(t *testing.T) {
	tw, err := Make(&Observed{Members: members("dc", "eu", "us")}, Options{})
	if err != nil || len(tw.Scenario.Regions) > 0 || !tw.Scenario.Network.Latency.IsZero() {
		t.Errorf("%+v, %v", tw.Scenario, err)
	}
	if got := tw.about("regions") + tw.about("network"); !strings.Contains(got, "the agent knows the coordinates of 0 nodes") ||
		!strings.Contains(got, "the profile's latency is assumed") {
		t.Error(got)
	}
	tw, err = Make(&Observed{Members: members("dc", "eu", "us", "us")}, Options{RegionTag: "dc"})
	if got, want := tw.about("network"), "the profile's latency is assumed, since no round trip is known: eu and us; within us"; err != nil || got != want {
		t.Errorf("%v %q, want %q", err, got, want)
	}
}

func TestTimings(t *testing.T) {
	of := func(p swim.Timing, change func(c *serf.Config)) *scenario.Timing {
		c := serf.DefaultConfig(p)
		if change != nil {
			change(&c)
		}
		x := timing.Of(&c)
		return &x
	}
	mult := func(c *serf.Config) { c.SuspicionMult = 7 }
	for _, tc := range []struct {
		timing        *scenario.Timing
		given         string
		profile, want string
		texts         map[string]string
	}{
		{of(swim.LAN(), nil), "", "lan", "the agent's: profile lan", map[string]string{}},
		{of(swim.WAN(), mult), "", "wan", "the agent's: profile wan with suspicion_mult 7", map[string]string{"suspicion_mult": "7"}},
		{of(swim.Local(), mult), "", "local", "the agent's: profile local with suspicion_mult 7", map[string]string{"suspicion_mult": "7"}},
		{of(swim.WAN(), mult), "-profile", "lan", "as -profile says, and not the agent's", map[string]string{}},
		{nil, "", "lan", "the agent doesn't tell its own: profile lan is assumed. -agent-config or -profile says otherwise", map[string]string{}},
	} {
		tw, err := Make(&Observed{Members: members("dc", "eu"), Timing: tc.timing}, Options{Timings: tc.given})
		if err != nil || tw.Scenario.Profile != tc.profile || tw.about("timing") != tc.want {
			t.Errorf("%v: %s, %q, want %s", err, tw.Scenario.Profile, tw.about("timing"), tc.want)
		}
		if diff := cmp.Diff(tc.texts, tw.Scenario.Timing.Texts()); diff != "" {
			t.Errorf("%s: %s", tc.want, diff)
		}
	}
}

func TestWork(t *testing.T) {
	minute := time.Minute
	for _, tc := range []struct {
		counts Counts
		every  []time.Duration // of events and queries; 0: none
		want   string
	}{
		{Counts{}, []time.Duration{0, 0}, ""},
		{Counts{Over: minute, Events: 3, Queries: 2}, []time.Duration{20 * time.Second, 0}, "3 within 1m0s, one every 20s, 0 bytes each on average"},
		{Counts{Over: minute, Events: 2, AtLeast: true}, []time.Duration{0, 0}, "at least 2 within 1m0s: too few to matter"},
		{Counts{Over: minute, Events: 1_000_000, Queries: 600}, []time.Duration{time.Millisecond, 100 * time.Millisecond}, "1000000 within 1m0s, one every 1ms, 0 bytes each on average"},
		{Counts{Over: minute, Events: 60, EventBytes: 6031, Queries: 60, QueryBytes: 60_000}, []time.Duration{time.Second, time.Second}, "60 within 1m0s, one every 1s, 100 bytes each on average"},
	} {
		tw, err := Make(&Observed{Members: members("dc", "eu"), Counts: tc.counts}, Options{})
		if err != nil {
			t.Fatal(err)
		}
		got := []time.Duration{0, 0}
		for _, w := range tw.Scenario.Work {
			got[slices.Index([]string{scenario.WorkEvent, scenario.WorkQuery}, w.Kind)] = time.Duration(w.Every)
		}
		if !slices.Equal(got, tc.every) || tw.about("event") != tc.want {
			t.Errorf("%+v: %v, %q", tc.counts, got, tw.about("event"))
		}
	}
}

// The mean payload of queries, which may be configured to be larger, fits a scenario.
func TestLargePayloads(t *testing.T) {
	in := &Observed{Members: members("dc", "eu"), Counts: Counts{Over: time.Minute, Queries: 60, QueryBytes: 1 << 63}}
	tw, err := Make(in, Options{})
	if err != nil || len(tw.Scenario.Work) != 1 || tw.Scenario.Work[0].Size != tw.Scenario.Work[0].MaxSize() {
		t.Errorf("%v, %+v", err, tw.Scenario.Work)
	}
}

// What comes more rarely than a short run lasts would make a scenario that can't be played.
func TestWorkOfAShortRun(t *testing.T) {
	in := &Observed{Members: members("dc", "eu"), Counts: Counts{Over: time.Minute, Events: 4}}
	for length, want := range map[time.Duration]int{15 * time.Second: 1, 14 * time.Second: 0} {
		tw, err := Make(in, Options{For: length})
		if err != nil {
			t.Fatal(err)
		}
		if len(tw.Scenario.Work) != want {
			t.Errorf("in a run of %v: %v, want %d", length, tw.Scenario.Work, want)
		}
	}
}

// Few probes say nothing about loss, and members without UDP aren't lossy.
func TestLossThatIsntKnown(t *testing.T) {
	for _, tc := range []struct {
		counts Counts
		loss   bool
		want   string
	}{
		{Counts{}, false, "the agent doesn't count probes"},
		{Counts{Over: 1, Probes: true, Direct: 49, Relayed: 50}, false, "only 99 probes were answered"},
		{Counts{Over: 1, Probes: true, Direct: 100}, false, "within 0% and 2.02% with 95% confidence"},
		{Counts{Over: 1, Probes: true, Direct: 980, Relayed: 20}, true, "1.05% on every link"},
		{Counts{Over: 1, Probes: true, Direct: 980, Relayed: 20}, true, "within 0.67% and 1.65% with"},
		{Counts{Over: 1, Probes: true, Direct: 50, Relayed: 50}, true, "50 were answered only by way of others"},
		{Counts{Over: 1, Probes: true, Direct: 5000, Streams: 51}, false, "51 probes were answered by TCP alone"},
		{Counts{Over: 1, Probes: true, Relayed: 500}, true, "500 were answered only by way of others"},
	} {
		tw, err := Make(&Observed{Members: members("dc", "", "", ""), Counts: tc.counts}, Options{})
		if err != nil || tw.Scenario.Network.Loss > 0 != tc.loss || !strings.Contains(tw.about("loss"), tc.want) {
			t.Errorf("%+v: %v, loss %v, %q", tc.counts, err, tw.Scenario.Network.Loss, tw.about("loss"))
		}
	}
}

func TestZonesAndPackets(t *testing.T) {
	o := &Observed{Members: members("dc", "eu", "us", "us"), Encrypted: true, Compressed: true, Zones: Zones{Tag: "dc"}}
	tw, err := Make(o, Options{})
	s := &tw.Scenario
	if err != nil || !s.Encrypt || !s.Compress || s.Zones.Members != netsim.Always || len(s.Regions) != 2 {
		t.Errorf("%+v, %v", s, err)
	}
}

// The run is long enough for a crash to be found.
func TestLengthOfTheRun(t *testing.T) {
	for profile, want := range map[string]time.Duration{"lan": time.Minute, "wan": 4 * time.Minute} {
		p, _ := timing.Profile(profile)
		c := serf.DefaultConfig(p)
		x := timing.Of(&c)
		tw, err := Make(&Observed{Members: members("dc", make([]string, 30)...), Timing: &x}, Options{})
		if err != nil || time.Duration(tw.Scenario.For) < want {
			t.Errorf("%s: %v, %v, want %v at least", profile, tw.Scenario.For, err, want)
		}
	}
}
