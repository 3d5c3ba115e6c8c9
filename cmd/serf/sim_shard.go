package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"serf/netsim/scenario"
)

// experiment is a number of runs that don't depend on each other, and what is made of them.
type experiment interface {
	// settings determine what all runs are, as a value to write as JSON.
	settings() any
	size() int
	deal(s scenario.Shard) []int
	// run does some runs, in that order, and calls done with each result.
	run(ctx context.Context, which []int, progress func(done float64),
		done func(i int, result any)) error
	// write writes what came of the runs. Commands that write one form only ignore what to asks
	// for.
	write(e env, to *simOutput, r results) error
	// count says how many of how many of what the experiment counts were done: "3 of 8 runs".
	count(r results) string
}

// results are those of an experiment's runs, by number, as the files of parts have them; nil: not
// done.
type results []json.RawMessage

func (r results) keep(i int, result any) (err error) {
	r[i], err = json.Marshal(result)
	return err
}

// collect does some runs and keeps their results.
func (r results) collect(
	ctx context.Context, x experiment, which []int, progress func(done float64),
) error {
	var failed error
	err := x.run(ctx, which, progress, func(i int, result any) {
		failed = cmp.Or(failed, r.keep(i, result))
	})
	return cmp.Or(failed, err)
}

// resultsOf reads the results of runs; nil stands for a run whose result isn't there.
func resultsOf[T any](r results) ([]*T, error) {
	list := make([]*T, len(r))
	for i, text := range r {
		if text == nil {
			continue
		}
		list[i] = new(T)
		if err := json.Unmarshal(text, list[i]); err != nil {
			return nil, err
		}
	}
	return list, nil
}

func (r results) count() string {
	done := 0
	for _, x := range r {
		if x != nil {
			done++
		}
	}
	return fmt.Sprintf("%d of %d runs", done, len(r))
}

// Variables that say which task of several a process is. Kubernetes counts the pods of an indexed
// Job from 0; a Slurm array counts as its --array says, which for us has to be from 1.
const (
	kubernetesIndex = "JOB_COMPLETION_INDEX"
	slurmIndex      = "SLURM_ARRAY_TASK_ID"
)

// shardOptions are -shard and -out.
type shardOptions struct {
	shard scenario.Shard // zero: all runs, in this process
	out   string
}

const shardHelp = `
  -shard=PART/OF
        Do a share of the runs, number PART of OF from 1, as 3/16, and keep what came
        of each in a file, part-03-of-16.json. The same command goes on where the
        file ends. 'serf sim merge' makes of all parts what one process would have
        printed. -shard=/16 takes PART from JOB_COMPLETION_INDEX (a pod of a
        Kubernetes Job, from 0) or from SLURM_ARRAY_TASK_ID (a task of a Slurm
        array, here from 1: --array=1-16).

  -out=DIR
        Where the file of -shard is: by default in the current folder.
`

func (o *options) addShard() *shardOptions {
	s := &shardOptions{out: "."}
	o.set.Func("shard", "", func(text string) (err error) {
		s.shard, err = parseShard(text, o.e)
		return err
	})
	o.textVar(&s.out, "out")
	return s
}

// needsShard refuses what is there for -shard only.
func (o *options) needsShard() error {
	if o.given("out") && !o.given("shard") {
		return errors.New("-out is where -shard keeps its file: give both")
	}
	return nil
}

// checkShard refuses what a share of a sweep has no use for.
func (o *simOptions) checkShard() error {
	switch {
	case o.shards.shard.Of > 0 && !o.wantsSweep():
		return errors.New("-shard: a single run can't be shared: give -sweep or -seeds")
	case o.shards.shard.Of > 0 && o.given("report"):
		return errors.New("-report: 'serf sim merge -report=FILE.html' makes the page of all parts")
	}
	return o.needsShard()
}

// parseShard reads PART/OF, or /OF with PART from the environment.
func parseShard(text string, e env) (s scenario.Shard, err error) {
	part, of, ok := strings.Cut(text, "/")
	if s.Of, err = strconv.Atoi(of); !ok || err != nil || s.Of < 1 || s.Of > scenario.MaxShards {
		return s, fmt.Errorf("want PART/OF or /OF, such as 3/16, with OF from 1 to %d",
			scenario.MaxShards)
	}
	if part == "" {
		s.Part, err = partFromEnv(s.Of, e)
		return s, err
	}
	if s.Part, err = strconv.Atoi(part); err != nil || s.Part < 1 || s.Part > s.Of {
		return s, fmt.Errorf("parts are 1 to %d", s.Of)
	}
	return s, nil
}

func partFromEnv(of int, e env) (int, error) {
	pod, isPod := e.LookupEnv(kubernetesIndex)
	task, isTask := e.LookupEnv(slurmIndex)
	name, text, first := kubernetesIndex, pod, 0
	switch {
	case isPod && isTask:
		return 0, fmt.Errorf("both %s and %s are set: name the part, as 3/%d", kubernetesIndex,
			slurmIndex, of)
	case isTask:
		name, text, first = slurmIndex, task, 1
	case !isPod:
		return 0, fmt.Errorf("neither %s nor %s is set: name the part, as 3/%d", kubernetesIndex,
			slurmIndex, of)
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < first || n >= first+of {
		return 0, fmt.Errorf("%s is %q: want %d to %d", name, text, first, first+of-1)
	}
	return n - first + 1, nil
}

// partName is the name of a shard's file. Names sort in the order of the parts.
func partName(s scenario.Shard) string {
	return fmt.Sprintf("part-%0*d-of-%d.json", len(strconv.Itoa(s.Of)), s.Part, s.Of)
}

// common are the arguments of all shards of an experiment, whatever each does with its output and
// processors.
func common(set *flag.FlagSet, args []string) []string {
	return without(set, args, "shard", "out", "workers", "format", "report")
}

// runShard does what is left of a shard's runs.
func runShard(ctx context.Context, o *options, s *shardOptions, x experiment, args []string) int {
	args = common(o.set, args)
	head, err := newPartHead(o.name, args, s.shard, x)
	if err != nil {
		return o.e.fail("", err)
	}
	path := filepath.Join(s.out, partName(s.shard))
	p, err := openPart(path, head)
	if err != nil {
		return o.e.fail("", err)
	}
	defer p.close()
	for _, warning := range p.warnings {
		o.warn("%s", warning)
	}
	own := x.deal(s.shard)
	left := slices.DeleteFunc(slices.Clone(own), func(i int) bool { return p.done[i] })
	if n := len(own) - len(left); n > 0 {
		fmt.Fprintf(o.e.Stderr, "%d of %d runs of part %v are in %s already\n", n, len(own),
			s.shard, path)
	}
	began := time.Now()
	bar := newProgress(o.e.Stderr)
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var failed error
	err = x.run(ctx, left, bar.share("part "+s.shard.String()), func(i int, result any) {
		if failed == nil {
			if failed = p.add(i, result); failed != nil {
				stop() // the rest can't be kept either
			}
		}
	})
	bar.clear()
	if failed = errors.Join(failed, p.sync()); failed != nil {
		return o.e.fail("", failed)
	}
	if errors.Is(err, context.Canceled) {
		fmt.Fprintf(o.e.Stderr, "Interrupted: %d of %d runs are in %s; the same command goes on\n",
			len(p.done), len(own), path)
		return exitError
	}
	if err != nil {
		return o.e.fail("", err)
	}
	fmt.Fprintf(o.e.Stderr, "%d of %d runs are in %s; %v of real time\n", len(p.done), len(own), path,
		time.Since(began).Round(time.Millisecond))
	return exitOK
}
