package main

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"math"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"serf/agent/rpc/server"
	"serf/agent/survey"
	"serf/internal/timing"
	"serf/netsim/scenario"
	"serf/swim"
	"serf/swim/serf"
	"serf/swim/serf/coord"
)

// farCluster is a cluster of twelve in the regions eu and us, 40 ms apart, of which one has failed.
// Methods that -like doesn't need are missing.
type farCluster struct {
	server.Agent
	original bool // the agent is HashiCorp's: it tells neither settings nor counts
	asked    uint64
}

func (c *farCluster) AllMembers() (int, iter.Seq[*serf.Member]) {
	var list []*serf.Member
	for i := range 12 {
		m := &serf.Member{Name: fmt.Sprint("web-", i+1), Status: serf.StatusAlive, Tags: map[string]string{"dc": region(i)}}
		if i == 11 {
			m.Status = serf.StatusFailed
		}
		list = append(list, m)
	}
	return len(list), slices.Values(list)
}

func region(i int) string {
	if i < 7 {
		return "eu"
	}
	return "us"
}

func (c *farCluster) Coordinate(_ context.Context, name string) (coord.Coordinate, bool, error) {
	var i int
	fmt.Sscanf(name, "web-%d", &i)
	at := coord.Coordinate{Height: 0.00025 + 0.00001*float64(i), Error: 0.1}
	if region(i-1) == "us" {
		at.Vec[0] = 0.04
	}
	return at, true, nil
}

// RoundTrips between all members that take twice as long between regions as coordinates say: they
// count more.
func (c *farCluster) RoundTrips(context.Context, time.Duration) (survey.RoundTrips, error) {
	t := survey.RoundTrips{AsSeenBy: "web-1", Answered: 11}
	for i := range 11 {
		for j := range 11 {
			took := time.Duration(400+10*(i+j)) * time.Microsecond
			if region(i) != region(j) {
				took += 80 * time.Millisecond
			}
			if i != j {
				t.Trips = append(t.Trips, survey.RoundTrip{From: fmt.Sprint("web-", i+1), To: fmt.Sprint("web-", j+1), Took: took})
			}
		}
	}
	return t, nil
}

func (c *farCluster) Stats() map[string]map[string]string {
	c.asked++
	stats := map[string]map[string]string{
		"agent": {"name": "web-1"},
		"serf":  {"encrypted": "true", "event_time": fmt.Sprint(100 + 3*c.asked), "query_time": "7"},
	}
	if c.original {
		return stats
	}
	cfg := serf.DefaultConfig(swim.LAN())
	cfg.SuspicionMult = 5
	x := timing.Of(&cfg)
	stats["settings"] = maps.Clone(x.Texts())
	stats["settings"]["enable_compression"] = "true"
	stats["settings"]["of_a_newer_agent"] = "17"
	stats["counters"] = map[string]string{"uptime": fmt.Sprint(100*c.asked, "s"), "events": fmt.Sprint(60 * c.asked), "queries": "0",
		"probes_direct": "980", "probes_relayed": "20", "probes_tcp": "0", "probes_failed": "3"}
	return stats
}

// likeArgs are the options that make a twin of a cluster.
func likeArgs(t *testing.T, c *farCluster, args ...string) []string {
	return append([]string{"-like=" + serveRPC(t, c, "")}, args...)
}

func TestTwinOfARunningCluster(t *testing.T) {
	t.Parallel()
	code, out, errs := sim(t, t.Context(), likeArgs(t, &farCluster{}, "-print-scenario")...)
	s, _, err := scenario.Parse([]byte(out))
	if code != exitOK || err != nil {
		t.Fatalf("exit %d, %v: %s", code, err, errs)
	}
	if err := s.Validate(); err != nil {
		t.Fatal(err)
	}
	if s.Members != 11 || fmt.Sprint(s.RegionSizes()) != "[7 4]" || !s.Start.Warm || !s.Encrypt || !s.Compress ||
		s.Profile != "lan" || *s.Timing.SuspicionMult != 5 || s.Network.Loss == 0 || len(s.Paths) != 3 || len(s.Work) != 1 {
		t.Errorf("%s", out)
	}
	for _, want := range []string{
		"nodes", "11 alive, as web-1 sees them; not simulated: 1 failed", "2 groups of coordinates; each has one value of the tag dc, which names it",
		"the agent's: profile lan with suspicion_mult 5", "eu and us", "measured 56: 80.", "coordinates of 28 pairs 40.6", "110 were measured, by 11 agents",
		"loss", "of 1000 probes of the agent's within 1m40s, 20 were answered only by way of others", "60 within 1m40s, one every 1.667s",
	} {
		if !strings.Contains(errs, want) {
			t.Errorf("no %q in:\n%s", want, errs)
		}
	}
}

// The questions that twins are for, as operators ask them.
func TestWhatIf(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		args []string
		want []string
	}{
		{[]string{"-fault=partition,region=eu,start=20s,length=20s"}, []string{"region eu at 20s for 20s", "views agree, heal", "eu to us"}},
		{[]string{"-fault=crash,share=30%,start=20s,length=5s"}, []string{"30% of the nodes at 20s"}},
		{[]string{"-fault=partition,region=eu", "-for=40s"}, []string{"region eu"}},
		{[]string{"-crash=2", "-sweep", "suspicion_mult=4,6"}, []string{"suspicion-mult 4 6", "-suspicion-mult=SUSPICION-MULT"}},
		{[]string{"-suspicion-mult=6"}, []string{"suspicion_mult 6"}},
		{[]string{"-set=suspicion_mult=6"}, []string{"suspicion_mult 6"}},
		{[]string{"-nodes=22"}, []string{"region eu         14 nodes", "region us         8 nodes"}},
	} {
		t.Run(strings.Join(tc.args, " "), func(t *testing.T) {
			t.Parallel()
			code, out, errs := sim(t, t.Context(), likeArgs(t, &farCluster{}, tc.args...)...)
			for _, want := range tc.want {
				if code != exitOK || !strings.Contains(out, want) {
					t.Fatalf("exit %d, no %q: %s\n%s", code, want, errs, out)
				}
			}
		})
	}
}

// To compare a twin with its cluster, the JSON has what was measured, and the ends of what the twin
// does.
func TestTwinInJSON(t *testing.T) {
	t.Parallel()
	code, out, errs := sim(t, t.Context(), likeArgs(t, &farCluster{}, "-format=json", "-crash=1@5s")...)
	var d simDocument
	if err := json.Unmarshal([]byte(out), &d); err != nil || code != exitOK || len(d.RoundTrips) != 3 {
		t.Fatalf("exit %d, %v: %s\n%s", code, err, errs, out)
	}
	r := d.RoundTrips[1]
	if r.From != "eu" || r.To != "us" || r.Measured.Count != 56 || r.Estimated.Count != 28 || r.Measured.Median < 0.08 || r.Estimated.Median > 0.05 ||
		math.Abs(r.Twin.Median-r.Measured.Median) > 0.01*r.Measured.Median {
		t.Errorf("%+v: measured %v, by coordinates %v, twin %v", r, r.Measured, r.Estimated, r.Twin)
	}
	if e := d.Report.Events.AllSeconds; e == nil || !(e.P10 <= e.Median && e.Median <= e.P90 && e.P90 <= e.P99) {
		t.Errorf("events: %+v", e)
	}
}

// Other timings than the agent's replace all of them.
func TestTwinWithOtherTimings(t *testing.T) {
	t.Parallel()
	file := configFile(t, `{"profile": "wan", "gossip_nodes": 5}`)
	for _, tc := range []struct{ arg, want, texts string }{
		{"-profile=wan", "as -profile says, and not the agent's", "map[]"},
		{"-agent-config=" + file, "as -agent-config says, and not the agent's", "map[gossip_nodes:5]"},
	} {
		code, out, errs := sim(t, t.Context(), likeArgs(t, &farCluster{}, "-print-scenario", tc.arg)...)
		s, _, err := scenario.Parse([]byte(out))
		if code != exitOK || err != nil || s.Profile != "wan" || fmt.Sprint(s.Timing.Texts()) != tc.texts || !strings.Contains(errs, tc.want) {
			t.Errorf("exit %d, %v: %s\n%s", code, err, errs, out)
		}
	}
}

// HashiCorp's agent has no settings and counts: some are assumed, others seen in a while.
func TestTwinOfTheOriginal(t *testing.T) {
	t.Parallel()
	code, out, errs := sim(t, t.Context(), likeArgs(t, &farCluster{original: true}, "-print-scenario", "-like-for=20ms")...)
	s, _, err := scenario.Parse([]byte(out))
	if code != exitOK || err != nil || s.Profile != "lan" || s.Network.Loss != 0 || len(s.Regions) != 2 || len(s.Work) != 1 {
		t.Errorf("exit %d, %v: %s\n%s", code, err, errs, out)
	}
	for _, want := range []string{
		"Asking again in 20ms.", "the agent doesn't tell its own: profile lan is assumed", "0% is assumed: the agent doesn't count probes",
		"at least 3 within 0s",
	} {
		if !strings.Contains(errs, want) {
			t.Errorf("no %q in:\n%s", want, errs)
		}
	}
}

func TestLikeRefuses(t *testing.T) {
	t.Parallel()
	addr := serveRPC(t, &farCluster{}, "")
	locked := serveRPC(t, &farCluster{}, "secret")
	for _, tc := range []struct {
		args []string
		want string
	}{
		{[]string{"-region-tag=dc"}, "-region-tag: only together with -like"},
		{[]string{"-rpc-auth=x"}, "-rpc-auth: only together with -like"},
		{[]string{"-like=" + addr, "-scenario=x.json"}, "-like and -scenario exclude each other"},
		{[]string{"-like="}, "invalid value"},
		{[]string{"-like=" + addr, "-shard=1/2", "-seeds=2"}, "-shard and -like exclude each other"},
		{[]string{"-like=:::"}, `-like ":::": `},
		{[]string{"-like=" + addr, "-like-for=0s"}, "want a duration of more than 0"},
		{[]string{"-like=" + addr, "-region-tag=zone"}, `no member has the tag "zone"; tags are dc`},
		{[]string{"-like=" + addr, "-fault=crash,region=asia"}, `"asia": allowed are eu, us`},
		{[]string{"-like=" + locked}, "The agent wants its RPC key (rpc_auth): give it with -rpc-auth"},
		{[]string{"-like=127.0.0.1:1"}, "Its address is given by -like."},
	} {
		if code, _, errs := sim(t, t.Context(), tc.args...); code != exitError || !strings.Contains(errs, tc.want) {
			t.Errorf("%v: exit %d, %q, want %q", tc.args, code, errs, tc.want)
		}
	}
}

// The cluster may have changed when the command is given again.
func TestSweepSaysThatTheAgentIsAskedAnew(t *testing.T) {
	t.Parallel()
	args := []string{"-seeds=2", "-for=20s", "-like", serveRPC(t, &farCluster{}, "")}
	code, out, errs := sim(t, t.Context(), args...)
	if code != exitOK || !strings.Contains(out, "-print-scenario made.\n") {
		t.Errorf("exit %d: %s\n%s", code, errs, out)
	}
	if _, out, _ := sim(t, t.Context(), "-seeds=2", "-for=20s"); strings.Contains(out, "anew") {
		t.Errorf("without -like: %s", out)
	}
}

// The command that repeats a run is shown on pages that are passed on: without the key.
func TestLikeKeepsTheKeySecret(t *testing.T) {
	t.Parallel()
	addr := serveRPC(t, &farCluster{}, "secret")
	for _, args := range [][]string{{"-format=json"}, {"-seeds=2"}} {
		code, out, errs := sim(t, t.Context(), append(args, "-like="+addr, "-rpc-auth", "secret", "-for=20s")...)
		if code != exitOK || strings.Contains(out+errs, "secret") || !strings.Contains(out, "serf sim") {
			t.Errorf("exit %d: %s\n%s", code, errs, out)
		}
	}
}

// The advice is a configuration that the agent takes; it is in the JSON, too.
func TestSimAdvises(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("two searches")
	}
	code, out, errs := sim(t, t.Context(), "-advise=1.5", "-nodes=4", "-profile=local", "-events=0")
	i := strings.LastIndex(out, "\n\n{\n")
	if code != exitOK || i < 0 {
		t.Fatalf("exit %d: %s\n%s", code, errs, out)
	}
	for _, want := range []string{"crash             1 node at 5s", "pause             10% of the nodes", "crash known to all, s", "advised", "the present one",
		"No false failure in", "and up to 1.5 times the bytes"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	snippet := configFile(t, out[i:])
	if _, err := loadSetup([]string{"-config-file", snippet, "-profile=local", "-node=a", "-bind=127.0.0.1"}); err != nil {
		t.Error(err)
	}
	code, out, errs = sim(t, t.Context(), "-advise=1.5", "-nodes=4", "-profile=local", "-events=0", "-format=json")
	var d adviceDocument
	if err := json.Unmarshal([]byte(out), &d); err != nil || code != exitOK || d.Advice.Config == nil || d.Advice.Then.Known >= d.Advice.Now.Known {
		t.Errorf("exit %d, %v: %s\n%s", code, err, errs, out)
	}
	want, _ := os.ReadFile(snippet)
	var config timing.Timing
	if err := json.Unmarshal(want, &config); err != nil || fmt.Sprint(config.Texts()) != fmt.Sprint(d.Advice.Config.Texts()) {
		t.Errorf("%v: %v in the JSON, %v in the text", err, d.Advice.Config.Texts(), config.Texts())
	}
}

func TestAdviseRefuses(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		args []string
		want string
	}{
		{[]string{"-advise", "-seeds=2"}, "-advise and -seeds exclude each other"},
		{[]string{"-advise", "-print-scenario"}, "-advise and -print-scenario exclude each other"},
		{[]string{"-advise=0.5"}, "want a number from 1 to 1000"},
		{[]string{"-advise=NaN"}, "want a number from 1 to 1000"},
		{[]string{"-advise", "-nodes=1"}, "none to notice its crash"},
		{[]string{"-advise", "-nodes=100000", "-join=warm"}, "too many to try settings with"},
	} {
		if code, _, errs := sim(t, t.Context(), tc.args...); code != exitError || !strings.Contains(errs, tc.want) {
			t.Errorf("%v: exit %d, %q, want %q", tc.args, code, errs, tc.want)
		}
	}
}

// An agent that restarts while it is watched counts from 0 again.
func TestCountsOfAnAgentThatRestarts(t *testing.T) {
	t.Parallel()
	stats := func(uptime, events, eventTime string) agentStats {
		return agentStats{"counters": {"uptime": uptime, "events": events}, "serf": {"event_time": eventTime}}
	}
	w := watcher{length: 10 * time.Second}
	for _, c := range []struct {
		name        string
		first, last agentStats
		over        time.Duration
		events      uint64
	}{
		{"runs on", stats("1h", "100", "7"), stats("1h0m10s", "105", "9"), 10 * time.Second, 5},
		{"restarts", stats("1h", "100", "7"), stats("4s", "3", "9"), 4 * time.Second, 3},
	} {
		if got := w.counts(c.first, c.last); got.Over != c.over || got.Events != c.events {
			t.Errorf("%s: %d events in %v, want %d in %v", c.name, got.Events, got.Over, c.events, c.over)
		}
	}
	first, last := agentStats{"serf": {"event_time": "70"}}, agentStats{"serf": {"event_time": "2"}}
	if got := w.counts(first, last); got.Events != 2 {
		t.Errorf("by its clock: %d events, want 2", got.Events)
	}
}
