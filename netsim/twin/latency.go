package twin

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"serf/netsim"
	"serf/netsim/scenario"
	"serf/swim/serf/coord"
)

const (
	// tripsLeast is how many round trips have to be measured between two regions before they count
	// more than what coordinates say.
	tripsLeast = 2
	// estimateSample is of how many members of a region the distances are estimated.
	estimateSample = 48
)

// spread is how long round trips take: a tenth, half and nine tenths of them take no longer, in
// seconds.
type spread struct {
	n                int
	low, median, top float64
}

func (s spread) String() string {
	return fmt.Sprintf("%s (%s to %s)", seconds(s.median), seconds(s.low), seconds(s.top))
}

// seconds is a time with what is worth knowing of it.
func seconds(s float64) string {
	d := time.Duration(s * float64(time.Second))
	for unit := time.Second; unit >= 10; unit /= 10 {
		if d >= unit {
			return d.Round(unit / 1000).String()
		}
	}
	return d.String()
}

// spreadOf sorts list, which isn't empty.
func spreadOf(list []float64) spread {
	slices.Sort(list)
	at := func(percent int) float64 { return list[(len(list)-1)*percent/100] }
	return spread{len(list), at(10), at(50), at(90)}
}

// pathKey is a pair of regions, the lesser number first.
type pathKey [2]int

func keyOf(a, b int) pathKey { return pathKey{min(a, b), max(a, b)} }

// takePaths gives each pair of regions the latency that fits the round trips between them. Without
// regions, that is the network's.
func (m *maker) takePaths() error {
	measured, estimated := m.measured(), m.estimated()
	m.found("round trips", "%d were measured, by %d agents. Each line has their median, and between "+
		"what a tenth and nine tenths of them take", len(m.in.Trips), m.in.Answered)
	names := m.Scenario.Regions
	missing := 0
	var assumed []string
	for a := range max(len(names), 1) {
		for b := a; b < max(len(names), 1); b++ {
			key := keyOf(a, b)
			s, how := choose(measured[key], estimated[key])
			what := "network"
			switch {
			case len(names) > 0 && a == b:
				what = "within " + names[a].Name
			case len(names) > 0:
				what = names[a].Name + " and " + names[b].Name
			}
			if s.n == 0 {
				if a != b || len(names) == 0 || len(m.regions[a].members) > 1 {
					missing++
					assumed = append(assumed, what)
				}
				continue
			}
			latency := fit(s)
			if len(names) == 0 {
				m.Scenario.Network.Latency = latency
			} else {
				m.Scenario.Paths = append(m.Scenario.Paths, scenario.Path{
					From: names[a].Name, To: names[b].Name, Latency: latency})
			}
			m.found(what, "%s; twin %v", how, tripsOf(latency))
		}
	}
	if missing > 0 {
		m.found("network", "the profile's latency is assumed, since no round trip is known: %s",
			strings.Join(assumed, "; "))
	}
	return nil
}

// choose prefers what was measured. Coordinates can't say how much round trips differ from one to
// the next, and can't place regions whose round trips break the triangle inequality.
func choose(measured, estimated []float64) (s spread, how string) {
	var by string
	if len(estimated) > 0 {
		s = spreadOf(estimated)
		how = fmt.Sprintf("coordinates of %d pairs %v", s.n, s)
		by = how
	}
	if len(measured) >= tripsLeast || len(estimated) == 0 && len(measured) > 0 {
		s = spreadOf(measured)
		how = fmt.Sprintf("measured %d: %v", s.n, s)
		if by != "" {
			how += "; " + by
		}
	}
	return s, how
}

// region is the number of a member's region; false if there is no such member.
func (m *maker) region(name string) (int, bool) {
	r, ok := m.of[name]
	return r, ok
}

// measured has the round trips that were measured between regions.
func (m *maker) measured() map[pathKey][]float64 {
	by := make(map[pathKey][]float64)
	for _, t := range m.in.Trips {
		a, known := m.region(t.From)
		b, knownToo := m.region(t.To)
		if known && knownToo {
			by[keyOf(a, b)] = append(by[keyOf(a, b)], t.RTT.Seconds())
		}
	}
	return by
}

// estimated has the round trips between members of regions as their coordinates estimate them.
func (m *maker) estimated() map[pathKey][]float64 {
	located := make([][]*coord.Coordinate, max(len(m.regions), 1))
	for i := range m.alive {
		r := m.of[m.alive[i].Name]
		if at := m.alive[i].At; at != nil {
			located[r] = append(located[r], at)
		}
	}
	for r, list := range located {
		if n := len(list); n > estimateSample {
			for i := range estimateSample {
				list[i] = list[i*n/estimateSample]
			}
			located[r] = list[:estimateSample]
		}
	}
	by := make(map[pathKey][]float64)
	for a := range located {
		for b := a; b < len(located); b++ {
			for i, from := range located[a] {
				for j, to := range located[b] {
					if a != b || i < j {
						by[keyOf(a, b)] = append(by[keyOf(a, b)],
							coord.Distance(from, to).Seconds())
					}
				}
			}
		}
	}
	return by
}

// fit returns the latency of one way whose sum, there and back, comes closest to the spread s: normal
// or log-normal above a least latency. Both ways are assumed to take equally long.
func fit(s spread) netsim.Dist {
	const least = 0.001 // of the median: what differs less is constant
	width := s.top - s.low
	if width <= least*s.median {
		return netsim.Constant(rounded(s.median / 2))
	}
	best, off := netsim.Dist{}, math.Inf(1)
	try := func(d netsim.Dist, sum spread) {
		if x := s.off(sum); x < off {
			best, off = d, x
		}
	}
	if width < s.median { // a wider one would be cut off at 0
		// From a tenth to nine tenths a normal distribution has 2.563 deviations.
		try(netsim.Normal(rounded(s.median/2), rounded(width/2.563/math.Sqrt2)),
			spread{0, s.median - width/2, s.median, s.median + width/2})
	}
	for _, shape := range sums {
		for _, scale := range []float64{ // that gives the width, or its lower half
			width / (shape.top - shape.low), (s.median - s.low) / (shape.median - shape.low),
		} {
			scale = min(scale, s.median/shape.median)
			floor := (s.median - scale*shape.median) / 2
			try(netsim.LogNormal(rounded(floor), rounded(floor)+rounded(scale), shape.sigma),
				spread{0, 2*floor + scale*shape.low, s.median, 2*floor + scale*shape.top})
		}
	}
	return best
}

// off is how far another spread with the same median is from s, relatively.
func (s spread) off(o spread) float64 {
	apart := func(x, y float64) float64 { return math.Abs(math.Log(max(x, 1e-6) / max(y, 1e-6))) }
	return apart(s.low, o.low) + apart(s.top, o.top)
}

// rounded is a time in seconds, to a thousandth of itself.
func rounded(s float64) time.Duration {
	unit := time.Microsecond
	for d := time.Duration(s * float64(time.Second)); d >= 10_000*unit; {
		unit *= 10
	}
	return time.Duration(s * float64(time.Second)).Round(unit)
}

// sumOfTwo is the spread of the sum of two values that are log-normal with the median 1.
type sumOfTwo struct {
	sigma float64
	spread
}

// sums has a range of shapes, from nearly normal to wild.
var sums = func() (list []sumOfTwo) {
	for sigma := 0.1; sigma < 2.55; sigma += 0.1 {
		d := netsim.LogNormal(0, time.Second, sigma)
		list = append(list, sumOfTwo{math.Round(sigma*10) / 10, tripsOf(d)})
	}
	return list
}()

// tripsOf is the spread of the round trips that a latency gives: of a value for each way.
func tripsOf(latency netsim.Dist) spread {
	const steps = 64
	list := make([]float64, 0, steps*steps)
	at := func(i int) float64 { return latency.Draw(uint64(2*i+1) << (63 - 6)).Seconds() }
	for i := range steps {
		for j := range steps {
			list = append(list, at(i)+at(j))
		}
	}
	return spreadOf(list)
}

func round(x float64, digits int) float64 {
	unit := math.Pow10(digits)
	return math.Round(x*unit) / unit
}
