package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"serf/netsim/report"
	"serf/netsim/report/page"
	"serf/netsim/scenario"
)

// simSweep is what a command line with -sweep or -seeds asks for.
type simSweep struct {
	scenario.Sweep
	points  []scenario.Point
	to      simOutput
	workers int      // runs at a time
	given   []string // arguments, but for those about output and processors
	args    []string // those of given that all runs have in common
	options *options
	shards  *shardOptions
}

// addSweep adds the options of sweeps.
func (o *simOptions) addSweep() {
	o.sweeps = o.list("sweep")
	o.shards = o.addShard()
	o.set.Func("seeds", "", func(text string) (err error) {
		if o.seeds, err = strconv.Atoi(text); err != nil || o.seeds < 1 {
			return errors.New("want a whole number, 1 or more")
		}
		return nil
	})
}

func (o *simOptions) wantsSweep() bool { return len(*o.sweeps) > 0 || o.seeds != 0 }

// sweep is what the options about sweeps mean. args is the command line.
func (o *simOptions) sweep(r *simRun, args []string) (*simSweep, error) {
	x := scenario.Sweep{Base: r.scenario, Seeds: max(o.seeds, 1)}
	for _, text := range *o.sweeps {
		k, err := scenario.ParseAxis(text, &x.Base)
		if err != nil {
			return nil, fmt.Errorf("-sweep=%s: %w", text, err)
		}
		key := scenario.KeyOf(k.Name)
		same := func(a scenario.Axis) bool { return scenario.KeyOf(a.Name) == key }
		if slices.ContainsFunc(x.Axes, same) {
			return nil, fmt.Errorf("-sweep=%s: %s is swept twice", text, k.Name)
		}
		for _, set := range o.settings {
			if set.key == key && isSet(set.name) {
				return nil, fmt.Errorf("-sweep=%s: -%s sets it, too", text, set.name)
			}
		}
		x.Axes = append(x.Axes, k)
	}
	s, err := newSweep(x, o.set, common(o.set, args))
	if err != nil {
		return nil, err
	}
	s.to, s.workers, s.options, s.shards = r.to, o.workers, o.options, o.shards
	return s, nil
}

// newSweep prepares a sweep that those arguments, which set knows, ask for.
func newSweep(x scenario.Sweep, set *flag.FlagSet, given []string) (*simSweep, error) {
	s := &simSweep{Sweep: x, given: given}
	s.args = without(set, given, "sweep", "seeds", "seed")
	for _, k := range x.Axes {
		s.args = without(set, s.args, k.Name)
	}
	var err error
	if s.points, err = s.Points(); err != nil {
		return nil, errors.New(strings.ReplaceAll(err.Error(), "\n", "; "))
	}
	return s, nil
}

// sweepSettings determine the runs of a sweep, whatever files its options name.
type sweepSettings struct {
	Scenario json.RawMessage `json:"scenario"` // with the first seed
	Axes     []scenario.Axis `json:"knobs"`
	Seeds    int             `json:"seeds"`
}

func (s *simSweep) settings() any {
	base, _ := json.Marshal(s.Base) // a scenario can always be written
	return sweepSettings{base, notNil(s.Axes), s.Seeds}
}

// sweepOf is the sweep that a part belongs to.
func sweepOf(head *partHead) (*simSweep, error) {
	var x sweepSettings
	if err := json.Unmarshal(head.Settings, &x); err != nil {
		return nil, err
	}
	base, _, err := scenario.Parse(x.Scenario)
	if err != nil {
		return nil, err
	}
	o := &simOptions{options: newOptions("sim", "", env{LookupEnv: noVariables})}
	o.define()
	o.addSweep()
	return newSweep(scenario.Sweep{Base: base, Axes: x.Axes, Seeds: x.Seeds}, o.set, head.Args)
}

func (s *simSweep) size() int { return len(s.points) * s.Seeds }

func (s *simSweep) deal(shard scenario.Shard) []int { return s.Deal(s.points, shard) }

func (s *simSweep) run(
	ctx context.Context, which []int, progress func(done float64), done func(i int, result any),
) error {
	parallel := cmp.Or(s.workers, runtime.GOMAXPROCS(0))
	return s.RunSome(ctx, s.points, which, parallel, progress,
		func(i int, r scenario.Run) { done(i, r) })
}

// without returns args, which set has parsed, less some options.
func without(set *flag.FlagSet, args []string, names ...string) []string {
	var kept []string
	for i := 0; i < len(args); i++ {
		from := i
		name, _, hasValue := strings.Cut(strings.TrimLeft(args[i], "-"), "=")
		f := set.Lookup(name)
		if f == nil { // can't be: it was parsed
			continue
		}
		if b, ok := f.Value.(interface{ IsBoolFlag() bool }); !hasValue && !(ok && b.IsBoolFlag()) {
			i++ // its value is a word of its own
		}
		if !slices.Contains(names, name) {
			kept = append(kept, args[from:i+1]...)
		}
	}
	return kept
}

// command is what does one run of a point.
func (s *simSweep) command(p *scenario.Point, seed string) string {
	args := slices.Clone(s.args)
	for j, v := range p.Values {
		args = append(args, s.setting(j, v))
	}
	return simCommand(append(args, "-seed="+seed))
}

// setting is the option that gives an axis a value.
func (s *simSweep) setting(axis int, value string) string {
	name := s.Axes[axis].Name
	if _, ok := scenario.ParamNamed(name); ok {
		return "-" + name + "=" + value
	}
	return "-set=" + name + "=" + value
}

// do does the sweep, or a share of it.
func (s *simSweep) do(ctx context.Context, e env) int {
	if s.shards.shard.Of > 0 {
		return runShard(ctx, s.options, s.shards, s, s.given)
	}
	if err := s.to.open(); err != nil {
		return e.fail("opening the report", err)
	}
	bar := newProgress(e.Stderr)
	began := time.Now()
	r := make(results, s.size())
	err := r.collect(ctx, s, every(s.size()), bar.share("sweeping"))
	bar.clear()
	if err == nil || errors.Is(err, context.Canceled) {
		err = s.write(e, &s.to, r)
	}
	if err != nil {
		return e.fail("writing the report", err)
	}
	fmt.Fprintf(e.Stderr, "%v of real time\n", time.Since(began).Round(time.Millisecond))
	return max(s.complete(e), s.judge(e))
}

// every lists the numbers from 0 to n-1.
func every(n int) []int {
	list := make([]int, n)
	for i := range list {
		list[i] = i
	}
	return list
}

// complete says what is missing.
func (s *simSweep) complete(e env) int {
	code := exitOK
	for i := range s.points {
		if p := &s.points[i]; len(p.Missing) > 0 {
			code = exitError
			where := strings.TrimSpace(s.Name(p) + " " + seedList(p.Missing))
			fmt.Fprintf(e.Stderr, "Missing: %s\n", where)
		}
	}
	return code
}

// judge says which rules were broken.
func (s *simSweep) judge(e env) int {
	code := exitOK
	for i := range s.points {
		p := &s.points[i]
		for _, r := range p.Runs {
			if len(r.Violations) > 0 {
				code = exitError
				fmt.Fprintf(e.Stderr, "Broken rule: %v\nTo run it again: %s\n", r.Violations[0],
					s.command(p, strconv.FormatUint(r.Seed, 10)))
			}
		}
	}
	return code
}

// seedList writes seeds, which are in order, as "seed 3" or "seeds 3, 5 to 9".
func seedList(seeds []uint64) string {
	var parts []string
	for i := 0; i < len(seeds); {
		k := i
		for k+1 < len(seeds) && seeds[k+1] == seeds[k]+1 {
			k++
		}
		part := strconv.FormatUint(seeds[i], 10)
		if k > i {
			part += " to " + strconv.FormatUint(seeds[k], 10)
		}
		parts = append(parts, part)
		i = k + 1
	}
	word := "seeds "
	if len(seeds) == 1 {
		word = "seed "
	}
	return word + strings.Join(parts, ", ")
}

func (s *simSweep) count(r results) string { return r.count() }

func (s *simSweep) write(e env, to *simOutput, r results) error {
	runs, err := resultsOf[scenario.Run](r)
	if err != nil {
		return err
	}
	for i, x := range runs {
		if want := len(report.Measures()); x != nil && len(x.Figures) != want {
			return fmt.Errorf("run %d has %d figures instead of %d", i, len(x.Figures), want)
		}
	}
	s.Gather(s.points, runs)
	command := slices.Clone(s.given)
	if to.format == formatJSON {
		command = append(command, "-format=json")
	}
	if to.page != "" {
		command = append(command, "-report="+to.page)
	}
	to.command = simCommand(command)
	if to.file != nil {
		if err := s.writePage(to, s.points); err != nil {
			return err
		}
	}
	if to.format == formatJSON {
		return writeJSON(e.Stdout, s.document(to, s.points))
	}
	return s.writeText(e.Stdout, s.points)
}

// writeText writes a table, with a row for each point.
func (s *simSweep) writeText(w io.Writer, points []scenario.Point) error {
	writeScenario(w, &s.Base)
	fmt.Fprintf(w, "%-17s %s\n\n", "sweep", s.describe())
	writeColumns(w, s.rows(points))
	anew := ""
	if slices.ContainsFunc(s.args, func(arg string) bool {
		return strings.HasPrefix(strings.TrimLeft(arg, "-"), "like")
	}) {
		anew = "That asks the agent anew. The same runs again: with a file that -print-scenario made.\n"
	}
	_, err := fmt.Fprintf(w, "\n%sAny of the runs again:\n  %s\n%s", s.explain(), s.pattern(), anew)
	return err
}

func (s *simSweep) explain() string {
	if s.Seeds == 1 {
		return ""
	}
	return "Each is the median of the runs, and from least to most where they differ.\n"
}

// describe says what is swept, in a line.
func (s *simSweep) describe() string {
	var parts []string
	for _, k := range s.Axes {
		parts = append(parts, k.Name+" "+strings.Join(k.Values, " "))
	}
	seeds := fmt.Sprintf("seeds %d to %d", s.Base.Seed, s.Base.Seed+uint64(s.Seeds)-1)
	if s.Seeds == 1 {
		seeds = fmt.Sprintf("seed %d", s.Base.Seed)
	}
	return strings.Join(append(parts, seeds), "; ")
}

// pattern is the command of any run, with words in capitals for what differs.
func (s *simSweep) pattern() string {
	p := scenario.Point{Values: make([]string, len(s.Axes))}
	for j, k := range s.Axes {
		p.Values[j] = strings.ToUpper(k.Name)
	}
	return s.command(&p, "SEED")
}

func (s *simSweep) rows(points []scenario.Point) [][]string {
	var head []string
	for _, k := range s.Axes {
		head = append(head, k.Name)
	}
	head = append(head, "runs")
	measures := report.Measures()
	var shown []int
	for m, x := range measures {
		told := func(p scenario.Point) bool { return p.Range(m).Count > 0 }
		if x.Head != "" && slices.ContainsFunc(points, told) {
			shown = append(shown, m)
			head = append(head, x.Head)
		}
	}
	rows := [][]string{head}
	for i := range points {
		p := &points[i]
		row := append(slices.Clone(p.Values), strconv.Itoa(len(p.Runs)))
		for _, m := range shown {
			row = append(row, rangeCell(measures[m].Unit, p.Range(m)))
		}
		rows = append(rows, row)
	}
	return rows
}

// rangeCell is a range without its unit, which the column's head has: "9.74 (8.1-12.9)".
func rangeCell(u report.Unit, r scenario.Range) string {
	if r.Count == 0 {
		return "-"
	}
	text := figureText(u, r.Median)
	if low, high := figureText(u, r.Least), figureText(u, r.Most); low != high {
		text += " (" + low + "-" + high + ")"
	}
	return text
}

// figureText has three significant digits, or all of a count, and not more than three after the
// point. A share is in percent, and 100 only if it's all.
func figureText(u report.Unit, v float64) string {
	switch {
	case u == report.UnitCount || v >= 1000:
		return strconv.FormatFloat(v, 'f', 0, 64)
	case u == report.UnitShare:
		return strings.TrimSuffix(report.Percent(v), "%")
	case v < 1:
		return strconv.FormatFloat(math.Round(v*1000)/1000, 'f', -1, 64)
	}
	return strconv.FormatFloat(v, 'g', 3, 64)
}

func (s *simSweep) writePage(to *simOutput, points []scenario.Point) error {
	var scenario, file strings.Builder
	writeScenario(&scenario, &s.Base)
	fmt.Fprintf(&scenario, "%-17s %s\n", "sweep", s.describe())
	if _, err := s.Base.WriteTo(&file); err != nil {
		return err
	}
	var names []string
	for _, k := range s.Axes {
		names = append(names, k.Name)
	}
	title := "Sweep over " + strings.Join(names, " and ")
	if len(names) == 0 {
		title = fmt.Sprintf("%d members, profile %s, %d seeds", s.Base.Members, s.Base.Profile,
			s.Seeds)
	}
	p := page.Sweep{
		Title: title, Command: to.command, Scenario: scenario.String(), File: file.String(),
		Sweep: s.Sweep, Points: points,
	}
	for i := range points {
		p.Commands = append(p.Commands, s.command(&points[i], strconv.FormatUint(s.Base.Seed, 10)))
	}
	return replace(to.file, p.Write)
}

// sweepDocument is what `serf sim -sweep -format=json` writes.
type sweepDocument struct {
	Version   int               `json:"version"`
	Command   string            `json:"command"`
	Scenario  scenario.Scenario `json:"scenario"` // that all points change
	Axes      []scenario.Axis   `json:"knobs"`
	FirstSeed uint64            `json:"first_seed"`
	Seeds     int               `json:"seeds"` // of each point
	Points    []sweepPoint      `json:"points"`
}

type sweepPoint struct {
	Values  map[string]string          `json:"values"`  // of axes
	Command string                     `json:"command"` // of its first run
	Figures map[string]*scenario.Range `json:"figures"` // null: nothing to measure
	Runs    []sweepRun                 `json:"runs"`
	Missing []uint64                   `json:"missing"` // seeds of runs that weren't finished
}

type sweepRun struct {
	Seed        uint64              `json:"seed"`
	Figures     map[string]*float64 `json:"figures"`
	BrokenRules []string            `json:"broken_rules"`
	Trace       string              `json:"trace"`
}

func (s *simSweep) document(to *simOutput, points []scenario.Point) sweepDocument {
	d := sweepDocument{
		Version: simDocumentVersion, Command: to.command, Scenario: s.Base,
		Axes: append([]scenario.Axis{}, s.Axes...), FirstSeed: s.Base.Seed, Seeds: s.Seeds,
	}
	for i := range points {
		d.Points = append(d.Points, s.documentPoint(&points[i]))
	}
	return d
}

func (s *simSweep) documentPoint(p *scenario.Point) sweepPoint {
	x := sweepPoint{
		Values: make(map[string]string), Figures: make(map[string]*scenario.Range),
		Command: s.command(p, strconv.FormatUint(s.Base.Seed, 10)),
		Runs:    []sweepRun{}, Missing: append([]uint64{}, p.Missing...),
	}
	for j, v := range p.Values {
		x.Values[s.Axes[j].Name] = v
	}
	for m, measure := range report.Measures() {
		x.Figures[measure.Name] = nil
		if r := p.Range(m); r.Count > 0 {
			x.Figures[measure.Name] = &r
		}
	}
	for _, r := range p.Runs {
		run := sweepRun{
			Seed: r.Seed, Figures: make(map[string]*float64), BrokenRules: []string{},
			Trace: fmt.Sprintf("%016x", r.Trace),
		}
		for m, measure := range report.Measures() {
			run.Figures[measure.Name] = nil
			if f := r.Figures[m]; f.There {
				run.Figures[measure.Name] = &f.Value
			}
		}
		for _, v := range r.Violations {
			run.BrokenRules = append(run.BrokenRules, v.String())
		}
		x.Runs = append(x.Runs, run)
	}
	return x
}
