package scenario

import (
	"testing"
	"time"

	"serf/internal/systest"
	"serf/netsim"
	"serf/netsim/report"
	"serf/swim"
)

// threeZones are 300 members in three regions, and an event a second.
func threeZones() Scenario {
	s := Default()
	s.Members, s.For, s.Events, s.Start.Warm = 300, Duration(30*time.Second), 0, true
	s.Regions = []Region{{Name: "a"}, {Name: "b"}, {Name: "c"}}
	far := netsim.Uniform(2*time.Millisecond, 3*time.Millisecond)
	s.Paths = []Path{{From: "a", To: "b", Latency: far}, {From: "b", To: "c", Latency: far}, {From: "a", To: "c", Latency: far}}
	s.Work = []Work{{Kind: WorkEvent, Every: Duration(time.Second), Size: 100}}
	return s
}

// inZones is s with this share of the members in zones.
func inZones(s Scenario, members float64) Scenario {
	s.Zones.Members = netsim.Probability(members)
	return s
}

// bytesBetween is what members of different regions sent each other.
func bytesBetween(r *report.Report) (sum uint64) {
	for _, p := range r.Pairs() {
		if p.From != p.To {
			sum += p.PacketBytes + p.StreamBytes
		}
	}
	return sum
}

// meanToAll is how long events took to reach all members, which they must have. It is two rounds of
// gossip for about half of them and three for the rest, so that the median would be either.
func meanToAll(t *testing.T, r *report.Report) time.Duration {
	t.Helper()
	sum := time.Duration(0)
	for i := range r.Events {
		took, all := r.Events[i].ToAll()
		if !all && r.Events[i].At < swim.Time(r.Time-5*time.Second) {
			t.Errorf("%s reached %d of %d", r.Events[i].Name, r.Events[i].Reached, r.Events[i].Due)
		}
		sum += took
	}
	return sum / time.Duration(len(r.Events))
}

func TestZonesSendEachOtherLittleAndEventsAreAsFast(t *testing.T) {
	t.Parallel()
	systest.Long(t, "300 members, twice")
	without, with := play(t, threeZones()), play(t, inZones(threeZones(), 1))
	if was, is := bytesBetween(&without), bytesBetween(&with); is*100 > was*30 {
		t.Errorf("%d bytes between zones, %d without zones: want 70%% less", is, was)
	}
	if was, is := meanToAll(t, &without), meanToAll(t, &with); is > was*3/2 {
		t.Errorf("events reached all after %v, without zones %v", is, was)
	}
	if with.Network.SentBytes > without.Network.SentBytes {
		t.Errorf("%d bytes in all, %d without zones", with.Network.SentBytes, without.Network.SentBytes)
	}
}

// An idle cluster sends probes, mostly: exchanges are of differences and cost little.
func TestZonesOfAnIdleClusterNeedProbesToStay(t *testing.T) {
	t.Parallel()
	systest.Long(t, "300 members, three times")
	s := threeZones()
	s.For, s.Work = Duration(time.Minute), nil
	without, with := play(t, s), play(t, inZones(s, 1))
	s.Zones.Probes = true
	probes := play(t, inZones(s, 1))
	was, is, least := bytesBetween(&without), bytesBetween(&with), bytesBetween(&probes)
	if is > was || least*100 > was*40 {
		t.Errorf("%d bytes between zones, %d with probes in zones, %d without zones", is, least, was)
	}
}

// Whatever the sizes of zones, the loss and the part of the members with the option: events don't
// stay in the zone that they come from, and nobody is left out or called failed.
func TestEventsLeaveAndEnterEachZone(t *testing.T) {
	t.Parallel()
	systest.Long(t, "five runs of 80 members for 45 seconds, under check")
	for _, x := range []struct {
		name  string
		sizes []int
		zones Zones
	}{
		{"even", []int{20, 20, 20, 20}, Zones{Members: netsim.Always, Share: 1}},
		{"uneven", []int{1, 2, 5, 72}, Zones{Members: netsim.Always, Share: 1}},
		{"uneven, probes too", []int{1, 2, 5, 72}, Zones{Members: netsim.Always, Share: 1, Probes: true}},
		{"half with the option", []int{1, 2, 5, 72}, Zones{Members: netsim.Probability(0.5), Share: 1}},
		{"few with the option", []int{40, 40}, Zones{Members: netsim.Probability(0.05), Share: 1}},
	} {
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			s := Default()
			s.Members, s.For, s.Events, s.Start.Warm, s.Check = 80, Duration(45*time.Second), 0, true, true
			s.Network.Loss = netsim.Probability(0.1)
			s.Zones = x.zones
			for i, n := range x.sizes {
				name := string(rune('a' + i))
				s.Regions = append(s.Regions, Region{Name: name, Members: n})
				s.Work = append(s.Work, Work{
					Kind: WorkEvent, Start: Duration(time.Duration(i) * 100 * time.Millisecond), Every: Duration(time.Second),
					Length: Duration(30 * time.Second), Who: Who{Region: name, Count: 1},
				})
			}
			r := play(t, s)
			if report.Share(r.Events) < 1 || len(r.Events) < 50 || r.FalseFailures.All > 0 || len(r.Violations) > 0 {
				t.Errorf("%d events, %v delivered; false failures %+v, broken rules %v",
					len(r.Events), report.Share(r.Events), r.FalseFailures, r.Violations)
			}
			if r.EventSpread.P99 > 5*time.Second {
				t.Errorf("events took %v", r.EventSpread.P99)
			}
		})
	}
}

// After a partition between zones all agree about as soon as without.
func TestZoneThatWasCutOffIsBackAsSoon(t *testing.T) {
	t.Parallel()
	systest.Long(t, "three runs of 60 members for three minutes, under check")
	s := threeZones()
	s.Members, s.For, s.Check = 60, Duration(3*time.Minute), true
	cut := Fault{Kind: FaultPartition, Start: Duration(20 * time.Second), Length: Duration(time.Minute)}
	cut.Region = "a"
	s.Faults = []Fault{cut}
	took := func(s Scenario) (heal time.Duration) {
		r := play(t, s)
		for _, e := range r.Episodes {
			heal = max(heal, e.Settled.Sub(e.At))
		}
		if len(r.Episodes) == 0 || len(r.Violations) > 0 || r.Wrong > 0 {
			t.Fatalf("%d changes, broken rules %v, %d wrong views", len(r.Episodes), r.Violations, r.Wrong)
		}
		return heal
	}
	without := took(s)
	for _, members := range []float64{0.5, 1} {
		if got := took(inZones(s, members)); got > without*3/2+5*time.Second {
			t.Errorf("views agree %v after the partition, %v without zones", got, without)
		}
	}
}
