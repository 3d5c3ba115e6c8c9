package page

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"regexp"
	"strings"
	"testing"
	"time"

	"serf/netsim"
	"serf/netsim/report"
	"serf/netsim/scenario"
)

// figures are those of a small run in which something of everything happens.
func figures(t *testing.T) report.Figures {
	t.Helper()
	p := scenario.Scenario{
		Members: 12, Profile: "lan", Network: scenario.Network{Loss: netsim.Probability(0.02)},
		Seed: 1, For: scenario.Duration(100 * time.Second), Events: 5,
		Faults: []scenario.Fault{
			{Kind: scenario.FaultCrash, Who: scenario.Who{Count: 2}, Start: scenario.Duration(10 * time.Second)},
			{Kind: scenario.FaultPartition, Who: scenario.Who{Share: netsim.Probability(0.25)},
				Start: scenario.Duration(40 * time.Second), Length: scenario.Duration(30 * time.Second)},
		},
	}
	r, err := p.Run(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return r.Figures()
}

func write(t *testing.T, w interface{ Write(io.Writer) error }) string {
	t.Helper()
	var b strings.Builder
	if err := w.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

var scripts = regexp.MustCompile(`(?s)<(script|style)[^>]*>.*?</(script|style)>`)

// wantWhole fails unless page is well-formed and needs nothing but itself.
func wantWhole(t *testing.T, page string) {
	t.Helper()
	for _, loads := range []string{"http:", "https:", "//cdn", "src=", "href=", "url(", "@import", "fetch(", "XMLHttpRequest", "import("} {
		if i := strings.Index(page, loads); i >= 0 {
			t.Errorf("the page may load something: %s", page[max(0, i-40):min(len(page), i+40)])
		}
	}
	if i := strings.Index(page, "%!"); i >= 0 {
		t.Errorf("a text too many or too few: %s", page[max(0, i-60):i+20])
	}
	if strings.Contains(page, "NaN") || strings.Contains(scripts.ReplaceAllString(page, ""), "Inf") {
		t.Error("a number isn't one")
	}
	d := xml.NewDecoder(strings.NewReader(scripts.ReplaceAllString(page, "")))
	d.Entity = xml.HTMLEntity
	for {
		_, err := d.Token()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatalf("not well-formed: %v", err)
		}
	}
}

func TestPageOfARunIsWhole(t *testing.T) {
	r := Run{Title: "12 members", About: "A story.", Command: "serf sim -nodes=12", Scenario: "nodes 12", File: "{}", Seed: 5, Figures: figures(t)}
	page := write(t, &r)
	wantWhole(t, page)
	for _, want := range []string{
		"<title>12 members – serf sim</title>", "A story. 100 s simulated, seed 5.", "serf sim -nodes=12", r.Figures.Trace,
		"How each crash became known", "How long detection takes", "How each event spread", "Views that are wrong",
		"Bandwidth of a member", "Packets of a member", "Gossip queue of a member", "Suspicions and false failures",
		"What was wrong when", "Each crash", "25% of the nodes cut off",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("%q isn't on the page", want)
		}
	}
	if strings.Contains(page, "How each query") {
		t.Error("a plot of queries, and none was asked")
	}
}

func TestPageTellsWhatWentBetweenRegionsAndWhatWasMissed(t *testing.T) {
	t.Parallel()
	f := figures(t)
	if page := write(t, &Run{Figures: f}); strings.Contains(page, "Between regions") || strings.Contains(page, "didn&#39;t reach") {
		t.Error("tables of nothing")
	}
	q := &report.QuantileFigures{Count: 2, Median: 0.5, P99: 2, Worst: 2}
	f.Pairs = []report.PairFigures{
		{From: "eu", To: "us", PacketBytes: uint64(f.SimulatedSeconds) * 1000, Events: report.DeliveryFigures{Due: 4, Reached: 3, AllSeconds: q}},
	}
	f.Events.Each = []report.SpreadFigures{{Name: "deploy of m1", AtSeconds: 3, Due: 20, Reached: 7, Missed: []string{"m4", "m9"}}}
	page := write(t, &Run{Figures: f})
	wantWhole(t, page)
	for _, want := range []string{
		"<td>eu, us</td><td>1 kB</td><td>75 %</td><td>500 ms<small>worst 2 s</small></td><td>–</td><td>–</td>",
		"<td>deploy of m1<small>m4, m9</small></td><td>3 s</td><td>13 of 20</td>",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("%q isn't on the page", want)
		}
	}
}

func TestPageEscapesWhatItIsGiven(t *testing.T) {
	const evil = `</script><img onerror=alert(1) x="'&amp;>`
	f := figures(t)
	f.Faults[0].What, f.Crashes.Each[0].Member = evil, evil
	f.BrokenRules = []report.BrokenRule{{Rule: evil, Text: evil}}
	r := Run{Title: evil, About: evil, Command: evil, Scenario: evil, File: evil, Figures: f}
	page := write(t, &r)
	wantWhole(t, page)
	if strings.Contains(page, "<img") {
		t.Error("markup got through")
	}
}

func TestEveryTextOfADocumentIsEscaped(t *testing.T) {
	const evil = `</script></style>"'<img/>&`
	marks := axis{Name: evil, Top: 1, Ticks: []tick{{50, evil}}}
	d := document{
		Title: evil, Subtitle: evil, Alerts: []string{evil}, Tiles: []tile{{evil, evil, evil, true}},
		Charts: []*chart{{
			Title: evil, Note: evil, X: marks, Y: marks, Legend: []legend{{evil, evil}}, Zones: []zone{{Width: 1, Label: evil, Class: evil}}, Shapes: []shape{{evil, evil}},
			Data: data{XUnit: evil, Cats: []string{evil}, Lines: []line{{Name: evil, Note: evil, Text: []string{evil}}}, Zones: []about{{Name: evil}}},
		}},
		Tables:  []table{{Title: evil, Head: []string{evil}, Rows: [][]string{{evil + "\n" + evil}}}},
		Command: evil, Commands: [][2]string{{evil, evil}}, Scenario: evil, File: evil, Trace: evil,
	}
	var b strings.Builder
	if err := d.write(&b); err != nil {
		t.Fatal(err)
	}
	wantWhole(t, b.String())
	if strings.Contains(b.String(), "<img") {
		t.Error("markup got through")
	}
	const inElements, inAttributes, forTheScript = 25, 6, 6
	if n := strings.Count(b.String(), "&lt;/script&gt;&lt;/style&gt;&#34;&#39;&lt;img/&gt;&amp;"); n != inElements+inAttributes {
		t.Errorf("%d texts are on the page, want %d", n, inElements+inAttributes)
	}
	if n := strings.Count(b.String(), `\u003c/script\u003e`); n != forTheScript {
		t.Errorf("the script is given %d texts, want %d", n, forTheScript)
	}
}

func TestPageThatCannotBeWritten(t *testing.T) {
	d := document{Charts: []*chart{{Title: "endless", Data: data{At: []float64{math.Inf(1)}}}}}
	var b strings.Builder
	if err := d.write(&b); err == nil || b.Len() > 0 {
		t.Errorf("%d bytes are written, error %v; JSON has no infinity", b.Len(), err)
	}
}

func TestPageOfNothing(t *testing.T) {
	for name, f := range map[string]report.Figures{
		"zero":                  {},
		"no member, no time":    (&report.Report{Cut: true}).Figures(),
		"one sample of zeros":   (&report.Report{Series: report.Series{Every: time.Second, Samples: []report.Sample{{}}}}).Figures(),
		"a crash unseen":        (&report.Report{Detections: []report.Detection{{}}}).Figures(),
		"news that is for none": (&report.Report{Events: []report.Spread{{}}, UserEvents: 1}).Figures(),
	} {
		t.Run(name, func(t *testing.T) { wantWhole(t, write(t, &Run{Figures: f})) })
	}
}

// What the script needs, it finds: axes, lines of equal length, one path for each line.
func TestScriptsDataFitsThePlot(t *testing.T) {
	f := figures(t)
	for _, c := range runCharts(&f) {
		b, err := json.Marshal(c.Data)
		if err != nil {
			t.Fatalf("%s: %v", c.Title, err)
		}
		var d data
		if err := json.Unmarshal(b, &d); err != nil {
			t.Fatalf("%s: %v", c.Title, err)
		}
		if len(d.Lines) == 0 || len(d.Lines) != len(c.Shapes) {
			t.Errorf("%s: %d lines, %d shapes", c.Title, len(d.Lines), len(c.Shapes))
		}
		for _, l := range d.Lines {
			if l.XY == nil && len(l.Y) != len(d.At) {
				t.Errorf("%s: line %s has %d values at %d places", c.Title, l.Name, len(l.Y), len(d.At))
			}
		}
	}
}

func TestManyLinesAreThinnedOutEvenly(t *testing.T) {
	var list []report.SpreadFigures
	for i := range linesMost + 1 {
		list = append(list, report.SpreadFigures{Spread: [][2]float64{{float64(i), 1}}})
	}
	if got := evenly(list[:linesMost]); len(got) != linesMost {
		t.Errorf("%d of %d are drawn", len(got), linesMost)
	}
	got := evenly(list)
	if len(got) != linesMost || lastStep(got[0]) != 0 || lastStep(got[linesMost-1]) != linesMost {
		t.Errorf("%d of %d are drawn, from %v to %v", len(got), len(list), lastStep(got[0]), lastStep(got[len(got)-1]))
	}
}

func TestBinsAreMeans(t *testing.T) {
	at, values := make([]float64, binsMost+1), make([]float64, binsMost+1)
	for i := range at {
		at[i], values[i] = float64(i+1), float64(i%2)
	}
	ends, means := binned(at[:binsMost], values[:binsMost])
	if len(ends) != binsMost || means[1] != 1 {
		t.Errorf("up to %d nothing is to be merged; got %d", binsMost, len(ends))
	}
	ends, means = binned(at, values)
	if len(ends) != binsMost/2+1 || ends[0] != 2 || means[0] != 0.5 || ends[len(ends)-1] != binsMost+1 {
		t.Errorf("%d bins, the first %v up to %v, the last up to %v", len(ends), means[0], ends[0], ends[len(ends)-1])
	}
}

// sweep is a made-up sweep over loss and members, in which some runs are missing.
func sweep() Sweep {
	measures := report.Measures()
	run := func(seed uint64, x float64) scenario.Run {
		r := scenario.Run{Seed: seed, Figures: make([]report.Figure, len(measures))}
		for i := range r.Figures {
			r.Figures[i] = report.Figure{Value: x / 20, There: true}
		}
		return r
	}
	s := Sweep{Title: "Sweep", Command: "serf sim -sweep=loss=0,5 -sweep=nodes=10,20,30", Sweep: scenario.Sweep{
		Base: scenario.Default(), Seeds: 2,
		Axes: []scenario.Axis{{Name: "loss", Values: []string{"0%", "5%"}}, {Name: "nodes", Values: []string{"10", "20", "30"}}},
	}}
	points, err := s.Sweep.Points()
	if err != nil {
		panic(err)
	}
	for i := range points {
		points[i].Runs = []scenario.Run{run(1, float64(i+1)), run(2, float64(2*i+1))}
		s.Commands = append(s.Commands, "serf sim -seed=1")
	}
	points[4].Runs, points[4].Missing = nil, []uint64{1, 2}
	s.Points = points
	return s
}

func TestPageOfASweepIsWhole(t *testing.T) {
	s := sweep()
	page := write(t, &s)
	wantWhole(t, page)
	for _, want := range []string{
		"<title>Sweep – serf sim</title>", "6 points, 2 runs each with seeds from 1", "Missing: 2 runs.",
		"Views agree, worst", "loss 0%", "loss 5%", "loss=5% nodes=30", "serf sim -seed=1",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("%q isn't on the page", want)
		}
	}
	if !strings.Contains(page, `"v":[0.35,null,0.55]`) {
		t.Error("the script doesn't know that a point is missing")
	}
}

func TestPageOfManySeedsShowsDistributions(t *testing.T) {
	s := sweep()
	s.Sweep.Axes, s.Points = nil, s.Points[:1]
	s.Points[0].Values = nil
	page := write(t, &s)
	wantWhole(t, page)
	for _, want := range []string{"1 point, ", "How many of the runs have this value", "Over all seeds"} {
		if !strings.Contains(page, want) {
			t.Errorf("%q isn't on the page", want)
		}
	}
}

func TestPageOfASweepThatWasInterruptedAtOnce(t *testing.T) {
	s := sweep()
	for i := range s.Points {
		s.Points[i].Runs, s.Points[i].Missing = nil, []uint64{1, 2}
	}
	page := write(t, &s)
	wantWhole(t, page)
	if !strings.Contains(page, "Missing: 12 runs.") {
		t.Error("nothing says so")
	}
}

func TestAlertsAreBounded(t *testing.T) {
	var d document
	for range alertsMost + 3 {
		d.Alerts = append(d.Alerts, "an alert")
	}
	var b strings.Builder
	if err := d.write(&b); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(b.String(), "an alert"); n != alertsMost || !strings.Contains(b.String(), "… and 3 more.") {
		t.Errorf("%d alerts are shown", n)
	}
}
