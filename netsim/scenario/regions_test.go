package scenario

import (
	"context"
	"slices"
	"testing"
	"time"

	"serf/netsim/report"
)

// TestFiguresOfRegionsAddUp: what is counted by region is what is counted for all.
func TestFiguresOfRegionsAddUp(t *testing.T) {
	t.Parallel()
	s := Default()
	s.Members, s.For = 30, Duration(time.Minute)
	s.Regions = []Region{{Name: "eu"}, {Name: "us"}, {Name: "asia"}}
	s.Start.Warm = true
	s.Faults = []Fault{
		{Kind: FaultChurn, Joins: 20, Leaves: 5, Crashes: 15, Length: Duration(50 * time.Second)},
		{Kind: FaultPartition, Start: Duration(20 * time.Second), Length: Duration(15 * time.Second), Who: Who{Region: "us"}},
	}
	s.Work = []Work{{Kind: WorkEvent, Every: Duration(2 * time.Second)}}
	r, err := s.Run(context.Background(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Events) < 20 || len(r.Detections) < 5 || len(r.Traffic) != 9 {
		t.Fatalf("%d events, %d crashes, %d pairs: too few to tell", len(r.Events), len(r.Detections), len(r.Traffic))
	}
	check := func(what string, x *report.Spread) {
		var due, reached int
		for _, p := range x.Parts {
			due += p.Due
			reached += p.Reached
			if p.Reached > p.Due {
				t.Errorf("%s at %v: %+v", what, time.Duration(x.At), p)
			}
		}
		if due != x.Due || reached != x.Reached {
			t.Errorf("%s at %v: regions add up to %d of %d, want %d of %d", what, time.Duration(x.At), reached, due, x.Reached, x.Due)
		}
	}
	for i := range r.Events {
		check("event", &r.Events[i])
	}
	for i := range r.Detections {
		check("crash", &r.Detections[i].Spread)
	}
	var bytes uint64
	for _, x := range r.Traffic {
		bytes += x.PacketBytes + x.StreamBytes
	}
	// Only what is sent where nobody runs is in no pair.
	if all := r.Network.SentBytes + r.Network.StreamBytes; bytes > all || bytes < all*8/10 {
		t.Errorf("%d bytes between regions, %d in all", bytes, all)
	}
}

// TestEventThatDidntReachAllSaysWhomNot.
func TestEventThatDidntReachAllSaysWhomNot(t *testing.T) {
	t.Parallel()
	s := Default()
	s.Members, s.For, s.Events, s.Start.Warm = 20, Duration(20*time.Second), 0, true
	s.Regions = []Region{{Name: "eu", Members: 17}, {Name: "us"}}
	s.Faults = []Fault{{Kind: FaultPartition, Who: Who{Region: "us"}}}
	s.Work = []Work{{Kind: WorkEvent, Name: "deploy", Start: Duration(5 * time.Second), Who: Who{Names: []string{"m3"}}}}
	r, err := s.Run(context.Background(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Events) != 1 {
		t.Fatalf("%d events, want 1", len(r.Events))
	}
	x := &r.Events[0]
	if x.Name != "deploy of m3" || !slices.Equal(x.Missed, []string{"m18", "m19", "m20"}) || x.MissedBy() != "m18, m19, m20" {
		t.Errorf("%q missed by %q, want deploy of m3 by m18, m19 and m20", x.Name, x.Missed)
	}
}
