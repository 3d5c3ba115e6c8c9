package page

import (
	"math"
	"slices"
	"strconv"
	"strings"
)

// chart is one plot: what is drawn, and what the script says about the place at which the reader
// points.
type chart struct {
	Title, Note string
	X, Y        axis
	Legend      []legend
	Zones       []zone
	Shapes      []shape
	Data        data
}

// legend is the name of what has a colour. Class is one of the style sheet's.
type legend struct{ Class, Name string }

// zone is a shaded part of the X axis, or a line if it has no width. Both are in percent.
type zone struct {
	Left, Width float64
	Label       string // above the plot
	Row         int    // of the label, from the top
	Class       string
}

// fromRight reports whether the label ends at the zone, since it wouldn't fit to the right of it.
func (z *zone) fromRight() bool { return z.Left > 50 }

// span is the part of the width that the label takes on a phone, in percent.
func (z *zone) span() (from, to float64) {
	width := letterWidth * float64(len(z.Label)+1)
	if z.fromRight() {
		return z.Left - width, z.Left
	}
	return z.Left, z.Left + width
}

// shape is a path in a drawing area of unit by unit.
type shape struct{ Class, Path string }

// unit is fine enough for any screen.
const unit = 1000

// data is what the script knows. Its keys are short, since there is much of it.
type data struct {
	Near  bool      `json:"near"` // about the nearest line only; else about all at the pointer's X
	XUnit string    `json:"xu"`   // as package page's functions that write values: s, B/s, 1
	YUnit string    `json:"yu"`
	X     [3]any    `json:"x"` // low, top, whether logarithmic
	Y     [3]any    `json:"y"`
	At    []float64 `json:"at,omitempty"` // of all lines, or each has its own
	Cats  []string  `json:"cats,omitempty"`
	Lines []line    `json:"l"`
	Zones []about   `json:"z,omitempty"`
}

// line is a line as the script knows it.
type line struct {
	Name string       `json:"n"`
	Note string       `json:"d,omitempty"`
	Y    values       `json:"v,omitempty"`
	Text []string     `json:"t,omitempty"` // instead of the number in Y
	XY   [][2]float64 `json:"p,omitempty"`
}

// about is a zone as the script knows it.
type about struct {
	Name string  `json:"n"`
	From float64 `json:"a"`
	To   float64 `json:"b"`
}

// put adds the plot to a page: marks and labels are HTML around the drawing, so that they keep
// their size.
func (c *chart) put(m *markup) error {
	m.put("<figure class=\"chart\">\n<figcaption><h2>%s</h2>", c.Title)
	m.putIf("<p>%s</p>", c.Note)
	m.put("</figcaption>\n")
	c.putLegend(m)
	m.put("<div class=\"frame\">\n<div class=\"yname\">%s</div>\n<div class=\"yticks\">", c.Y.Name)
	for _, t := range c.Y.Ticks {
		m.put(`<span style="bottom:%s%%">%s</span>`, number(t.At), t.Label)
	}
	m.put("</div>\n")
	c.putLabels(m)
	m.put("<div class=\"plot\">\n")
	c.putPlot(m)
	m.put("</div>\n<div class=\"xticks\">")
	for _, t := range c.X.Ticks {
		m.put(`<span style="left:%s%%">%s</span>`, number(t.At), t.Label)
	}
	m.put("</div>\n<div class=\"xname\">%s</div>\n</div>\n<script type=\"application/json\">",
		c.X.Name)
	if err := m.putJSON(&c.Data); err != nil {
		return err
	}
	m.put("</script>\n</figure>\n")
	return nil
}

func (c *chart) putLegend(m *markup) {
	if len(c.Legend) == 0 {
		return
	}
	m.put(`<p class="legend">`)
	for _, l := range c.Legend {
		m.put(`<span><i class="%s"></i>%s</span>`, l.Class, l.Name)
	}
	m.put("</p>\n")
}

// putLabels adds the names of the zones, in rows above the plot so that they cover no line.
func (c *chart) putLabels(m *markup) {
	rows := 0
	for _, z := range c.Zones {
		if z.Label != "" {
			rows = max(rows, z.Row+1)
		}
	}
	if rows == 0 {
		return
	}
	m.put(`<div class="labels" style="height:%sem">`, number(labelHeight*float64(rows)))
	for _, z := range c.Zones {
		if z.Label == "" {
			continue
		}
		side, at := literal("left"), z.Left
		if z.fromRight() {
			side, at = "right", 100-z.Left
		}
		m.put(`<b class="%s" style="`+side+`:%s%%;max-width:%s%%;top:%sem">%s</b>`,
			z.Class, number(at), number(100-at), number(labelHeight*float64(z.Row)), z.Label)
	}
	m.put("</div>\n")
}

// putPlot adds what lies between the axes, from the back to the front.
func (c *chart) putPlot(m *markup) {
	for _, z := range c.Zones {
		m.put(`<div class="zone %s" style="left:%s%%;width:%s%%"></div>`,
			z.Class, number(z.Left), number(z.Width))
	}
	for _, t := range c.Y.Ticks {
		m.put(`<div class="grid" style="bottom:%s%%"></div>`, number(t.At))
	}
	m.put("\n<svg viewBox=\"0 0 1000 1000\" preserveAspectRatio=\"none\" "+
		"role=\"img\" aria-label=\"%s\">", c.Title)
	for _, s := range c.Shapes {
		m.put(`<path class="%s" d="%s"/>`, s.Class, s.Path)
	}
	m.put("</svg>\n")
}

// setAxes gives a chart its axes, and the script theirs.
func (c *chart) setAxes(x, y axis) {
	c.X, c.Y = x, y
	c.Data.X, c.Data.Y = [3]any{x.Low, x.Top, x.Log}, [3]any{y.Low, y.Top, y.Log}
}

// draw adds a line through points.
func (c *chart) draw(class string, points [][2]float64) {
	c.Shapes = append(c.Shapes, shape{"line " + class, c.path(points, false)})
}

// drawSteps adds a line that stays as it is until the next point.
func (c *chart) drawSteps(class string, points [][2]float64) {
	c.Shapes = append(c.Shapes, shape{"line " + class, c.path(points, true)})
}

// drawArea fills what lies between two lines over the same xs.
func (c *chart) drawArea(class string, xs, low, high []float64) {
	var around [][2]float64
	for i, x := range xs {
		around = append(around, [2]float64{x, high[i]})
	}
	for i := len(xs) - 1; i >= 0; i-- {
		around = append(around, [2]float64{xs[i], low[i]})
	}
	c.Shapes = append(c.Shapes, shape{"area " + class, c.path(around, false) + "Z"})
}

// drawDots adds dots: lines without length, which have round ends.
func (c *chart) drawDots(class string, points [][2]float64) {
	var b strings.Builder
	for _, p := range points {
		b.WriteString(c.path([][2]float64{p}, false))
		b.WriteString("h0")
	}
	c.Shapes = append(c.Shapes, shape{"dots " + class, b.String()})
}

func (c *chart) path(points [][2]float64, steps bool) string {
	var b []byte
	coordinate := func(before byte, v float64) {
		b = append(b, before)
		b = strconv.AppendFloat(b, math.Round(v*unit*10)/10, 'f', -1, 64)
	}
	for i, p := range points {
		right, down := byte('L'), byte(' ')
		switch {
		case i == 0:
			right = 'M'
		case steps:
			right, down = 'H', 'V'
		}
		coordinate(right, c.X.at(p[0]))
		coordinate(down, 1-c.Y.at(p[1]))
	}
	return string(b)
}

// shade marks a part of the X axis.
func (c *chart) shade(class, label string, from, to float64) {
	left := c.X.percent(from)
	z := zone{Left: left, Width: c.X.percent(to) - left, Label: label, Class: class}
	z.Row = c.freeRow(&z)
	c.Zones = append(c.Zones, z)
	c.Data.Zones = append(c.Data.Zones, about{label, from, to})
}

const (
	letterWidth = 2    // of a label, in percent of a plot on a phone
	labelHeight = 1.25 // of a row of labels, in the em of a label
)

// freeRow is the first row in which the label of z doesn't touch an earlier one.
func (c *chart) freeRow(z *zone) int {
	from, to := z.span()
	for row := 0; ; row++ {
		taken := slices.ContainsFunc(c.Zones, func(o zone) bool {
			low, high := o.span()
			return o.Label != "" && o.Row == row && low < to && from < high
		})
		if !taken {
			return row
		}
	}
}

// pairs joins xs and ys.
func pairs(xs, ys []float64) [][2]float64 {
	list := make([][2]float64, len(xs))
	for i := range xs {
		list[i] = [2]float64{xs[i], ys[i]}
	}
	return list
}

// round keeps what a reader may ask for: four significant digits.
func round(v float64) float64 {
	r, err := strconv.ParseFloat(strconv.FormatFloat(v, 'g', 4, 64), 64)
	if err != nil {
		return v
	}
	return r
}

func rounded(list []float64) []float64 {
	out := make([]float64, len(list))
	for i, v := range list {
		out[i] = round(v)
	}
	return out
}

func roundedPairs(list [][2]float64) [][2]float64 {
	out := make([][2]float64, len(list))
	for i, p := range list {
		out[i] = [2]float64{round(p[0]), round(p[1])}
	}
	return out
}
