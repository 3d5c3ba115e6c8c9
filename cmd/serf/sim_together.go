package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strconv"
	"strings"
	"time"

	"serf/netsim"
	"serf/netsim/cluster"
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

// together is what the experiments with many seeds have in common.
type together struct {
	nodes, loss []int
	profile     cluster.Profile
	seed        uint64
	seeds       int
	workers     int
}

const (
	seedsMax = 100_000
	joinMax  = 1000
	lossMax  = 99 // percent
	// convergenceLimit is how long agreement is waited for: longer than any usual full exchange takes to come.
	convergenceLimit = 10 * time.Minute
	eventsEvery      = 5 * time.Second // between bursts
)

// add declares the options; what is returned completes t once they are parsed.
func (t *together) add(o *options) (finish func()) {
	*t = together{nodes: t.nodes, loss: t.loss, seed: 1, seeds: 20, workers: runtime.GOMAXPROCS(0)}
	profile := o.oneOf("profile", cluster.ProfileNames()...)
	o.numbers("nodes", &t.nodes, cluster.MaxMembers)
	o.numbers("loss", &t.loss, lossMax)
	o.whole("seeds", &t.seeds, seedsMax)
	o.whole("workers", &t.workers, workersMax)
	o.set.Uint64Var(&t.seed, "seed", t.seed, "")
	return func() { t.profile, _ = cluster.ProfileByName(*profile) } // oneOf allows no other
}

// numbers is an option with one or several whole numbers from 0 to most.
func (o *options) numbers(name string, v *[]int, most int) {
	o.set.Func(name, "", func(s string) error {
		var list []int
		for part := range strings.SplitSeq(s, ",") {
			n, err := strconv.Atoi(part)
			if err != nil || n < 0 || n > most {
				return fmt.Errorf("want whole numbers up to %d, with commas in between", most)
			}
			list = append(list, n)
		}
		*v = list
		return nil
	})
}

func (t *together) link(loss int) netsim.Link {
	l := t.profile.Link
	l.Loss = netsim.Probability(float64(loss) / 100)
	return l
}

// each runs one after the other what is wanted of each number of nodes and each loss, until one ends with an error.
func (t *together) each(e env, run func(nodes, loss int, progress func(done, all int)) error) int {
	began := time.Now()
	for _, n := range t.nodes {
		for _, loss := range t.loss {
			bar := newProgress(e.Stderr)
			err := run(n, loss, func(done, all int) {
				bar.draw(float64(done)/float64(all), func() string {
					return fmt.Sprintf("%d nodes, %d%% loss: %d of %d runs", n, loss, done, all)
				})
			})
			bar.clear()
			switch {
			case errors.Is(err, context.Canceled):
				fmt.Fprintln(e.Stderr, "Interrupted: the last line is about the runs that were done, and others are missing")
				return exitError
			case err != nil:
				fmt.Fprintf(e.Stderr, "Error %v\n", err)
				return exitError
			}
		}
	}
	fmt.Fprintf(e.Stderr, "%v of real time\n", time.Since(began).Round(time.Second))
	return exitOK
}

// runConvergence is `serf sim convergence`.
func runConvergence(ctx context.Context, args []string, e env) int {
	o := newOptions("sim convergence", convergenceHelp, e)
	o.rule.strict = true
	t := together{nodes: []int{50, 100, 200}, loss: []int{0}}
	finish := t.add(o)
	join := 1
	o.whole("join", &join, joinMax)
	over := o.duration("over")
	if _, code, ok := o.parse(args); !ok {
		return code
	}
	finish()
	x := study.Convergence{Seeds: join, Over: *over, Profile: t.profile, Limit: convergenceLimit}
	for _, x.Members = range t.nodes {
		if err := x.Validate(); err != nil {
			return o.misused("%s", optionErrors(err))
		}
	}
	fmt.Fprintf(e.Stdout, "members join through %d, start within %v, profile %s, seeds %d to %d\n", join, *over, t.profile.Name, t.seed, t.seed+uint64(t.seeds)-1)
	fmt.Fprintf(e.Stdout, "%6s %5s %5s | %8s %8s %8s %8s  %8s | %9s %9s\n", "nodes", "loss", "runs", "median", "90%", "99%", "worst", "late", "packets", "streams")
	return t.each(e, func(nodes, loss int, progress func(done, all int)) error {
		x.Members, x.Link = nodes, t.link(loss)
		r, err := x.Study(ctx, t.seed, t.seeds, t.workers, progress)
		late := strconv.Itoa(r.Late)
		if r.Open > 0 {
			late += fmt.Sprintf(" (%d never)", r.Open)
		}
		fmt.Fprintf(e.Stdout, "%6d %4d%% %5d | %8s %8s %8s %8s  %8s | %6.1f kB %6.1f kB\n", nodes, loss, r.Runs,
			seconds(r.Median), seconds(r.P90), seconds(r.P99), seconds(r.Worst), late, r.PacketBytes/1e3, r.StreamBytes/1e3)
		return err
	})
}

// runEvents is `serf sim events`.
func runEvents(ctx context.Context, args []string, e env) int {
	o := newOptions("sim events", eventsHelp, e)
	o.rule.strict = true
	t := together{nodes: []int{1000}, loss: []int{0, 5, 20}}
	finish := t.add(o)
	x := study.Dissemination{Bursts: 10, Events: 1, Every: eventsEvery}
	o.whole("bursts", &x.Bursts, seedsMax)
	o.whole("burst", &x.Events, seedsMax)
	over := o.duration("over")
	if _, code, ok := o.parse(args); !ok {
		return code
	}
	finish()
	x.Profile, x.Over = t.profile, *over
	for _, x.Members = range t.nodes {
		if err := x.Validate(); err != nil {
			return o.misused("%s", optionErrors(err))
		}
	}
	fmt.Fprintf(e.Stdout, "%d bursts of %d events within %v, profile %s, seeds %d to %d\n", x.Bursts, x.Events, x.Over, t.profile.Name, t.seed, t.seed+uint64(t.seeds)-1)
	return t.each(e, func(nodes, loss int, progress func(done, all int)) error {
		x.Members, x.Link = nodes, t.link(loss)
		r, err := x.Study(ctx, t.seed, t.seeds, t.workers, progress)
		writeEvents(e.Stdout, nodes, loss, &r)
		return err
	})
}

func writeEvents(w io.Writer, nodes, loss int, r *study.Disseminated) {
	fmt.Fprintf(w, "\n%d nodes, loss %d%%, %d runs, %d events\n", nodes, loss, r.Runs, r.Events)
	if r.Runs == 0 || r.Pairs == 0 {
		return
	}
	for i, after := range study.EventMarks {
		reached := r.Reached[i]
		fmt.Fprintf(w, "  %6s  %10.5f%%  %d missing\n", after, 100*float64(reached)/float64(r.Pairs), r.Pairs-reached)
		if reached == r.Pairs {
			break
		}
	}
	if n := len(r.ToAll); n > 0 {
		fmt.Fprintf(w, "  to all  median %s, 99%% %s, worst %s", seconds(r.ToAll[n/2]), seconds(r.ToAll[(n*99+99)/100-1]), seconds(r.ToAll[n-1]))
		fmt.Fprintf(w, "; %d events not with all after a minute\n", r.Late)
	}
	fmt.Fprintf(w, "  a member sent %.0f bytes a second in packets, %.0f on streams\n", r.Packets/r.Seconds, r.Streams/r.Seconds)
}

// seconds is a time with what is worth knowing of it.
func seconds(d time.Duration) string { return fmt.Sprintf("%.2f s", d.Seconds()) }

// optionErrors words the joined errors of a validation for the command line.
func optionErrors(err error) string { return strings.ReplaceAll("-"+err.Error(), "\n", "; -") }
