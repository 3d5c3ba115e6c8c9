package coord

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// The vectors were recorded from the original, one coordinate per step.
func TestUpdateVectors(t *testing.T) {
	var v struct {
		Start Coordinate
		Steps []struct {
			Node          string
			Other         Coordinate
			RTT           time.Duration `json:"rtt_ns"`
			After         Coordinate
			DistanceAfter time.Duration `json:"distance_after_ns"`
			Error         string
		}
	}
	b, err := os.ReadFile("../../../testdata/vivaldi.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatal(err)
	}
	if len(v.Steps) == 0 {
		t.Fatal("no steps")
	}
	c := New(64)
	c.here = v.Start
	for i, s := range v.Steps {
		err := c.Update(uint32(s.Node[0]), s.Other, s.RTT, unused(t))
		if rejected := err != nil; rejected != (s.Error == "rejected") {
			t.Fatalf("step %d: %v, want %q", i, err, s.Error)
		}
		if s.Error != "" {
			continue
		}
		if diff := cmp.Diff(s.After, c.Coordinate()); diff != "" {
			t.Fatalf("step %d: %s", i, diff)
		}
		if got := Distance(&c.here, &s.Other); got != s.DistanceAfter {
			t.Fatalf("step %d: distance %v, want %v", i, got, s.DistanceAfter)
		}
	}
}

// network is a set of members with true round trips between them.
type network struct {
	clients []Client
	places  [][2]float64 // seconds
	access  []float64    // seconds, added to each round trip of a member
	rng     *rand.Rand
}

func newNetwork(seed uint64, places [][2]float64, access []float64) *network {
	n := &network{places: places, access: access, rng: rand.New(rand.NewPCG(seed, 0))}
	for range places {
		n.clients = append(n.clients, New(64))
	}
	return n
}

func (n *network) rtt(i, j int) time.Duration {
	dx, dy := n.places[i][0]-n.places[j][0], n.places[i][1]-n.places[j][1]
	return time.Duration((math.Hypot(dx, dy) + n.access[i] + n.access[j]) * float64(time.Second))
}

// run has each member observe a random other one, once per round.
func (n *network) run(rounds int) {
	for range rounds {
		for i := range n.clients {
			j := (i + 1 + n.rng.IntN(len(n.clients)-1)) % len(n.clients)
			if err := n.clients[i].Update(uint32(j), n.clients[j].Coordinate(), n.rtt(i, j), n.rng.Float64); err != nil {
				panic(err) // no member sends nonsense
			}
		}
	}
}

// wrong returns the average relative error of all estimates.
func (n *network) wrong() float64 {
	sum, pairs := 0.0, 0
	for i := range n.clients {
		for j := range i {
			other := n.clients[j].Coordinate()
			truth := n.rtt(i, j).Seconds()
			sum += math.Abs(Distance(&n.clients[i].here, &other).Seconds()-truth) / truth
			pairs++
		}
	}
	return sum / float64(pairs)
}

// In a grid of members with access links of different length, estimates that start from nothing
// come close to the truth.
func TestEstimatesConverge(t *testing.T) {
	if testing.Short() {
		t.Skip("many observations")
	}
	rapid.Check(t, func(t *rapid.T) {
		side := rapid.IntRange(3, 4).Draw(t, "side")
		spacing := rapid.Float64Range(0.002, 0.050).Draw(t, "spacing")
		var places [][2]float64
		var access []float64
		for i := range side * side {
			places = append(places, [2]float64{float64(i%side) * spacing,
				float64(i/side) * spacing})
			access = append(access, rapid.Float64Range(0, 1).Draw(t, "access")*spacing)
		}
		n := newNetwork(rapid.Uint64().Draw(t, "seed"), places, access)
		before := n.wrong()
		n.run(1000)
		if got := n.wrong(); got > 0.1 {
			t.Errorf("estimates are off by %.0f %% on average (%.0f %% at first)", 100*got,
				100*before)
		}
		for i := range n.clients {
			if r := n.clients[i].Resets(); r != 0 {
				t.Errorf("member %d started over %d times", i, r)
			}
		}
	})
}

func TestSameSeedSameCoordinates(t *testing.T) {
	run := func(seed uint64) (all []Coordinate) {
		n := newNetwork(seed, [][2]float64{{0, 0}, {0.01, 0}, {0, 0.02}},
			[]float64{0, 0.001, 0.002})
		n.run(50)
		for i := range n.clients {
			all = append(all, n.clients[i].Coordinate())
		}
		return all
	}
	if diff := cmp.Diff(run(1), run(1)); diff != "" {
		t.Error(diff)
	}
	if cmp.Equal(run(1), run(2)) {
		t.Error("another seed made no difference: the test shows nothing")
	}
}

// Whatever others claim, the estimate stays valid, so that others accept it.
func TestEstimateStaysValid(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := New(64)
		rng := rand.New(rand.NewPCG(1, 2))
		for range rapid.IntRange(1, 50).Draw(t, "updates") {
			var other Coordinate
			for _, p := range parts {
				*p.of(&other) = rapid.OneOf(
					rapid.Float64(), rapid.Float64Range(p.low, farMax), rapid.Float64Range(0, 1e-5),
					rapid.Just(math.NaN()), rapid.Just(math.Inf(1)),
				).Draw(t, p.name)
			}
			before := c.Coordinate()
			rtt := time.Duration(rapid.Int64Range(-1, int64(RTTMax)+1).Draw(t, "rtt"))
			err := c.Update(1, other, rtt, rng.Float64)
			after := c.Coordinate()
			if !after.Valid() {
				t.Fatalf("at %+v after %+v, %v", after, other, rtt)
			}
			if err != nil && after != before {
				t.Fatalf("refused (%v), but moved", err)
			}
		}
	})
}

func TestUpdateAllocatesNothing(t *testing.T) {
	c := New(64)
	rng := rand.New(rand.NewPCG(1, 2))
	update := func() {
		if err := c.Update(1, near(0.01), time.Millisecond, rng.Float64); err != nil {
			t.Fatal(err)
		}
	}
	update()
	if n := testing.AllocsPerRun(100, update); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkUpdate(b *testing.B) {
	c := New(64)
	other := near(0.01)
	for b.Loop() {
		_ = c.Update(1, other, time.Millisecond, rand.Float64)
	}
}
