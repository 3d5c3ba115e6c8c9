package replay

import (
	"fmt"
	"io"
	"strings"
	"time"

	"serf/internal/dissect"
	"serf/internal/textwrap"
)

// WriteText writes the timeline for a terminal.
func (t *Timeline) WriteText(w io.Writer) error {
	_, err := io.WriteString(w, t.head())
	for _, x := range t.Moments {
		if err == nil {
			_, err = io.WriteString(w, x.text())
		}
	}
	return err
}

// head is what comes above the moments: who, the clocks, the losses.
func (t *Timeline) head() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n", textwrap.Count(len(t.Nodes), "recording"),
		dissect.Clean(strings.Join(t.Nodes, ", ")))
	runs := make(map[string]int)
	for i, c := range t.Clocks {
		name := dissect.Clean(c.Node)
		if runs[c.Node]++; runs[c.Node] > 1 {
			name += fmt.Sprintf(", run %d", runs[c.Node])
		}
		switch {
		case i == 0:
			fmt.Fprintf(&b, "times are by the clock of %s\n", name)
		case !c.Known:
			fmt.Fprintf(&b, "clock of %s: taken as it is, as no packets went both ways\n", name)
		default:
			fmt.Fprintf(&b, "clock of %s: %s, ±%v (%d packets)\n", name, c.difference(),
				round(c.Within), c.Packets)
		}
		if c.SetBack > 0 {
			fmt.Fprintf(&b, "clock of %s: was set back by %v; times after that are by it as it was\n",
				name, round(c.SetBack))
		}
	}
	if t.Moved > 0 {
		fmt.Fprintf(&b, "%s shown later than by these clocks, by up to %v: nothing comes before its "+
			"cause\n", textwrap.Count(t.Moved, "moment"), round(t.MovedMost))
	}
	for _, l := range t.Losses {
		if l.Lost > 0 {
			fmt.Fprintf(&b, "%s -> %s: %d of %d lost\n", dissect.Clean(l.From),
				dissect.Clean(l.To), l.Lost, l.Sent)
		}
	}
	return b.String()
}

// difference is by how much a clock differs, at first and at the end.
func (c *Clock) difference() string {
	off := func(d time.Duration) string {
		switch {
		case d.Abs() <= c.Within:
			return "the same"
		case d < 0:
			return fmt.Sprintf("%v behind", round(-d))
		}
		return fmt.Sprintf("%v ahead", round(d))
	}
	first, last := off(c.Ahead), off(c.AheadAtEnd)
	if (c.AheadAtEnd - c.Ahead).Abs() > 2*c.Within {
		return first + " at first, " + last + " at the end"
	}
	return first
}

// round leaves out what no clock of a host has.
func round(d time.Duration) time.Duration { return d.Round(time.Microsecond) }

// text is a moment in lines: what came in, and indented what came of it.
func (x *Moment) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s ", x.Time.Format(packetForm), dissect.Clean(x.Node))
	switch c := x.Cause; {
	case c != nil && c.ID > 0:
		fmt.Fprintf(&b, "got #%d of %s after %v: ", c.ID, dissect.Clean(c.From), round(x.After))
	case c != nil:
		fmt.Fprintf(&b, "got what %s sent %v before: ", dissect.Clean(c.From), round(x.After))
	case x.got.from.IsValid(): // the sender isn't recorded, or not at that time
		fmt.Fprintf(&b, "got from %v: ", x.got.from)
	}
	b.WriteString(brief(&x.Input) + "\n")
	for _, m := range x.Sent {
		to, fate := m.To, ""
		if to == "" {
			to = "the asker"
		}
		switch m.Fate {
		case Lost:
			fate = " LOST"
		case Absent:
			fate = ", which isn't running"
		case GivenUp:
			fate = ", which had given up"
		}
		fmt.Fprintf(&b, "    #%d -> %s%s: %s\n", m.ID, dissect.Clean(to), fate, brief(&m.What))
	}
	for i := range x.Said {
		b.WriteString("    " + brief(&x.Said[i]) + "\n")
	}
	return b.String()
}

// brief is x in one line, without what few look for: coordinates.
func brief(x *dissect.Part) string {
	less := *x
	less.Parts = nil
	for _, part := range x.Parts {
		if part.Kind == "ack" {
			part.Parts = nil
		}
		less.Put(part)
	}
	return Compact(&less)
}

// compactMax is how many messages of a packet are shown in one line.
const compactMax = 6

// Compact is a part in one line: the messages of a packet, without its layers.
func Compact(x *dissect.Part) string {
	line := ""
	switch {
	case len(x.Parts) == 0:
		line = x.Line()
	case strings.HasPrefix(x.Kind, "stream "):
		line = x.Kind + ": "
	case x.Kind != "packet":
		line = x.Line() + ": "
	}
	for i := range x.Parts {
		switch {
		case i == compactMax:
			return line + fmt.Sprintf("; and %d more", len(x.Parts)-i)
		case i > 0:
			line += "; "
		}
		line += Compact(&x.Parts[i])
	}
	return line
}
