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

func TestClocksInWords(t *testing.T) {
	line := Timeline{Nodes: []string{"a", "b"}, Clocks: []*Clock{
		{Node: "a", Known: true}, {Node: "b", Known: true, Ahead: time.Second, Within: time.Millisecond, Packets: 7},
		{Node: "b", Known: true, Ahead: -time.Second, Within: time.Millisecond, Packets: 8},
		{Node: "b", Known: true, Ahead: time.Microsecond, Within: time.Millisecond, Packets: 9}, {Node: "c"},
	}, Losses: []Loss{{"a", "b", 9, 0}, {"b", "a", 7, 2}}}
	want := `2 recordings: a, b
times are by the clock of a
clock of b: 1s ahead, ±1ms (7 packets)
clock of b, run 2: 1s behind, ±1ms (8 packets)
clock of b, run 3: the same, ±1ms (9 packets)
clock of c: taken as it is, as no packets went both ways
b -> a: 2 of 7 lost
`
	if got := line.head(); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}
