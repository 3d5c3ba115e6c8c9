package coordinate

import (
	"math"
	"testing"
	"time"
)

// at is a place on the first axis, in milliseconds, with a height of one.
func at(ms float64) *Coordinate {
	return &Coordinate{Vec: []float64{ms / 1000, 0, 0, 0, 0, 0, 0, 0}, Error: 1.5, Height: 0.001}
}

func TestDistance(t *testing.T) {
	a, b := at(1), at(4)
	if got := a.DistanceTo(b); got != 5*time.Millisecond {
		t.Errorf("%v, want 3 ms and both heights", got)
	}
	b.Adjustment = 0.002
	if got := b.DistanceTo(a); got != 7*time.Millisecond {
		t.Errorf("%v with an adjustment, want 7 ms", got)
	}
	c := a.Clone()
	c.Vec[0] = 9
	if a.Vec[0] != 0.001 {
		t.Error("a clone shares its vector")
	}
}

func TestCoordinatesOfAnotherDimension(t *testing.T) {
	a, flat := at(1), &Coordinate{Vec: make([]float64, 2), Error: 1.5, Height: 0.001}
	if a.IsCompatibleWith(flat) || !a.IsCompatibleWith(at(2)) || flat.IsValid() {
		t.Error("two dimensions are taken for eight")
	}
	defer func() {
		if _, ok := recover().(DimensionalityConflictError); !ok {
			t.Error("no DimensionalityConflictError")
		}
	}()
	a.DistanceTo(flat)
}

func TestIsValid(t *testing.T) {
	if !at(1).IsValid() {
		t.Error("a place that is fine isn't valid")
	}
	for _, bad := range []float64{math.NaN(), math.Inf(1), -1} {
		c := at(1)
		if c.Height = bad; c.IsValid() {
			t.Errorf("height %v is valid", bad)
		}
	}
}
