// Package projection places members on a plane, for a map on which distances are latencies.
//
// The two dimensions are those in which the network coordinates vary most (principal component
// analysis). They hold nearly all of the variance, since latencies follow the surface of the earth.
// What no plane can show, the access links' share of a round trip, is in the coordinates' heights
// and adjustments, which readers add to a distance on the plane.
package projection

import (
	"math"

	"serf/swim/serf/coord"
)

// Point is a place on the plane, in seconds.
type Point struct{ X, Y float64 }

// Plane places members on one plane after the other. Each is turned, mirrored and moved to fit the
// one before, so that members stay where a reader has seen them. The zero Plane has no plane
// before.
type Plane struct {
	names  []string // of the last members, sorted
	points []Point
}

// Place returns where members are, and the share of the coordinates' variance that the plane shows,
// from 0 to 1. The names are sorted, without duplicates; the coordinates are valid. It keeps names.
func (p *Plane) Place(names []string, at []*coord.Coordinate) (points []Point, explained float64) {
	points, explained = flatten(at)
	p.fit(names, points)
	p.names, p.points = names, points
	return points, explained
}

// flatten projects coordinates on the two directions in which they vary most. Their mean is at the
// origin.
func flatten(at []*coord.Coordinate) (points []Point, explained float64) {
	mean := meanOf(at)
	m := covariance(at, &mean)
	total := 0.0
	for i := range m {
		total += m[i][i]
	}
	values, vectors := eigen(m)
	first, second := largestTwo(&values)
	e1, e2 := upright(vectors[first]), upright(vectors[second])
	points = make([]Point, len(at))
	for i, c := range at {
		for d := range c.Vec {
			v := c.Vec[d] - mean[d]
			points[i].X += v * e1[d]
			points[i].Y += v * e2[d]
		}
	}
	if total == 0 {
		return points, 1 // all members are at one place, which a plane shows as well
	}
	return points, min((values[first]+values[second])/total, 1)
}

func meanOf(at []*coord.Coordinate) (mean vector) {
	for _, c := range at {
		for d, v := range c.Vec {
			mean[d] += v / float64(len(at))
		}
	}
	return mean
}

// covariance is of all pairs of dimensions.
func covariance(at []*coord.Coordinate, mean *vector) (m matrix) {
	for _, c := range at {
		var v vector
		for d := range v {
			v[d] = c.Vec[d] - mean[d]
		}
		for i := range m {
			for j := range i + 1 {
				m[i][j] += v[i] * v[j] / float64(len(at))
			}
		}
	}
	for i := range m {
		for j := range i {
			m[j][i] = m[i][j]
		}
	}
	return m
}

// largestTwo returns the places of the largest values, the first of equal ones first.
func largestTwo(values *vector) (first, second int) {
	for i, v := range values {
		if v > values[first] {
			first = i
		}
	}
	second = 1 - min(first, 1)
	for i, v := range values {
		if i != first && v > values[second] {
			second = i
		}
	}
	return first, second
}

// upright returns v or -v, which are the same direction, whichever has its largest component
// positive: equal coordinates give equal planes.
func upright(v vector) vector {
	largest := 0
	for i := range v {
		if math.Abs(v[i]) > math.Abs(v[largest]) {
			largest = i
		}
	}
	if v[largest] < 0 {
		for i := range v {
			v[i] = -v[i]
		}
	}
	return v
}
