package report

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// WriteTo writes the figures for people to read.
func (r *Report) WriteTo(w io.Writer) (int64, error) {
	p := &printer{w: w}
	cut := ""
	if r.Cut {
		cut = " (interrupted)"
	}
	p.line("simulated", "%v%s; at the end %d of %d members run, %s", r.Time, cut, r.Running,
		r.Members, r.agreement())
	f := r.Figures()
	f.writeTimes(p)
	r.writeMembers(p)
	f.writePairs(p)
	p.blank()
	r.writeNews(p)
	f.writeTraffic(p)
	for _, v := range r.Violations {
		p.line("BROKEN RULE", "at %v: %s: %s", time.Duration(v.At), v.Check, v.Text)
	}
	p.line("trace", "%016x", r.Trace)
	return p.n, p.err
}

// agreement is how views stand at the end.
func (r *Report) agreement() string {
	switch {
	case r.Running == 0:
		return "nobody is left to look"
	case r.Settled:
		return "all views agree"
	}
	return fmt.Sprintf("%d of %d views of another member are wrong", r.Wrong,
		r.Running*(r.Members-1))
}

// writeTimes is the table of how long things took.
func (f *Figures) writeTimes(p *printer) {
	rows := f.Times()
	if len(rows) == 0 {
		return
	}
	p.blank()
	p.row("time until", "count", "median", "99th", "worst")
	for i := range rows {
		p.times(&rows[i])
	}
}

// writeMembers is the table of what each member has to do.
func (r *Report) writeMembers(p *printer) {
	if r.Packets.Count == 0 {
		return
	}
	p.blank()
	p.row("per member", "", "median", "99th", "worst")
	for _, x := range []struct {
		label string
		Quantiles[float64]
	}{{"packets sent a second", r.Packets}, {"bytes sent a second", r.Bytes}} {
		p.row(x.label, "", number(x.Median), number(x.P99), number(x.Worst))
	}
	if q := r.Queue; q.Count > 0 {
		p.row("messages to gossip", "", strconv.Itoa(q.Median), strconv.Itoa(q.P99),
			strconv.Itoa(q.Worst))
	}
}

// pairsMost is how many pairs of regions are written. The JSON has all.
const pairsMost = 50

// writePairs is the table of what went between regions.
func (f *Figures) writePairs(p *printer) {
	if len(f.Pairs) == 0 || f.SimulatedSeconds <= 0 {
		return
	}
	p.blank()
	p.row("from region to region",
		"bytes/s", "events", "median", "worst", "crashes", "median", "worst")
	for i := range f.Pairs[:min(len(f.Pairs), pairsMost)] {
		x := &f.Pairs[i]
		cells := []string{number(float64(x.PacketBytes+x.StreamBytes) / f.SimulatedSeconds)}
		for _, d := range []*DeliveryFigures{&x.Events, &x.Crashes} {
			cells = append(cells, d.cells()...)
		}
		p.row(x.From+" to "+x.To, cells...)
	}
	if n := len(f.Pairs) - pairsMost; n > 0 {
		p.line("", "and %d more pairs of regions, see -format=json", n)
	}
}

// cells are how much of what was due was delivered, and how long that took.
func (d *DeliveryFigures) cells() []string {
	if d.Due == 0 {
		return []string{"-", "", ""}
	}
	share, q := Percent(float64(d.Reached)/float64(d.Due)), d.AllSeconds
	if q == nil {
		return []string{share, "", ""}
	}
	return []string{share, shortSeconds(q.Median), shortSeconds(q.Worst)}
}

// writeNews is about what members said of others, and what users had them say.
func (r *Report) writeNews(p *printer) {
	f := &r.FalseFailures
	across := ""
	if f.AcrossFaults > 0 {
		across = fmt.Sprintf("; and %d across faults of the network", f.AcrossFaults)
	}
	if f.All > 0 {
		p.line("false failures", "%d, of which %d at healthy members, %d of these about healthy ones%s",
			f.All, f.AtHealthy, f.OfHealthy, across)
	} else {
		p.line("false failures", "none%s", across)
	}
	p.line("suspicions", "%d, of which %d refuted", r.Suspicions, r.Refutations)
	if r.UserEvents > 0 {
		p.line("user events", "%d fired, %s delivered", r.UserEvents, Percent(Share(r.Events)))
	}
	r.writeMissed(p)
	if len(r.Queries) > 0 {
		p.line("queries", "%d asked, %s answered", len(r.Queries), Percent(Share(r.Queries)))
	}
}

// missedMost is how many events that didn't reach all are written. The JSON has all.
const missedMost = 5

// writeMissed names the events that some members should have and don't.
func (r *Report) writeMissed(p *printer) {
	n := 0
	for i := range r.Events {
		s := &r.Events[i]
		if s.Waiting() == 0 {
			continue
		}
		if n++; n <= missedMost {
			p.line("event missed", "%s at %v, by %s", s.Name, short(time.Duration(s.At)),
				s.MissedBy())
		}
	}
	if n > missedMost {
		p.line("event missed", "and %d more", n-missedMost)
	}
}

func (f *Figures) writeTraffic(p *printer) {
	n := &f.Traffic
	var fates []string
	for _, x := range n.Packets.Fates() {
		if x.Count > 0 {
			fates = append(fates, fmt.Sprintf(", %d %s", x.Count, x.Title))
		}
	}
	p.line("packets", "%d sent%s", n.Packets.Sent, strings.Join(fates, ""))
	failed := ""
	if n.StreamsFailed > 0 {
		failed = fmt.Sprintf(", %d failed", n.StreamsFailed)
	}
	p.line("streams", "%d opened%s, %s bytes a second and member", n.Streams, failed,
		number(n.StreamBytesPerSecond))
}

// printer writes lines of a label and a text, and keeps the first error.
type printer struct {
	w   io.Writer
	n   int64
	err error
}

func (p *printer) write(s string) {
	if p.err != nil {
		return
	}
	n, err := io.WriteString(p.w, strings.TrimRight(s, " ")+"\n")
	p.n += int64(n)
	p.err = err
}

func (p *printer) blank() { p.write("") }

func (p *printer) line(label, format string, args ...any) {
	p.write(fmt.Sprintf("%-18s"+format, append([]any{label}, args...)...))
}

// Columns of tables.
const (
	tableLabel = 26
	tableCell  = 10
)

// row is a line of a table. It pads by letters and not by bytes: durations have a µ.
func (p *printer) row(label string, cells ...string) {
	var b strings.Builder
	b.WriteString(label)
	b.WriteString(strings.Repeat(" ", max(0, tableLabel-utf8.RuneCountInString(label))))
	for _, c := range cells {
		b.WriteString(strings.Repeat(" ", max(0, tableCell-utf8.RuneCountInString(c))))
		b.WriteString(c)
	}
	p.write(b.String())
}

// times is a row about how long something took. What isn't over yet shows in the count; a single
// time needs no quantiles.
func (p *printer) times(x *TimeRow) {
	cells := []string{strconv.Itoa(x.Of)}
	if q := x.Took; q != nil {
		if q.Count < x.Of {
			cells[0] = fmt.Sprintf("%d of %d", q.Count, x.Of)
		}
		cells = append(cells, shortSeconds(q.Median))
		if q.Count > 1 {
			cells = append(cells, shortSeconds(q.P99), shortSeconds(q.Worst))
		}
	} else {
		cells[0] = fmt.Sprintf("0 of %d", x.Of)
	}
	if x.Remark != "" {
		for len(cells) < 4 {
			cells = append(cells, "")
		}
		cells = append(cells, "  "+x.Remark)
	}
	p.row(x.Title, cells...)
}
