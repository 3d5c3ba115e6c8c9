package page

import (
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

func TestLabelsOfZonesDontCoverEachOther(t *testing.T) {
	c := &chart{}
	c.setAxes(linear("x", 100, 1, false), linear("y", 1, 1, true))
	c.shade("moment", "10 crash", 10, 10)
	c.shade("moment", "3 crash", 12, 12)
	c.shade("fault", "1% loss", 14, 20)
	c.shade("fault", "cut off", 60, 80)
	for i, row := range []int{0, 1, 2, 0} {
		if c.Zones[i].Row != row {
			t.Errorf("label %q is in row %d, want %d", c.Zones[i].Label, c.Zones[i].Row, row)
		}
	}
}
