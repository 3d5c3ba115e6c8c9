package coord

import (
	"errors"
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// near returns a usable coordinate, x seconds from the origin.
func near(x float64) Coordinate {
	return Coordinate{Vec: vector{x}, Error: 0.5, Height: 0.001}
}

func TestDistance(t *testing.T) {
	for _, tc := range []struct {
		name string
		a, b Coordinate
		want time.Duration
	}{
		{"heights alone", near(0), near(0), 2 * time.Millisecond},
		{"a triangle of 3, 4, 5", Coordinate{Vec: vector{0: 0.003}},
			Coordinate{Vec: vector{7: 0.004}}, 5 * time.Millisecond},
		{"adjustments count", Coordinate{Vec: vector{0.010}, Adjustment: -0.001},
			Coordinate{Adjustment: -0.002}, 7 * time.Millisecond},
		{"unless nothing remains", Coordinate{Vec: vector{0.010}, Adjustment: -0.005},
			Coordinate{Adjustment: -0.005}, 10 * time.Millisecond},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := Distance(&tc.a, &tc.b); got != tc.want {
				t.Errorf("%v, want %v", got, tc.want)
			}
			if got := Distance(&tc.b, &tc.a); got != tc.want {
				t.Errorf("the way back: %v, want %v", got, tc.want)
			}
		})
	}
}

// parts are the components of a coordinate.
var parts = []struct {
	name string
	of   func(*Coordinate) *float64
	low  float64
}{
	{"first dimension", func(c *Coordinate) *float64 { return &c.Vec[0] }, -farMax},
	{"last dimension", func(c *Coordinate) *float64 { return &c.Vec[Dimensions-1] }, -farMax},
	{"error", func(c *Coordinate) *float64 { return &c.Error }, 0},
	{"adjustment", func(c *Coordinate) *float64 { return &c.Adjustment }, -farMax},
	{"height", func(c *Coordinate) *float64 { return &c.Height }, 0},
}

func TestValid(t *testing.T) {
	for _, p := range parts {
		for _, tc := range []struct {
			v    float64
			want bool
		}{
			{0, true},
			{p.low, true},
			{farMax, true},
			{math.Nextafter(p.low, -math.MaxFloat64), false},
			{math.Nextafter(farMax, math.MaxFloat64), false},
			{math.NaN(), false},
			{math.Inf(1), false},
			{math.Inf(-1), false},
		} {
			c := near(0)
			*p.of(&c) = tc.v
			if got := c.Valid(); got != tc.want {
				t.Errorf("%s %v: %v, want %v", p.name, tc.v, got, tc.want)
			}
		}
	}
}

func TestOriginIsValid(t *testing.T) {
	if o := Origin(); !o.Valid() {
		t.Error("it isn't")
	}
}

func TestPushPartsCoincidingPlaces(t *testing.T) {
	c, from := near(0), near(0)
	// A draw of zero in all dimensions is no direction either.
	got, g := c, between(&c.Vec, &from.Vec)
	got.push(0.5, &from, &g, func() float64 { return 0.5 })
	if want := (vector{0.5}); got.Vec != want || got.Height != c.Height {
		t.Errorf("moved to %+v, want %v", got, want)
	}
}

func TestUpdateRefuses(t *testing.T) {
	broken := near(0)
	broken.Height = math.NaN()
	for _, tc := range []struct {
		name  string
		other Coordinate
		rtt   time.Duration
		want  error
	}{
		{"coordinate", broken, time.Millisecond, ErrCoordinate},
		{"negative round trip", near(0.01), -1, ErrRTT},
		{"endless round trip", near(0.01), RTTMax + 1, ErrRTT},
		{"at the limit", near(0.01), RTTMax, nil},
		{"no time at all", near(0.01), 0, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := New(64)
			before := c.Coordinate()
			if err := c.Update(1, tc.other, tc.rtt, unused(t)); !errors.Is(err, tc.want) {
				t.Errorf("Update: %v, want %v", err, tc.want)
			}
			if moved := c.Coordinate() != before; moved != (tc.want == nil) {
				t.Errorf("moved: %v", moved)
			}
		})
	}
}

// unused is a source of random numbers that must not be drawn from.
func unused(t *testing.T) func() float64 {
	return func() float64 {
		t.Error("a random number was drawn although no places coincide")
		return 0
	}
}

func TestFilterTakesTheMedianOfTheLastThree(t *testing.T) {
	c := New(64)
	for i, tc := range []struct{ rtt, want time.Duration }{{5, 5}, {9, 9}, {1, 5}, {100, 9}, {2, 2}, {3, 3}} {
		p := c.peers.obtain(1)
		p.add(tc.rtt)
		if got := p.median(); got != tc.want {
			t.Errorf("step %d: %d, want %d", i, got, tc.want)
		}
	}
	other := c.peers.obtain(2)
	other.add(77)
	if got := other.median(); got != 77 {
		t.Errorf("another member: %d, want 77", got)
	}
}

func TestForgetClearsTheFilter(t *testing.T) {
	c := New(64)
	c.peers.obtain(1).add(5)
	c.peers.obtain(1).add(5)
	c.Forget(1)
	if _, _, ok := c.Last(1); ok {
		t.Error("its coordinate is still there")
	}
	c.peers.obtain(1).add(50)
	if _, got, _ := c.Last(1); got != 50 {
		t.Errorf("%d, want 50", got)
	}
}

// remember observes members from 1 on, each at a place of its own, and returns how many are
// remembered, with their places.
func remember(t *testing.T, c *Client, members uint32) (right int) {
	t.Helper()
	for m := uint32(1); m <= members; m++ {
		if err := c.Update(m, near(float64(m)*1e-5), time.Millisecond, rand.Float64); err != nil {
			t.Fatal(err)
		}
	}
	for m := uint32(1); m <= members; m++ {
		at, _, ok := c.Last(m)
		if ok && at == near(float64(m)*1e-5) {
			right++
		} else if ok {
			t.Errorf("%d is at %+v", m, at)
		}
	}
	return right
}

func TestPeersAreRemembered(t *testing.T) {
	c := New(1 << 14)
	const members = 5000
	if n := remember(t, &c, members); n < members*999/1000 {
		t.Errorf("%d of %d, with room for three times as many", n, members)
	}
}

func TestPeersAreLimited(t *testing.T) {
	for _, most := range []int{0, peersStart - 1, peersStart, 100} {
		c := New(most)
		n := remember(t, &c, 1000)
		slots := len(c.peers.slots)
		if n > most || slots > most || most >= peersStart && 2*slots <= most {
			t.Errorf("limit %d: %d are remembered in %d slots", most, n, len(c.peers.slots))
		}
		if _, _, ok := c.Last(1000); ok != (most >= peersStart) {
			t.Errorf("limit %d: the last one is remembered: %v", most, ok)
		}
	}
}

// Two places that nearly coincide while the round trip is long make the height explode, which is a
// property of the algorithm. Then the estimate starts over.
func TestEstimateOutOfRangeStartsOver(t *testing.T) {
	c := New(64)
	if err := c.Update(1, near(1), RTTMax, unused(t)); err != nil || c.Resets() != 0 {
		t.Fatalf("Update: %v, %d resets", err, c.Resets())
	}
	twin := c.Coordinate()
	twin.Vec[0] += 2 * nearMin
	if err := c.Update(2, twin, RTTMax, unused(t)); err != nil {
		t.Fatal(err)
	}
	if c.Resets() != 1 || c.Coordinate() != Origin() {
		t.Errorf("%d resets, at %+v", c.Resets(), c.Coordinate())
	}
	if c.adjust != [adjustWindow]float64{} {
		t.Errorf("the adjustment is still %v", c.adjust)
	}
}
