// Package coordinate has the places in the space of round trips that serf/compat/serf hands out, in
// the shape of github.com/hashicorp/serf/coordinate 0.11. The estimation itself is the node's.
package coordinate

import (
	"slices"
	"time"

	"serf/swim/serf/coord"
)

// ZeroThreshold is the shortest distance that counts as more than zero, in seconds.
const ZeroThreshold = 1.0e-6

// Coordinate is a place in the space of round trips. Units are seconds.
type Coordinate struct {
	Vec        []float64 // the Euclidean part, of 8 dimensions
	Error      float64   // how wrong the owner thinks its distances are: 0 is certainty, 1.5 ignorance
	Adjustment float64   // corrects all distances to the owner; it may be negative
	Height     float64   // the distance that every packet to the owner goes besides
}

// Clone returns a copy that shares nothing.
func (c *Coordinate) Clone() *Coordinate {
	d := *c
	d.Vec = slices.Clone(c.Vec)
	return &d
}

// IsCompatibleWith reports whether distances between c and other make sense: whether they have as
// many dimensions.
func (c *Coordinate) IsCompatibleWith(other *Coordinate) bool {
	return len(c.Vec) == len(other.Vec)
}

// IsValid reports whether a member can be at c: all parts are finite, and none is farther than any
// network is wide.
func (c *Coordinate) IsValid() bool {
	core, ok := c.core()
	return ok && core.Valid()
}

// DimensionalityConflictError is the panic of DistanceTo for coordinates that aren't compatible.
type DimensionalityConflictError struct{}

func (DimensionalityConflictError) Error() string { return "coordinate dimensionality does not match" }

// DistanceTo returns the estimated round trip between c and other. It panics unless they are
// compatible.
func (c *Coordinate) DistanceTo(other *Coordinate) time.Duration {
	a, ok := c.core()
	b, fits := other.core()
	if !ok || !fits {
		panic(DimensionalityConflictError{})
	}
	return coord.Distance(&a, &b)
}

// core is c as the node has it; false if it has another number of dimensions.
func (c *Coordinate) core() (coord.Coordinate, bool) {
	to := coord.Coordinate{Error: c.Error, Adjustment: c.Adjustment, Height: c.Height}
	return to, copy(to.Vec[:], c.Vec) == coord.Dimensions && len(c.Vec) == coord.Dimensions
}
