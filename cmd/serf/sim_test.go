package main

import (
	"bytes"
	"context"
	"encoding/json"
	"html"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"serf/internal/systest"
	"serf/netsim/cluster"
	"serf/netsim/report"
	"serf/netsim/scenario"
)

// sim runs `serf sim` and returns what it wrote.
func sim(t *testing.T, ctx context.Context, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, err bytes.Buffer
	code = runSim(ctx, args, env{Stdout: &out, Stderr: &err, LookupEnv: noVariables})
	return code, out.String(), err.String()
}

func TestSimTellsWhatWasSimulatedAndHowItWent(t *testing.T) {
	code, out, errs := sim(t, t.Context(), "-nodes=12", "-crash=2@10s", "-partition=30s,20s,0.25", "-loss=1%", "-latency=1ms..5ms", "-for=90s")
	if code != exitOK {
		t.Fatalf("exit %d: %s", code, errs)
	}
	for _, want := range []string{
		"nodes             12, profile lan, cold start, seed 1\n",
		"network           latency 1ms..5ms, loss 1%, duplicates 0%\n",
		"crash             2 nodes at 10s\n",
		"partition         25% of the nodes at 30s for 20s\n",
		"simulated         1m30s; at the end 10 of 12 members run, all views agree\n",
		"\ncrash known to all                 2 ",
		"\nuser events       3 fired, ",
		"\nbytes sent a second ",
		"\ntrace ",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("%q isn't in the output:\n%s", want, out)
		}
	}
	if !strings.Contains(errs, "of real time") || strings.Contains(out, "real time") {
		t.Errorf("wall time belongs to standard error, which is %q", errs)
	}
}

// A false failure is told as an agent tells it, with what was true besides.
func TestSimExplainsFalseFailures(t *testing.T) {
	args := []string{"-nodes=12", "-for=50s", "-fault=pause,members=m3,start=15s,length=25s"}
	code, out, errs := sim(t, t.Context(), append(args, "-explain=2")...)
	if code != exitOK {
		t.Fatalf("exit %d: %s", code, errs)
	}
	for _, want := range []string{
		"\n\nFalse failure 1 of ", "\n\nFalse failure 2 of ", "\nm3 as m", " sees it: failed\n", "s  alive -> suspect\n    m", "no answer to a ping",
		"s  suspect -> failed\n    m", "\nin truth: m3 was paused\n",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("%q isn't in the output:\n%s", want, out)
		}
	}
	if strings.Contains(out, "False failure 3") {
		t.Error("more are told than were asked for")
	}
	_, out, _ = sim(t, t.Context(), append(args, "-explain", "-format=json")...)
	var doc struct {
		Explain []struct {
			At      float64
			Name    string
			Changes []struct {
				At       float64
				To, Text string
			}
			Truth []string
		}
	}
	if err := json.Unmarshal([]byte(out), &doc); err != nil {
		t.Fatal(err)
	}
	if len(doc.Explain) != explainDefault {
		t.Fatalf("%d are told, want %d", len(doc.Explain), explainDefault)
	}
	for _, x := range doc.Explain {
		last := x.Changes[len(x.Changes)-1]
		if x.Name != "m3" || last.To != "failed" || last.At != x.At || last.Text == "" || x.Truth[0] != "m3 was paused" {
			t.Errorf("%+v", x)
		}
	}
}

func TestSimRepeatsItself(t *testing.T) {
	run := func(args ...string) string {
		code, out, errs := sim(t, t.Context(), append([]string{"-for=20s", "-loss=0.05", "-profile=local"}, args...)...)
		if code != exitOK {
			t.Fatalf("exit %d: %s", code, errs)
		}
		return out
	}
	if a, b := run("-seed=3"), run("-seed=3"); a != b {
		t.Errorf("one seed, two outputs:\n%s\n%s", a, b)
	}
	if run("-seed=3") == run("-seed=4") {
		t.Error("two seeds, one output")
	}
}

func TestSimWarmStartsMeasuringLater(t *testing.T) {
	code, out, errs := sim(t, t.Context(), "-join=warm", "-for=10s", "-crash=1")
	if code != exitOK {
		t.Fatalf("exit %d: %s", code, errs)
	}
	if strings.Contains(out, "cold start") || !strings.Contains(out, "crash             1 node at 3.333333333s\n") || !strings.Contains(out, "simulated         10s;") {
		t.Errorf("output:\n%s", out)
	}
}

func TestSimWritesJSONThatSaysHowToDoItAgain(t *testing.T) {
	code, out, errs := sim(t, t.Context(), "-format=json", "-crash=1", "-seed=7", "-latency", "1ms..2ms")
	if code != exitOK {
		t.Fatalf("exit %d: %s", code, errs)
	}
	var doc simDocument
	d := json.NewDecoder(strings.NewReader(out))
	d.DisallowUnknownFields()
	if err := d.Decode(&doc); err != nil {
		t.Fatal(err)
	}
	want := simCommand([]string{"-format=json", "-crash=1", "-seed=7", "-latency", "1ms..2ms"})
	if doc.Command != want || doc.Seed != 7 || doc.Version != simDocumentVersion {
		t.Errorf("version %d, seed %d, command %q", doc.Version, doc.Seed, doc.Command)
	}
	if err := doc.Scenario.Validate(); err != nil || doc.Scenario.Seed != 7 || len(doc.Scenario.Faults) != 1 {
		t.Errorf("scenario %+v, error %v", doc.Scenario, err)
	}
	if r := &doc.Report; r.Crashes.Count != 1 || len(r.Series.AtSeconds) != 600 || r.SimulatedSeconds != 60 {
		t.Errorf("%d crashes, %d samples in %v s", r.Crashes.Count, len(r.Series.AtSeconds), r.SimulatedSeconds)
	}
}

func TestSimWritesAPageThatReplacesAnOlderOne(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.html")
	if code, out, errs := sim(t, t.Context(), "-nodes=3", "-for=1s", "-report="+path); code != exitOK {
		t.Fatalf("exit %d: %s%s", code, out, errs)
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(bytes.Repeat([]byte("old "), 1<<20)); err != nil || f.Close() != nil {
		t.Fatal(err)
	}
	code, out, errs := sim(t, t.Context(), "-crash=1", "-report="+path)
	if code != exitOK || !strings.Contains(out, "\ntrace ") {
		t.Fatalf("exit %d: %s%s", code, out, errs)
	}
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"serf sim -crash=1 " + html.EscapeString(shellWord("-report="+path)), "How each crash became known", "latency exp:100µs,500µs"} {
		if !strings.Contains(string(page), want) {
			t.Errorf("%q isn't on the page", want)
		}
	}
	if !strings.HasSuffix(string(page), "</html>\n") || strings.Contains(string(page), "old old") {
		t.Error("the old contents are still there")
	}
}

// A file that is no page is somebody's: a scenario, say.
func TestSimDoesntReplaceWhatIsNoPage(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.html")
	for _, content := range []string{"precious\n", "<!DOCTYPE html>\n<title>Mine</title>\n", `{"members": 3}`} {
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		for _, option := range []string{"-seed=1", "-sweep=nodes=3,5"} {
			code, out, errs := sim(t, t.Context(), "-nodes=3", "-for=1s", option, "-report="+path)
			want := "Error opening the report: " + path + " is there already, and no page of serf sim\n"
			if got, _ := os.ReadFile(path); code != exitError || out != "" || errs != want || string(got) != content {
				t.Errorf("%s: exit %d: %s%s; the file has %q", option, code, out, errs, got)
			}
		}
	}
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if code, _, errs := sim(t, t.Context(), "-nodes=3", "-for=1s", "-report="+path); code != exitOK {
		t.Errorf("an empty file, exit %d: %s", code, errs)
	}
}

func TestSimSaysBeforeTheRunThatAPageCantBeWritten(t *testing.T) {
	code, out, errs := sim(t, t.Context(), "-report="+filepath.Join(t.TempDir(), "nowhere", "a.html"))
	if code != exitError || out != "" || !strings.HasPrefix(errs, "Error opening the report: open ") {
		t.Errorf("exit %d: %s%s", code, out, errs)
	}
}

func TestShellWordsAreQuotedIfNeeded(t *testing.T) {
	for word, want := range map[string]string{
		"-crash=1@2s": "-crash=1@2s", "": "''", "a b": "'a b'", "it's": `'it'\''s'`, "$x": "'$x'", "a;b": "'a;b'", "µ": "'µ'",
	} {
		if got := posixWord(word); got != want {
			t.Errorf("%q becomes %s, want %s", word, got, want)
		}
	}
}

func TestWindowsWordsAreQuotedIfNeeded(t *testing.T) {
	for word, want := range map[string]string{
		"-nodes=3": "-nodes=3", `C:\tmp\x`: `C:\tmp\x`, "": `""`, "a b": `"a b"`, "it's": `"it's"`, "a&b": `"a&b"`, "loss=0,5.5": `"loss=0,5.5"`,
		`C:\a b\`: `"C:\a b\\"`, `say "x"`: `"say \"x\""`, `\"`: `"\\\""`, `a\b c`: `"a\b c"`,
	} {
		if got := windowsWord(word); got != want {
			t.Errorf("%q becomes %s, want %s", word, got, want)
		}
	}
}

func TestSimInterruptedPrintsWhatIsDone(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	stop()
	code, out, _ := sim(t, ctx)
	if code != exitError || !strings.Contains(out, "simulated         0s (interrupted); at the end 0 of 10 members") {
		t.Errorf("exit %d:\n%s", code, out)
	}
}

func TestSimNamesTheOptionTheValueAndWhatIsAllowed(t *testing.T) {
	tests := []struct{ arg, want string }{
		{"-nodes=0", `-nodes 0: allowed 1 to 10000`},
		{"-nodes=many", `invalid value "many" for option -nodes: want a whole number`},
		{"-seed=-1", `invalid value "-1" for option -seed: want a whole number, 0 or more`},
		{"-for=long", `invalid value "long" for option -for: want a duration such as 90s or 2h`},
		{"-profile=moon", `-profile "moon": allowed are lan, wan, local`},
		{"-join=hot", `invalid value "hot" for option -join: want cold or warm`},
		{"-loss=101%", `invalid value "101%" for option -loss: want a percentage up to 100, as 5% or 5, or a share below 1, as 0.05`},
		{"-loss=101", `invalid value "101" for option -loss: want a percentage`},
		{"-loss=NaN", `invalid value "NaN" for option -loss: want a percentage up to 100, as 5% or 5, or a share below 1, as 0.05`},
		{"-latency=fast", `invalid value "fast" for option -latency: "fast" is no duration such as 5ms`},
		{"-crash=0", `invalid value "0" for option -crash: want N or N@TIME, such as 3@20s, with N at least 1`},
		{"-crash=1@soon", `invalid value "1@soon" for option -crash: want N or N@TIME, such as 3@20s`},
		{"-crash=11", `-crash=11: count 11: allowed 1 to 10 nodes`},
		{"-crash=1@2m", `-crash=1@2m: start 2m0s: allowed 0s to 1m0s, the length of the run`},
		{"-partition=10s", `invalid value "10s" for option -partition: want START,LENGTH or START,LENGTH,SHARE, such as 20s,1m,30%`},
		{"-partition=10s,10s,200", `invalid value "10s,10s,200" for option -partition: want START,LENGTH or START,LENGTH,SHARE`},
		{"-for=0s", `-for 0s: allowed more than 0, up to 720h0m0s`},
		{"-events=-1", `-events -1: allowed 0 to 10000`},
		{"-explain=101", `-explain "101": want a number from 0 to 100`},
		{"-explain -nodes=1001", `-explain: 1001 nodes, allowed 1000`},
		{"-explain -seeds=2", `-explain tells of one run, and not of a sweep`},
		{"-speed=9", `unknown option -speed`},
		{"now", `unknown argument "now"`},
	}
	for _, tt := range tests {
		code, out, errs := sim(t, t.Context(), strings.Fields(tt.arg)...)
		if code != exitError || out != "" || !strings.HasPrefix(errs, "serf sim: "+tt.want) {
			t.Errorf("%s: exit %d, %q, want %q", tt.arg, code, errs, tt.want)
		}
	}
}

func TestSimHelpListsAllOptions(t *testing.T) {
	code, out, errs := sim(t, t.Context(), "-h")
	if code != exitOK || errs != "" {
		t.Fatalf("exit %d: %s", code, errs)
	}
	names := []string{"join", "crash", "partition", "fault", "work", "scenario", "format", "report"}
	for _, p := range scenario.Params() {
		names = append(names, p.Name)
	}
	for _, name := range names {
		if !strings.Contains(out, "\n  -"+name+"=") {
			t.Errorf("-%s isn't there", name)
		}
	}
}

// writeScenarioFile puts text into a file and returns its path.
func writeScenarioFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "s.json")
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestSimPlaysAFileAndOptionsChangeIt(t *testing.T) {
	path := writeScenarioFile(t, `{"nodes": 20, "for": "30s", "events": 0, "faults": [{"kind": "crash", "start": "5s", "count": 2}]}`)
	code, out, errs := sim(t, t.Context(), "-nodes=8", "-scenario="+path, "-loss=1%", "-fault=pause,count=1,start=10s,length=2s")
	if code != exitOK {
		t.Fatalf("exit %d: %s", code, errs)
	}
	for _, want := range []string{
		"nodes             8, profile lan, cold start, seed 1\n", "loss 1%", "crash             2 nodes at 5s\n",
		"pause             1 node at 10s for 2s\n", "simulated         30s; at the end 6 of 8 members run",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("%q isn't in the output:\n%s", want, out)
		}
	}
}

func TestSimPrintsAScenarioThatMeansTheSame(t *testing.T) {
	args := []string{
		"-nodes=9", "-for=40s", "-seed=3", "-profile=local", "-join=warm", "-crash=2", "-partition=20s,5s", "-gossip-nodes=4", "-jitter=1ms",
		"-work=event,every=7s,size=50", "-encrypt",
	}
	code, file, errs := sim(t, t.Context(), append(args, "-print-scenario")...)
	if code != exitOK {
		t.Fatalf("exit %d: %s", code, errs)
	}
	_, want, _ := sim(t, t.Context(), args...)
	if _, got, errs := sim(t, t.Context(), "-scenario="+writeScenarioFile(t, file)); got != want || got == "" {
		t.Errorf("%s\nby options:\n%s\nby file %s:\n%s", errs, want, file, got)
	}
}

func TestSimNamesThePlaceInTheFile(t *testing.T) {
	path := writeScenarioFile(t, "{\n  \"nodes\": 20,\n  \"faults\": [{\"kind\": \"crash\", \"count\": 30}]\n}")
	tests := []struct {
		args []string
		want string
	}{
		{[]string{"-scenario=" + path}, path + ":3:32: faults[0].count 30: allowed 1 to 20 nodes\n"},
		{[]string{"-scenario=" + path, "-nodes=30", "-for=0s"}, "-for 0s: allowed more than 0, up to 720h0m0s\n"},
		{[]string{"-scenario=" + path, "-nodes=30", "-crash=31"}, "-crash=31: count 31: allowed 1 to 30 nodes\n"},
		{[]string{"-scenario=" + path + "x"}, path + "x: " + systest.NoSuchFile(t) + "\n"},
		{[]string{"-scenario=" + writeScenarioFile(t, `{"node": 1, "for": 3}`)}, ":1:2: node: is no key here; did you mean nodes? allowed are "},
		{[]string{"-start-over=1s", "-join=warm"}, "-start-over not together with warm: all have been there for long\n"},
		{[]string{"-fault=crash,count=3,start=2h"}, "-fault=crash,count=3,start=2h: start 2h0m0s: allowed 0s to 1m0s, the length of the run\n"},
		{[]string{"-fault=crash"}, "-fault=crash: kind crash needs one of count, share, region, members\n"},
		{[]string{"-fault=boom"}, `invalid value "boom" for option -fault: kind "boom": allowed are crash, leave, `},
		{[]string{"-work=rotate-key,every=1s"}, "-work=rotate-key,every=1s: there is no key to rotate: set encrypt\n"},
		{[]string{"-probe-timeout=1m"}, "-probe-timeout 1m0s, at least 1ms and less than the probe interval 1s\n"},
	}
	for _, tt := range tests {
		code, out, errs := sim(t, t.Context(), tt.args...)
		if code != exitError || out != "" || !strings.Contains(errs, tt.want) {
			t.Errorf("%v: exit %d, %q, want %q", tt.args, code, errs, tt.want)
		}
	}
}

// An agent's configuration is simulated as it is, and the other way round.
func TestSimTakesTheTimingsOfAgents(t *testing.T) {
	agentFile := configFile(t, `{"node_name": "a", "profile": "wan", "keyring_file": "/nowhere", "probe_interval": "7s", "gossip_nodes": 5, "reap_interval": "9s"}`)
	scenario := writeScenarioFile(t, `{"profile": "local", "timing": {"gossip_nodes": 4, "suspicion_mult": 3}}`)
	r, _, ok := parseSim(t.Context(), []string{"-gossip-nodes=6", "-agent-config", agentFile, "-scenario", scenario}, env{LookupEnv: noVariables})
	s := &r.scenario
	if !ok || s.Profile != "wan" || s.Timing.ProbeInterval.String() != "7s" || *s.Timing.GossipNodes != 6 || *s.Timing.SuspicionMult != 3 || s.Timing.ReapInterval.String() != "9s" {
		t.Errorf("%v, profile %s, timing %+v", ok, s.Profile, s.Timing)
	}
	var warned bytes.Buffer
	twice := configFile(t, `{"gossip_nodes": 5} {}`)
	if _, _, ok := parseSim(t.Context(), []string{"-agent-config", twice}, env{Stderr: &warned, LookupEnv: noVariables}); !ok || warned.String() != "serf sim: warning: "+twice+":1:21: what follows the first object is ignored\n" {
		t.Errorf("%v, %q", ok, warned.String())
	}
	conf, err := loadSetup([]string{"-config-file", configFile(t, `{"probe_interval": "7s", "gossip_nodes": 5, "reap_interval": "9s"}`), "-node=a", "-bind=127.0.0.1"})
	if err != nil {
		t.Fatal(err)
	}
	if c := conf.agentConfig(); c.Timing.ProbeInterval != 7*time.Second || c.Timing.GossipNodes != 5 || c.ReapInterval != 9*time.Second {
		t.Errorf("the agent has %v, %v, %v", c.Timing.ProbeInterval, c.Timing.GossipNodes, c.ReapInterval)
	}
	for content, want := range map[string]string{
		`{"gossip_nodes": 99}`: ":1:2: gossip_nodes 99, allowed 1 to 64\n", `{"gossip_nods": 9}`: ":1:2: gossip_nods: is no key here; did you mean gossip_nodes?\n",
	} {
		path := configFile(t, content)
		code, out, errs := sim(t, t.Context(), "-agent-config", path)
		if code != exitError || out != "" || !strings.HasPrefix(errs, "serf sim: "+path+want) {
			t.Errorf("%s: exit %d, %q, want %q", content, code, errs, want)
		}
	}
}

func TestSimSaysHowToSeeABrokenRuleAgain(t *testing.T) {
	path := writeScenarioFile(t, "{}")
	r, code, ok := parseSim(t.Context(), []string{"-scenario", path, "-seed=7", "-check"}, env{LookupEnv: noVariables})
	if !ok {
		t.Fatal(code)
	}
	var errs bytes.Buffer
	code = r.judge(env{Stderr: &errs}, &report.Report{Violations: make([]report.Violation, 2)})
	if want := "Rules were broken: 2. To see it again:\n  " + r.to.command + "\n"; code != exitError || errs.String() != want {
		t.Errorf("exit %d, %q, want %q", code, errs.String(), want)
	}
	if want := "serf sim -scenario " + shellWord(path) + " -seed=7 -check"; r.to.command != want {
		t.Errorf("command %q", r.to.command)
	}
}

func TestMoreBrokenRulesThanAreKept(t *testing.T) {
	var errs bytes.Buffer
	r := simRun{to: simOutput{command: "serf sim -seed=5"}}
	r.judge(env{Stderr: &errs}, &report.Report{Violations: make([]report.Violation, cluster.MaxViolations)})
	if want := "Rules were broken: 20 or more. "; !strings.HasPrefix(errs.String(), want) {
		t.Errorf("%q, want %q", errs.String(), want)
	}
}
