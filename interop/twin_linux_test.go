package interop

import (
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"serf/internal/systest"
)

var (
	twinKills = flag.Int("twin-kills", 0,
		"how many agents TestTwinLive kills, one after the other; its full size is 20")
	twinEvents = flag.Int("twin-events", 0,
		"how many user events TestTwinLive fires; its full size is 50")
	twinApart = flag.Duration("twin-apart", 3*time.Second,
		"how far apart these events are, live and in the twin: one that comes while members still "+
			"gossip about the last waits for their next round")
	twinAgents = flag.String("twin-agents", "-profile=lan",
		"more options for the agents of TestTwinLive, separated by spaces")
)

// The live cluster has so many agents in each region, and these round trips between two regions.
const regionMembers = 4

var (
	regionNames  = []string{"eu", "us", "asia"}
	regionDelays = [][]time.Duration{
		{0, 40 * time.Millisecond, 120 * time.Millisecond},
		{40 * time.Millisecond, 0, 5 * time.Millisecond},
		{120 * time.Millisecond, 5 * time.Millisecond, 0},
	}
)

const (
	// probesSettle is for how many probes of each agent the cluster runs before it is asked: enough
	// that each has measured a round trip to each other.
	probesSettle = 30
	// roundTripShare is how far the twin's median round trip may be from the one that was measured;
	// roundTripNoise is what a busy machine adds to short ones.
	roundTripShare = 0.10
	roundTripNoise = 2 * time.Millisecond
	// noticedWithin bounds how long it takes until all know of a kill.
	noticedWithin = 5 * time.Minute
	// insideShare of the live times ought to be within the twin's 10th and 90th percentile;
	// insideDeviations is by how many standard deviations fewer may be, by chance.
	insideShare      = 0.8
	insideDeviations = 2.6
)

// TestTwinLive compares a cluster of agents in three regions with its twin, `serf sim -like`: round
// trips, and if the flags ask for it, how soon killed agents are noticed and events delivered.
func TestTwinLive(t *testing.T) {
	if !systest.InNamespace() {
		t.Parallel()
		systest.Long(t, "the agents have to measure all round trips first")
		ownProgram.find(t)
		systest.RunInNamespace(t, []string{programsEnv + "=" + binDir},
			fmt.Sprintf("-twin-kills=%d", *twinKills), fmt.Sprintf("-twin-events=%d", *twinEvents),
			fmt.Sprint("-twin-apart=", *twinApart), "-twin-agents="+*twinAgents)
		return
	}
	preferThisProcess(t)
	c := newLiveCluster(t, strings.Fields(*twinAgents)...)
	c.settle()
	like := "-like=" + c.agents[0].rpcAddr()
	c.compareRoundTrips(like, "-region-tag=dc")
	c.compareRoundTrips(like) // by clustering

	twin := filepath.Join(c.dir, "twin.json")
	must(t, os.WriteFile(twin, c.sim(like, "-region-tag=dc", "-print-scenario"), 0o600))
	if *twinKills > 0 {
		c.compareKills(twin)
	}
	if *twinEvents > 0 {
		c.compareEvents(twin)
	}
}

// sim runs `serf sim` and returns what it prints.
func (c *liveCluster) sim(args ...string) []byte {
	c.t.Helper()
	cmd := exec.Command(ownProgram.find(c.t), append([]string{"sim"}, args...)...)
	var said strings.Builder
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		c.t.Fatalf("%v: %v\n%s", cmd, err, said.String())
	}
	return out
}

// compareRoundTrips wants the round trips of the twin that these options make to be the network's.
func (c *liveCluster) compareRoundTrips(options ...string) {
	t := c.t
	type pair struct {
		From, To                  string
		Measured, Estimated, Twin *spread
	}
	var d struct {
		RoundTrips []pair `json:"round_trips"`
	}
	must(t, json.Unmarshal(c.sim(append(options, "-format=json")...), &d))
	if n, want := len(d.RoundTrips), len(regionNames)*(len(regionNames)+1)/2; n != want {
		t.Fatalf("%v: the twin has %d pairs of regions, want %d", options, n, want)
	}
	t.Logf("%v: round trips of the network, as TCP connects, as agents measured, "+
		"by coordinates, in the twin", options)
	for _, r := range d.RoundTrips {
		a, b := c.region(r.From), c.region(r.To)
		if a < 0 || b < 0 || r.Twin == nil {
			t.Errorf("the twin has round trips of %q and %q: %v", r.From, r.To, r.Twin)
			continue
		}
		live := spreadOf(c.connects[[2]int{min(a, b), max(a, b)}])
		t.Logf("%-4s %-4s %5v | %v | %v | %v | %v",
			r.From, r.To, regionDelays[a][b], live, r.Measured, r.Estimated, r.Twin)
		off := math.Abs(r.Twin.Median - live.Median)
		if a != b && off > roundTripShare*live.Median+roundTripNoise.Seconds() {
			t.Errorf("round trips of %s and %s: the twin's take %v, the network's %v",
				r.From, r.To, r.Twin, live)
		}
	}
}

// region is the number of a region, -1 if there is none of that name.
func (c *liveCluster) region(name string) int { return slices.Index(regionNames, name) }

// compareKills kills random agents, and wants the first and the last of the others to notice as
// soon as in the twin.
func (c *liveCluster) compareKills(twin string) {
	var first, last []float64
	for range *twinKills {
		c.wantCalm()
		time.Sleep(time.Duration(rand.Float64() * float64(2*time.Second))) // any phase of the probes
		a := c.agents[rand.IntN(len(c.agents))]
		noticed, known := c.wantNoticed(a)
		c.t.Logf("%s killed: noticed after %v, known to all after %v", a.name(), noticed, known)
		first, last = append(first, noticed.Seconds()), append(last, known.Seconds())
		a.start(c.agents[(slices.Index(c.agents, a)+1)%len(c.agents)])
		c.wantWhole()
	}
	var d struct {
		Points []struct {
			Figures struct {
				Noticed spread `json:"noticed_median_seconds"`
				Known   spread `json:"known_median_seconds"`
			}
		}
	}
	out := c.sim("-scenario="+twin, "-crash=1@10s", "-seeds=200", "-format=json")
	must(c.t, json.Unmarshal(out, &d))
	c.compare("first noticed", first, d.Points[0].Figures.Noticed)
	c.compare("known to all", last, d.Points[0].Figures.Known)
}

// compareEvents fires user events at random agents, and wants them to reach all as soon as in the
// twin.
func (c *liveCluster) compareEvents(twin string) {
	var all []float64
	tick := time.NewTicker(*twinApart)
	defer tick.Stop()
	for i := range *twinEvents {
		<-tick.C
		name := fmt.Sprint("live-", i)
		at := time.Now()
		must(c.t, c.agents[rand.IntN(len(c.agents))].event(name, nil, false))
		all = append(all, c.wantDelivered(name, at).Seconds())
	}
	var d struct {
		Report struct {
			Events struct {
				All spread `json:"all_seconds"`
			}
		}
	}
	const events = 500
	out := c.sim("-scenario="+twin, "-events=0", fmt.Sprint("-work=event,every=", *twinApart),
		fmt.Sprint("-for=", events**twinApart), "-format=json")
	must(c.t, json.Unmarshal(out, &d))
	c.compare("event delivered to all", all, d.Report.Events.All)
}

// compare wants as many of the live times within the twin's percentiles as there ought to be.
func (c *liveCluster) compare(what string, live []float64, twin spread) {
	inside := 0
	for _, s := range live {
		if twin.Low <= s && s <= twin.Top {
			inside++
		}
	}
	n := float64(len(live))
	c.t.Logf("%s: live %v; twin %v; %d of %d live times are within the twin's", what,
		spreadOf(live), &twin, inside, len(live))
	least := n*insideShare - insideDeviations*math.Sqrt(n*insideShare*(1-insideShare))
	if float64(inside) < least {
		c.t.Errorf("%s: %d of %d live times are between the twin's 10th and 90th percentile, want %.0f",
			what, inside, len(live), math.Ceil(least))
	}
}

// spread is a median, and what a tenth and nine tenths don't exceed, in seconds.
type spread struct {
	Low    float64 `json:"p10"`
	Median float64 `json:"median"`
	Top    float64 `json:"p90"`
}

func spreadOf(list []float64) *spread {
	list = slices.Sorted(slices.Values(list))
	at := func(percent int) float64 { return list[(len(list)-1)*percent/100] }
	return &spread{at(10), at(50), at(90)}
}

func (s *spread) String() string {
	if s == nil {
		return "unknown"
	}
	return fmt.Sprintf("%.4g ms (%.4g to %.4g)", 1000*s.Median, 1000*s.Low, 1000*s.Top)
}
