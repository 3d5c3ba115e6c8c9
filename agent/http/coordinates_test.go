package http

import (
	"math"
	"strings"
	"testing"
	"time"

	"serf/agent"
	"serf/swim/serf/coord"
)

// The map has every member that was probed, with what was measured, and this agent without.
func TestCoordinatesAnswer(t *testing.T) {
	t.Parallel()
	quick := func(name string) func(*agent.Config) {
		return func(c *agent.Config) {
			c.Name = name
			c.Timing.ProbeInterval, c.Timing.ProbeTimeout = 20*time.Millisecond, 10*time.Millisecond
		}
	}
	a, b := startAgent(t, quick("a")), startAgent(t, quick("b"))
	if n, err := b.Join(t.Context(), []string{a.Addr().String()}, false); n != 1 {
		t.Fatal(n, err)
	}
	h := newHandler(t, a, Options{})
	var got coordinatesAnswer
	for len(got.Coordinates) < 2 { // until the first ack has arrived, after some 20 ms
		if t.Context().Err() != nil {
			t.Fatalf("%+v", got)
		}
		get(t, h, "/v1/coordinates", 200, &got)
	}
	self, other := got.Coordinates[0], got.Coordinates[1]
	if got.Self != "a" || self.Name != "a" || other.Name != "b" {
		t.Errorf("self %q, %q and %q", got.Self, self.Name, other.Name)
	}
	if self.RTT != 0 || !(other.RTT > 0) || !(self.Height > 0) || !(other.Error > 0) {
		t.Errorf("%+v\n%+v", self, other)
	}
	if math.IsNaN(got.Explained) || got.Explained < 0.99 {
		t.Errorf("two members lie on a line, but %v of it is shown", got.Explained)
	}
}

func TestCoordinatesThatAreOff(t *testing.T) {
	t.Parallel()
	a := startAgent(t, func(c *agent.Config) { c.DisableCoordinates = true })
	w := ask(t, newHandler(t, a, Options{}), "GET", "/v1/coordinates", "")
	if want := `"explained":1,"coordinates":[]}` + "\n"; w.Code != 200 || !strings.HasSuffix(w.Body.String(), want) {
		t.Errorf("%d %s, want an end of %s", w.Code, w.Body, want)
	}
}

// Members are placed once per version of the locations, however many ask.
func TestMapIsMadeOncePerChange(t *testing.T) {
	t.Parallel()
	var m latencyMap
	here, there := coord.Origin(), coord.Origin()
	there.Vec[3] = 0.02
	at := []*coord.Coordinate{&here, &there}
	first, _ := m.place(1, []string{"a", "b"}, at)
	again, _ := m.place(1, []string{"a", "b"}, at)
	if &first[0] != &again[0] {
		t.Error("the same version was placed twice")
	}
	there.Vec[3] = 0.03
	moved, _ := m.place(2, []string{"a", "b"}, at)
	if d := math.Hypot(moved[0].X-moved[1].X, moved[0].Y-moved[1].Y); math.Abs(d-0.03) > 1e-9 {
		t.Errorf("after a change %v apart, want 0.03", d)
	}
}

func TestPageIsServedWithoutAToken(t *testing.T) {
	t.Parallel()
	h := newHandler(t, startAgent(t), Options{Token: "t"})
	for url, want := range map[string]int{
		"/": 200, "/page/main.js": 200, "/page/theme.css": 200, "/page/none.js": 404, "/page/": 404,
		"/page/..%2fpage.go": 404, "/?x=1": 400, "/v1/coordinates": 401,
	} {
		w := ask(t, h, "GET", url, "")
		policy := w.Header().Get("Content-Security-Policy")
		if w.Code != want || (w.Code == 200) != strings.Contains(policy, "script-src 'self'") {
			t.Errorf("%s: %d with policy %q, want %d", url, w.Code, policy, want)
		}
	}
}
