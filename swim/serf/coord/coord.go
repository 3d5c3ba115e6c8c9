// Package coord computes network coordinates (Vivaldi): each member places
// itself in a space in which distances predict round trip times.
//
// The algorithm is that of Dabek and others, "Vivaldi: A decentralized network
// coordinate system" (SIGCOMM 2004), with the latency filter and the gravity
// of Ledlie and others, "Network coordinates in the wild" (NSDI 2007), and the
// adjustment of Lee and others, "On suitability of Euclidean embedding for
// host-based network coordinate systems" (Transactions on Networking, 2010).
package coord

import (
	"math"
	"time"
)

// Dimensions of the Euclidean part of a coordinate. All members of a cluster have to agree.
const Dimensions = 8

const (
	errorMax  = 1.5   // the error of a member that knows nothing
	heightMin = 10e-6 // seconds; the height has to stay positive
	// farMax bounds each component of a coordinate: seconds, but the error has no
	// unit. Round trips of 10 s at most lead nowhere near; who claims to be further out
	// would only carry others away, by a quarter of the distance each time.
	farMax = 60
	// nearMin is the least that is told apart from nothing: two places, a round
	// trip (both in seconds), an error.
	nearMin = 1e-6
)

// Coordinate is a place in the latency space. Units are seconds.
type Coordinate struct {
	Vec [Dimensions]float64
	// Error is how far the owner mistrusts the rest, relative to distances: 0 is
	// certain, 1.5 knows nothing.
	Error float64
	// Adjustment is a correction that the owner adds to all its distances; it may be negative.
	Adjustment float64
	// Height is the way from the owner to the core of the network, such as a slow
	// access link, which each packet passes whatever its destination.
	Height float64
}

// Origin returns the coordinate of a member that hasn't observed anything.
func Origin() Coordinate { return Coordinate{Error: errorMax, Height: heightMin} }

// Valid says whether c is a place that a member can be at: all components
// finite and at most a minute, error and height not negative.
func (c *Coordinate) Valid() bool {
	for _, v := range c.Vec {
		if !within(v, -farMax) {
			return false
		}
	}
	return within(c.Error, 0) && within(c.Adjustment, -farMax) && within(c.Height, 0)
}

// within says whether v lies in [low, farMax]; NaN doesn't.
func within(v, low float64) bool { return v >= low && v <= farMax }

// Distance estimates the round trip time between the owners of two valid coordinates.
func Distance(a, b *Coordinate) time.Duration {
	d := rawDistance(a, b)
	if adjusted := d + a.Adjustment + b.Adjustment; adjusted > 0 {
		d = adjusted
	}
	return time.Duration(d * float64(time.Second))
}

// rawDistance is the distance in seconds without the adjustments.
func rawDistance(a, b *Coordinate) float64 {
	v := sub(a.Vec, b.Vec)
	return length(v) + a.Height + b.Height
}

// push returns c after a force (in seconds) from the direction of from; a
// negative one draws it closer. Coinciding places part in a random direction.
func (c Coordinate) push(force float64, from *Coordinate, rng func() float64) Coordinate {
	unit, apart := direction(c.Vec, from.Vec, rng)
	for i := range c.Vec {
		c.Vec[i] += float64(unit[i] * force)
	}
	if apart > nearMin {
		c.Height += (c.Height + from.Height) * force / apart
		c.Height = max(c.Height, heightMin)
	}
	return c
}

type vector = [Dimensions]float64

// direction returns the unit vector from b to a and how far they are apart; if
// that can't be told from nothing, a random unit vector and 0.
func direction(a, b vector, rng func() float64) (unit vector, apart float64) {
	v := sub(a, b)
	if apart = length(v); apart > nearMin {
		return scale(v, 1/apart), apart
	}
	for i := range v {
		v[i] = rng() - 0.5
	}
	if l := length(v); l > nearMin {
		return scale(v, 1/l), 0
	}
	return vector{1}, 0
}

// The conversions of products to float64 below and in client.go keep the compiler from
// fusing them with the sum: results are the same on all processors.

func sub(a, b vector) vector {
	for i := range a {
		a[i] -= b[i]
	}
	return a
}

func scale(v vector, f float64) vector {
	for i := range v {
		v[i] *= f
	}
	return v
}

func length(v vector) float64 {
	sum := 0.0
	for _, x := range v {
		sum += float64(x * x)
	}
	return math.Sqrt(sum)
}
