package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"time"

	"serf/internal/textwrap"
	"serf/netsim/scenario"
	"serf/netsim/study"
)

const lifeguardHelp = `
Usage: serf sim lifeguard [options]

  Repeats the experiments of the paper on Lifeguard (arXiv 1707.00788): in a
  cluster of 128 some members stop, run on for a while, stop again, for two
  minutes. Prints how often others, that never stop, are called failed, and
  how soon members that do stop are found, for SWIM, for each part of Lifeguard,
  for all of it, and for this program. It takes 40 minutes of a processor.
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

  -read-time=50us
        What members that run on take to read each packet that waits, up to 1s; what
        isn't read by the next stop waits on. In the paper's cluster 128 agents share
        processors. 0s: they read everything at once.

  -repeat=1
        How often each combination is carried out, each time with another seed.

  -seed=1
        Of all random choices.

  -workers=N
        Combinations at a time: by default as many as there are processors. The
        output doesn't depend on it.
` + shardHelp

// lifeguardStudy is what a command line of `serf sim lifeguard` asks for.
type lifeguardStudy struct {
	study.Lifeguard
	workers int
	options *options
	shards  *shardOptions
}

// runLifeguard is `serf sim lifeguard`.
func runLifeguard(ctx context.Context, args []string, e env) int {
	x, code, ok := parseLifeguard(args, e)
	if !ok {
		return code
	}
	if x.shards.shard.Of > 0 {
		return runShard(ctx, x.options, x.shards, x, args)
	}
	bar := newProgress(e.Stderr)
	began := time.Now()
	r := make(results, x.size())
	err := r.collect(ctx, x, every(x.size()), bar.share("repeating the paper's experiments"))
	bar.clear()
	switch {
	case errors.Is(err, context.Canceled):
		fmt.Fprintln(e.Stderr, "Interrupted: what follows is about a part of the combinations")
	case err != nil:
		return e.fail("", err)
	}
	if err := x.write(e, nil, r); err != nil {
		return e.fail("", err)
	}
	fmt.Fprintf(e.Stderr, "%v of real time\n", time.Since(began).Round(time.Second))
	if err != nil {
		return exitError
	}
	return exitOK
}

func (x *lifeguardStudy) settings() any                   { return x.Lifeguard }
func (x *lifeguardStudy) deal(shard scenario.Shard) []int { return x.Deal(shard) }

func (x *lifeguardStudy) run(
	ctx context.Context, which []int, progress func(done float64), done func(i int, result any),
) error {
	return x.RunSome(ctx, which, x.workers, progress,
		func(i int, r study.LifeguardRun) { done(i, r) })
}

func (x *lifeguardStudy) size() int { return x.Size() }

func (x *lifeguardStudy) write(e env, _ *simOutput, r results) error {
	sum, err := x.sum(r)
	if err == nil {
		_, err = io.WriteString(e.Stdout, sum.String())
	}
	return err
}

func (x *lifeguardStudy) count(r results) string {
	sum, _ := x.sum(r) // write has returned the error
	return fmt.Sprintf("%d of %d combinations", sum.Combinations, sum.Of)
}

func (x *lifeguardStudy) sum(r results) (study.LifeguardResult, error) {
	runs, err := resultsOf[study.LifeguardRun](r)
	if err != nil {
		return study.LifeguardResult{}, err
	}
	return x.Sum(runs), nil
}

// What keeps a slip of the finger from running for weeks, or from filling the memory.
const (
	repeatMax  = 100
	workersMax = 256
)

func parseLifeguard(args []string, e env) (x *lifeguardStudy, code int, ok bool) {
	var additions []string
	for _, v := range study.Variants()[study.PaperVariants:] {
		additions = append(additions, strings.TrimPrefix(v.Name, "no-"))
	}
	list := textwrap.Fill(strings.Join(additions, ", "), 8)
	o := newOptions("sim lifeguard", fmt.Sprintf(lifeguardHelp, list), e)
	o.rule.strict = true
	reduced := o.flag("reduced", false)
	stop := o.oneOf("stop", "send", "anywhere")
	x = &lifeguardStudy{Lifeguard: study.PaperStudy(), workers: runtime.GOMAXPROCS(0), options: o,
		shards: o.addShard()}
	read := o.duration("read-time")
	*read = x.ReadTime
	var variants []study.Variant
	o.set.Func("variant", "", func(s string) error {
		v, found := study.VariantNamed(s)
		if !found {
			return errors.New("no such variant: allowed are swim, lha-probe, lha-suspicion, " +
				"buddy, lifeguard, ours, no-final-probe and so on")
		}
		variants = append(variants, v)
		return nil
	})
	o.whole("repeat", &x.Repeat, 1, repeatMax)
	o.whole("workers", &x.workers, 1, workersMax)
	o.randomSeed(&x.Seed)
	if _, code, ok = o.parse(args); !ok {
		return nil, code, false
	}
	if err := o.needsShard(); err != nil {
		return nil, o.misused("%v", err), false
	}
	if *reduced {
		x.Reduce()
	}
	if len(variants) > 0 {
		x.Variants = variants
	}
	x.Anywhere, x.ReadTime = *stop == "anywhere", *read
	if *read > scenario.MaxReadTime {
		return nil, o.misused("-read-time %v: allowed 0s to %v", *read, scenario.MaxReadTime), false
	}
	return x, exitOK, true
}
