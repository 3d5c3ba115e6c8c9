package page

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestAxesHaveAHandfulOfTicksWithinTheirEnds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		top := rapid.Float64Range(1e-7, 1e8).Draw(t, "top")
		var a axis
		most := 0
		switch rapid.IntRange(0, 2).Draw(t, "kind") {
		case 0:
			a, most = linear("x", top, rapid.SampledFrom([]float64{1e-3, 1, 60, 1e6}).Draw(t, "unit"), false), ticksAcross+1
		case 1:
			a, most = linear("x", top, 1, true), ticksUpward+1
		case 2:
			a, most = logarithmic("x", top*rapid.Float64Range(1e-5, 1).Draw(t, "low"), top, bytes), 10
		}
		if n := len(a.Ticks); n < 2 || n > most {
			t.Errorf("%d ticks, want 2 to %d: %+v", n, most, a)
		}
		last, labels := -1.0, map[string]bool{}
		for _, k := range a.Ticks {
			if k.At <= last || k.At > 100 || labels[k.Label] {
				t.Errorf("tick %+v after %v", k, last)
			}
			last = k.At
			labels[k.Label] = true
		}
		if a.at(top) > 1 || a.at(0) != 0 || a.at(top*2) > 1 {
			t.Errorf("values lie outside of %+v", a)
		}
	})
}

func TestNumbersForReaders(t *testing.T) {
	tests := []struct{ got, want string }{
		{seconds(0), "0 s"}, {seconds(0.00035), "350 µs"}, {seconds(0.2024), "202 ms"}, {seconds(9.7361), "9.74 s"},
		{seconds(12), "12 s"}, {seconds(119.96), "120 s"}, {seconds(120), "2 min"}, {seconds(125.4), "2 min 5 s"},
		{seconds(3600), "1 h"}, {seconds(26.5 * 3600), "26 h 30 min"},
		{decade(0.1), "100 ms"}, {decade(1000), "1000 s"},
		{bytes(0), "0 B"}, {bytes(999), "999 B"}, {bytes(1765), "1.76 kB"}, {bytes(2.5e6), "2.5 MB"},
		{count(0), "0"}, {count(999), "999"}, {count(1000), "1\u202f000"}, {count(uint64(12345678)), "12\u202f345\u202f678"},
		{percent(1), "100 %"}, {percent(0.99999), "99.99 %"}, {percent(0.5), "50 %"},
		{digits(1234.5, 3), "1234"}, {digits(0.00012345, 3), "0.000123"}, {digits(10, 3), "10"},
	}
	for _, tt := range tests {
		if tt.got != tt.want {
			t.Errorf("got %q, want %q", tt.got, tt.want)
		}
	}
}

// TestAxisTellsNearlyAllFromAll: five of 500 members that stopped are a line of their own.
func TestAxisTellsNearlyAllFromAll(t *testing.T) {
	t.Parallel()
	a := zoomed("members", 495, 500, 1, 1)
	if gap := a.at(500) - a.at(495); gap < 0.5 || a.at(495) < 0.05 {
		t.Errorf("495 lies at %v and 500 at %v of %+v", a.at(495), a.at(500), a)
	}
	if a := zoomed("members", 100, 500, 1, 1); a.Low != 0 {
		t.Errorf("an axis of 100 to 500 begins at %v, want 0", a.Low)
	}
	if a := zoomed("members", 500, 500, 1, 1); a.Low != 0 {
		t.Errorf("an axis of 500 alone begins at %v, want 0", a.Low)
	}
	rapid.Check(t, func(t *rapid.T) {
		top := rapid.IntRange(2, 100_000).Draw(t, "top")
		low := rapid.IntRange(top*3/4+1, top).Draw(t, "low")
		a := zoomed("members", float64(low), float64(top), 1, 1)
		if low < top && (a.Low >= float64(low) || a.Low < 0 || a.Top < float64(top)) {
			t.Errorf("%d to %d: %+v", low, top, a)
		}
		if n := len(a.Ticks); n < 2 || n > ticksUpward+3 || a.Ticks[n-1].At != 100 {
			t.Errorf("%d to %d: ticks %+v", low, top, a.Ticks)
		}
	})
}

func TestLabelsOfZonesDontCoverEachOther(t *testing.T) {
	t.Parallel()
	c := &chart{}
	c.setAxes(linear("x", 100, 1, false), linear("y", 1, 1, true))
	c.shade("moment", "10 nodes crash", 10, 10)
	c.shade("moment", "3 nodes crash", 12, 12)
	c.shade("fault", "1% loss", 14, 20)
	c.shade("fault", "cut off", 60, 80) // its label ends at 60
	c.shade("moment", "", 61, 61)
	c.shade("moment", "1 node leaves", 62, 62)
	for i, row := range []int{0, 1, 2, 0, 0, 2} {
		if c.Zones[i].Label != "" && c.Zones[i].Row != row {
			t.Errorf("label %q is in row %d, want %d", c.Zones[i].Label, c.Zones[i].Row, row)
		}
	}
}

// TestLabelsOfZonesAreAboveThePlot, where they cover no line, and have all of the room there is.
func TestLabelsOfZonesAreAboveThePlot(t *testing.T) {
	t.Parallel()
	c := &chart{}
	c.setAxes(linear("x", 100, 1, false), linear("y", 1, 1, true))
	c.shade("moment", "near the left", 10, 10)
	c.shade("fault", "near the right", 90, 95)
	var m markup
	if err := c.put(&m); err != nil {
		t.Fatal(err)
	}
	page := string(m.b)
	labels, plot := strings.Index(page, `class="labels"`), strings.Index(page, `class="plot"`)
	if labels < 0 || labels > plot || strings.Contains(page[plot:strings.Index(page, "<script")], "near the") {
		t.Errorf("labels begin at %d, the plot at %d of %s", labels, plot, page)
	}
	for _, want := range []string{
		`<b class="moment" style="left:10%;max-width:90%;top:0em">near the left</b>`,
		`<b class="fault" style="right:10%;max-width:90%;top:0em">near the right</b>`,
	} {
		if !strings.Contains(page, want) {
			t.Errorf("want %s in %s", want, page)
		}
	}
}
