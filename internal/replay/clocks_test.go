package replay

import (
	"math/rand/v2"
	"testing"
	"time"
)

// Clocks that differ by seconds are found out from packets, within the bounds that are told, and no
// packet arrives before it was sent.
func TestClocksAreReconciled(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 0))
	ahead := []time.Duration{0, 3 * time.Second, -700 * time.Millisecond, time.Hour}
	begin := time.Date(2026, 11, 30, 6, 0, 0, 0, time.UTC)
	s := sources{}
	for i := range ahead {
		s.Nodes = append(s.Nodes, string(rune('a'+i)))
		s.runs = append(s.runs, runTime{node: i, clock: i, from: begin.Add(ahead[i]), to: begin.Add(ahead[i] + time.Hour)})
	}
	for range 400 {
		from, to := rng.IntN(3), rng.IntN(3) // nobody talks to d
		if from == to {
			continue
		}
		at := begin.Add(time.Duration(rng.Int64N(int64(time.Minute))))
		took := 5*time.Millisecond + time.Duration(rng.Int64N(int64(20*time.Millisecond)))
		m := &Message{clock: from, at: at.Add(ahead[from]), node: to}
		m.got = &Moment{clock: to, at: at.Add(took + ahead[to]), Cause: m}
		s.sent, s.got = append(s.sent, m), append(s.got, m.got)
	}
	s.Clocks = s.reconcile()
	for i, c := range s.Clocks {
		if known := i < 3; c.Known != known {
			t.Errorf("clock of %s: known %v", c.Node, c.Known)
		}
		if err := (c.Ahead - ahead[i]).Abs(); i < 3 && (err > c.Within || c.Within > 15*time.Millisecond) {
			t.Errorf("clock of %s: %v ahead, ±%v, want %v", c.Node, c.Ahead, c.Within, ahead[i])
		}
	}
	s.settle()
	for _, x := range s.got {
		if x.After < -time.Millisecond || x.After > 40*time.Millisecond {
			t.Errorf("a packet took %v", x.After)
		}
	}
}
