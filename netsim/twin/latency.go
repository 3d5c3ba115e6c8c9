package twin

import (
	"fmt"
	"math"
	"strings"
	"time"

	"serf/internal/textwrap"
	"serf/netsim"
	"serf/netsim/report"
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

// Spread is how long round trips take: a tenth, half and nine tenths of them take no longer, in
// seconds.
type Spread struct {
	Count  int     `json:"count"` // of those that it sums up
	Low    float64 `json:"p10"`
	Median float64 `json:"median"`
	Top    float64 `json:"p90"`
}

func (s Spread) String() string {
	return fmt.Sprintf("%s (%s to %s)", seconds(s.Median), seconds(s.Low), seconds(s.Top))
}

// RoundTrips are those between two regions, or within one; without regions the names are empty. What
// isn't known is nil.
type RoundTrips struct {
	From     string  `json:"from"`
	To       string  `json:"to"`
	Measured *Spread `json:"measured"`
	// Estimated is by coordinates, of pairs of members.
	Estimated *Spread `json:"estimated"`
	// Twin is what the latency of the scenario comes to.
	Twin *Spread `json:"twin"`
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

// spreadOf sorts list; nil of none.
func spreadOf(list []float64) *Spread {
	if len(list) == 0 {
		return nil
	}
	q := report.QuantilesOf(list)
	return &Spread{q.Count, q.P10, q.Median, q.P90}
}

// pathKey is a pair of regions, or of members, the lesser number first.
type pathKey [2]int

func keyOf(a, b int) pathKey { return pathKey{min(a, b), max(a, b)} }

// takePaths gives each pair of regions the latency that fits the round trips between them. Without
// regions, that is the network's.
func (m *maker) takePaths() error {
	measured := m.measured(func(i int) int { return m.of[i] })
	estimated := m.estimated()
	by := "none was measured: coordinates estimate them"
	if len(estimated) == 0 {
		by = "none is known"
	}
	if n := len(m.in.Trips); n > 0 {
		by = fmt.Sprintf("%d were measured, by %s", n, textwrap.Count(m.in.Answered, "agent"))
	}
	m.found("round trips", "%s. Lines have the median and, in brackets, "+
		"the 10th and 90th percentile", by)
	names := m.Scenario.Regions
	var assumed []string
	for a := range max(len(names), 1) {
		for b := a; b < max(len(names), 1); b++ {
			var t RoundTrips
			what := "network"
			if len(names) > 0 {
				t.From, t.To = names[a].Name, names[b].Name
				what = t.From + " and " + t.To
			}
			if len(names) > 0 && a == b {
				what = "within " + t.From
			}
			key := keyOf(a, b)
			t.Measured, t.Estimated = spreadOf(measured[key]), spreadOf(estimated[key])
			if t.best() == nil {
				if a != b || len(names) == 0 || len(m.regions[a].members) > 1 {
					assumed = append(assumed, what)
				}
				continue
			}
			m.takePath(what, &t)
		}
	}
	if len(assumed) > 0 {
		where := ""
		if len(names) > 0 {
			where = ": " + strings.Join(assumed, "; ")
		}
		m.found("network", "the profile's latency is assumed, since no round trip is known%s", where)
	}
	return nil
}

// takePath gives the scenario the latency that fits t.
func (m *maker) takePath(what string, t *RoundTrips) {
	latency := fit(t.best())
	t.Twin = tripsOf(latency)
	if t.From == "" {
		m.Scenario.Network.Latency = latency
	} else {
		m.Scenario.Paths = append(m.Scenario.Paths,
			scenario.Path{From: t.From, To: t.To, Latency: latency})
	}
	m.RoundTrips = append(m.RoundTrips, *t)
	text := ""
	if t.Measured != nil {
		text = fmt.Sprintf("measured %d: %v; ", t.Measured.Count, t.Measured)
	}
	if t.Estimated != nil {
		text += fmt.Sprintf("coordinates of %s %v; ",
			textwrap.Count(t.Estimated.Count, "pair"), t.Estimated)
	}
	m.found(what, "%stwin %v", text, t.Twin)
}

// best prefers what was measured, nil if nothing is known. Coordinates can't say how much round
// trips differ from one to the next, and can't place regions whose round trips break the triangle
// inequality.
func (t *RoundTrips) best() *Spread {
	if t.Measured != nil && (t.Measured.Count >= tripsLeast || t.Estimated == nil) {
		return t.Measured
	}
	return t.Estimated
}

// measured has the round trips, in seconds, that were measured between members, by what number says
// of each.
func (m *maker) measured(number func(i int) int) map[pathKey][]float64 {
	index := make(map[string]int)
	for i := range m.alive {
		index[m.alive[i].Name] = i
	}
	by := make(map[pathKey][]float64)
	for _, t := range m.in.Trips {
		a, known := index[t.From]
		if b, knownToo := index[t.To]; known && knownToo {
			key := keyOf(number(a), number(b))
			by[key] = append(by[key], t.RTT.Seconds())
		}
	}
	return by
}

// estimated has the round trips between members of regions as their coordinates estimate them.
func (m *maker) estimated() map[pathKey][]float64 {
	located := make([][]*coord.Coordinate, max(len(m.regions), 1))
	for i := range m.alive {
		r := m.of[i]
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
func fit(s *Spread) netsim.Dist {
	const least = 0.001 // of the median: what differs less is constant
	width := s.Top - s.Low
	if width <= least*s.Median {
		return netsim.Constant(rounded(s.Median / 2))
	}
	best, off := netsim.Dist{}, math.Inf(1)
	try := func(d netsim.Dist, sum Spread) {
		if x := s.off(sum); x < off {
			best, off = d, x
		}
	}
	if width < s.Median { // a wider one would be cut off at 0
		// From a tenth to nine tenths a normal distribution has 2.563 deviations.
		try(netsim.Normal(rounded(s.Median/2), rounded(width/2.563/math.Sqrt2)),
			Spread{0, s.Median - width/2, s.Median, s.Median + width/2})
	}
	for _, shape := range sums {
		for _, scale := range []float64{ // that gives the width, or its lower half
			width / (shape.Top - shape.Low), (s.Median - s.Low) / (shape.Median - shape.Low),
		} {
			scale = min(scale, s.Median/shape.Median)
			floor := (s.Median - scale*shape.Median) / 2
			try(netsim.LogNormal(rounded(floor), rounded(floor)+rounded(scale), shape.sigma),
				Spread{0, 2*floor + scale*shape.Low, s.Median, 2*floor + scale*shape.Top})
		}
	}
	return best
}

// off is how far another spread with the same median is from s, relatively.
func (s *Spread) off(o Spread) float64 {
	apart := func(x, y float64) float64 { return math.Abs(math.Log(max(x, 1e-6) / max(y, 1e-6))) }
	return apart(s.Low, o.Low) + apart(s.Top, o.Top)
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
	*Spread
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
func tripsOf(latency netsim.Dist) *Spread {
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
