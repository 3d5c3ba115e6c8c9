// Package coord computes network coordinates: each member places itself in a space in which
// distances predict round trips.
//
// The algorithm is Vivaldi, of Dabek and others, "Vivaldi: A decentralized network coordinate
// system" (SIGCOMM 2004), with the latency filter and the gravity of Ledlie and others, "Network
// coordinates in the wild" (NSDI 2007), and the adjustment of Lee and others, "On suitability of
// Euclidean embedding for host-based network coordinate systems" (Transactions on Networking,
// 2010).
package coord

import (
	"math"
	"time"
)

// Dimensions of the Euclidean part of a coordinate. All members of a cluster have to agree.
const Dimensions = 8

const (
	errorMax  = 1.5   // the error of a member that has observed nothing
	heightMin = 10e-6 // seconds; the height has to stay positive
	// farMax bounds each component of a coordinate: in seconds, except for the error. Round trips
	// of at most 10 s lead nowhere near it. A member that claims to be farther away would only drag
	// others along, by a quarter of the distance each time.
	farMax = 60
	// nearMin is the least distance, round trip (both in seconds) or error that counts as more than
	// zero.
	nearMin = 1e-6
)

// Coordinate is a place in the latency space. Units are seconds.
type Coordinate struct {
	Vec [Dimensions]float64
	// Error is the owner's estimate of the relative error of its distances: 0 is certainty, 1.5
	// ignorance.
	Error float64
	// Adjustment corrects all distances to the owner; it may be negative.
	Adjustment float64
	// Height is the distance from the owner to the core of the network, such as a slow access link,
	// which every packet passes whatever its destination.
	Height float64
}

// Origin returns the coordinate of a member that has observed nothing.
func Origin() Coordinate { return Coordinate{Error: errorMax, Height: heightMin} }

// Valid says whether a member can be at c: all components are finite and at most a minute, error
// and height aren't negative.
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

// Distance estimates the round trip between the owners of two valid coordinates.
func Distance(a, b *Coordinate) time.Duration { return adjusted(rawDistance(a, b), a, b) }

// adjusted is the estimate for two coordinates whose raw distance is d seconds.
func adjusted(d float64, a, b *Coordinate) time.Duration {
	if adjusted := d + a.Adjustment + b.Adjustment; adjusted > 0 {
		d = adjusted
	}
	return time.Duration(d * float64(time.Second))
}

// rawDistance is the distance in seconds without the adjustments.
func rawDistance(a, b *Coordinate) float64 {
	g := between(&a.Vec, &b.Vec)
	return g.length + a.Height + b.Height
}

// push moves c away from another place by a force, in seconds, or closer if it is negative. g is
// the gap between them. Coinciding places part in a random direction.
func (c *Coordinate) push(force float64, from *Coordinate, g *gap, rng func() float64) {
	unit := g.direction(rng)
	for i := range c.Vec {
		c.Vec[i] += float64(unit[i] * force)
	}
	if g.length > nearMin {
		c.Height += (c.Height + from.Height) * force / g.length
		c.Height = max(c.Height, heightMin)
	}
}

type vector = [Dimensions]float64

// gap is the vector from one place to another.
type gap struct {
	v      vector
	length float64
}

// The conversions of products to float64 below and in client.go keep the compiler from fusing them
// with sums, so that results are the same on all processors.

// between returns the gap from b to a.
func between(a, b *vector) (g gap) {
	for i := range g.v {
		g.v[i] = a[i] - b[i]
	}
	g.measure()
	return g
}

func (g *gap) measure() {
	sum := 0.0
	for _, x := range g.v {
		sum += float64(x * x)
	}
	g.length = math.Sqrt(sum)
}

// direction returns the unit vector along g, or a random one if g has no length to speak of.
func (g *gap) direction(rng func() float64) vector {
	if g.length > nearMin {
		return g.unit()
	}
	var r gap
	for i := range r.v {
		r.v[i] = rng() - 0.5
	}
	if r.measure(); r.length > nearMin {
		return r.unit()
	}
	return vector{1}
}

func (g *gap) unit() (v vector) {
	f := 1 / g.length
	for i := range v {
		v[i] = g.v[i] * f
	}
	return v
}
