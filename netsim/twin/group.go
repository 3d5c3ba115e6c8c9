package twin

import (
	"math"
	"slices"

	"serf/swim/serf/coord"
)

// place is where a member is.
type place struct {
	member int
	at     *coord.Coordinate
}

const (
	// groupSample is how many places are grouped with each other, which takes the cube of their
	// number. The others join the group that is nearest.
	groupSample = 128
	// nearby is the least distance in seconds that tells groups apart: nothing is known more exactly.
	nearby = 1e-3
	// apartness is how clearly each group has to be apart from the next, from 0 to 1: 1 less the
	// mean distance within, by that to the members of the nearest other group (the silhouette of
	// Rousseeuw, "Silhouettes: a graphical aid", 1987).
	apartness = 0.6
)

// accessMost is the share of a round trip that counts in any case: members whose round trips differ
// anyhow are no groups.
const accessMost = 0.3

// ruler says how far apart places are, without what every packet of a member takes: one behind a slow
// access link is far from everybody, and still in its region.
type ruler struct {
	trips  map[[2]int]float64 // seconds, by members, the lesser first; nil: coordinates count
	access map[int]float64    // the least of a member's
	least  float64            // distance that is told from none
}

// distance is in seconds.
func (r *ruler) distance(a, b place) float64 {
	d := flat(a.at, b.at)
	if rtt, ok := r.trips[keyOf(a.member, b.member)]; ok {
		d = max(rtt-max(r.access[a.member], r.access[b.member]), rtt*accessMost)
	}
	return max(d, r.least)
}

// flat is the distance of two places without heights, in seconds.
func flat(a, b *coord.Coordinate) float64 {
	sum := 0.0
	for i := range a.Vec {
		x := a.Vec[i] - b.Vec[i]
		sum += float64(x * x)
	}
	return math.Sqrt(sum)
}

// newRuler goes by round trips if most of those between the places of a sample were measured, and
// else by coordinates. Their owners know how wrong they are: by much where round trips break the
// triangle inequality. The worse they are, the farther apart groups have to be.
func newRuler(sample []place, trips map[[2]int]float64) ruler {
	r := ruler{trips: trips, access: make(map[int]float64), least: nearby}
	for pair, rtt := range trips { // order-free: the least of each
		for _, m := range pair {
			if least, ok := r.access[m]; !ok || rtt < least {
				r.access[m] = rtt
			}
		}
	}
	known, pairs, longest := 0, 0, 0.0
	var errs []float64
	for i, a := range sample {
		errs = append(errs, a.at.Error)
		for _, b := range sample[:i] {
			pairs++
			longest = max(longest, flat(a.at, b.at))
			if _, ok := trips[keyOf(a.member, b.member)]; ok {
				known++
			}
		}
	}
	if 2*known < pairs {
		const share = 0.025 // of the longest distance, at an error of 1
		slices.Sort(errs)
		r.trips, r.least = nil, max(nearby, share*errs[len(errs)/2]*longest)
	}
	return r
}

// group divides the members at places into groups that are clearly apart. trips has the round trips
// that were measured between members, by their numbers, the lesser first.
func group(places []place, trips map[[2]int]float64) [][]int {
	sample := sampleOf(places, trips)
	r := newRuler(sample, trips)
	d := make([][]float64, len(sample))
	for i := range d {
		d[i] = make([]float64, len(sample))
		for j := range i {
			d[i][j] = r.distance(sample[i], sample[j])
			d[j][i] = d[i][j]
		}
	}
	return r.gather(places, sample, divide(d, min(regionMax, len(sample)/2)))
}

// sampleOf chooses places of which most is known, evenly from all that are as good.
func sampleOf(places []place, trips map[[2]int]float64) []place {
	known, most := make(map[int]int), 0
	for pair := range trips { // order-free: a count
		for _, m := range pair {
			known[m]++
			most = max(most, known[m])
		}
	}
	var good []place
	for _, p := range places {
		if 2*known[p.member] >= most {
			good = append(good, p)
		}
	}
	if len(good) < min(len(places), groupSample) {
		good = places
	}
	n := min(len(good), groupSample)
	sample := make([]place, n)
	for i := range sample {
		sample[i] = good[i*len(good)/n]
	}
	return sample
}

// divide returns the group of each of some places, numbered from 0. It joins the two groups whose
// members are closest on average, again and again, and takes the finest division in which all
// groups are apart.
func divide(d [][]float64, most int) []int {
	labels := make([]int, len(d))
	for i := range labels {
		labels[i] = i
	}
	best := make([]int, len(d)) // all in group 0
	size := make([]int, len(d))
	between := make([][]float64, len(d)) // mean distances of groups, by label
	for i := range d {
		size[i], between[i] = 1, slices.Clone(d[i])
	}
	for groups := len(d); groups > 1; groups-- {
		if groups <= most {
			if found := absorb(d, labels); apart(d, found) {
				return found
			}
		}
		a, b := closest(between, size)
		for g := range between {
			if g != a && g != b && size[g] > 0 {
				wa, wb := float64(size[a]), float64(size[b])
				between[a][g] = (float64(wa*between[a][g]) + float64(wb*between[b][g])) / (wa + wb)
				between[g][a] = between[a][g]
			}
		}
		size[a] += size[b]
		size[b] = 0
		for i, l := range labels {
			if l == b {
				labels[i] = a
			}
		}
	}
	return best
}

// closest returns the two groups that are closest on average.
func closest(between [][]float64, size []int) (a, b int) {
	least := math.Inf(1)
	for i := range between {
		if size[i] == 0 {
			continue
		}
		for j := range i {
			if size[j] > 0 && between[i][j] < least {
				least, a, b = between[i][j], j, i
			}
		}
	}
	return a, b
}

// absorb returns labels from 0 on, in which a place that is alone is in the group of the nearest one.
func absorb(d [][]float64, labels []int) []int {
	found, size := slices.Clone(labels), make([]int, len(labels))
	for _, l := range labels {
		size[l]++
	}
	for i, l := range labels {
		if size[l] > 1 {
			continue
		}
		nearest, least := i, math.Inf(1)
		for j := range labels {
			if j != i && d[i][j] < least {
				nearest, least = j, d[i][j]
			}
		}
		from, to := found[i], found[nearest]
		for j := range found { // others may have joined it before
			if found[j] == from {
				found[j] = to
			}
		}
	}
	return renumbered(found)
}

// renumbered returns labels that are the same for the same, from 0 on.
func renumbered(labels []int) []int {
	number := make(map[int]int)
	for i, l := range labels {
		if _, ok := number[l]; !ok {
			number[l] = len(number)
		}
		labels[i] = number[l]
	}
	return labels
}

// apart reports whether each of two or more groups is clearly apart from all others.
func apart(d [][]float64, labels []int) bool {
	groups := slices.Max(labels) + 1
	if groups < 2 {
		return false
	}
	sums, count := make([]float64, groups), make([]float64, groups)
	mean := make([]float64, groups)
	size := make([]float64, groups)
	for _, l := range labels {
		size[l]++
	}
	for i, own := range labels {
		clear(mean)
		for j, l := range labels {
			mean[l] += d[i][j]
		}
		within := mean[own] / max(size[own]-1, 1)
		next := math.Inf(1)
		for g := range mean {
			if g != own {
				next = min(next, mean[g]/size[g])
			}
		}
		sums[own] += (next - within) / max(next, within)
		count[own]++
	}
	for g := range sums {
		if size[g] < 2 || sums[g]/count[g] < apartness {
			return false
		}
	}
	return true
}

// gather returns the members of each group. Those outside the sample join the group that is nearest,
// by the median distance.
func (r *ruler) gather(places, sample []place, labels []int) (groups [][]int) {
	known := make(map[int]int)
	for i, l := range labels {
		known[sample[i].member] = l
	}
	nearest := func(p place) int {
		by := make([][]float64, slices.Max(labels)+1)
		for i, l := range labels {
			by[l] = append(by[l], r.distance(p, sample[i]))
		}
		best, least := 0, math.Inf(1)
		for g, list := range by {
			slices.Sort(list)
			if x := list[len(list)/2]; x < least {
				best, least = g, x
			}
		}
		return best
	}
	number := make(map[int]int) // of a label, in the order of the members
	for _, p := range places {
		l, ok := known[p.member]
		if !ok {
			l = nearest(p)
		}
		g, ok := number[l]
		if !ok {
			g = len(groups)
			number[l], groups = g, append(groups, nil)
		}
		groups[g] = append(groups[g], p.member)
	}
	return groups
}
