package page

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"serf/netsim/report"
	"serf/netsim/scenario"
)

// Sweep is a sweep to make a page of.
type Sweep struct {
	Title    string
	Command  string   // that does it again
	Commands []string // for each point: one run of it, with its first seed
	Scenario string   // what is common to all, for readers
	File     string   // as a file, or empty
	Sweep    scenario.Sweep
	Points   []scenario.Point
}

// Write writes the page.
func (s *Sweep) Write(w io.Writer) error {
	d := document{
		Title: s.Title, Command: s.Command, Scenario: s.Scenario, File: s.File, Wide: true,
		Subtitle: fmt.Sprintf("%s, %s each with seeds from %d", plural(len(s.Points), "point"),
			plural(s.Sweep.Seeds, "run"), s.Sweep.Base.Seed),
		Charts: s.charts(), Tables: s.tables(),
	}
	if n := s.missing(); n > 0 {
		d.alert("The sweep was interrupted. Missing: %s.", plural(n, "run"))
	}
	for i := range s.Points {
		p := &s.Points[i]
		for _, r := range p.Runs {
			for _, v := range r.Violations {
				d.alert("Broken rule, %s seed %d: %s: %s", s.Sweep.Name(p), r.Seed, v.Check, v.Text)
			}
		}
		d.Commands = append(d.Commands, [2]string{s.Sweep.Name(p), s.Commands[i]})
	}
	return d.write(w)
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return count(n) + " " + what + "s"
}

func (s *Sweep) missing() (n int) {
	for i := range s.Points {
		n += len(s.Points[i].Missing)
	}
	return n
}

// tables have a row for each point; if there is only one, for each measure. How long things took
// and how much there was of them are apart: together they would be wider than a screen.
func (s *Sweep) tables() []table {
	if len(s.Points) == 1 {
		return []table{s.onlyPoint()}
	}
	var times, counts []int
	for m, x := range report.Measures() {
		switch {
		case !s.has(m):
		case x.Unit == report.UnitSeconds:
			times = append(times, m)
		default:
			counts = append(counts, m)
		}
	}
	var list []table
	if len(times) > 0 {
		list = append(list, s.table("How long things took", times))
	}
	if len(counts) > 0 {
		list = append(list, s.table("How much there was", counts))
	}
	return list
}

func (s *Sweep) table(title string, measures []int) table {
	t := table{Title: title + ": median over the seeds, and from least to most"}
	for _, k := range s.Sweep.Axes {
		t.Head = append(t.Head, k.Name)
	}
	t.Head = append(t.Head, "runs")
	for _, m := range measures {
		t.Head = append(t.Head, report.Measures()[m].Title)
	}
	for i := range s.Points {
		p := &s.Points[i]
		row := append(slices.Clone(p.Values), count(len(p.Runs)))
		for _, m := range measures {
			row = append(row, rangeText(report.Measures()[m].Unit, p.Range(m)))
		}
		t.add(row...)
	}
	return t
}

func (s *Sweep) onlyPoint() table {
	t := table{Title: "Over all seeds", Head: []string{"What", "Runs", "Median", "Least", "Most"}}
	for m, x := range report.Measures() {
		if r := s.Points[0].Range(m); r.Count > 0 {
			t.add(x.Title, count(r.Count), value(x.Unit, r.Median), value(x.Unit, r.Least),
				value(x.Unit, r.Most))
		}
	}
	return t
}

// has reports whether there is anything to tell about a measure: it's there and not 0 everywhere.
func (s *Sweep) has(measure int) bool {
	for i := range s.Points {
		if s.Points[i].Range(measure).Most > 0 {
			return true
		}
	}
	return false
}

// full reports whether a measure is a share that is 100 % everywhere: nothing to plot.
func (s *Sweep) full(measure int) bool {
	if report.Measures()[measure].Unit != report.UnitShare {
		return false
	}
	for i := range s.Points {
		if s.Points[i].Range(measure).Least < 1 {
			return false
		}
	}
	return true
}

// value writes a figure with its unit.
func value(u report.Unit, v float64) string {
	switch u {
	case report.UnitSeconds:
		return seconds(v)
	case report.UnitShare:
		return percent(v)
	case report.UnitBytes:
		return bytes(v) + "/s"
	case report.UnitRate:
		return digits(v, 3) + "/s"
	}
	return count(uint64(v))
}

// rangeText is "9.74 s" and, on a second line, "8.1 s – 12.9 s" unless all are the same.
func rangeText(u report.Unit, r scenario.Range) string {
	if r.Count == 0 {
		return "–"
	}
	text := value(u, r.Median)
	if r.Least < r.Most {
		text += fmt.Sprintf("\n%s – %s", value(u, r.Least), value(u, r.Most))
	}
	return text
}

// charts has a plot for each measure of which there is something to show.
func (s *Sweep) charts() []*chart {
	var list []*chart
	for m := range report.Measures() {
		switch {
		case !s.has(m) || s.full(m):
		case len(s.Points) == 1:
			list = append(list, s.overSeeds(m))
		default:
			list = append(list, s.overAxis(m))
		}
	}
	return list
}

// overSeeds shows how a measure is distributed over the runs of the only point.
func (s *Sweep) overSeeds(m int) *chart {
	x, p := report.Measures()[m], &s.Points[0]
	var values []float64
	for i := range p.Runs {
		if f := p.Runs[i].Figures[m]; f.There {
			values = append(values, f.Value)
		}
	}
	slices.Sort(values)
	c := &chart{Title: sentence(x.Title),
		Note: "How many of the runs have this value or a lesser one."}
	c.setAxes(valueAxis(x.Unit, x.Title, append(values, values[len(values)-1]*1.04), false),
		shareAxis("of runs"))
	c.Data.XUnit, c.Data.YUnit = unitName(x.Unit), "%"
	c.distribution("c1", "runs", values, len(p.Runs))
	c.Legend = nil
	return c
}

// linesColoured is how many lines have a colour, or dashes, of their own.
const (
	colours       = 6
	linesColoured = 2 * colours
)

// overAxis shows how a measure depends on the axis of the sweep with most values; each combination
// of the others is a line.
func (s *Sweep) overAxis(m int) *chart {
	x, across := report.Measures()[m], s.across()
	swept := &s.Sweep.Axes[across]
	c := &chart{Title: sentence(x.Title),
		Note: "Median of the runs, and shaded from the least to the most."}
	var all []float64
	for i := range s.Points {
		if r := s.Points[i].Range(m); r.Count > 0 {
			all = append(all, r.Least, r.Most)
		}
	}
	c.setAxes(categories(swept), valueAxis(x.Unit, "", all, true))
	c.Data.XUnit, c.Data.YUnit, c.Data.Cats = "1", unitName(x.Unit), s.categoryNames(across)
	for i := range swept.Values {
		c.Data.At = append(c.Data.At, float64(i))
	}
	lines := s.lines(across)
	for i, l := range lines[:min(len(lines), linesColoured)] {
		c.rangeLine(fmt.Sprintf("c%d", i%colours+1), i >= colours, l, m, x.Unit)
	}
	if len(lines) > linesColoured {
		c.Note += fmt.Sprintf(" %d of %d combinations are drawn.", linesColoured, len(lines))
	}
	if len(lines) == 1 {
		c.Legend = nil
	}
	return c
}

// across is the axis of the sweep that is the X axis of the plots.
func (s *Sweep) across() int {
	best := 0
	for j, k := range s.Sweep.Axes {
		if len(k.Values) > len(s.Sweep.Axes[best].Values) {
			best = j
		}
	}
	return best
}

func (s *Sweep) categoryNames(across int) []string {
	var names []string
	for _, v := range s.Sweep.Axes[across].Values {
		names = append(names, s.Sweep.Axes[across].Name+" "+v)
	}
	return names
}

// axisLine is the points that differ along one axis of the sweep, in its order.
type axisLine struct {
	name   string
	points []*scenario.Point
}

func (s *Sweep) lines(across int) []axisLine {
	var list []axisLine
	for i := range s.Points {
		p := &s.Points[i]
		var rest []string
		for j, v := range p.Values {
			if j != across {
				rest = append(rest, s.Sweep.Axes[j].Name+" "+v)
			}
		}
		name := strings.Join(rest, ", ")
		k := slices.IndexFunc(list, func(l axisLine) bool { return l.name == name })
		if k < 0 {
			k = len(list)
			list = append(list, axisLine{name: name})
		}
		list[k].points = append(list[k].points, p)
	}
	return list
}

func (c *chart) rangeLine(class string, dashed bool, l axisLine, m int, u report.Unit) {
	var xs, low, mid, high []float64
	about := line{Name: l.name, Y: make(values, len(l.points)), Text: make([]string, len(l.points))}
	if about.Name == "" {
		about.Name = strings.ToLower(c.Title)
	}
	for i, p := range l.points {
		r := p.Range(m)
		about.Y[i], about.Text[i] = math.NaN(), strings.ReplaceAll(rangeText(u, r), "\n", ", ")
		if r.Count == 0 {
			continue
		}
		about.Y[i] = round(r.Median)
		xs, mid = append(xs, float64(i)), append(mid, r.Median)
		low, high = append(low, r.Least), append(high, r.Most)
	}
	if len(xs) == 0 {
		return
	}
	c.drawArea(class, xs, low, high)
	style := class
	if dashed {
		style += " dashed"
	}
	c.draw(style, pairs(xs, mid))
	c.drawDots(class, pairs(xs, mid))
	c.Legend = append(c.Legend, legend{style, l.name})
	c.Data.Lines = append(c.Data.Lines, about)
}

// categories is an axis on which all values that a sweep takes are equally far apart.
func categories(k *scenario.Axis) axis {
	n := len(k.Values)
	a := axis{Name: k.Name, Low: -0.5, Top: float64(n) - 0.5}
	every := (n + ticksAcross) / (ticksAcross + 1)
	for i := 0; i < n; i += every {
		a.Ticks = append(a.Ticks, tick{a.percent(float64(i)), k.Values[i]})
	}
	return a
}

// valueAxis is the axis of a measure. what is its name, to which the unit is added, or empty.
func valueAxis(u report.Unit, what string, list []float64, roundUp bool) axis {
	low, top, unequal := spanOf(list)
	if roundUp && unequal && slices.Min(list) > 0 {
		return logarithmic(what, low, top, func(v float64) string {
			if u == report.UnitSeconds {
				return decade(v)
			}
			return value(u, v)
		})
	}
	name := func(unit string) string { return strings.TrimPrefix(what+", "+unit, ", ") }
	switch u {
	case report.UnitSeconds:
		size, unit := timeUnit(top)
		return linear(name(unit), top, size, roundUp)
	case report.UnitShare:
		if roundUp {
			return zoomed(name("%"), slices.Min(list), top, 0.01, 0)
		}
		return linear(name("%"), top, 0.01, false)
	case report.UnitBytes:
		size, unit := byteUnit(top)
		return linear(name(unit+" a second"), top, size, roundUp)
	case report.UnitRate:
		return linear(name("a second"), top, 1, roundUp)
	}
	if roundUp {
		return counting(what, top)
	}
	return linear(what, top, 1, false)
}

// unitName is what the script calls a unit.
func unitName(u report.Unit) string {
	switch u {
	case report.UnitSeconds:
		return "s"
	case report.UnitShare:
		return "%"
	case report.UnitBytes:
		return "B/s"
	case report.UnitRate:
		return "/s"
	}
	return "1"
}

// sentence begins with a capital.
func sentence(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

// values are numbers of which some may be missing.
type values []float64

// MarshalJSON writes null for what isn't a number.
func (v values) MarshalJSON() ([]byte, error) {
	list := make([]*float64, len(v))
	for i := range v {
		if !math.IsNaN(v[i]) {
			list[i] = &v[i]
		}
	}
	return json.Marshal(list)
}
