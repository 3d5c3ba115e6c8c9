package netsim

import (
	"bytes"
	"fmt"
	"testing"
	"time"
)

// TestRandomScenariosKeepTheRules plays scenarios in which anything may come together that a file can say.
func TestRandomScenariosKeepTheRules(t *testing.T) {
	first, count := uint64(1), *storySeeds
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
	d := newDraws(seed, 0, 1)
	s := DefaultScenario()
	s.Seed, s.Members, s.Check = seed, 2+d.below(14), true
	s.For = Duration(20+d.below(200)) * Duration(time.Second)
	s.Profile = ProfileNames()[d.below(len(ProfileNames()))]
	s.Start = Start{Warm: d.below(2) == 0, Seeds: 1 + d.below(2)}
	s.Start.Later = d.below(s.Members - s.Start.Seeds + 1)
	s.Encrypt, s.Compress = d.below(2) == 0, d.below(2) == 0
	s.Network.Loss = Probability(float64(d.below(5)) / 100)
	if d.below(3) == 0 {
		s.Network.Bandwidth = Bandwidth(8_000 * (1 + d.below(100)))
	}
	if d.below(2) == 0 {
		s.Regions = []Region{{Name: "a", Share: Probability(0.4)}, {Name: "b"}}
		far := Uniform(time.Millisecond, time.Duration(2+d.below(50))*time.Millisecond)
		s.Paths = []Path{{From: "a", To: "b", Latency: far, OneWay: d.below(2) == 0}}
	}
	for range 1 + d.below(6) {
		s.Faults = append(s.Faults, drawFault(&d, &s))
	}
	for range d.below(4) {
		w := Work{Kind: workKinds[d.below(len(workKinds))].Name, Start: s.For * Duration(d.below(90)) / 100}
		if w.Kind == WorkRotateKey || d.below(2) == 0 {
			w.Every = s.For / Duration(10+d.below(50))
		}
		if w.Kind != WorkRotateKey || s.Encrypt {
			s.Work = append(s.Work, w)
		}
	}
	return s
}

func drawFault(d *draws, s *Scenario) Fault {
	f := Fault{Kind: faultKinds[d.below(len(faultKinds))].Name, Start: s.For * Duration(d.below(80)) / 100, Who: drawWho(d, s)}
	if d.below(3) > 0 && f.Kind != FaultJoin {
		f.Length = (s.For - f.Start) * Duration(1+d.below(40)) / 100
	}
	switch f.Kind {
	case FaultCrash, FaultLeave:
		f.Snapshot, f.Move = d.below(2) == 0, d.below(2) == 0
	case FaultNetwork:
		f.Loss = Probability(float64(1+d.below(100)) / 100)
	case FaultChurn:
		f.Count, f.Share = 0, 0
		f.Joins, f.Leaves, f.Crashes = float64(d.below(10)), float64(d.below(10)), float64(1+d.below(10))
		f.Snapshot, f.Move = d.below(2) == 0, d.below(2) == 0
		return f
	}
	switch {
	case f.Length > 0 && d.below(3) == 0:
		f.Repeat, f.Gap = 2, f.Length/2+1
	case d.below(4) == 0:
		f.Every = s.For / 50
	}
	if f.network() && f.Kind != FaultNAT {
		f.Way = []string{"", "in", "out"}[d.below(3)]
		if d.below(2) == 0 {
			to := drawWho(d, s)
			f.To = &to
		}
	}
	return f
}

func drawWho(d *draws, s *Scenario) Who {
	switch d.below(4) {
	case 0:
		return Who{Share: Probability(float64(1+d.below(99)) / 100)}
	case 1:
		return Who{Names: []string{fmt.Sprintf("m%d..m%d", 1+d.below(s.Members), s.Members)}}
	case 2:
		if len(s.Regions) > 0 {
			return Who{Region: "b"}
		}
	}
	return Who{Count: 1 + d.below(s.Members)}
}
