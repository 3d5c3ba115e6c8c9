package projection

import "math"

// fit moves new points to where the last ones of the same names were, as closely as turning,
// mirroring and moving all of them together can (the method of Procrustes). Distances stay.
func (p *Plane) fit(names []string, points []Point) {
	pairs := p.common(names, points)
	if len(pairs) == 0 {
		return
	}
	var from, to Point // the centres of both
	for _, c := range pairs {
		n := float64(len(pairs))
		from.X, from.Y = from.X+c.now.X/n, from.Y+c.now.Y/n
		to.X, to.Y = to.X+c.last.X/n, to.Y+c.last.Y/n
	}
	sin, cos, mirrored := turnOf(pairs, from, to)
	for i := range points {
		x, y := points[i].X-from.X, points[i].Y-from.Y
		if mirrored {
			y = -y
		}
		points[i] = Point{cos*x - sin*y + to.X, sin*x + cos*y + to.Y}
	}
}

// pair is the same member on two planes.
type pair struct{ now, last Point }

// common returns the members that both planes have, by going through both lists at once.
func (p *Plane) common(names []string, points []Point) (pairs []pair) {
	pairs = make([]pair, 0, min(len(names), len(p.names)))
	last := 0
	for i, name := range names {
		for last < len(p.names) && p.names[last] < name {
			last++
		}
		if last < len(p.names) && p.names[last] == name {
			pairs = append(pairs, pair{points[i], p.points[last]})
		}
	}
	return pairs
}

// turnOf returns the angle that brings the points closest to the last ones, around their centres,
// and whether they have to be mirrored first. Without direction, as for one point, it turns
// nothing.
func turnOf(pairs []pair, from, to Point) (sin, cos float64, mirrored bool) {
	var dot, cross, dotM, crossM float64 // sums of products, without and with mirroring
	for _, c := range pairs {
		x, y := c.now.X-from.X, c.now.Y-from.Y
		u, v := c.last.X-to.X, c.last.Y-to.Y
		dot, cross = dot+x*u+y*v, cross+x*v-y*u
		dotM, crossM = dotM+x*u-y*v, crossM+x*v+y*u
	}
	if math.Hypot(dotM, crossM) > math.Hypot(dot, cross)*(1+1e-9) {
		dot, cross, mirrored = dotM, crossM, true
	}
	length := math.Hypot(dot, cross)
	if length == 0 {
		return 0, 1, false
	}
	return cross / length, dot / length, mirrored
}
