package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	"golang.org/x/term"

	"serf/internal/textwrap"
	"serf/netsim/study"
)

const lifeguardHelp = `
Usage: serf sim lifeguard [options]

  Repeats the experiments of the paper on Lifeguard (arXiv 1707.00788): in a
  cluster of 128 some members stop, run on for a while, stop again, for two
  minutes. Prints how often others, that never stop, are taken for failed, and
  how soon members that do stop are found, for SWIM, for each part of Lifeguard,
  for all of it, and for this program. It takes half an hour of two processors.
  docs/figures/lifeguard.md tells what the figures mean.

  -reduced
        A part of the combinations, in some minutes.

  -variant=NAME
        swim, lha-probe, lha-suspicion, buddy, lifeguard, ours, or no-NAME, which
        is ours without one of its additions:
        %s.
        May be repeated; the first one is what the others are compared with.

  -stop=send
        send: members stop when they next send, as in the paper.
        anywhere: wherever they are, as after kill -STOP.

  -repeat=1
        How often each combination is carried out, each time with another seed.

  -seed=1
        Of all random choices.

  -workers=N
        Combinations at a time: by default as many as there are processors. The
        output doesn't depend on it.
`

// runLifeguard is `serf sim lifeguard`.
func runLifeguard(ctx context.Context, args []string, e env) int {
	x, code, ok := parseLifeguard(args, e)
	if !ok {
		return code
	}
	progress, clear := countProgress(e.Stderr)
	began := time.Now()
	result, err := x.Run(ctx, progress)
	clear()
	switch {
	case errors.Is(err, context.Canceled):
		fmt.Fprintln(e.Stderr, "Interrupted: what follows is about a part of the combinations")
	case err != nil:
		fmt.Fprintf(e.Stderr, "Error %v\n", err)
		return exitError
	}
	io.WriteString(e.Stdout, result.String())
	fmt.Fprintf(e.Stderr, "%v of real time\n", time.Since(began).Round(time.Second))
	if err != nil {
		return exitError
	}
	return exitOK
}

// What keeps a slip of the finger from running for weeks, or from filling the memory.
const (
	repeatMax  = 100
	workersMax = 256
)

func parseLifeguard(args []string, e env) (x study.Lifeguard, code int, ok bool) {
	known := study.Variants()
	var additions []string
	for _, v := range known[study.PaperVariants:] {
		additions = append(additions, strings.TrimPrefix(v.Name, "no-"))
	}
	list := textwrap.Fill(strings.Join(additions, ", "), 8)
	o := newOptions("sim lifeguard", fmt.Sprintf(lifeguardHelp, list), e)
	o.rule.strict = true
	reduced := o.flag("reduced", false)
	stop := o.oneOf("stop", "send", "anywhere")
	var variants []study.Variant
	repeat, seed, workers := 1, uint64(1), runtime.GOMAXPROCS(0)
	o.set.Func("variant", "", func(s string) error {
		v, found := study.VariantNamed(s)
		if !found {
			return errors.New("no such variant: see the help")
		}
		variants = append(variants, v)
		return nil
	})
	o.whole("repeat", &repeat, repeatMax)
	o.whole("workers", &workers, workersMax)
	o.set.Uint64Var(&seed, "seed", seed, "")
	if _, code, ok = o.parse(args); !ok {
		return x, code, false
	}
	x = study.PaperStudy()
	if *reduced {
		x = study.ReducedStudy()
	}
	if len(variants) > 0 {
		x.Variants = variants
	}
	x.Anywhere = *stop == "anywhere"
	x.Repeat, x.Seed, x.Workers = repeat, seed, workers
	return x, exitOK, true
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

// countProgress returns what shows on a terminal how much is done, and what removes it.
func countProgress(w io.Writer) (show func(done, all int), clear func()) {
	if f, ok := w.(*os.File); !ok || !term.IsTerminal(int(f.Fd())) {
		return nil, func() {}
	}
	began := time.Now()
	show = func(done, all int) {
		left := time.Duration(float64(time.Since(began)) / float64(done) * float64(all-done))
		fmt.Fprintf(w, "\r\x1b[K%d of %d combinations, about %v to go", done, all, left.Round(time.Second))
	}
	return show, func() { fmt.Fprint(w, "\r\x1b[K") }
}
