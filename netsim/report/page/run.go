package page

import (
	"fmt"
	"io"
	"slices"
	"sort"
	"strconv"
	"strings"

	"serf/netsim/report"
)

// Run is a simulation to make a page of.
type Run struct {
	Title    string // what was simulated, in a few words
	About    string // what it is about, or empty
	Command  string // that does it again
	Scenario string // in full, for readers
	File     string // the scenario as a file, or empty
	Seed     uint64
	Figures  report.Figures
}

// Write writes the page.
func (r *Run) Write(w io.Writer) error {
	f := &r.Figures
	d := document{
		Title:    r.Title,
		Subtitle: fmt.Sprintf("%s simulated, seed %d", seconds(f.SimulatedSeconds), r.Seed),
		Tiles:    tiles(f), Command: r.Command, Scenario: r.Scenario, File: r.File, Trace: f.Trace,
	}
	if r.About != "" {
		d.Subtitle = r.About + " " + d.Subtitle + "."
	}
	if f.Interrupted {
		d.alert("The run was interrupted: this is what was done until then.")
	}
	for _, b := range f.BrokenRules {
		d.alert("Broken rule at %s: %s: %s", seconds(b.AtSeconds), b.Rule, b.Text)
	}
	d.Charts, d.Tables = runCharts(f), tables(f)
	return d.write(w)
}

// runCharts are the plots for which there is something to plot.
func runCharts(f *report.Figures) []*chart {
	list := []*chart{
		crashSpread(f), noticed(f), newsSpread("How each event spread", "event", "have it",
			&f.Events),
		newsSpread("How each query was answered", "query", "have answered", &f.Queries),
		agreement(f), running(f), bytesSent(f), packetsSent(f), queues(f), doubts(f),
	}
	return slices.DeleteFunc(list, func(c *chart) bool { return c == nil })
}

// tiles are the figures that most people come for.
func tiles(f *report.Figures) []tile {
	var list []tile
	for _, c := range f.Changes {
		if c.What == "cold start" && c.AgreedSeconds != nil {
			list = append(list, tile{Label: "All know all", Value: seconds(c.AgreedSeconds.Worst),
				Note: "after the cold start"})
		}
	}
	if c := &f.Crashes; c.Count > 0 {
		t := tile{Label: "Crash known to all", Value: "–",
			Note: fmt.Sprintf("%d of %d", detected(c), c.Count)}
		if q := c.AllSeconds; q != nil {
			t.Value, t.Note = seconds(q.Median), "median; worst "+seconds(q.Worst)+"; "+t.Note
		}
		if c.Returned > 0 {
			t.Note += fmt.Sprintf("; %d back before", c.Returned)
		}
		t.Bad = detected(c)+c.Returned < c.Count
		list = append(list, t)
	}
	ff := tile{
		Label: "False failures", Value: count(f.FalseFailures.All),
		Bad:  f.FalseFailures.OfHealthy > 0,
		Note: fmt.Sprintf("%s at healthy members", count(f.FalseFailures.AtHealthy)),
	}
	if n := f.FalseFailures.AcrossFaults; n > 0 {
		ff.Note += fmt.Sprintf("; %s more across faults of the network", count(n))
	}
	list = append(list, ff)
	list = append(list, newsTiles("Events delivered", &f.Events)...)
	list = append(list, newsTiles("Queries answered", &f.Queries)...)
	if q := f.Traffic.PacketBytesPerSecond; q != nil {
		list = append(list, tile{Label: "Sent by a member", Value: bytes(q.Median) + "/s",
			Note: "median, in packets; busiest " + bytes(q.Worst) + "/s"})
	}
	views := tile{Label: "Views at the end", Value: "agree",
		Note: fmt.Sprintf("%s of %s members run", count(f.Running), count(f.Members))}
	if !f.ViewsAgree {
		views.Value, views.Bad = "differ", true
		views.Note += fmt.Sprintf("; %s views are wrong", count(f.WrongViews))
	}
	return append(list, views)
}

func newsTiles(label string, n *report.NewsFigures) []tile {
	if n.Count == 0 {
		return nil
	}
	t := tile{Label: label, Value: percent(n.Share), Bad: n.Share < 1,
		Note: count(n.Count) + " in all"}
	if q := n.AllSeconds; q != nil {
		t.Note += "; median " + seconds(q.Median)
	}
	return []tile{t}
}

func detected(c *report.CrashFigures) int {
	if c.AllSeconds == nil {
		return 0
	}
	return c.AllSeconds.Count
}

// tables hold all figures, to read or copy.
func tables(f *report.Figures) []table {
	var list []table
	if times := timeTable(f); len(times.Rows) > 0 {
		list = append(list, times)
	}
	list = append(list, memberTable(f), countTable(f))
	if len(f.Pairs) > 0 {
		list = append(list, pairTable(f))
	}
	if t := missedTable(f); len(t.Rows) > 0 {
		list = append(list, t)
	}
	if len(f.Faults) > 0 {
		list = append(list, faultTable(f))
	}
	if f.Crashes.Count > 0 {
		list = append(list, crashTable(f))
	}
	return list
}

func timeTable(f *report.Figures) table {
	t := table{Title: "How long things took",
		Head: []string{"Time until", "Count", "Median", "99th", "Worst"}}
	for _, x := range f.Times() {
		row := []string{x.Title, count(x.Of), "–", "–", "–"}
		if q := x.Took; q != nil {
			if q.Count < x.Of {
				row[1] = fmt.Sprintf("%s of %s", count(q.Count), count(x.Of))
			}
			row[2], row[3], row[4] = seconds(q.Median), seconds(q.P99), seconds(q.Worst)
		}
		t.add(row...)
	}
	return t
}

func memberTable(f *report.Figures) table {
	t := table{Title: "What each member has to do",
		Head: []string{"Per member", "Median", "99th", "Worst"}}
	if q := f.Traffic.PacketsPerSecond; q != nil {
		t.add("packets sent a second", digits(q.Median, 3), digits(q.P99, 3), digits(q.Worst, 3))
	}
	if q := f.Traffic.PacketBytesPerSecond; q != nil {
		t.add("sent in packets a second", bytes(q.Median), bytes(q.P99), bytes(q.Worst))
	}
	t.add("in streams a second, on average", bytes(f.Traffic.StreamBytesPerSecond), "", "")
	if q := f.GossipQueue; q != nil {
		whole := func(x float64) string { return strconv.FormatFloat(x, 'f', 0, 64) }
		t.add("messages that wait to be gossiped", whole(q.Median), whole(q.P99), whole(q.Worst))
	}
	return t
}

func countTable(f *report.Figures) table {
	t := table{Title: "What happened how often", Head: []string{"What", "Count"}}
	for _, x := range f.Counts() {
		if x.Count > 0 || !x.Optional {
			t.add(x.Title, count(x.Count))
		}
	}
	return t
}

// pairTable is what went between regions.
func pairTable(f *report.Figures) table {
	t := table{
		Title: "Between regions", Head: []string{"From, to", "Sent a second", "Events",
			"to all of it", "Crashes", "to all of it"},
		Closed: len(f.Pairs) > rowsOpen,
	}
	for i := range f.Pairs[:min(rowsMost, len(f.Pairs))] {
		p := &f.Pairs[i]
		row := []string{p.From + ", " + p.To,
			bytes(float64(p.PacketBytes+p.StreamBytes) / f.SimulatedSeconds)}
		for _, d := range []*report.DeliveryFigures{&p.Events, &p.Crashes} {
			row = append(row, deliveryCells(d)...)
		}
		t.add(row...)
	}
	return t
}

// deliveryCells are how much was delivered, and how long it took until all of a region had it: in
// the middle and, below, at worst.
func deliveryCells(d *report.DeliveryFigures) []string {
	if d.Due == 0 {
		return []string{"–", "–"}
	}
	cells := []string{percent(float64(d.Reached) / float64(d.Due)), "–"}
	if q := d.AllSeconds; q != nil {
		cells[1] = seconds(q.Median)
		if q.Count > 1 {
			cells[1] += "\nworst " + seconds(q.Worst)
		}
	}
	return cells
}

// missedTable names the events that some members should have and don't.
func missedTable(f *report.Figures) table {
	t := table{Title: "Events that didn't reach all",
		Head: []string{"Event, and some that miss it", "Sent at", "Missed by"}}
	for i := range f.Events.Each {
		e := &f.Events.Each[i]
		if e.Reached < e.Due && len(t.Rows) < rowsMost {
			t.add(
				e.Name+"\n"+strings.Join(e.Missed, ", "), seconds(e.AtSeconds),
				fmt.Sprintf("%s of %s", count(e.Due-e.Reached), count(e.Due)),
			)
		}
	}
	t.Closed = len(t.Rows) > rowsOpen
	return t
}

func faultTable(f *report.Figures) table {
	t := table{Title: "What was wrong when", Head: []string{"What", "From", "To"},
		Closed: len(f.Faults) > rowsOpen}
	for _, x := range f.Faults {
		t.add(x.What, seconds(x.FromSeconds), seconds(x.ToSeconds))
	}
	return t
}

const (
	rowsOpen = 12  // a longer table is closed at first
	rowsMost = 500 // more are left out: the JSON has them
)

func crashTable(f *report.Figures) table {
	t := table{Title: "Each crash", Head: []string{"Member", "Crashed at", "Noticed after",
		"Known to all after", "Know of it"}}
	for i := range f.Crashes.Each[:min(rowsMost, len(f.Crashes.Each))] {
		c := &f.Crashes.Each[i]
		t.add(
			c.Member, seconds(c.AtSeconds), orDash(c.FirstSeconds), orDash(c.AllSeconds),
			fmt.Sprintf("%s of %s", count(c.Reached), count(c.Due)),
		)
	}
	t.Closed = len(t.Rows) > rowsOpen
	return t
}

func orDash(s *float64) string {
	if s == nil {
		return "–"
	}
	return seconds(*s)
}

// linesMost is how many lines of a kind are drawn. More would only make one dark patch.
const linesMost = 80

// evenly picks at most linesMost of list, among them the slowest and the fastest to reach all.
func evenly(list []report.SpreadFigures) []*report.SpreadFigures {
	var all []*report.SpreadFigures
	for i := range list {
		if len(list[i].Spread) > 0 {
			all = append(all, &list[i])
		}
	}
	sort.SliceStable(all, func(i, j int) bool { return lastStep(all[i]) < lastStep(all[j]) })
	if len(all) <= linesMost {
		return all
	}
	picked := make([]*report.SpreadFigures, linesMost)
	for i := range picked {
		picked[i] = all[i*(len(all)-1)/(linesMost-1)]
	}
	return picked
}

// lastStep is when s last reached a member; it has reached one.
func lastStep(s *report.SpreadFigures) float64 { return s.Spread[len(s.Spread)-1][0] }
