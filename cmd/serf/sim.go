package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/term"

	"serf/netsim"
)

const simHelp = `
Usage: serf sim [options]

  Simulates a cluster of agents in virtual time and prints how it fared. The
  agents run the same code as 'serf agent'; clock and network are simulated.
  The same options and seed give the same output, on every machine.

  -nodes=10
        How many nodes.

  -profile=lan
        Timings, and the latency that goes with them: lan, wan or local.

  -for=60s
        How long to simulate.

  -seed=1
        Of all chance.

  -join=cold
        cold: all nodes start within the first second and join the first one.
        warm: they have done so long ago.

  -latency=DIST
        One-way latency instead of the profile's: 5ms, 1ms..20ms (uniform),
        exp:LEAST,MEAN or lognormal:LEAST,MEDIAN,SIGMA.

  -loss=0
        Chance of losing a packet: 1% or 0.01.

  -duplicate=0
        Chance of a packet arriving twice.

  -crash=N[@TIME]
        N random nodes crash together, by default after a third of the time.
        May be repeated.

  -partition=START,LENGTH[,SHARE]
        From START a random share of the nodes, by default half of them, is cut
        off for LENGTH. May be repeated, in order of time.

  -events=3
        How many user events random nodes send.

  -format=text
        text: a summary to read. json: all figures, among them how each crash and
        event spread, and a series of samples over the time simulated. Names of
        fields don't change their meaning, times are in seconds; 'go doc
        serf/netsim.Figures' describes them.

  -report=FILE.html
        Also write a page with plots and tables to this file. It needs no
        network and no other file.
`

// Defaults of `serf sim`.
const (
	simNodes  = 10
	simFor    = 60 * time.Second
	simEvents = 3
	simSeed   = 1
)

const (
	progressEvery = 200 * time.Millisecond // of real time, between two lines of progress
	progressStep  = 100 * time.Millisecond // of virtual time, as shown
)

func runSim(ctx context.Context, args []string, e env) int {
	plan, to, code, ok := parseSim(args, e)
	if !ok {
		return code
	}
	bar := newProgress(e.Stderr)
	if err := to.open(); err != nil {
		fmt.Fprintf(e.Stderr, "Error opening the report: %v\n", err)
		return exitError
	}
	began := time.Now()
	report, err := plan.Run(ctx, bar.draw)
	bar.clear()
	if err != nil {
		fmt.Fprintf(e.Stderr, "Error %v\n", err) // checked by parseSim: can't be
		return exitError
	}
	if err := to.write(e, &plan, &report); err != nil {
		fmt.Fprintf(e.Stderr, "Error writing the report: %v\n", err)
		return exitError
	}
	took := time.Since(began)
	fmt.Fprintf(e.Stderr, "%v of real time, %.3g times as fast as life\n", took.Round(time.Millisecond), report.Time.Seconds()/took.Seconds())
	if report.Cut {
		return exitError
	}
	return exitOK
}

// parseSim turns the command line into a plan and what to do with its report. If ok is false the
// command ends with code.
func parseSim(args []string, e env) (plan netsim.Plan, to simOutput, code int, ok bool) {
	o := newOptions("sim", simHelp, e)
	format := o.oneOf("format", formatText, formatJSON)
	page := o.text("report", "")
	p := &netsim.Plan{Members: simNodes, For: simFor, Seed: simSeed, Events: simEvents}
	profile := o.oneOf("profile", netsim.ProfileNames()...)
	join := o.oneOf("join", "cold", "warm")
	var latency *netsim.Dist
	parsed(o, "nodes", &p.Members, strconv.Atoi, "want a whole number")
	parsed(o, "events", &p.Events, strconv.Atoi, "want a whole number")
	parsed(o, "seed", &p.Seed, func(s string) (uint64, error) { return strconv.ParseUint(s, 10, 64) }, "want a whole number, 0 or more")
	parsed(o, "for", &p.For, time.ParseDuration, "want a duration such as 90s or 2h")
	o.set.Func("latency", "", func(s string) error {
		d, err := netsim.ParseDist(s)
		latency = &d
		return err
	})
	o.chance("loss", &p.Link.Loss)
	o.chance("duplicate", &p.Link.Duplicate)
	o.set.Func("crash", "", func(s string) (err error) { p.Crashes, err = appendCrash(p.Crashes, s); return })
	o.set.Func("partition", "", func(s string) (err error) { p.Partitions, err = appendSplit(p.Partitions, s); return })
	if _, code, ok = o.parse(args); !ok {
		return plan, to, code, false
	}
	p.Profile, _ = netsim.ProfileByName(*profile) // oneOf allows no other
	p.Link.Latency = p.Profile.Link.Latency
	if latency != nil {
		p.Link.Latency = *latency
	}
	p.Warm = *join == "warm"
	for i := range p.Crashes {
		if p.Crashes[i].At < 0 {
			p.Crashes[i].At = p.For / 3
		}
	}
	if err := p.Validate(); err != nil {
		return plan, to, o.misused("%s", strings.ReplaceAll("-"+err.Error(), "\n", "; -")), false
	}
	return *p, simOutput{format: *format, page: *page, command: simCommand(args)}, exitOK, true
}

// parsed is an option that parse reads. want says what it can read.
func parsed[T any](o *options, name string, v *T, parse func(string) (T, error), want string) {
	o.set.Func(name, "", func(s string) error {
		x, err := parse(s)
		if err != nil {
			return errors.New(want)
		}
		*v = x
		return nil
	})
}

// share reads a number from 0 to 1, or percent.
func share(s string) (float64, error) {
	number, percent := strings.CutSuffix(s, "%")
	p, err := strconv.ParseFloat(number, 64)
	if percent {
		p /= 100
	}
	if err != nil || !(p >= 0 && p <= 1) {
		return 0, errors.New("want a number from 0 to 1, or from 0% to 100%")
	}
	return p, nil
}

// chance is an option with a probability: a number from 0 to 1, or percent.
func (o *options) chance(name string, c *netsim.Chance) {
	o.set.Func(name, "", func(s string) error {
		p, err := share(s)
		*c = netsim.Probability(p)
		return err
	})
}

// appendCrash reads N[@TIME]. A time that isn't given is negative.
func appendCrash(list []netsim.Crashes, s string) ([]netsim.Crashes, error) {
	count, at, given := strings.Cut(s, "@")
	x := netsim.Crashes{At: -1}
	var err error
	if x.Count, err = strconv.Atoi(count); err != nil || x.Count < 1 {
		return nil, errors.New("want N or N@TIME, such as 3@20s, with N at least 1")
	}
	if given {
		if x.At, err = time.ParseDuration(at); err != nil || x.At < 0 {
			return nil, errors.New("want N or N@TIME, such as 3@20s")
		}
	}
	return append(list, x), nil
}

// appendSplit reads START,LENGTH[,SHARE].
func appendSplit(list []netsim.Split, s string) ([]netsim.Split, error) {
	bad := errors.New("want START,LENGTH or START,LENGTH,SHARE, such as 20s,1m,30%")
	parts := strings.Split(s, ",")
	if len(parts) < 2 || len(parts) > 3 {
		return nil, bad
	}
	x := netsim.Split{Share: 0.5}
	var err [3]error
	x.At, err[0] = time.ParseDuration(parts[0])
	x.For, err[1] = time.ParseDuration(parts[1])
	if len(parts) == 3 {
		x.Share, err[2] = share(parts[2])
	}
	if errors.Join(err[:]...) != nil || x.At < 0 {
		return nil, bad
	}
	return append(list, x), nil
}

// writePlan says what was simulated, so that the output stands for itself.
func writePlan(w io.Writer, p *netsim.Plan) {
	start := "cold start"
	if p.Warm {
		start = "warm cluster"
	}
	fmt.Fprintf(w, "%-18s%d, profile %s, %s, seed %d\n", "nodes", p.Members, p.Profile.Name, start, p.Seed)
	fmt.Fprintf(w, "%-18slatency %v, loss %v, duplicates %v\n", "network", p.Link.Latency, p.Link.Loss, p.Link.Duplicate)
	for _, x := range p.Crashes {
		fmt.Fprintf(w, "%-18s%d at %v\n", "crash", x.Count, x.At)
	}
	for _, x := range p.Partitions {
		fmt.Fprintf(w, "%-18s%v%% of the nodes at %v for %v\n", "partition", x.Share*100, x.At, x.For)
	}
}

// progress is a line that shows how far a run is, on a terminal only.
type progress struct {
	w    io.Writer // nil: nothing to draw on
	last time.Time
}

func newProgress(w io.Writer) *progress {
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		return &progress{w: w}
	}
	return &progress{}
}

func (p *progress) draw(c *netsim.Cluster, left time.Duration) {
	if p.w == nil || time.Since(p.last) < progressEvery {
		return
	}
	p.last = time.Now()
	fmt.Fprintf(p.w, "\r\x1b[Ksimulated %v, %v to go, %s", time.Duration(c.Now()).Truncate(progressStep), left.Truncate(progressStep), views(c))
}

func views(c *netsim.Cluster) string {
	if c.Settled() {
		return "all views agree"
	}
	return "views differ"
}

func (p *progress) clear() {
	if p.w != nil {
		fmt.Fprint(p.w, "\r\x1b[K")
	}
}
