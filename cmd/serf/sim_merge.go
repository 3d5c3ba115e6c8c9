package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"serf/internal/std"
	"serf/netsim/scenario"
)

const mergeHelp = `
Usage: serf sim merge [options] FILE...

  Puts together the parts of a sweep, or of 'serf sim lifeguard', 'convergence' or
  'events', that were done by 'serf sim -shard', and prints what one process
  would have printed. FILE is a part's file, or a folder with such files. All
  parts have to be there, whole, once, of the same experiment, and done by this
  version of the program.

  -partial
        Merge what is there, and say how much it is.

  -format=text
        text or json, which of a sweep are those of 'serf sim -sweep'. The other
        experiments have text only.

  -report=FILE.html
        Also write the page of a sweep to this file.
`

// runMerge is `serf sim merge`.
func runMerge(_ context.Context, args []string, e env) int {
	o := newOptions("sim merge", mergeHelp, e)
	o.takes(1, anyNumber, "the file of a part")
	partial := o.flag("partial", false)
	format, page := o.format(), o.text("report", "")
	files, code, ok := o.parse(args)
	if !ok {
		return code
	}
	fail := func(err error) int {
		fmt.Fprintf(e.Stderr, "Error: %s\n", strings.ReplaceAll(err.Error(), "\n", "\nError: "))
		return exitError
	}
	m := merger{partial: *partial, e: e}
	if err := m.readAll(files); err != nil {
		return fail(err)
	}
	to := simOutput{format: *format, page: *page}
	if m.head.Command != "sim" && (to.page != "" || to.format == formatJSON) {
		return o.misused("-format=json and -report are for sweeps; 'serf %s' prints text only",
			m.head.Command)
	}
	if err := to.open(); err != nil {
		return fail(fmt.Errorf("opening the report: %w", err))
	}
	if err := m.x.write(e, &to, m.results); err != nil {
		return fail(fmt.Errorf("writing the report: %w", err))
	}
	if *partial {
		fmt.Fprintln(e.Stderr, m.x.count(m.results))
	}
	if s, ok := m.x.(*simSweep); ok {
		s.complete(e)
		return s.judge(e)
	}
	return exitOK
}

// merger collects the parts of an experiment.
type merger struct {
	e       env
	partial bool

	head  partHead // of the first file
	from  string   // its name
	files []string // by part, less 1; "": not there
	x     experiment
	results
}

// readAll reads the files. The error joins all problems.
func (m *merger) readAll(paths []string) error {
	var errs []error
	for _, path := range paths {
		list, err := partFiles(path)
		errs = append(errs, err)
		for _, file := range list {
			if err := m.read(file); err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", file, err))
			}
		}
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	return m.missing()
}

// partFiles lists the files of parts in a folder, or else path itself.
func partFiles(path string) ([]string, error) {
	if info, err := os.Stat(path); err != nil || !info.IsDir() {
		return []string{path}, nil
	}
	entries, err := os.ReadDir(path)
	var list []string
	for _, x := range entries {
		name := x.Name()
		if strings.HasPrefix(name, "part-") && strings.HasSuffix(name, ".json") {
			list = append(list, filepath.Join(path, name))
		}
	}
	if err == nil && list == nil {
		err = fmt.Errorf("%s: no file of a part in this folder", path)
	}
	return list, err
}

func (m *merger) read(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return std.WithoutPath(err)
	}
	defer f.Close()
	head, runs, bad, err := readPart(f)
	if err != nil {
		return std.WithoutPath(err)
	}
	if bad > 0 && !m.partial {
		return fmt.Errorf("the last %d bytes aren't whole: %w", bad, errUnfinished)
	}
	if head.Format == 0 {
		return nil // not even begun
	}
	if err := m.accept(path, &head); err != nil {
		return err
	}
	own := m.x.deal(head.Shard)
	done := make(map[int]bool)
	for _, i := range own {
		done[i] = false
	}
	left := len(own)
	for _, r := range runs {
		twice, ok := done[r.Run]
		if !ok {
			return fmt.Errorf("run %d isn't one of part %v", r.Run, head.Shard)
		}
		if was := m.results[r.Run]; twice && !bytes.Equal(was, r.Result) {
			return fmt.Errorf("run %d is there twice, with different results", r.Run)
		}
		m.results[r.Run] = r.Result
		if done[r.Run] = true; !twice {
			left--
		}
	}
	if left > 0 && !m.partial {
		return fmt.Errorf("%d of %d runs are done: %w", len(own)-left, len(own), errUnfinished)
	}
	return nil
}

var errUnfinished = errors.New("run the command of this part again, or merge what is there " +
	"with -partial")

// accept makes sure that a file belongs to the others.
func (m *merger) accept(path string, head *partHead) (err error) {
	if m.files == nil {
		if err := m.begin(head); err != nil {
			return err
		}
		m.head, m.from, m.files = *head, path, make([]string, head.Shard.Of)
	} else if d := head.differs(&m.head, "in "+m.from); d != "" {
		return fmt.Errorf("not of the same experiment: %s", d)
	}
	if head.Shard.Part < 1 || head.Shard.Part > len(m.files) {
		return fmt.Errorf("part %v doesn't exist", head.Shard)
	}
	if was := &m.files[head.Shard.Part-1]; *was != "" {
		return fmt.Errorf("part %v is there twice: it is in %s, too", head.Shard, *was)
	} else {
		*was = path
	}
	return nil
}

// begin makes the experiment that head describes.
func (m *merger) begin(head *partHead) (err error) {
	build, err := thisBuild()
	if err != nil {
		return err
	}
	if head.Format != partFormat || head.Build != build {
		own := partHead{Format: partFormat, Build: build}
		return fmt.Errorf("by another program, which has to merge it: %s",
			head.differs(&own, "of this one"))
	}
	if head.Shard.Of < 1 || head.Shard.Of > scenario.MaxShards {
		return fmt.Errorf("%d parts: allowed are 1 to %d", head.Shard.Of, scenario.MaxShards)
	}
	silent := m.e
	var said strings.Builder
	silent.Stdout, silent.Stderr = &said, &said
	ok := false
	switch head.Command {
	case "sim":
		m.x, err = sweepOf(head)
		ok = err == nil
	case "sim lifeguard":
		m.x, ok = taken(parseLifeguard(head.Args, silent))
	case "sim convergence":
		m.x, ok = taken(parseConvergence(head.Args, silent))
	case "sim events":
		m.x, ok = taken(parseEvents(head.Args, silent))
	}
	if err != nil {
		return err
	}
	if ok {
		m.results = make(results, m.x.size())
	}
	if !ok || len(m.results) != head.Runs {
		return fmt.Errorf("its command isn't understood: serf %s %s", head.Command,
			strings.Join(head.Args, " "))
	}
	return nil
}

// taken is the experiment of a command line, without the exit code.
func taken[X experiment](x X, _ int, ok bool) (experiment, bool) { return x, ok }

// missing names the parts that aren't there.
func (m *merger) missing() error {
	var list []string
	for i, path := range m.files {
		if path == "" {
			list = append(list, partName(scenario.Shard{Part: i + 1, Of: len(m.files)}))
		}
	}
	if m.files == nil {
		return errors.New("no part has been begun")
	}
	if len(list) == 0 || m.partial {
		return nil
	}
	const most = 10 // names in a message
	more := ""
	if n := len(list); n > most {
		list, more = slices.Clip(list[:most]), fmt.Sprintf(" and %d more", n-most)
	}
	return fmt.Errorf("missing: %s%s. -partial merges what is there", strings.Join(list, ", "), more)
}
