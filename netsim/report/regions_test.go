package report

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"serf/netsim"
	"serf/swim"
)

// twoRegions has an event from eu that all of eu and half of us got, and a crash in us that all
// know of.
func twoRegions() Report {
	at := func(d time.Duration) swim.Time { return swim.Time(d) }
	event := NewSpread(at(time.Second), 5)
	event.Name = "deploy of m1"
	event.Split([]int{3, 2})
	event.Reach(at(time.Second), 0)
	event.Reach(at(1100*time.Millisecond), 0)
	event.Reach(at(1200*time.Millisecond), 1)
	event.Reach(at(1400*time.Millisecond), 0)
	event.Missed = []string{"m5"}
	crash := NewSpread(at(10*time.Second), 3)
	crash.Region = 1
	crash.Split([]int{2, 1})
	crash.Lose(0)
	crash.Expect(1)
	crash.Reach(at(14*time.Second), 0)
	crash.Reach(at(15*time.Second), 1)
	crash.Reach(at(16*time.Second), 1)
	back := crash
	return Report{
		Members: 5, Time: 20 * time.Second, UserEvents: 1, Events: []Spread{event},
		Detections: []Detection{{Name: "m4", Spread: crash}, {Name: "m5", Spread: back, Void: true}},
		Regions:    []string{"eu", "us"},
		Traffic:    []netsim.Traffic{{Packets: 1, PacketBytes: 100, StreamBytes: 300}, {PacketBytes: 40}, {StreamBytes: 60}, {}},
	}
}

func TestPairsOfRegions(t *testing.T) {
	t.Parallel()
	r := twoRegions()
	took := func(s float64) *QuantileFigures { return &QuantileFigures{1, s, s, s, s, s} }
	want := []PairFigures{
		{"eu", "eu", 1, 100, 300, DeliveryFigures{3, 3, took(0.4)}, DeliveryFigures{}},
		{"eu", "us", 0, 40, 0, DeliveryFigures{2, 1, nil}, DeliveryFigures{}},
		{"us", "eu", 0, 0, 60, DeliveryFigures{}, DeliveryFigures{1, 1, took(4)}},
		{"us", "us", 0, 0, 0, DeliveryFigures{}, DeliveryFigures{2, 2, took(6)}}, // not that of the one that returned
	}
	if diff := cmp.Diff(want, r.Pairs()); diff != "" {
		t.Error(diff)
	}
	if got := (&Report{}).Pairs(); got != nil {
		t.Errorf("pairs without regions: %v", got)
	}
}

func TestSummaryOfRegionsAndOfWhatWasMissed(t *testing.T) {
	t.Parallel()
	r := twoRegions()
	var b strings.Builder
	if _, err := r.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"from region to region        bytes/s    events    median     worst   crashes    median     worst\n",
		"eu to eu                        20.0      100%     400ms     400ms         -\n",
		"eu to us                         2.0       50%                             -\n",
		"us to us                         0.0         -                          100%        6s        6s\n",
		"event missed      deploy of m1 at 1s, by m5\n",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("want %q in\n%s", want, b.String())
		}
	}
}

func TestSummaryOfManyMissedEventsAndPairsIsBounded(t *testing.T) {
	t.Parallel()
	r := Report{Time: time.Second, UserEvents: missedMost + 2}
	for range missedMost + 2 {
		s := NewSpread(0, 30)
		s.Missed = []string{"m1", "m2"}
		r.Events = append(r.Events, s)
	}
	for range 8 {
		r.Regions = append(r.Regions, "r")
	}
	r.Traffic = make([]netsim.Traffic, 64)
	var b strings.Builder
	if _, err := r.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(b.String(), "by m1, m2 and 28 more\n"); n != missedMost || !strings.Contains(b.String(), "and 2 more\n") {
		t.Errorf("%d events are named, want %d and a line for 2 more:\n%s", n, missedMost, b.String())
	}
	if n := strings.Count(b.String(), "r to r"); n != pairsMost || !strings.Contains(b.String(), "and 14 more pairs") {
		t.Errorf("%d pairs, want %d and a line for 14 more:\n%s", n, pairsMost, b.String())
	}
}
