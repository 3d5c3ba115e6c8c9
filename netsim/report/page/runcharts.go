package page

import (
	"fmt"
	"slices"

	"serf/netsim/report"
)

// The plots of a run. Each returns nil if there is nothing to plot.

// shareAxis is for shares from 0 to 1.
func shareAxis(name string) axis { return linear(name+", %", 1, 0.01, true) }

// durationAxis is for times from 0, in the best unit.
func durationAxis(name string, top float64) axis {
	size, unit := timeUnit(top)
	return linear(name+", "+unit, top, size, false)
}

// crashSpread shows how the knowledge of each crash spread.
func crashSpread(f *report.Figures) *chart {
	c := &chart{Title: "How each crash became known", Note: "Each line is a crash: " +
		"how many of the members that considered it alive have learned that it failed."}
	return c.spreads(f.Crashes.Each, "after the crash", "of them know",
		func(s *report.SpreadFigures) string {
			return fmt.Sprintf("%s, crashed at %s", s.Member, seconds(s.AtSeconds))
		})
}

// newsSpread shows how each event spread, or how each query was answered.
func newsSpread(title, what, verb string, n *report.NewsFigures) *chart {
	c := &chart{Title: title, Note: fmt.Sprintf(
		"Each line is one %s: how many of the members that ran when it was sent %s.", what, verb)}
	return c.spreads(n.Each, "after it was sent", "of members "+verb,
		func(s *report.SpreadFigures) string {
			return fmt.Sprintf("%s sent at %s", what, seconds(s.AtSeconds))
		})
}

// spreads draws a line for each of a list of spreads.
func (c *chart) spreads(
	each []report.SpreadFigures, x, y string, name func(*report.SpreadFigures) string,
) *chart {
	list := evenly(each)
	if len(list) == 0 {
		return nil
	}
	var steps []float64
	late, back := false, false
	for _, s := range list {
		for _, p := range s.Spread {
			steps = append(steps, p[0])
		}
		back = back || s.Returned
		late = late || s.AllSeconds == nil && !s.Returned
	}
	low, top, unequal := spanOf(steps)
	if unequal {
		c.setAxes(logarithmic(x, low, top, decade), shareAxis(y))
	} else {
		c.setAxes(durationAxis(x, top*1.04), shareAxis(y))
	}
	c.Data.Near, c.Data.XUnit, c.Data.YUnit = true, "s", "%"
	for _, s := range list {
		c.spread(s, name(s))
	}
	if late || back {
		c.Legend = []legend{{"c1", "reached all"}}
	}
	if late {
		c.Legend = append(c.Legend, legend{"bad", "has not reached all"})
	}
	if back {
		c.Legend = append(c.Legend, legend{"c6", "was back before all knew"})
	}
	if len(list) == linesMost && len(each) > linesMost {
		c.Note += fmt.Sprintf(" %d of %d are drawn.", len(list), len(each))
	}
	return c
}

func (c *chart) spread(s *report.SpreadFigures, name string) {
	class := "c1 thin"
	note := fmt.Sprintf("first after %s, all after %s", orDash(s.FirstSeconds),
		orDash(s.AllSeconds))
	if s.AllSeconds == nil {
		if class = "bad thin"; s.Returned {
			class = "c6 thin"
		}
		note = fmt.Sprintf("first after %s, %s of %s reached", orDash(s.FirstSeconds),
			count(s.Reached), count(s.Due))
	}
	points := append([][2]float64{{c.X.Low, 0}}, s.Spread...)
	points = append(points, [2]float64{c.X.Top, s.Spread[len(s.Spread)-1][1]})
	c.drawSteps(class, points)
	c.Data.Lines = append(c.Data.Lines, line{Name: name, Note: note, XY: roundedPairs(points)})
}

// noticed shows the distributions of detection times.
func noticed(f *report.Figures) *chart {
	var first, all []float64
	unseen := 0 // that were back before anybody noticed
	for i := range f.Crashes.Each {
		s := &f.Crashes.Each[i]
		switch {
		case s.FirstSeconds != nil:
			first = append(first, *s.FirstSeconds)
		case s.Returned:
			unseen++
		}
		if s.AllSeconds != nil {
			all = append(all, *s.AllSeconds)
		}
	}
	if len(first) == 0 {
		return nil
	}
	c := &chart{Title: "How long detection takes",
		Note: "How many of the crashes had been noticed by one other member, and by all, after " +
			"so long. Shaded: when the first should notice if members around are healthy."}
	if f.Crashes.Returned > 0 {
		c.Note += fmt.Sprintf(" Left out: the %d that ran again before.", f.Crashes.Returned)
	}
	slices.Sort(first)
	slices.Sort(all)
	top := max(first[len(first)-1], f.Crashes.ExpectedMostSeconds)
	if len(all) > 0 {
		top = max(top, all[len(all)-1])
	}
	c.setAxes(durationAxis("after the crash", top*1.04), shareAxis("of crashes"))
	c.Data.XUnit, c.Data.YUnit = "s", "%"
	c.shade("expected", "expected", f.Crashes.ExpectedLeastSeconds, f.Crashes.ExpectedMostSeconds)
	c.distribution("c1", "noticed by one", first, f.Crashes.Count-unseen)
	c.distribution("c2", "known to all", all, max(f.Crashes.Count-f.Crashes.Returned, len(all)))
	return c
}

// distribution draws the share of the values, of that many in all, that don't exceed each. values
// are sorted.
func (c *chart) distribution(class, name string, values []float64, of int) {
	if of == 0 {
		return
	}
	points := [][2]float64{{0, 0}}
	for i, v := range values {
		points = append(points, [2]float64{v, float64(i+1) / float64(of)})
	}
	points = append(points, [2]float64{c.X.Top, float64(len(values)) / float64(of)})
	c.drawSteps(class, points)
	c.Legend = append(c.Legend, legend{class, name})
	c.Data.Lines = append(c.Data.Lines, line{Name: name, XY: roundedPairs(points)})
}

// overTime is a chart with the time of the run as its X axis, and what was wrong when.
func overTime(f *report.Figures, title, note string, y axis, unit string) *chart {
	c := &chart{Title: title, Note: note}
	size, name := timeUnit(f.SimulatedSeconds)
	c.setAxes(linear("time, "+name, f.SimulatedSeconds, size, false), y)
	c.Data.XUnit, c.Data.YUnit, c.Data.At = "s", unit, rounded(f.Series.AtSeconds)
	labels := len(f.Faults) <= zonesNamed
	for _, x := range f.Faults {
		class := "fault"
		if x.ToSeconds <= x.FromSeconds {
			class = "moment"
		}
		if label := x.What; labels {
			c.shade(class, label, x.FromSeconds, x.ToSeconds)
		} else {
			c.shade(class, "", x.FromSeconds, x.ToSeconds)
			c.Data.Zones[len(c.Data.Zones)-1].Name = label
		}
	}
	return c
}

// zonesNamed is how many labels may cover a part of the plot. Without labels the reader has the
// table and the script.
const zonesNamed = 5

// add draws one of several lines over the same times.
func (c *chart) add(class, name string, at, values []float64) {
	c.draw(class, pairs(at, values))
	c.Legend = append(c.Legend, legend{class, name})
	c.Data.Lines = append(c.Data.Lines, line{Name: name, Y: rounded(values)})
}

func agreement(f *report.Figures) *chart {
	s := &f.Series
	if len(s.AtSeconds) == 0 || slices.Max(s.WrongViews) == 0 {
		return nil
	}
	shares := make([]float64, len(s.AtSeconds))
	for i, n := range s.WrongViews {
		if views := s.Running[i] * (f.Members - 1); views > 0 {
			shares[i] = float64(n) / float64(views)
		}
	}
	top := slices.Max(shares)
	c := overTime(f, "Views that are wrong",
		"A view is what one running member believes of another. All agree where the line is at 0.",
		linear("of views, %", top, 0.01, true), "%")
	c.add("c3", "wrong", s.AtSeconds, shares)
	c.Legend = nil
	return c
}

func running(f *report.Figures) *chart {
	s := &f.Series
	if len(s.AtSeconds) == 0 || slices.Max(s.Running) == slices.Min(s.Running) {
		return nil
	}
	y := zoomed("members", float64(slices.Min(s.Running)), float64(f.Members), 1, 1)
	note := "Paused ones included."
	if y.Low > 0 {
		note += fmt.Sprintf(" The axis begins at %s.", count(int(y.Low)))
	}
	c := overTime(f, "Members that run", note, y, "1")
	c.add("c4", "running", s.AtSeconds, floats(s.Running))
	c.Legend = nil
	return c
}

func bytesSent(f *report.Figures) *chart {
	s := &f.Series
	at, packets := binned(s.AtSeconds, s.PacketBytesPerSecond)
	_, streams := binned(s.AtSeconds, s.StreamBytesPerSecond)
	if len(at) == 0 {
		return nil
	}
	c := overTime(f, "Bandwidth of a member", "Sent on average by each running member.",
		rateAxis(packets, streams, true), "B/s")
	c.Data.At = rounded(at)
	c.add("c1", "packets", at, packets)
	c.add("c2", "streams", at, streams)
	return c
}

func packetsSent(f *report.Figures) *chart {
	at, packets := binned(f.Series.AtSeconds, f.Series.PacketsPerSecond)
	if len(at) == 0 {
		return nil
	}
	c := overTime(f, "Packets of a member", "Sent on average by each running member.",
		rateAxis(packets, nil, false), "/s")
	c.Data.At = rounded(at)
	c.add("c1", "packets", at, packets)
	c.Legend = nil
	return c
}

// rateAxis is logarithmic if peaks would hide the rest.
func rateAxis(a, b []float64, isBytes bool) axis {
	low, top, unequal := spanOf(a, b)
	switch {
	case unequal && isBytes:
		return logarithmic("a second", max(low, top/rateSpan), top, bytes)
	case unequal:
		return logarithmic("packets a second", max(low, top/rateSpan), top, func(v float64) string {
			return digits(v, 3)
		})
	case isBytes:
		size, unit := byteUnit(top)
		return linear(unit+" a second", top, size, true)
	}
	return linear("packets a second", top, 1, true)
}

// rateSpan is what a logarithmic axis of rates spans at most: below is next to nothing.
const rateSpan = 1e4

func queues(f *report.Figures) *chart {
	s := &f.Series
	if len(s.AtSeconds) == 0 {
		return nil
	}
	top := float64(slices.Max(s.GossipQueueWorst))
	c := overTime(f, "Gossip queue of a member",
		"Messages that wait to be gossiped, at the end of each interval.",
		counting("messages", top), "1")
	c.add("c3", "worst", s.AtSeconds, floats(s.GossipQueueWorst))
	c.add("c2", "99th", s.AtSeconds, floats(s.GossipQueueP99))
	c.add("c1", "median", s.AtSeconds, floats(s.GossipQueueMedian))
	return c
}

// doubts shows suspicions and what became of them.
func doubts(f *report.Figures) *chart {
	s := &f.Series
	if f.Suspicions+f.FalseFailures.All == 0 || len(s.AtSeconds) == 0 {
		return nil
	}
	suspicions, refuted := sums(s.Suspicions), sums(s.Refutations)
	failures, atHealthy := sums(s.FalseFailures), sums(s.FalseFailuresAtHealthy)
	last := len(suspicions) - 1
	top := max(suspicions[last], refuted[last], failures[last])
	c := overTime(f, "Suspicions and false failures",
		"Counted from the start, at all members together.", counting("so far", top), "1")
	c.add("c1", "suspicions", s.AtSeconds, suspicions)
	c.add("c2", "refuted", s.AtSeconds, refuted)
	c.add("bad", "false failures", s.AtSeconds, failures)
	c.add("c3", "… at healthy members", s.AtSeconds, atHealthy)
	return c
}

// sums adds up a column.
func sums(list []uint64) []float64 {
	out := make([]float64, len(list))
	var sum uint64
	for i, n := range list {
		sum += n
		out[i] = float64(sum)
	}
	return out
}

func floats(list []int) []float64 {
	out := make([]float64, len(list))
	for i, n := range list {
		out[i] = float64(n)
	}
	return out
}

// binsMost is how many points a line of rates has: more show noise only.
const binsMost = 150

// binned returns means over so many neighbours each that there are at most binsMost, and the ends
// of their intervals.
func binned(at, values []float64) (ends, means []float64) {
	width := (len(at) + binsMost - 1) / binsMost
	for i := 0; i < len(at); i += width {
		part := values[i:min(i+width, len(at))]
		sum := 0.0
		for _, v := range part {
			sum += v
		}
		ends = append(ends, at[i+len(part)-1])
		means = append(means, sum/float64(len(part)))
	}
	return ends, means
}
