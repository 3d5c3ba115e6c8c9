package main

import (
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
`

const (
	seedsMax    = 100_000
	joinMax     = 1000
	lossMax     = 99              // percent
	eventsEvery = 5 * time.Second // between bursts
)

// together is what the experiments with many seeds have in common.
type together struct {
	*options
	nodes, loss    []int
	profile        *string
	seed           uint64
	seeds, workers int
}

func newTogether(name, help string, e env, mostNodes int) *together {
	t := &together{options: newOptions(name, help, e), seeds: 20}
	t.rule.strict = true
	t.workers = runtime.GOMAXPROCS(0)
	t.profile = t.oneOf("profile", cluster.ProfileNames()...)
	t.numbers("nodes", &t.nodes, 2, mostNodes)
	t.numbers("loss", &t.loss, 0, lossMax)
	t.whole("seeds", &t.seeds, seedsMax)
	t.whole("workers", &t.workers, workersMax)
	t.set.Uint64Var(&t.seed, "seed", 1, "")
	return t
}

// whole is an option from 1 to most.
func (o *options) whole(name string, v *int, most int) {
	o.set.Func(name, "", func(s string) error {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 || n > most {
			return fmt.Errorf("want a whole number from 1 to %d", most)
		}
		*v = n
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

// each runs s with each number of nodes and each loss, one after the other, until an error. run
// writes what came of it.
func (t *together) each(
	s scenario.Scenario,
	run func(s *scenario.Scenario, loss int, progress func(done float64)) error,
) int {
	s.Profile, s.Seed = *t.profile, t.seed
	began := time.Now()
	for _, s.Members = range t.nodes {
		for _, loss := range t.loss {
			s.Network.Loss = netsim.Probability(float64(loss) / 100)
			bar := newProgress(t.e.Stderr)
			err := run(&s, loss, bar.share(fmt.Sprintf("%d nodes, %d%% loss", s.Members, loss)))
			bar.clear()
			switch {
			case errors.Is(err, context.Canceled):
				fmt.Fprintln(t.e.Stderr, "Interrupted: the last line is about the runs that "+
					"were done, and others are missing")
				return exitError
			case err != nil:
				fmt.Fprintf(t.e.Stderr, "Error %v\n", err)
				return exitError
			}
		}
	}
	fmt.Fprintf(t.e.Stderr, "%v of real time\n", time.Since(began).Round(time.Second))
	return exitOK
}

// lastSeed is the seed of the last run of each.
func (t *together) lastSeed() uint64 { return t.seed + uint64(t.seeds) - 1 }

// runConvergence is `serf sim convergence`.
func runConvergence(ctx context.Context, args []string, e env) int {
	t := newTogether("sim convergence", convergenceHelp, e, cluster.MaxCold)
	t.nodes, t.loss = []int{50, 100, 200}, []int{0}
	join := 1
	t.whole("join", &join, joinMax)
	over := t.duration("over")
	if _, code, ok := t.parse(args); !ok {
		return code
	}
	switch least := slices.Min(t.nodes); {
	case join > least:
		return t.misused("-join %d: allowed 1 to the %d nodes", join, least)
	case *over > study.TrafficTime:
		return t.misused("-over %v: allowed 0s to %v", *over, study.TrafficTime)
	}
	fmt.Fprintf(e.Stdout, "members join through %d, start within %v, profile %s, seeds %d to %d\n",
		join, *over, *t.profile, t.seed, t.lastSeed())
	fmt.Fprintf(e.Stdout, "%6s %5s %5s | %8s %8s %8s %8s  %8s | %9s %9s\n",
		"nodes", "loss", "runs", "median", "90%", "99%", "worst", "late", "packets", "streams")
	return t.each(study.Convergence(join, *over),
		func(s *scenario.Scenario, loss int, progress func(done float64)) error {
			r, err := study.Converge(ctx, *s, t.seeds, t.workers, progress)
			writeConverged(e.Stdout, s.Members, loss, &r)
			return err
		})
}

func writeConverged(w io.Writer, nodes, loss int, r *study.Converged) {
	late := strconv.Itoa(r.Late())
	if r.Open > 0 {
		late += fmt.Sprintf(" (%d never)", r.Open)
	}
	all := 1e3 * float64(max(r.Runs, 1)*nodes)
	fmt.Fprintf(w, "%6d %4d%% %5d |", nodes, loss, r.Runs)
	for _, percent := range []int{50, 90, 99, 100} {
		fmt.Fprintf(w, " %8s", seconds(r.Share(percent)))
	}
	fmt.Fprintf(w, "  %8s | %6.1f kB %6.1f kB\n",
		late, float64(r.PacketBytes)/all, float64(r.StreamBytes)/all)
}

// runEvents is `serf sim events`.
func runEvents(ctx context.Context, args []string, e env) int {
	t := newTogether("sim events", eventsHelp, e, cluster.MaxMembers)
	t.nodes, t.loss = []int{1000}, []int{0, 5, 20}
	bursts, events := 10, 1
	t.whole("bursts", &bursts, cluster.MaxEvents)
	t.whole("burst", &events, cluster.MaxEvents)
	over := t.duration("over")
	if _, code, ok := t.parse(args); !ok {
		return code
	}
	switch {
	case events*bursts > cluster.MaxEvents:
		return t.misused("-burst %d in each of %d bursts: allowed are %d in all",
			events, bursts, cluster.MaxEvents)
	case *over > eventsEvery:
		return t.misused("-over %v: allowed 0s to %v, when the next burst begins",
			*over, eventsEvery)
	}
	fmt.Fprintf(e.Stdout, "%d bursts of %d events within %v, profile %s, seeds %d to %d\n",
		bursts, events, *over, *t.profile, t.seed, t.lastSeed())
	return t.each(study.Dissemination(bursts, events, *over, eventsEvery),
		func(s *scenario.Scenario, loss int, progress func(done float64)) error {
			var r study.Disseminated
			err := study.Seeds(ctx, s, t.seeds, t.workers, progress, r.Add)
			writeEvents(e.Stdout, s.Members, loss, &r)
			return err
		})
}

func writeEvents(w io.Writer, nodes, loss int, r *study.Disseminated) {
	fmt.Fprintf(w, "\n%d nodes, loss %d%%, %d runs, %d events\n", nodes, loss, r.Runs, r.Events)
	if r.Pairs == 0 {
		return
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
	fmt.Fprintf(w, "  a member sent %.0f bytes a second in packets, %.0f on streams\n",
		float64(r.PacketBytes)/each, float64(r.StreamBytes)/each)
}

// seconds is a time with what is worth knowing of it.
func seconds(d time.Duration) string { return fmt.Sprintf("%.2f s", d.Seconds()) }
