package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"sort"
	"strings"
	"time"

	"serf/agent"
	"serf/agent/config"
	"serf/agent/recording"
	"serf/agent/rpc"
	"serf/internal/replay"
	"serf/internal/replay/conversation"
	"serf/swim"
	"serf/swim/serf"
)

const replayHelp = `
Usage: serf replay [options] DIR...

  Runs what agents recorded (serf agent -record=DIR) again, through the same code, and checks
  that each input has the effects that it had. Where one differs, it tells which, what came of it
  then and now, and goes on with the next segment; the exit code is 1. An old recording under a
  newer version of this program shows where the two behave differently.

  With one of the options below it tells what happened instead. A recording of an encrypted
  cluster needs the keys; tags, payloads of events and queries, and addresses are in it.

  What is missing or damaged is named, and the rest is shown all the same; the exit code is 1.

What to tell:

  -log=LEVEL
        The log of the node: trace, debug, info, warn or err, whatever its own level was.
        Without a value: debug.

  -members
        The members as the node saw them at -at, by default at the end, as 'serf members' lists
        them.

  -history=MEMBER
        Why the state of a member changed, as the node saw it until -at, as 'serf history' tells
        it.

  -packets
        What the node received and sent, by packets and streams, field by field.

  -timeline
        What several nodes did, in one order: who sent which packet that another got, and which
        were lost. Differences of the hosts' clocks are estimated from the packets.

  -test=FILE
        Write the stretch to a new file that 'go test ./swim/serf' plays in the source code of
        this program, from swim/serf/testdata/conversations: inputs, and what came of them. Keys
        are replaced by others.

Options:

  -from=TIME
        Begin there, and end at -to. TIME is as in 2026-11-30T06:12:01Z (RFC 3339), or 06:12:01,
        which is the first of that time in the recording, by the clock of its host, or +1h2m
        after the recording begins. Fractions of seconds are allowed.

  -to=TIME
        See -from. By default the end of the recording.

  -at=TIME
        See -members and -history.

  -keyring=FILE
        Keys, in the format of the agent's -keyring-file. Repeated: keys of all files, such as
        those that were removed since.

  -format=text
        text or json. Logs and packets are then one object in a line each.
`

// replayOptions are the options of serf replay.
type replayOptions struct {
	*options
	log                        *string
	members, packets, timeline *bool
	history, test              *string
	from, to, at               *string
	keyrings                   *[]string

	all  []*replay.Walk
	then time.Time // -at
}

func runReplay(_ context.Context, args []string, e env) int {
	o := &replayOptions{options: newOptions("replay", replayHelp, e)}
	o.log = o.level("log", "debug")
	o.members, o.packets = o.flag("members", false), o.flag("packets", false)
	o.timeline = o.flag("timeline", false)
	o.history, o.test = o.text("history", ""), o.text("test", "")
	o.from, o.to, o.at = o.text("from", ""), o.text("to", ""), o.text("at", "")
	o.keyrings = o.list("keyring")
	o.format()
	o.takes(1, anyNumber, "the directory of a recording")
	dirs, code, ok := o.parse(args)
	if !ok {
		return code
	}
	if err := o.combination(dirs); err != nil {
		return o.misused("%v", err)
	}
	if err := o.open(dirs); err != nil {
		return o.failed(err)
	}
	if err := o.times(); err != nil {
		return o.misused("%v", err)
	}
	return o.tell()
}

// level is an option with a log level, or without a value.
func (o *replayOptions) level(name, otherwise string) *string {
	level := ""
	o.set.BoolFunc(name, "", func(s string) error {
		if level = s; s == "true" {
			level = otherwise
		}
		return nil // checked below: an error here would speak of booleans
	})
	return &level
}

// combination checks that the options go together.
func (o *replayOptions) combination(dirs []string) error {
	var told []string
	for _, name := range []string{"log", "members", "history", "packets", "timeline", "test"} {
		if o.given(name) {
			told = append(told, "-"+name)
		}
	}
	if o.given("log") {
		if _, err := agent.ParseLevel(*o.log); err != nil {
			return fmt.Errorf("-log: %w", err)
		}
	}
	moment := *o.members || *o.history != ""
	switch {
	case len(told) > 1:
		return fmt.Errorf("%s: only one of them at a time", strings.Join(told, ", "))
	case *o.at != "" && !moment:
		return errors.New("-at: only with -members or -history; others take -from and -to")
	case moment && (*o.from != "" || *o.to != ""):
		return fmt.Errorf("%s: want -at instead of -from and -to", told[0])
	case *o.test != "" && len(dirs) > 1:
		return fmt.Errorf("-test: %d recordings, allowed is one", len(dirs))
	case *o.test != "" && o.chosen == formatJSON:
		return errors.New("-test: writes a file, for which there is no -format=json")
	}
	return nil
}

// open reads the keyrings and finds the segments.
func (o *replayOptions) open(dirs []string) error {
	keys := recording.Keys{}
	for _, file := range *o.keyrings {
		data, err := readFile(file, keyringMax)
		if err != nil {
			return fmt.Errorf("-keyring %s: %w", file, err)
		}
		list, err := config.ParseKeyring(file, data)
		if err != nil {
			return fmt.Errorf("-keyring: %w", err)
		}
		keys.Add(list...)
	}
	runs := make(map[string]int) // from 1, in which of dirs
	for i, dir := range dirs {
		r, err := recording.Read(dir)
		if err != nil {
			return err
		}
		for _, s := range r.Segments {
			other := runs[s.Run]
			if other > 0 && other <= i {
				return fmt.Errorf("%s and %s have segments of the same run: give each recording once",
					dirs[other-1], dir)
			}
			if s.Err == nil {
				runs[s.Run] = i + 1
			}
		}
		o.all = append(o.all, &replay.Walk{Recording: r, Keys: keys})
	}
	return nil
}

// keyringMax bounds a keyring file, in bytes: 64 keys in base64 take less.
const keyringMax = 64 << 10

// times reads the options that are times.
func (o *replayOptions) times() error {
	var begin time.Time
	for _, w := range o.all {
		if first := replay.First(w); begin.IsZero() || first.Before(begin) {
			begin = first
		}
	}
	var errs []error
	read := func(name, text string) (t time.Time) {
		if text == "" {
			return t
		}
		t, err := replay.ParseTime(text, begin)
		if err != nil {
			errs = append(errs, fmt.Errorf("invalid value %q of option -%s, %w", text, name, err))
		}
		return t
	}
	in := replay.Stretch{From: read("from", *o.from), To: read("to", *o.to)}
	o.then = read("at", *o.at)
	if len(errs) == 0 && !in.To.IsZero() && in.To.Before(in.From) {
		errs = append(errs, fmt.Errorf("-to %s: is before -from %s", *o.to, *o.from))
	}
	for _, w := range o.all {
		w.In = in
	}
	return errors.Join(errs...)
}

// tell does what the options ask for. What couldn't be read, or isn't what happened, it says at the
// end; the exit code is then 1.
func (o *replayOptions) tell() int {
	var err error
	switch {
	case *o.log != "":
		least, _ := agent.ParseLevel(*o.log) // checked
		err = o.lines("log lines of level "+strings.ToUpper(*o.log)+" or above",
			func(w *replay.Walk) iter.Seq[replay.Line] { return replay.Log(w, swim.Level(least)) })
	case *o.members:
		err = o.eachMoment(o.tellMembers)
	case *o.history != "":
		err = o.eachMoment(o.tellHistory)
	case *o.packets:
		err = o.lines("packets", replay.Packets)
	case *o.timeline:
		err = o.tellTimeline()
	case *o.test != "":
		err = o.writeTest()
	default:
		return o.verify()
	}
	code := exitOK
	if err != nil {
		code = o.failed(err)
	}
	for _, w := range o.all {
		for _, line := range w.Lines() {
			fmt.Fprintf(o.e.Stderr, "serf replay: %s\n", printable(line))
		}
		if len(w.Unplayed) > 0 || w.Differ > 0 {
			code = exitError
		}
		o.hintAtKeys(&w.Flaws)
	}
	return code
}

func (o *replayOptions) hintAtKeys(f *replay.Flaws) {
	if f.NeedsKey {
		fmt.Fprintln(o.e.Stderr, "Give the keyring files of that time: -keyring=FILE.")
	}
}

// failed reports an error and returns the exit code.
func (o *replayOptions) failed(err error) int {
	fmt.Fprintf(o.e.Stderr, "serf replay: %v\n", err)
	if errors.Is(err, replay.ErrNothing) {
		for _, w := range o.all {
			fmt.Fprintf(o.e.Stderr, "%s begins at %s, its last segment at %s.\n",
				printable(w.Recording.Dir), replay.First(w).Format(time.RFC3339Nano),
				replay.Latest(w).Format(time.RFC3339Nano))
		}
	}
	return exitError
}

// verify compares effects.
func (o *replayOptions) verify() int {
	code := exitOK
	var reports []*replay.Report
	for i, w := range o.all {
		report := replay.Verify(w, build())
		if err := w.Nothing(); err != nil {
			return o.failed(fmt.Errorf("%s: %w", w.Recording.Dir, err))
		}
		if !report.Same {
			code = exitError
		}
		reports = append(reports, report)
		if o.chosen != formatJSON {
			if i > 0 {
				fmt.Fprintln(o.e.Stdout)
			}
			fmt.Fprint(o.e.Stdout, report.Text())
		}
		o.hintAtKeys(&w.Flaws)
	}
	if o.chosen == formatJSON {
		writeJSON(o.e.Stdout, reports)
	}
	return code
}

// lines prints what each recording has: one alone as it comes, several sorted by time, but each in
// its order, though its clock was set back. If there are no lines, it says which: that isn't an
// error.
func (o *replayOptions) lines(what string, of func(*replay.Walk) iter.Seq[replay.Line]) error {
	type item struct {
		at   time.Time
		line replay.Line
	}
	var items []item
	count, nothing := 0, 0
	for _, w := range o.all {
		var last time.Time
		for l := range of(w) {
			if count++; len(o.all) == 1 {
				if err := o.line(l); err != nil {
					return err
				}
				continue
			}
			if l.When().After(last) {
				last = l.When()
			}
			items = append(items, item{last, l})
		}
		if w.Nothing() != nil {
			nothing++
		}
	}
	sort.SliceStable(items, func(i, k int) bool { return items[i].at.Before(items[k].at) })
	for _, i := range items {
		if err := o.line(i.line); err != nil {
			return err
		}
	}
	switch {
	case nothing == len(o.all):
		return replay.ErrNothing
	case count == 0:
		fmt.Fprintf(o.e.Stderr, "Nothing to show: the recording has inputs of that time, and no %s.\n",
			what)
	}
	return nil
}

// line prints a line.
func (o *replayOptions) line(l replay.Line) error {
	text := ""
	if o.chosen == formatJSON {
		text = jsonLineOf(l)
	} else {
		text = l.Words(len(o.all) > 1)
	}
	_, err := io.WriteString(o.e.Stdout, text)
	return err
}

// eachMoment tells of each recording what was at -at.
func (o *replayOptions) eachMoment(tell func(p *replay.Player, last time.Time) error) error {
	var errs []error
	for i, w := range o.all {
		p, last, err := replay.At(w, o.then)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", w.Recording.Dir, err))
			continue
		}
		if (len(o.all) > 1 || len(w.Unplayed) > 0) && o.chosen != formatJSON {
			if i > 0 {
				fmt.Fprintln(o.e.Stdout)
			}
			fmt.Fprintf(o.e.Stdout, "%s at %s\n", printable(p.Name()), last.Format(replay.TimeForm))
		}
		errs = append(errs, tell(p, last))
	}
	return errors.Join(errs...)
}

func (o *replayOptions) tellMembers(p *replay.Player, _ time.Time) error {
	var members []rpc.Member
	for _, m := range p.Members() {
		members = append(members, rpc.Member{Name: m.Name, Addr: m.Addr, Tags: m.Tags,
			Status: m.Status.String(), Delegate: versionsOf(m.Versions.Serf())})
	}
	if o.chosen == formatJSON {
		return writeMembersJSON(o.e.Stdout, members)
	}
	writeMembers(o.e.Stdout, members, false)
	return nil
}

func versionsOf(v serf.VersionRange) rpc.Versions {
	return rpc.Versions{Min: v.Min, Max: v.Max, Current: v.Current}
}

func (o *replayOptions) tellHistory(p *replay.Player, last time.Time) error {
	h, ok := p.HistoryOf(*o.history, last)
	if !ok {
		return fmt.Errorf("-history %s: %s knows nothing of such a member", *o.history, p.Name())
	}
	return o.print(h, h.Story(timeOf))
}

func (o *replayOptions) tellTimeline() error {
	t := replay.Merge(o.all, o.all[0].In)
	switch {
	case len(t.Moments) == 0:
		return replay.ErrNothing
	case o.chosen == formatJSON:
		return writeJSON(o.e.Stdout, t)
	}
	return t.WriteText(o.e.Stdout)
}

// writeTest exports a test. A file that is there may have been worked on: it stays.
func (o *replayOptions) writeTest() error {
	flags := os.O_WRONLY | os.O_CREATE | os.O_EXCL
	if info, err := os.Stat(*o.test); err == nil && !info.Mode().IsRegular() {
		flags = os.O_WRONLY // such as /dev/stdout
	}
	f, err := os.OpenFile(*o.test, flags, 0o600)
	switch {
	case errors.Is(err, fs.ErrExist):
		return fmt.Errorf("-test: %s is there already, and isn't overwritten", *o.test)
	case err != nil:
		return fmt.Errorf("-test: %w", err)
	}
	text, x, err := conversation.Export(o.all[0])
	if err == nil {
		_, err = f.Write(text)
	}
	if err = errors.Join(err, f.Close()); err != nil {
		if flags&os.O_EXCL != 0 {
			os.Remove(*o.test)
		}
		return fmt.Errorf("-test: %w", err)
	}
	fmt.Fprintf(o.e.Stdout, "%s: %d inputs of %s", *o.test, x.Inputs, printable(x.Node))
	if x.Same < x.Inputs {
		fmt.Fprintf(o.e.Stdout, ", of which %d have other effects there", x.Inputs-x.Same)
	}
	fmt.Fprintln(o.e.Stdout)
	return nil
}
