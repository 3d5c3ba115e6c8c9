package replay

import (
	"fmt"
	"strings"
	"time"

	"serf/internal/dissect"
	"serf/internal/textwrap"
)

// Clock is the clock of a run of a node beside that of the first: a packet can't arrive before it
// was sent, and one each way bounds the difference from both sides.
type Clock struct {
	Node string `json:"node"`
	Run  string `json:"run"`
	// Known: packets went both ways between this run and those before, or it is the first.
	Known bool `json:"known"`
	// Ahead is by how much the clock is ahead, give or take Within.
	Ahead   time.Duration `json:"ahead_ns"`
	Within  time.Duration `json:"within_ns"`
	Packets int           `json:"packets"`
}

// bound is the least time that a message took from one clock to another, with their difference in
// it.
type bound struct {
	least   time.Duration
	packets int
}

// reconcile estimates the clocks of all runs. From the first run on it takes, time after time, the
// run whose difference to one that is known is bounded best.
func (s *sources) reconcile() []*Clock {
	n := len(s.runs)
	bounds := make([]bound, n*n) // from, to
	for _, m := range s.sent {
		if m.got == nil {
			continue
		}
		b := &bounds[m.clock*n+m.got.clock]
		took := m.got.at.Sub(m.at)
		if b.packets == 0 || took < b.least {
			b.least = took
		}
		b.packets++
	}
	clocks := make([]*Clock, n)
	for i, r := range s.runs {
		clocks[i] = &Clock{Node: s.Nodes[r.node], Run: r.id}
	}
	if n > 0 {
		clocks[0].Known = true
	}
	for {
		next, best := -1, Clock{}
		for i, known := range clocks {
			for k, c := range clocks {
				there, back := bounds[i*n+k], bounds[k*n+i]
				if !known.Known || c.Known || there.packets == 0 || back.packets == 0 {
					continue
				}
				within := (there.least + back.least) / 2
				if next < 0 || within < best.Within {
					next = k
					best = Clock{Node: c.Node, Run: c.Run, Known: true, Within: within,
						Ahead:   known.Ahead + (there.least-back.least)/2,
						Packets: there.packets + back.packets}
				}
			}
		}
		if next < 0 {
			return clocks
		}
		*clocks[next] = best
	}
}

// head is what comes above the moments: who, the clocks, the losses.
func (t *Timeline) head() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n", textwrap.Count(len(t.Nodes), "recording"),
		textwrap.Escape(strings.Join(t.Nodes, ", "), ""))
	runs := make(map[string]int)
	for i, c := range t.Clocks {
		name := textwrap.Escape(c.Node, "")
		if runs[c.Node]++; runs[c.Node] > 1 {
			name += fmt.Sprintf(", run %d", runs[c.Node])
		}
		off := fmt.Sprintf("%v ahead", round(c.Ahead))
		if c.Ahead < 0 {
			off = fmt.Sprintf("%v behind", round(-c.Ahead))
		}
		switch {
		case i == 0:
			fmt.Fprintf(&b, "times are by the clock of %s\n", name)
		case !c.Known:
			fmt.Fprintf(&b, "clock of %s: taken as it is, as no packets went both ways\n", name)
		case c.Ahead.Abs() <= c.Within:
			fmt.Fprintf(&b, "clock of %s: the same, ±%v (%d packets)\n", name, round(c.Within),
				c.Packets)
		default:
			fmt.Fprintf(&b, "clock of %s: %s, ±%v (%d packets)\n", name, off, round(c.Within),
				c.Packets)
		}
	}
	for _, l := range t.Losses {
		if l.Lost > 0 {
			fmt.Fprintf(&b, "%s -> %s: %d of %d lost\n", textwrap.Escape(l.From, ""),
				textwrap.Escape(l.To, ""), l.Lost, l.Sent)
		}
	}
	return b.String()
}

// round leaves out what no clock of a host has.
func round(d time.Duration) time.Duration { return d.Round(time.Microsecond) }

// text is a moment in lines: what came in, and indented what came of it.
func (x *Moment) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s ", x.Time.Format(packetForm), textwrap.Escape(x.Node, ""))
	switch c := x.Cause; {
	case c != nil && c.ID > 0:
		fmt.Fprintf(&b, "got #%d of %s after %v: ", c.ID, textwrap.Escape(c.From, ""), round(x.After))
	case c != nil:
		fmt.Fprintf(&b, "got what %s sent %v before: ", textwrap.Escape(c.From, ""), round(x.After))
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
		fmt.Fprintf(&b, "    #%d -> %s%s: %s\n", m.ID, textwrap.Escape(to, ""), fate, brief(&m.What))
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
