package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"serf/netsim"
	"serf/netsim/cluster"
	"serf/netsim/report"
	"serf/netsim/scenario"
	"serf/netsim/study"
)

const convergenceHelp = `
Usage: serf sim convergence [options]

  Starts clusters all at once, many times, and prints how long it took until
  all members knew all others, and what they sent in the first half minute.

  -nodes=50,100,200
        How many members, one or several numbers.

  -loss=0
        How many packets are lost, in percent, one or several numbers.

  -over=0s
        The members start within this time; 0s: at one and the same instant.

  -join=1
        How many members, the first ones, all others join through.
` + togetherHelp

const eventsHelp = `
Usage: serf sim events [options]

  Fires user events in a cluster that has been together for a while, and prints
  what share of the members has them after which time, and what it cost.

  -nodes=1000
        How many members, one or several numbers.

  -loss=0,5,20
        How many packets are lost, in percent, one or several numbers.

  -bursts=10
        How many bursts of events there are, five seconds apart.

  -burst=1
        How many events there are in one, each fired by a random member.

  -over=0s
        The time that a burst takes, up to 5s.
` + togetherHelp

const togetherHelp = `
  -profile=lan
        Timings and latency: lan, wan or local.

  -seeds=20
        How many runs there are of each, each with another seed.

  -seed=1
        Of the first run. The next has the next number.

  -workers=N
        Runs at a time: by default as many as there are processors. The output
        doesn't depend on it.
` + shardHelp

const (
	seedsMax    = 100_000
	runsMax     = 1_000_000
	joinMax     = 1000
	lossMax     = 99              // percent
	eventsEvery = 5 * time.Second // between bursts
)

// together is what the experiments with many seeds have in common: each run is one of a cell, which
// is a number of nodes with a loss.
type together struct {
	*options
	nodes, loss    []int
	profile        *string
	seed           uint64
	seeds, workers int
	shards         *shardOptions

	base scenario.Scenario
	own  togetherSettings

	head string // of the output
	// runSome is run; cell writes what came of some runs, with as many nodes and as much loss.
	runSome func(ctx context.Context, which []int, progress func(done float64),
		done func(i int, result any)) error
	cell func(w io.Writer, nodes int, r results, loss int) error
}

// togetherSettings determine all runs.
type togetherSettings struct {
	Nodes   []int         `json:"nodes"`
	Loss    []int         `json:"loss"`
	Profile string        `json:"profile"`
	Seed    uint64        `json:"seed"`
	Seeds   int           `json:"seeds"`
	Over    time.Duration `json:"over"`
	Join    int           `json:"join,omitempty"`
	Bursts  int           `json:"bursts,omitempty"`
	Burst   int           `json:"burst,omitempty"`
}

func newTogether(name, help string, e env, mostNodes int) *together {
	t := &together{options: newOptions(name, help, e), seeds: 20, seed: 1}
	t.rule.strict = true
	t.workers = runtime.GOMAXPROCS(0)
	t.profile = t.oneOf("profile", cluster.ProfileNames()...)
	t.numbers("nodes", &t.nodes, 2, mostNodes)
	t.numbers("loss", &t.loss, 0, lossMax)
	t.whole("seeds", &t.seeds, 1, seedsMax)
	t.whole("workers", &t.workers, 1, workersMax)
	t.randomSeed(&t.seed)
	t.shards = t.addShard()
	return t
}

// prepare has runs of s with each number of nodes, each loss and each seed.
func (t *together) prepare(s scenario.Scenario, own togetherSettings) error {
	s.Profile = *t.profile
	own.Nodes, own.Loss, own.Profile = t.nodes, t.loss, s.Profile
	own.Seed, own.Seeds = t.seed, t.seeds
	t.base, t.own = s, own
	if n := t.size(); n > runsMax {
		return fmt.Errorf("%d runs in all: allowed are %d", n, runsMax)
	}
	return nil
}

func (t *together) size() int { return len(t.nodes) * len(t.loss) * t.seeds }

// scenario is that of a run. Seeds change fastest, then loss.
func (t *together) scenario(i int) scenario.Scenario {
	cell, s := i/t.seeds, t.base.Clone()
	s.Members = t.nodes[cell/len(t.loss)]
	s.Network.Loss = netsim.Probability(float64(t.loss[cell%len(t.loss)]) / 100)
	s.Seed = t.seed + uint64(i%t.seeds)
	return s
}

// some are the scenarios of some runs.
func (t *together) some(which []int) func(k int) scenario.Scenario {
	return func(k int) scenario.Scenario { return t.scenario(which[k]) }
}

func (t *together) settings() any { return t.own }

func (t *together) run(
	ctx context.Context, which []int, progress func(done float64), done func(i int, result any),
) error {
	return t.runSome(ctx, which, progress, done)
}

func (t *together) deal(shard scenario.Shard) []int {
	return shard.Deal(t.size(), func(i int) float64 {
		return float64(t.nodes[i/t.seeds/len(t.loss)])
	})
}

// cells calls f for each cell with its numbers of nodes and loss, and those of its runs.
func (t *together) cells(f func(nodes, loss int, runs []int) error) error {
	all := every(t.size())
	for _, nodes := range t.nodes {
		for _, loss := range t.loss {
			if err := f(nodes, loss, all[:t.seeds]); err != nil {
				return err
			}
			all = all[t.seeds:]
		}
	}
	return nil
}

// do does the runs, one cell after the other, until an error; or a shard's.
func (t *together) do(ctx context.Context, args []string) int {
	if t.shards.shard.Of > 0 {
		return runShard(ctx, t.options, t.shards, t, args)
	}
	began := time.Now()
	r := make(results, t.size())
	io.WriteString(t.e.Stdout, t.head)
	err := t.cells(func(nodes, loss int, runs []int) error {
		bar := newProgress(t.e.Stderr)
		err := r.collect(ctx, t, runs, bar.share(fmt.Sprintf("%d nodes, %d%% loss", nodes, loss)))
		bar.clear()
		return cmp.Or(t.cell(t.e.Stdout, nodes, r[runs[0]:][:len(runs)], loss), err)
	})
	switch {
	case errors.Is(err, context.Canceled):
		fmt.Fprintln(t.e.Stderr, "Interrupted: the last line is about the runs that "+
			"were done, and others are missing")
		return exitError
	case err != nil:
		return t.e.fail("", err)
	}
	fmt.Fprintf(t.e.Stderr, "%v of real time\n", time.Since(began).Round(time.Second))
	return exitOK
}

func (t *together) write(e env, _ *simOutput, r results) error {
	if _, err := io.WriteString(e.Stdout, t.head); err != nil {
		return err
	}
	return t.cells(func(nodes, loss int, runs []int) error {
		return t.cell(e.Stdout, nodes, r[runs[0]:][:len(runs)], loss)
	})
}

func (t *together) count(r results) string { return r.count() }

// whole is an option with a whole number from least to most.
func (o *options) whole(name string, v *int, least, most int) {
	o.set.Func(name, "", func(s string) error {
		n, err := strconv.Atoi(s)
		if err != nil || n < least || n > most {
			return fmt.Errorf("want a whole number from %d to %d", least, most)
		}
		*v = n
		return nil
	})
}

// randomSeed is the option -seed.
func (o *options) randomSeed(v *uint64) {
	o.set.Func("seed", "", func(s string) (err error) {
		if *v, err = strconv.ParseUint(s, 10, 64); err != nil {
			return errors.New("want a whole number, 0 or more")
		}
		return nil
	})
}

// numbers is an option with one or several whole numbers from least to most.
func (o *options) numbers(name string, v *[]int, least, most int) {
	o.set.Func(name, "", func(s string) error {
		var list []int
		for part := range strings.SplitSeq(s, ",") {
			n, err := strconv.Atoi(part)
			if err != nil || n < least || n > most {
				return fmt.Errorf(
					"want whole numbers from %d to %d, with commas in between", least, most)
			}
			list = append(list, n)
		}
		*v = list
		return nil
	})
}

// lastSeed is the seed of the last run of each.
func (t *together) lastSeed() uint64 { return t.seed + uint64(t.seeds) - 1 }

// runConvergence is `serf sim convergence`.
func runConvergence(ctx context.Context, args []string, e env) int {
	t, code, ok := parseConvergence(args, e)
	if !ok {
		return code
	}
	return t.do(ctx, args)
}

func parseConvergence(args []string, e env) (t *together, code int, ok bool) {
	t = newTogether("sim convergence", convergenceHelp, e, cluster.MaxCold)
	t.nodes, t.loss = []int{50, 100, 200}, []int{0}
	join := 1
	t.whole("join", &join, 1, joinMax)
	over := t.duration("over")
	if _, code, ok = t.parse(args); !ok {
		return nil, code, false
	}
	err := t.needsShard()
	switch least := slices.Min(t.nodes); {
	case err != nil:
	case join > least:
		err = fmt.Errorf("-join %d: allowed 1 to %d nodes", join, least)
	case *over > study.TrafficTime:
		err = fmt.Errorf("-over %v: allowed 0s to %v", *over, study.TrafficTime)
	default:
		err = t.prepare(study.Convergence(join, *over), togetherSettings{Over: *over, Join: join})
	}
	if err != nil {
		return nil, t.misused("%v", err), false
	}
	t.head = fmt.Sprintf("members join through %d, start within %v, profile %s, seeds %d to %d\n",
		join, *over, *t.profile, t.seed, t.lastSeed()) +
		fmt.Sprintf("%6s %5s %5s | %8s %8s %8s %8s  %8s | %9s %9s\n",
			"nodes", "loss", "runs", "median", "90%", "99%", "worst", "late", "packets", "streams")
	t.runSome = func(ctx context.Context, which []int, progress func(done float64),
		done func(i int, result any)) error {
		return study.Converge(ctx, len(which), t.some(which), t.workers, progress,
			func(k int, a study.Agreement) { done(which[k], a) })
	}
	t.cell = writeConverged
	return t, exitOK, true
}

func writeConverged(w io.Writer, nodes int, list results, loss int) error {
	runs, err := resultsOf[study.Agreement](list)
	if err != nil {
		return err
	}
	var r study.Converged
	for _, a := range runs {
		if a != nil {
			r.Add(a)
		}
	}
	late := strconv.Itoa(r.Late())
	if r.Open > 0 {
		late += fmt.Sprintf(" (%d never)", r.Open)
	}
	all := 1e3 * float64(max(r.Runs, 1)*nodes)
	fmt.Fprintf(w, "%6d %4d%% %5d |", nodes, loss, r.Runs)
	for _, percent := range []int{50, 90, 99, 100} {
		fmt.Fprintf(w, " %8s", seconds(r.Share(percent)))
	}
	_, err = fmt.Fprintf(w, "  %8s | %6.1f kB %6.1f kB\n",
		late, float64(r.PacketBytes)/all, float64(r.StreamBytes)/all)
	return err
}

// runEvents is `serf sim events`.
func runEvents(ctx context.Context, args []string, e env) int {
	t, code, ok := parseEvents(args, e)
	if !ok {
		return code
	}
	return t.do(ctx, args)
}

func parseEvents(args []string, e env) (t *together, code int, ok bool) {
	t = newTogether("sim events", eventsHelp, e, cluster.MaxMembers)
	t.nodes, t.loss = []int{1000}, []int{0, 5, 20}
	bursts, events := 10, 1
	t.whole("bursts", &bursts, 1, cluster.MaxEvents)
	t.whole("burst", &events, 1, cluster.MaxEvents)
	over := t.duration("over")
	if _, code, ok = t.parse(args); !ok {
		return nil, code, false
	}
	err := t.needsShard()
	switch {
	case err != nil:
	case events*bursts > cluster.MaxEvents:
		err = fmt.Errorf("-burst %d in each of %d bursts: allowed are %d in all", events, bursts,
			cluster.MaxEvents)
	case *over > eventsEvery:
		err = fmt.Errorf("-over %v: allowed 0s to %v, when the next burst begins", *over,
			eventsEvery)
	default:
		err = t.prepare(study.Dissemination(bursts, events, *over, eventsEvery),
			togetherSettings{Over: *over, Bursts: bursts, Burst: events})
	}
	if err != nil {
		return nil, t.misused("%v", err), false
	}
	t.head = fmt.Sprintf("%d bursts of %d events within %v, profile %s, seeds %d to %d\n",
		bursts, events, *over, *t.profile, t.seed, t.lastSeed())
	t.runSome = func(ctx context.Context, which []int, progress func(done float64),
		done func(i int, result any)) error {
		return study.Disseminate(ctx, len(which), t.some(which), t.workers, progress,
			func(k int, x study.Disseminated) { done(which[k], x) })
	}
	t.cell = writeEvents
	return t, exitOK, true
}

func writeEvents(w io.Writer, nodes int, list results, loss int) error {
	runs, err := resultsOf[study.Disseminated](list)
	if err != nil {
		return err
	}
	var r study.Disseminated
	for _, x := range runs {
		if x != nil {
			r.Add(x)
		}
	}
	fmt.Fprintf(w, "\n%d nodes, loss %d%%, %d runs, %d events\n", nodes, loss, r.Runs, r.Events)
	if r.Pairs == 0 {
		return nil
	}
	for i, after := range report.Marks {
		reached := r.Reached[i]
		fmt.Fprintf(w, "  %6s  %10.5f%%  %d missing\n", after,
			100*float64(reached)/float64(r.Pairs), r.Pairs-reached)
		if reached == r.Pairs {
			break
		}
	}
	if all := report.QuantilesOf(r.ToAll); all.Count > 0 {
		fmt.Fprintf(w, "  to all  median %s, 99%% %s, worst %s",
			seconds(all.Median), seconds(all.P99), seconds(all.Worst))
		fmt.Fprintf(w, "; %d events not with all after a minute\n", r.Late)
	}
	each := r.Seconds * float64(nodes)
	_, err = fmt.Fprintf(w, "  a member sent %.0f bytes a second in packets, %.0f on streams\n",
		float64(r.PacketBytes)/each, float64(r.StreamBytes)/each)
	return err
}

// seconds is a time with what is worth knowing of it.
func seconds(d time.Duration) string { return fmt.Sprintf("%.2f s", d.Seconds()) }
