package twin

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"serf/internal/timing"
	"serf/netsim"
	"serf/netsim/cluster"
	"serf/netsim/scenario"
	"serf/swim/serf"
)

// latencies are those between regions, as "a b": a distribution.
type latencies map[string]string

// detours have round trips of 5, 40 and 120 ms between regions, which break the triangle inequality:
// no coordinates fit them.
var detours = latencies{
	"a a": "lognormal:200µs,300µs,0.5", "b b": "lognormal:200µs,300µs,0.5",
	"c c": "lognormal:200µs,300µs,0.5", "a b": "lognormal:2.2ms,2.5ms,0.5",
	"a c": "lognormal:19ms,20ms,0.5", "b c": "lognormal:58ms,60ms,0.5",
}

// metric have round trips of 40, 120 and 120 ms between regions, which coordinates fit.
var metric = latencies{
	"a a": "lognormal:1.8ms,2.5ms,0.5", "b b": "lognormal:1.8ms,2.5ms,0.5",
	"c c": "lognormal:1.8ms,2.5ms,0.5", "a b": "lognormal:18ms,20ms,0.5",
	"a c": "lognormal:55ms,60ms,0.5", "b c": "lognormal:55ms,60ms,0.5",
}

// dist reads a distribution.
func dist(t testing.TB, text string) netsim.Dist {
	t.Helper()
	d, err := netsim.ParseDist(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// original is a cluster with regions of these sizes, named a, b and so on, that runs for long.
func original(t testing.TB, seed uint64, l latencies, sizes ...int) scenario.Scenario {
	s := scenario.Default()
	s.Members, s.Seed, s.Start.Warm = 0, seed, true
	s.For = scenario.Duration(5 * time.Minute)
	for i, n := range sizes {
		s.Members += n
		s.Regions = append(s.Regions, scenario.Region{Name: string(rune('a' + i)), Members: n})
	}
	for pair, d := range l {
		s.Paths = append(s.Paths,
			scenario.Path{From: pair[:1], To: pair[2:], Latency: dist(t, d)})
	}
	return s
}

// run plays s and returns the cluster as it is in the end.
func run(t testing.TB, s scenario.Scenario) (c *cluster.Cluster) {
	t.Helper()
	if _, err := s.Run(t.Context(), func(x *cluster.Cluster, _ time.Duration) { c = x }); err != nil {
		t.Fatal(err)
	}
	return c
}

// observed is what the first member has seen of its cluster. If it asks the others, it knows the
// round trips that they have measured, too.
func observed(s *scenario.Scenario, c *cluster.Cluster, ask bool) *Observed {
	n := c.Node(0)
	o := &Observed{Agent: c.Name(0)}
	profile, _ := timing.Profile(s.Profile)
	cfg := serf.DefaultConfig(profile)
	s.Timing.Apply(&cfg)
	t := timing.Of(&cfg)
	o.Timing = &t
	i := 0
	for r, size := range s.RegionSizes() {
		for range size {
			m := Member{Name: c.Name(i), Status: "alive",
				Tags: map[string]string{"dc": s.Regions[r].Name}}
			if at, ok := n.Coordinate(m.Name); ok {
				m.At = &at
			}
			o.Members = append(o.Members, m)
			if i == 0 || ask {
				o.Trips = append(o.Trips, trips(c, i)...)
			}
			i++
		}
	}
	count := n.Swim().Counters()
	o.Counts = Counts{Over: time.Duration(c.Now()), Probes: true, Direct: count.ProbesDirect,
		Relayed: count.ProbesRelayed, Streams: count.StreamAcks,
		Events: n.Counters().Events, Queries: n.Counters().Queries}
	return o
}

func trips(c *cluster.Cluster, i int) (list []Trip) {
	for j := range c.Len() {
		for _, rtt := range c.Node(i).RoundTrips(c.Name(j)) {
			list = append(list, Trip{c.Name(i), c.Name(j), rtt})
		}
	}
	return list
}

// twinOf makes the twin of a cluster that has run s.
func twinOf(t testing.TB, s *scenario.Scenario, ask bool) Twin {
	t.Helper()
	tw, err := Make(observed(s, run(t, *s), ask), Options{})
	if err != nil {
		t.Fatal(err)
	}
	return tw
}

// sizes are the numbers of members of the regions.
func sizes(s *scenario.Scenario) map[string]int {
	by := make(map[string]int)
	for i, n := range s.RegionSizes() {
		by[s.Regions[i].Name] = n
	}
	return by
}

// wantTrips checks that round trips between all regions of a twin are those of the original: the
// middle within a tenth, the ends, of which fewer are seen, within 15 %.
func wantTrips(t *testing.T, got, want *scenario.Scenario) {
	t.Helper()
	paths := make(map[string]netsim.Dist)
	for _, p := range got.Paths {
		paths[p.From+" "+p.To], paths[p.To+" "+p.From] = p.Latency, p.Latency
	}
	for _, p := range want.Paths {
		has, should := tripsOf(paths[p.From+" "+p.To]), tripsOf(p.Latency)
		off := func(got, want float64) float64 { return math.Abs(got-want) / want }
		if off(has.Median, should.Median) > 0.1 || off(has.Low, should.Low) > 0.15 || off(has.Top, should.Top) > 0.15 {
			t.Errorf("%s to %s: round trips %v, want %v", p.From, p.To, has, should)
		}
	}
}

// What members measured is found again, also where no coordinates fit.
func TestRoundTripsThatMembersMeasured(t *testing.T) {
	if testing.Short() {
		t.Skip("twelve clusters for five minutes")
	}
	for name, l := range map[string]latencies{"detours": detours, "metric": metric} {
		for _, n := range [][]int{{15, 10, 5}, {40, 5, 6}, {5, 5, 5}} {
			for seed := range uint64(2) {
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					s := original(t, seed, l, n...)
					tw := twinOf(t, &s, true)
					if diff := cmp.Diff(sizes(&s), sizes(&tw.Scenario)); diff != "" {
						t.Fatalf("regions: %s", diff)
					}
					wantTrips(t, &tw.Scenario, &s)
				})
			}
		}
	}
}

// An agent that can't ask others knows its own round trips, and estimates the rest.
func TestRoundTripsByCoordinates(t *testing.T) {
	if testing.Short() {
		t.Skip("six clusters for five minutes")
	}
	for _, n := range [][]int{{15, 10, 5}, {40, 3, 4}, {4, 4, 4}} {
		for seed := range uint64(2) {
			t.Run("", func(t *testing.T) {
				t.Parallel()
				s := original(t, seed, metric, n...)
				tw := twinOf(t, &s, false)
				if diff := cmp.Diff(sizes(&s), sizes(&tw.Scenario)); diff != "" {
					t.Fatalf("regions: %s", diff)
				}
				for i := range s.Paths { // within other regions it knows no better
					if p := &s.Paths[i]; p.From == p.To && p.From != "a" {
						p.From, p.To = "a", "a"
						p.Latency = dist(t, metric["a a"])
					}
				}
				wantTrips(t, &tw.Scenario, &s)
			})
		}
	}
}

// One region is one region, however much its round trips differ.
func TestOneRegion(t *testing.T) {
	if testing.Short() {
		t.Skip("24 clusters for five minutes")
	}
	for _, l := range []string{"exp:100µs,500µs", "lognormal:10ms,60ms,0.4", "20ms"} {
		for _, n := range []int{1, 2, 5, 30} {
			for seed := range uint64(2) {
				s := original(t, seed, latencies{"a a": l}, n)
				tw := twinOf(t, &s, seed > 0)
				if len(tw.Scenario.Regions) > 0 {
					t.Errorf("%s, %d nodes, seed %d: %v", l, n, seed, sizes(&tw.Scenario))
				}
				if n < 30 {
					continue // too few to say how long they take
				}
				got, want := tripsOf(tw.Scenario.Network.Latency).Median, tripsOf(dist(t, l)).Median
				if math.Abs(got-want) > 0.1*want {
					t.Errorf("%s, %d nodes, seed %d: round trips of %v, want %v", l, n, seed, got, want)
				}
			}
		}
	}
}

// The twin of a twin is about the twin.
func TestTwinOfATwin(t *testing.T) {
	if testing.Short() {
		t.Skip("two clusters for five minutes")
	}
	s := original(t, 7, detours, 15, 10, 5)
	s.Network.Loss = netsim.Probability(0.03)
	s.Work = []scenario.Work{{Kind: scenario.WorkEvent, Every: scenario.Duration(2 * time.Second)}}
	interval := scenario.Duration(500 * time.Millisecond)
	timeout := scenario.Duration(250 * time.Millisecond)
	s.Timing.ProbeInterval, s.Timing.ProbeTimeout = &interval, &timeout
	first := twinOf(t, &s, true)
	again := first.Scenario.Clone()
	again.For = scenario.Duration(5 * time.Minute)
	second := twinOf(t, &again, true)
	for i, tw := range []Twin{first, second} {
		x := &tw.Scenario
		if diff := cmp.Diff(sizes(&s), sizes(x)); diff != "" {
			t.Errorf("twin %d: regions: %s", i+1, diff)
		}
		wantTrips(t, x, &s)
		if loss := float64(x.Network.Loss) / float64(netsim.Always); math.Abs(loss-0.03) > 0.015 {
			t.Errorf("twin %d: loss %v, want 3%%", i+1, x.Network.Loss)
		}
		if diff := cmp.Diff(s.Timing.Texts(), x.Timing.Texts()); diff != "" {
			t.Errorf("twin %d: timing: %s", i+1, diff)
		}
		if len(x.Work) != 1 || math.Abs(time.Duration(x.Work[0].Every).Seconds()-2) > 0.1 {
			t.Errorf("twin %d: work: %+v", i+1, x.Work)
		}
	}
}

// Loss is counted by how probes ended, and doesn't depend on members that are down.
func TestLoss(t *testing.T) {
	for _, percent := range []float64{0, 1, 5, 10} {
		s := original(t, 1, latencies{"a a": "lognormal:200µs,300µs,0.5"}, 30)
		s.Network.Loss = netsim.Probability(percent / 100)
		s.Faults = []scenario.Fault{{Kind: scenario.FaultCrash, Who: scenario.Who{Names: []string{"m20..m25"}},
			Start: scenario.Duration(time.Minute)}}
		c := run(t, s)
		o := observed(&s, c, false)
		o.Counts.Direct, o.Counts.Relayed = 0, 0
		for i := range 15 {
			n := c.Node(i).Swim().Counters()
			o.Counts.Direct += n.ProbesDirect
			o.Counts.Relayed += n.ProbesRelayed
		}
		tw, err := Make(o, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if got := 100 * float64(tw.Scenario.Network.Loss) / float64(netsim.Always); math.Abs(got-percent) > 0.1*percent {
			t.Errorf("loss %.2f%%, want %v%%", got, percent)
		}
	}
}
