package http

import (
	"math"
	"sync"

	"serf/agent/http/projection"
	"serf/internal/http1"
	"serf/swim/serf/coord"
)

// coordinatesAnswer is what GET /v1/coordinates returns: the members that this agent has probed,
// and where they are. Distances on the plane are latencies.
type coordinatesAnswer struct {
	Index       string             `json:"index"`
	Self        string             `json:"self"`
	Explained   float64            `json:"explained"`
	Coordinates []coordinateAnswer `json:"coordinates"`
}

// coordinateAnswer is where a member is.
type coordinateAnswer struct {
	Name string `json:"name"`
	// X and Y, on the plane, Height and Adjustment are in milliseconds; Vec is in seconds, as Serf
	// has it. All are rounded to microseconds, which is less than anybody can measure.
	X          float64                   `json:"x"`
	Y          float64                   `json:"y"`
	Vec        [coord.Dimensions]float64 `json:"vec"`
	Height     float64                   `json:"height"`
	Adjustment float64                   `json:"adjustment"`
	Error      float64                   `json:"error"`
	// RTT is what this agent has measured; 0, and left out, for itself.
	RTT float64 `json:"rtt_ms,omitempty"`
}

// latencyMap places the members on a plane, once per change, for all who ask.
type latencyMap struct {
	mu        sync.Mutex
	plane     projection.Plane
	version   uint64 // of the agent's locations
	points    []projection.Point
	explained float64
}

// place returns where members are on the plane of this version.
func (m *latencyMap) place(
	version uint64, names []string, at []*coord.Coordinate,
) ([]projection.Point, float64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.points == nil || version != m.version {
		m.version = version
		m.points, m.explained = m.plane.Place(names, at)
	}
	return m.points, m.explained
}

func (h *Handler) serveCoordinates(w http1.ResponseWriter, r *http1.Request) {
	if !parameters(r).done(w) {
		return
	}
	a := coordinatesAnswer{
		Index: h.log.index(), Self: h.agent.Self().Name, Coordinates: []coordinateAnswer{},
	}
	var names []string
	var at []*coord.Coordinate
	version, located := h.agent.Located()
	for m, l := range located {
		names, at = append(names, m.Name), append(at, &l.At)
		a.Coordinates = append(a.Coordinates, coordinateAnswer{
			Name: m.Name, Height: inMS(l.At.Height), Adjustment: inMS(l.At.Adjustment),
			Error: micro(l.At.Error), RTT: milliseconds(l.RTT),
		})
	}
	points, explained := h.latencies.place(version, names, at)
	a.Explained = micro(explained)
	for i := range a.Coordinates {
		c := &a.Coordinates[i]
		c.X, c.Y = inMS(points[i].X), inMS(points[i].Y)
		for d, v := range at[i].Vec {
			c.Vec[d] = micro(v)
		}
	}
	answer(w, http1.StatusOK, &a)
}

// micro rounds to millionths.
func micro(x float64) float64 { return math.Round(x*1e6) / 1e6 }

// inMS turns seconds into milliseconds, rounded to microseconds.
func inMS(seconds float64) float64 { return math.Round(seconds*1e6) / 1e3 }
