package replay

import (
	"cmp"
	"fmt"
	"iter"
	"os"
	"slices"
	"strings"
	"time"

	"serf/agent/recording"
	"serf/internal/dissect"
	"serf/internal/textwrap"
)

// Report is what a replay found out about a recording. The JSON names are for users and stay.
type Report struct {
	Dir      string    `json:"dir"`
	Node     string    `json:"node"`
	Runs     int       `json:"runs"`
	Segments int       `json:"segments"`
	Inputs   int       `json:"inputs"`
	From     time.Time `json:"from"`
	To       time.Time `json:"to"`
	// Builds are the programs that recorded, one after the other.
	Builds []string `json:"recorded_by"`
	Build  string   `json:"replayed_by"`
	// Lost counts inputs that weren't recorded because the disk was too slow.
	Lost uint64 `json:"lost"`
	Same bool   `json:"same"`
	// Differ counts inputs of which something else came than was recorded, Before those before the
	// stretch: a replay begins with the segment.
	Differ int `json:"differ"`
	Before int `json:"differ_before"`
	// Differences has the first difference of each kind.
	Differences []*Difference `json:"differences"`
	// Unplayed are segments that couldn't be played, or not to their end, and why.
	Unplayed []string `json:"unplayed"`
}

// Difference is an input of which something else came than was recorded.
type Difference struct {
	// Kind is the input, and what differs.
	Kind  string `json:"kind"`
	Count int    `json:"count"`
	// Follows counts those with another difference before them in their segment, of which they may
	// be a consequence.
	Follows int `json:"follow_another"`

	// Of the first of them:
	Segment  string         `json:"segment"`
	Number   int            `json:"input_number"`
	Time     time.Time      `json:"time"`
	NodeTime string         `json:"node_time"`
	Input    dissect.Part   `json:"input"`
	Recorded Counts         `json:"recorded"`
	Replayed Counts         `json:"replayed"`
	Wrong    int            `json:"wrong_questions"`
	Effects  []dissect.Part `json:"replayed_effects"`
}

// Counts are how many effects of each kind there are.
type Counts struct {
	Packets int `json:"packets"`
	Streams int `json:"streams"`
	Events  int `json:"events"`
	Notes   int `json:"notes"`
}

// CountsOf counts the effects of an input.
func CountsOf(e recording.Effects) Counts { return Counts{e.Packets, e.Streams, e.Events, e.Notes} }

// Verify compares what comes of each input with what is recorded. build is that of this program.
func Verify(w *Walk, build string) *Report { return verify(w, w.Steps(), build) }

func verify(w *Walk, steps iter.Seq[*Step], build string) *Report {
	r := &Report{Dir: w.Recording.Dir, Build: build, Builds: []string{}, Unplayed: []string{},
		Differences: []*Difference{}}
	var last *recording.Segment
	var differs *recording.Segment // the last that has a difference
	for s := range steps {
		if s.Segment != last {
			r.begin(s, last)
			last = s.Segment
		}
		if s.Play() != nil {
			continue
		}
		if s.In {
			if r.From.IsZero() {
				r.From = s.Wall
			}
			r.To = s.Wall
		}
		switch {
		case s.Same():
		case !s.In:
			r.Before++
		default:
			d := r.kind(s)
			if d.Count++; differs == s.Segment || r.Before > 0 {
				d.Follows++
			}
			differs = s.Segment
		}
	}
	r.Inputs, r.Lost, r.Differ = w.Inputs, w.Lost, w.Differ-r.Before
	for _, text := range w.Unplayed {
		r.Unplayed = append(r.Unplayed, r.inDir(text))
	}
	r.Same = r.Inputs > 0 && w.Differ == 0 && len(r.Unplayed) == 0
	return r
}

// begin notes what a segment says of itself.
func (r *Report) begin(s *Step, last *recording.Segment) {
	r.Segments++
	if last == nil || s.Segment.Run != last.Run {
		r.Runs++
	}
	if names := strings.Split(r.Node, ", "); !slices.Contains(names, s.Name()) {
		r.Node = strings.TrimPrefix(r.Node+", "+s.Name(), ", ")
	}
	by := s.Segment.Build + " on " + s.Segment.System
	if n := len(r.Builds); n == 0 || r.Builds[n-1] != by {
		r.Builds = append(r.Builds, by)
	}
}

// inDir is a text that begins with a path in the recording's directory, without the directory.
func (r *Report) inDir(text string) string {
	return strings.TrimPrefix(text, r.Dir+string(os.PathSeparator))
}

// kind returns the difference of the kind of a step.
func (r *Report) kind(s *Step) *Difference {
	kind := s.Entry.Kind.String() + ": " + s.differs()
	for _, d := range r.Differences {
		if d.Kind == kind {
			return d
		}
	}
	d := &Difference{Kind: kind, Segment: r.inDir(s.Segment.Path), Number: s.Entry.Number,
		Time: s.Wall, NodeTime: NodeTime(s.Entry.At), Input: s.Input(s.Entry),
		Recorded: CountsOf(s.Entry.Effects), Replayed: CountsOf(s.Got),
		Wrong: s.Wrong, Effects: s.Effects()}
	r.Differences = append(r.Differences, d)
	return d
}

// differs says what is another than was recorded.
func (s *Step) differs() string {
	want, got := s.Entry.Effects, s.Got
	var what []string
	differ := func(differs bool, name string) {
		if differs {
			what = append(what, name)
		}
	}
	differ(want.Packets != got.Packets, "number of packets")
	differ(want.Streams != got.Streams, "number of streams")
	differ(want.Out != got.Out && len(what) == 0, "content of packets or streams")
	outs := len(what)
	differ(want.Events != got.Events, "number of events")
	differ(want.Notes != got.Notes, "number of notes")
	differ(want.Said != got.Said && len(what) == outs, "events, notes or what is returned")
	differ(s.Wrong > 0, "questions to the layer above")
	return strings.Join(what, ", ")
}

// TimeForm is how times are shown.
const TimeForm = "2006-01-02 15:04:05.000"

// Text is the report for a terminal.
func (r *Report) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s in %s", dissect.Clean(cmp.Or(r.Node, r.Dir)),
		textwrap.Count(r.Inputs, "input"), textwrap.Count(r.Segments, "segment"))
	if r.Inputs > 0 {
		fmt.Fprintf(&b, " from %s to %s", r.From.Format(TimeForm), r.To.Format(TimeForm))
	}
	switch {
	case r.Same:
		b.WriteString(": every effect is the same\n")
	case r.Differ > 0:
		fmt.Fprintf(&b, ": %s with other effects\n", textwrap.Count(r.Differ, "input"))
	case r.Inputs > 0:
		b.WriteString(": every effect of these is the same\n")
	default:
		b.WriteString("\n")
	}
	for _, by := range r.Builds {
		if !strings.HasPrefix(by, r.Build+" on ") {
			fmt.Fprintf(&b, "  recorded by %s, replayed by %s\n", by, r.Build)
		}
	}
	if r.Lost > 0 {
		fmt.Fprintf(&b, "  %s%s\n", textwrap.Count(int(r.Lost), "input"), lostText)
	}
	if r.Before > 0 {
		fmt.Fprintf(&b, "  %s with other effects before, since their segment begins: this one may "+
			"follow from them\n", textwrap.Count(r.Before, "input"))
	}
	for _, text := range r.Unplayed {
		fmt.Fprintf(&b, "  %s\n", text)
	}
	var follow []string
	for i, d := range r.Differences {
		if d.Follows < d.Count {
			d.write(&b, i == 0)
		} else {
			follow = append(follow, fmt.Sprintf("  %s: %s, the first is input %d of %s", d.Kind,
				textwrap.Count(d.Count, "input"), d.Number, d.Segment))
		}
	}
	if len(follow) > 0 {
		b.WriteString("\nonly after another difference in the same segment:\n" +
			strings.Join(follow, "\n") + "\n")
	}
	return b.String()
}

// write writes a difference of which some don't follow another.
func (d *Difference) write(b *strings.Builder, first bool) {
	fmt.Fprintf(b, "\n%s: %s", d.Kind, textwrap.Count(d.Count, "input"))
	if d.Follows > 0 {
		fmt.Fprintf(b, ", %d of them after another difference in the same segment", d.Follows)
	}
	which := "the first of these"
	if first {
		which = "the first of all"
	}
	fmt.Fprintf(b, "\n  %s: input %d of %s\n  at %s, node time %s\n", which, d.Number, d.Segment,
		d.Time.Format(time.RFC3339Nano), d.NodeTime)
	b.WriteString("  input:\n" + d.Input.Text(4, shownMax))
	fmt.Fprintf(b, "  recorded: %s\n  replayed: %s\n", d.Recorded, d.Replayed)
	if d.Wrong > 0 {
		fmt.Fprintf(b, "  %s to the layer above that differ\n",
			textwrap.Count(d.Wrong, "question"))
	}
	for i := range d.Effects {
		b.WriteString(d.Effects[i].Text(4, shownMax))
	}
}

// shownMax is how many parts of a part are shown: a push/pull can have thousands.
const shownMax = 16

func (c Counts) String() string {
	var what []string
	names := []string{"packet", "stream", "event", "note"}
	for i, n := range []int{c.Packets, c.Streams, c.Events, c.Notes} {
		if n > 0 {
			what = append(what, textwrap.Count(n, names[i]))
		}
	}
	return cmp.Or(strings.Join(what, ", "), "nothing")
}
