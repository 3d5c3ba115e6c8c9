package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"serf/agent/config"
	"serf/internal/std"
	"serf/internal/timing"
	"serf/netsim"
	"serf/netsim/cluster"
	"serf/netsim/report"
	"serf/netsim/scenario"
	"serf/netsim/twin"
)

// Defaults of options that aren't parameters of a scenario.
const simShare = "50%" // of the nodes, that a partition cuts off

func runSim(ctx context.Context, args []string, e env) int {
	if len(args) > 0 {
		switch args[0] {
		case "lifeguard":
			return runLifeguard(ctx, args[1:], e)
		case "convergence":
			return runConvergence(ctx, args[1:], e)
		case "events":
			return runEvents(ctx, args[1:], e)
		case "merge":
			return runMerge(ctx, args[1:], e)
		}
		if !strings.HasPrefix(args[0], "-") {
			return newOptions("sim", "", e).misused("%s", unknownPart("sim", args[0]))
		}
	}
	r, code, ok := parseSim(ctx, args, e)
	if !ok {
		return code
	}
	if r.print {
		return printScenario(&r.scenario, e)
	}
	if r.cost > 0 {
		return r.advise(ctx, e)
	}
	if r.sweep != nil {
		return r.sweep.do(ctx, e)
	}
	defer collectOften(&r.scenario)()
	bar := newProgress(e.Stderr)
	if err := r.to.open(); err != nil {
		return e.fail("opening the report", err)
	}
	began := time.Now()
	report, err := r.scenario.Run(ctx, bar.run(time.Duration(r.scenario.For)))
	bar.clear()
	if err != nil {
		return e.fail("", err) // checked by parseSim: can't be
	}
	if err := r.to.write(e, &r.scenario, &report); err != nil {
		return e.fail("writing the report", err)
	}
	took := time.Since(began)
	fmt.Fprintf(e.Stderr, "%v of real time, %.1f times as fast as life\n",
		took.Round(time.Millisecond), report.Time.Seconds()/took.Seconds())
	return r.judge(e, &report)
}

// collectOften has the garbage collector keep the memory of a cold start low, until the returned
// function is called. What members know of each other has no pointers: collecting more often costs
// 6% more time and saves a third of the memory. A warm start has little to collect.
func collectOften(s *scenario.Scenario) (end func()) {
	if s.Start.Warm || os.Getenv("GOGC") != "" {
		return func() {}
	}
	const spare = 30 // percent of what is in use
	was := debug.SetGCPercent(spare)
	return func() { debug.SetGCPercent(was) }
}

// judge is the exit code for a report. Of broken rules it says how to see them again.
func (r *simRun) judge(e env, report *report.Report) int {
	if n := len(report.Violations); n > 0 {
		times := strconv.Itoa(n)
		if n == cluster.MaxViolations {
			times += " or more"
		}
		fmt.Fprintf(e.Stderr, "Rules were broken: %s. To see it again:\n  %s\n", times,
			r.to.command)
		return exitError
	}
	if report.Cut {
		return exitError
	}
	return exitOK
}

// simRun is what a command line of `serf sim` asks for.
type simRun struct {
	scenario scenario.Scenario
	print    bool // the scenario, instead of running it
	to       simOutput
	sweep    *simSweep // instead of a single run, or nil
	cost     float64   // of what -advise looks for, instead of a single run; 0 without it
	workers  int       // as given
}

// setting is an option that changes the scenario, with what changes it.
type setting struct {
	name  string // of the option, with the value if it can be given more than once
	key   string // of the scenario, "" if it adds to a list
	apply func(s *scenario.Scenario) error
}

// isSet reports whether an option is -set: another one for the same key is a mistake.
func isSet(option string) bool { return strings.HasPrefix(option, "set=") }

// simOptions collects what the command line says about the scenario: a file comes first, wherever
// it is named.
type simOptions struct {
	*options
	file      string
	like      likeOptions
	cost      float64   // what -advise may cost; 0 without it
	agents    *[]string // configuration files
	print     bool
	workers   int
	explained string // what -explain was given
	settings  []setting
	sweeps    *[]string
	seeds     int
	shards    *shardOptions
}

// parseSim turns the command line into a run. If ok is false the command ends with code.
func parseSim(ctx context.Context, args []string, e env) (r simRun, code int, ok bool) {
	o := &simOptions{options: newOptions("sim", simHelp(), e)}
	o.rule.strict = true
	o.define()
	format := o.format()
	page := o.text("report", "")
	o.addSweep()
	if _, code, ok = o.parse(args); !ok {
		return r, code, false
	}
	r = simRun{scenario: scenario.Default(), print: o.print}
	args = without(o.set, args, secretOptions...)
	r.to = simOutput{format: *format, page: *page, command: simCommand(args)}
	var places map[string]scenario.Place
	if err := errors.Join(o.checkLike(), o.checkAdvise()); err != nil {
		return r, o.misused("%v", err), false
	}
	r.cost, r.workers = o.cost, o.workers
	switch {
	case o.file != "":
		var err error
		if r.scenario, places, err = readScenario(o.file); err != nil {
			return r, o.misused("%s", prefixed(o.file+":", err)), false
		}
	case o.like.addr != "":
		var tw twin.Twin
		if tw, code, ok = o.twin(ctx); !ok {
			return r, code, false
		}
		r.scenario, r.to.trips = tw.Scenario, tw.RoundTrips
	}
	byAgent, err := o.takeTimings(&r.scenario)
	if err != nil {
		return r, o.misused("%v", err), false
	}
	byOption := make(map[string]string) // keys, and the option that set them
	for _, x := range o.settings {
		faults, works := len(r.scenario.Faults), len(r.scenario.Work)
		if was := byOption[x.key]; x.key != "" && was != "" && (isSet(x.name) || isSet(was)) {
			return r, o.misused("-%s: -%s sets it, too", x.name, was), false
		}
		if err := x.apply(&r.scenario); err != nil {
			return r, o.misused("-%s: %v", x.name, err), false
		}
		byOption[x.key] = x.name
		byOption[addedKey("faults", faults, len(r.scenario.Faults))] = x.name
		byOption[addedKey("work", works, len(r.scenario.Work))] = x.name
	}
	if err := o.takeExplain(&r.scenario); err != nil {
		return r, o.misused("%v", err), false
	}
	if err := o.checkShard(); err != nil {
		return r, o.misused("%v", err), false
	}
	if o.wantsSweep() { // the scenario need make sense with the values of each point only
		var err error
		if r.sweep, err = o.sweep(&r, args); err != nil {
			return r, o.misused("%v", err), false
		}
		return r, exitOK, true
	}
	if err := r.scenario.Validate(); err != nil {
		return r, o.misused("%s", o.explain(err, byOption, byAgent, places)), false
	}
	r.scenario.Workers = simWorkers(o.workers, r.scenario.Members)
	return r, exitOK, true
}

// simWorkers is how many processors a simulation gets if the user leaves it to us: in small
// clusters they would wait for each other more than they work.
func simWorkers(asked, members int) int {
	const worthwhile, most = 5000, 8 // members; processors
	switch {
	case asked > 0:
		return asked
	case members < worthwhile:
		return 1
	}
	return min(runtime.NumCPU(), most)
}

// addedKey is the key of what has been added to a list, "" if nothing was.
func addedKey(list string, before, after int) string {
	if after == before {
		return ""
	}
	return fmt.Sprintf("%s[%d]", list, before)
}

// define adds the options.
func (o *simOptions) define() {
	o.textVar(&o.file, "scenario")
	o.addLike()
	o.addAdvise()
	o.agents = o.list("agent-config")
	o.set.BoolVar(&o.print, "print-scenario", false, "")
	o.whole("workers", &o.workers, 0, netsim.MaxWorkers)
	o.addExplain()
	for _, p := range scenario.Params() {
		set := func(text string) error {
			apply := func(s *scenario.Scenario) error { return s.Set(p.Name, text) }
			o.settings = append(o.settings, setting{p.Name, p.Key, apply})
			scratch := scenario.Default()
			return apply(&scratch)
		}
		if p.Switch() {
			o.set.BoolFunc(p.Name, "", set)
		} else {
			o.set.Func(p.Name, "", set)
		}
	}
	o.adds("join", func(text string) (func(*scenario.Scenario), error) {
		if text != "cold" && text != "warm" {
			return nil, errors.New("want cold or warm")
		}
		return func(s *scenario.Scenario) { s.Start.Warm = text == "warm" }, nil
	})
	o.adds("fault", func(text string) (func(*scenario.Scenario), error) {
		f, err := scenario.ParseFault(text)
		return func(s *scenario.Scenario) { s.Faults = append(s.Faults, f) }, err
	})
	o.adds("work", func(text string) (func(*scenario.Scenario), error) {
		w, err := scenario.ParseWork(text)
		return func(s *scenario.Scenario) { s.Work = append(s.Work, w) }, err
	})
	o.set.Func("set", "", func(text string) error {
		key, value, ok := strings.Cut(text, "=")
		if !ok {
			return errors.New("want KEY=VALUE, such as faults[0].count=3")
		}
		o.settings = append(o.settings, setting{"set=" + text, scenario.KeyOf(key),
			func(s *scenario.Scenario) error { return s.Set(key, value) }})
		return nil
	})
	o.adds("crash", parseCrash)
	o.adds("partition", parseSplit)
}

// adds is an option whose text is read at once and takes effect when the scenario is there.
func (o *simOptions) adds(name string, parse func(text string) (func(*scenario.Scenario), error)) {
	o.set.Func(name, "", func(text string) error {
		apply, err := parse(text)
		o.settings = append(o.settings, setting{name: name + "=" + text,
			apply: func(s *scenario.Scenario) error { apply(s); return nil }})
		return err
	})
}

// takeTimings sets the profile and timings that agents are configured with. It returns the keys of
// the scenario that were set, and where each is in its file.
func (o *simOptions) takeTimings(s *scenario.Scenario) (origins map[string]string, err error) {
	c, warnings, err := config.ReadFiles(*o.agents, config.OS())
	for _, w := range warnings {
		o.warn("%s", w)
	}
	if err != nil {
		return nil, err
	}
	origins = make(map[string]string)
	if c.Profile != "" {
		s.Profile, origins["profile"] = c.Profile, c.Origins["profile"]
	}
	s.Timing.Take(&c.Timing)
	for _, key := range timing.Keys() {
		if origin, ok := c.Origins[key]; ok {
			origins["timing."+key] = origin
		}
	}
	return origins, nil
}

// scenarioMax is more than anybody writes, in bytes: a path given by mistake must not fill the
// memory.
const scenarioMax = 4 << 20

func readScenario(path string) (scenario.Scenario, map[string]scenario.Place, error) {
	data, err := readFile(path, scenarioMax)
	if err != nil {
		return scenario.Scenario{}, nil, fmt.Errorf(" %w", err)
	}
	return scenario.Parse(data)
}

// readFile reads a file of at most limit bytes. The error doesn't name it.
func readFile(path string, limit int) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, std.WithoutPath(err)
	}
	defer f.Close()
	data, err := readAll(f, limit)
	return data, std.WithoutPath(err)
}

// prefixed puts prefix before each problem of err, one a line.
func prefixed(prefix string, err error) string {
	return prefix + strings.ReplaceAll(err.Error(), "\n", "\n"+prefix)
}

// explain says of each problem where it comes from: an option, or a place in the file.
func (o *simOptions) explain(
	err error, byOption, byAgent map[string]string, places map[string]scenario.Place,
) string {
	var lines []string
	for _, p := range scenario.Problems(err) {
		lines = append(lines, o.explainOne(p, byOption, byAgent, places))
	}
	return strings.Join(lines, "\n")
}

func (o *simOptions) explainOne(
	p *scenario.Problem, byOption, byAgent map[string]string, places map[string]scenario.Place,
) string {
	for key, rest := p.Key, ""; ; {
		if name, ok := byOption[key]; ok {
			if strings.Contains(name, "=") {
				name += ":"
			}
			return strings.Join(strings.Fields("-"+name+" "+rest+" "+p.Text), " ")
		}
		if origin, ok := byAgent[key]; ok {
			return fmt.Sprintf("%s: %s %s", origin, strings.TrimPrefix(p.Key, "timing."), p.Text)
		}
		if place, ok := places[key]; ok {
			return fmt.Sprintf("%s:%v: %v", o.file, place, p)
		}
		cut := strings.LastIndexByte(key, '.')
		if cut < 0 {
			break
		}
		key, rest = key[:cut], p.Key[cut+1:]
	}
	if o.file != "" {
		return fmt.Sprintf("%s: %v", o.file, p)
	}
	for _, x := range scenario.Params() {
		if x.Key == p.Key {
			return "-" + x.Name + " " + p.Text
		}
	}
	return p.Error()
}

// parseCrash reads N[@TIME]. By default they crash after a third of the time.
func parseCrash(s string) (func(*scenario.Scenario), error) {
	count, at, given := strings.Cut(s, "@")
	f := scenario.Fault{Kind: scenario.FaultCrash}
	var err error
	if f.Count, err = strconv.Atoi(count); err != nil || f.Count < 1 {
		return nil, errors.New("want N or N@TIME, such as 3@20s, with N at least 1")
	}
	if given {
		if err = f.Start.UnmarshalText([]byte(at)); err != nil || f.Start < 0 {
			return nil, errors.New("want N or N@TIME, such as 3@20s")
		}
	}
	return func(s *scenario.Scenario) {
		f := f
		if !given {
			f.Start = s.For / 3
		}
		s.Faults = append(s.Faults, f)
	}, nil
}

// parseSplit reads START,LENGTH[,SHARE].
func parseSplit(s string) (func(*scenario.Scenario), error) {
	parts := strings.Split(s, ",")
	if len(parts) == 2 {
		parts = append(parts, simShare)
	}
	f := scenario.Fault{Kind: scenario.FaultPartition}
	if len(parts) != 3 ||
		errors.Join(f.Start.UnmarshalText([]byte(parts[0])),
			f.Length.UnmarshalText([]byte(parts[1])),
			f.Share.UnmarshalText([]byte(parts[2]))) != nil || f.Start < 0 || f.Length <= 0 {
		return nil, errors.New("want START,LENGTH or START,LENGTH,SHARE, such as 20s,1m,30%")
	}
	return func(s *scenario.Scenario) { s.Faults = append(s.Faults, f) }, nil
}

// writeScenario says what was simulated, so that the output is complete by itself.
func writeScenario(w io.Writer, s *scenario.Scenario) {
	for _, l := range s.Lines() {
		fmt.Fprintf(w, "%-17s %s\n", l.Label, l.Text)
	}
}

// printScenario writes the scenario as a file to start from.
func printScenario(s *scenario.Scenario, e env) int {
	if _, err := s.WriteTo(e.Stdout); err != nil {
		return e.fail("writing the scenario", err)
	}
	return exitOK
}
