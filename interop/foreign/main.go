// Command foreign runs tests of other people's programs that are built on hashicorp/memberlist, and
// memberlist's own, with serf/compat/memberlist in its place.
//
//	go run .                          # all, side by side: what CI does
//	go run . -suite alertmanager      # those whose name contains that
//	go run . -move                    # Alertmanager with its import lines changed, shown as a diff
//	go run . -results FILE -runs 3    # adds what passed to a file
//	go run . -results FILE -original  # the same for the programs as they are published
//	go run . -table FILE              # makes the tables of docs/figures/foreign.md of that
//
// The programs are modules of the Go module cache, pinned in go.mod, where a replace directive has
// them built with folder memberlist: nothing but other names for our package. Tests may fail only if
// they are listed in suites.go. On Linux, as root, each test program has a network of its own, so that
// they can run at the same time; elsewhere one runs after the other.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
)

func main() {
	var o options
	flag.StringVar(&o.suite, "suite", "", "run only suites with this in their name")
	flag.StringVar(&o.test, "run", "", "run only tests that match this pattern")
	flag.IntVar(&o.runs, "runs", 1, "how often")
	flag.BoolVar(&o.original, "original", false, "run the programs as they are published")
	flag.StringVar(&o.results, "results", "", "add the results to this `file`")
	move := flag.Bool("move", false, "change a program's import lines, and run its tests")
	table := flag.String("table", "", "print the tables of the results in this `file`")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, o, *table, *move); err != nil {
		fmt.Fprintln(os.Stderr, "foreign:", err)
		os.Exit(1)
	}
}

type options struct {
	suite, test string
	runs        int
	original    bool
	results     string
}

// chosen returns the suites to run.
func (o options) chosen() (chosen []*suite) {
	for i := range suites {
		if strings.Contains(strings.ToLower(suites[i].name), strings.ToLower(o.suite)) {
			chosen = append(chosen, &suites[i])
		}
	}
	return chosen
}

func run(ctx context.Context, o options, table string, move bool) error {
	switch {
	case table != "":
		return printTables(os.Stdout, table)
	case move:
		return o.move(ctx, os.Stdout)
	}
	for range o.runs {
		r, err := o.once(ctx)
		if err != nil {
			return err
		}
		if o.results != "" {
			if err := save(o.results, o.original, r); err != nil {
				return err
			}
		}
		if !judge(os.Stdout, r) && !o.original {
			return fmt.Errorf("tests failed that aren't listed in suites.go")
		}
	}
	return nil
}
