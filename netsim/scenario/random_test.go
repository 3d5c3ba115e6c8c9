package scenario

import (
	"bytes"
	"flag"
	"fmt"
	"testing"
	"time"

	"serf/netsim"
	"serf/netsim/cluster"
)

const defaultSeeds = 25

var (
	seedFlag  = flag.Uint64("seed", 0, "play the scenario of this seed only")
	scenarios = flag.Uint64("scenarios", defaultSeeds, "play the scenarios of so many seeds, from 1 upwards")
)

// TestRandomScenariosKeepTheRules plays scenarios in which anything may come together that a file can say.
func TestRandomScenariosKeepTheRules(t *testing.T) {
	t.Parallel()
	first, count := uint64(1), *scenarios
	if *seedFlag != 0 {
		first, count = *seedFlag, 1
	}
	played := 0
	for seed := first; seed < first+count; seed++ {
		s := drawScenario(seed)
		if s.Validate() != nil {
			continue // a partition may leave nobody on the other side
		}
		played++
		r, err := s.Run(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if len(r.Violations) > 0 {
			var b bytes.Buffer
			_, _ = s.WriteTo(&b) // into memory
			t.Errorf("seed %d: %v\nrerun with serf sim -scenario:\n%s", seed, r.Violations, b.String())
		}
	}
	if count >= defaultSeeds && played < int(count)*9/10 {
		t.Errorf("only %d of %d scenarios make sense", played, count)
	}
}

// drawScenario makes up a small scenario, nearly always a valid one.
func drawScenario(seed uint64) Scenario {
	d := netsim.NewDraws(seed, 0, 1)
	s := Default()
	s.Seed, s.Members, s.Check = seed, 2+d.Below(14), true
	s.For = Duration(20+d.Below(200)) * Duration(time.Second)
	s.Profile = cluster.ProfileNames()[d.Below(len(cluster.ProfileNames()))]
	s.Start = Start{Warm: d.Below(2) == 0, Seeds: 1 + d.Below(2)}
	s.Start.Later = d.Below(s.Members - s.Start.Seeds + 1)
	s.Encrypt, s.Compress = d.Below(2) == 0, d.Below(2) == 0
	s.Network.Loss = netsim.Probability(float64(d.Below(5)) / 100)
	if d.Below(3) == 0 {
		s.Network.Bandwidth = netsim.Bandwidth(8_000 * (1 + d.Below(100)))
	}
	if d.Below(2) == 0 {
		s.Regions = []Region{{Name: "a", Share: netsim.Probability(0.4)}, {Name: "b"}}
		far := netsim.Uniform(time.Millisecond, time.Duration(2+d.Below(50))*time.Millisecond)
		s.Paths = []Path{{From: "a", To: "b", Latency: far, OneWay: d.Below(2) == 0}}
	}
	for range 1 + d.Below(6) {
		s.Faults = append(s.Faults, drawFault(&d, &s))
	}
	for range d.Below(4) {
		w := Work{Kind: workKinds[d.Below(len(workKinds))].Name, Start: s.For * Duration(d.Below(90)) / 100}
		if w.Kind == WorkRotateKey || d.Below(2) == 0 {
			w.Every = s.For / Duration(10+d.Below(50))
		}
		if w.Kind != WorkRotateKey || s.Encrypt {
			s.Work = append(s.Work, w)
		}
	}
	return s
}

func drawFault(d *netsim.Draws, s *Scenario) Fault {
	f := Fault{Kind: faultKinds[d.Below(len(faultKinds))].Name, Start: s.For * Duration(d.Below(80)) / 100, Who: drawWho(d, s)}
	if d.Below(3) > 0 && f.Kind != FaultJoin {
		f.Length = (s.For - f.Start) * Duration(1+d.Below(40)) / 100
	}
	switch f.Kind {
	case FaultCrash, FaultLeave:
		f.Snapshot, f.Move = d.Below(2) == 0, d.Below(2) == 0
	case FaultNetwork:
		f.Loss = netsim.Probability(float64(1+d.Below(100)) / 100)
	case FaultChurn:
		f.Count, f.Share = 0, 0
		f.Joins, f.Leaves, f.Crashes = float64(d.Below(10)), float64(d.Below(10)), float64(1+d.Below(10))
		f.Snapshot, f.Move = d.Below(2) == 0, d.Below(2) == 0
		return f
	}
	switch {
	case f.Length > 0 && d.Below(3) == 0:
		f.Repeat, f.Gap = 2, f.Length/2+1
	case d.Below(4) == 0:
		f.Every = s.For / 50
	}
	if f.network() && f.Kind != FaultNAT {
		f.Way = []string{"", "in", "out"}[d.Below(3)]
		if d.Below(2) == 0 {
			to := drawWho(d, s)
			f.To = &to
		}
	}
	return f
}

func drawWho(d *netsim.Draws, s *Scenario) Who {
	switch d.Below(4) {
	case 0:
		return Who{Share: netsim.Probability(float64(1+d.Below(99)) / 100)}
	case 1:
		return Who{Names: []string{fmt.Sprintf("m%d..m%d", 1+d.Below(s.Members), s.Members)}}
	case 2:
		if len(s.Regions) > 0 {
			return Who{Region: "b"}
		}
	}
	return Who{Count: 1 + d.Below(s.Members)}
}
