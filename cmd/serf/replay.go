package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
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
	"serf/internal/std"
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
        Write the stretch to a file that 'go test ./swim/serf' plays in the source code of this
        program, from swim/serf/testdata/conversations: inputs, and what came of them. Keys are
        replaced by others.

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

	keys recording.Keys
	all  []*recording.Recording
	in   replay.Stretch
	then time.Time // -at
}

func runReplay(_ context.Context, args []string, e env) int {
	o := &replayOptions{options: newOptions("replay", replayHelp, e), keys: recording.Keys{}}
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
			return std.Errorf("-log: %w", err)
		}
	}
	moment := *o.members || *o.history != ""
	switch {
	case len(told) > 1:
		return std.Errorf("%s: only one of them at a time", strings.Join(told, ", "))
	case *o.at != "" && !moment:
		return errors.New("-at: only with -members or -history; others take -from and -to")
	case moment && (*o.from != "" || *o.to != ""):
		return std.Errorf("%s: want -at instead of -from and -to", told[0])
	case *o.test != "" && len(dirs) > 1:
		return std.Errorf("-test: %d recordings, allowed is one", len(dirs))
	case *o.test != "" && o.chosen == formatJSON:
		return errors.New("-test: writes a file, for which there is no -format=json")
	}
	return nil
}

// open reads the keyrings and finds the segments.
func (o *replayOptions) open(dirs []string) error {
	for _, file := range *o.keyrings {
		data, err := readFile(file, keyringMax)
		if err != nil {
			return std.Errorf("-keyring %s: %w", file, err)
		}
		keys, err := config.ParseKeyring(file, data)
		if err != nil {
			return std.Errorf("-keyring: %w", err)
		}
		o.keys.Add(keys...)
	}
	for _, dir := range dirs {
		r, err := recording.Read(dir)
		if err != nil {
			return err
		}
		o.all = append(o.all, r)
	}
	return nil
}

// keyringMax bounds a keyring file, in bytes: 64 keys in base64 take less.
const keyringMax = 64 << 10

// times reads the options that are times.
func (o *replayOptions) times() error {
	begin := replay.First(o.all[0], o.keys)
	for _, r := range o.all[1:] {
		if other := replay.First(r, o.keys); other.Before(begin) {
			begin = other
		}
	}
	var errs []error
	read := func(name, text string) (t time.Time) {
		if text == "" {
			return t
		}
		t, err := replay.ParseTime(text, begin)
		if err != nil {
			errs = append(errs, std.Errorf("invalid value %q of option -%s, %w", text, name, err))
		}
		return t
	}
	o.in = replay.Stretch{From: read("from", *o.from), To: read("to", *o.to)}
	o.then = read("at", *o.at)
	if len(errs) == 0 && !o.in.To.IsZero() && o.in.To.Before(o.in.From) {
		errs = append(errs, std.Errorf("-to %s: is before -from %s", *o.to, *o.from))
	}
	return std.Join(errs...)
}

// failed reports an error and returns the exit code.
func (o *replayOptions) failed(err error) int {
	fmt.Fprintf(o.e.Stderr, "serf replay: %v\n", err)
	if errors.Is(err, replay.ErrNothing) {
		for _, r := range o.all {
			fmt.Fprintf(o.e.Stderr, "%s begins at %s, its last segment at %s.\n", printable(r.Dir),
				replay.First(r, o.keys).Format(time.RFC3339Nano), replay.Latest(r).Format(time.RFC3339Nano))
		}
	}
	if missing := new(recording.KeyError); errors.As(err, &missing) {
		fmt.Fprintf(o.e.Stderr, "Give the keyring files of that time: -keyring=FILE.\n")
	}
	return exitError
}

// tell does what the options ask for.
func (o *replayOptions) tell() int {
	var err error
	switch {
	case *o.log != "":
		err = o.tellLog()
	case *o.members:
		err = o.eachMoment(o.tellMembers)
	case *o.history != "":
		err = o.eachMoment(o.tellHistory)
	case *o.packets:
		err = o.tellPackets()
	case *o.timeline:
		err = o.tellTimeline()
	case *o.test != "":
		err = o.writeTest()
	default:
		return o.verify()
	}
	if err != nil {
		return o.failed(err)
	}
	return exitOK
}

// verify compares effects.
func (o *replayOptions) verify() int {
	code := exitOK
	var reports []*replay.Report
	for i, r := range o.all {
		report, err := replay.Verify(r, o.keys, o.in, build())
		if err != nil {
			return o.failed(err)
		}
		if report.Inputs == 0 && len(report.Unplayed) == 0 {
			return o.failed(std.Errorf("%s: %w", r.Dir, replay.ErrNothing))
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
	}
	if o.chosen == formatJSON {
		writeJSON(o.e.Stdout, reports)
	}
	return code
}

// tellLog prints the notes of all nodes, in one order.
func (o *replayOptions) tellLog() error {
	least, err := agent.ParseLevel(*o.log)
	if err != nil {
		return err
	}
	what := "log lines of level " + strings.ToUpper(*o.log) + " or above"
	return o.merged(what, func(r *recording.Recording, add func(time.Time, func() error)) error {
		return replay.Log(r, o.keys, o.in, swim.Level(least), func(l replay.LogLine) error {
			add(l.Time, func() error {
				if o.chosen == formatJSON {
					return o.line(l)
				}
				node := ""
				if len(o.all) > 1 {
					node = printable(l.Node) + " "
				}
				_, err := fmt.Fprintf(o.e.Stdout, "%s %s[%s] %s: %s\n",
					l.Time.Format("2006/01/02 15:04:05.000"), node, l.LevelName, l.Component, l.Text)
				return err
			})
			return nil
		})
	})
}

// tellPackets prints the packets of all nodes, in one order.
func (o *replayOptions) tellPackets() error {
	return o.merged("packets", func(r *recording.Recording, add func(time.Time, func() error)) error {
		return replay.Packets(r, o.keys, o.in, func(t *replay.Traffic) error {
			add(t.Time, func() error {
				if o.chosen == formatJSON {
					return o.line(t)
				}
				_, err := fmt.Fprint(o.e.Stdout, t.Text())
				return err
			})
			return nil
		})
	})
}

// merged prints what each recording has: one alone as it comes, several sorted by time. If there
// are no lines, it says which: that isn't an error.
func (o *replayOptions) merged(what string,
	each func(r *recording.Recording, add func(time.Time, func() error)) error) error {
	type item struct {
		at    time.Time
		print func() error
	}
	var items []item
	var other error // effects that differ: said at the end
	count, nothing := 0, 0
	for _, r := range o.all {
		var printed error
		err := each(r, func(at time.Time, print func() error) {
			count++
			if len(o.all) > 1 {
				items = append(items, item{at, print})
			} else if printed == nil {
				printed = print()
			}
		})
		switch {
		case printed == nil && errors.Is(err, replay.ErrNothing):
			nothing++
		case printed != nil || !replay.OnlyDiffers(err):
			return cmp.Or(printed, err)
		default:
			other = cmp.Or(other, err)
		}
	}
	sort.SliceStable(items, func(i, j int) bool { return items[i].at.Before(items[j].at) })
	for _, i := range items {
		if err := i.print(); err != nil {
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
	return other
}

// line prints v as JSON in one line.
func (o *replayOptions) line(v any) error {
	_, err := io.WriteString(o.e.Stdout, jsonLineOf(v))
	return err
}

// eachMoment tells of each recording what was at -at.
func (o *replayOptions) eachMoment(tell func(p *replay.Player, last time.Time) error) error {
	var other error
	for i, r := range o.all {
		p, last, err := replay.At(r, o.keys, o.then)
		if !replay.OnlyDiffers(err) {
			return std.Errorf("%s: %w", r.Dir, err)
		}
		other = cmp.Or(other, err)
		if len(o.all) > 1 && o.chosen != formatJSON {
			if i > 0 {
				fmt.Fprintln(o.e.Stdout)
			}
			fmt.Fprintf(o.e.Stdout, "%s at %s\n", printable(p.Name()),
				last.Format(replay.TimeForm))
		}
		if err := tell(p, last); err != nil {
			return err
		}
	}
	return other
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
		return std.Errorf("-history %s: %s knows nothing of such a member", *o.history, p.Name())
	}
	return o.print(h, h.Story(timeOf))
}

func (o *replayOptions) tellTimeline() error {
	t, err := replay.Merge(o.all, o.keys, o.in)
	switch {
	case !replay.OnlyDiffers(err):
		return err
	case len(t.Moments) == 0:
		return replay.ErrNothing
	case o.chosen == formatJSON:
		return cmp.Or(writeJSON(o.e.Stdout, t), err)
	}
	return cmp.Or(t.WriteText(o.e.Stdout), err)
}

// writeTest exports a test.
func (o *replayOptions) writeTest() error {
	text, x, err := conversation.Export(o.all[0], o.keys, o.in)
	if err != nil {
		return std.Errorf("-test: %w", err)
	}
	if err := os.WriteFile(*o.test, text, 0o600); err != nil {
		return std.Errorf("-test: %w", err)
	}
	fmt.Fprintf(o.e.Stdout, "%s: %d inputs of %s", *o.test, x.Inputs, printable(x.Node))
	if x.Same < x.Inputs {
		fmt.Fprintf(o.e.Stdout, ", of which %d have other effects there", x.Inputs-x.Same)
	}
	fmt.Fprintln(o.e.Stdout)
	return nil
}
