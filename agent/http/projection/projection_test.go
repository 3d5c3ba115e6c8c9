package projection

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"serf/swim/serf/coord"
)

// at lists coordinates for points of a plane that lies askew in the space of coordinates.
func at(points []Point, u, v vector) (list []*coord.Coordinate) {
	for _, p := range points {
		c := coord.Origin()
		for d := range c.Vec {
			c.Vec[d] = 0.3 + p.X*u[d] + p.Y*v[d]
		}
		list = append(list, &c)
	}
	return list
}

// directions returns two random unit vectors that are at right angles.
func directions(rng *rand.Rand) (u, v vector) {
	for d := range u {
		u[d], v[d] = rng.NormFloat64(), rng.NormFloat64()
	}
	unit(&u)
	along := 0.0
	for d := range u {
		along += u[d] * v[d]
	}
	for d := range u {
		v[d] -= along * u[d]
	}
	unit(&v)
	return u, v
}

func unit(v *vector) {
	sum := 0.0
	for _, x := range v {
		sum += x * x
	}
	for d := range v {
		v[d] /= math.Sqrt(sum)
	}
}

func namesOf(n int) (names []string) {
	for i := range n {
		names = append(names, fmt.Sprintf("m%05d", i))
	}
	return names
}

func randomPoints(rng *rand.Rand, n int) []Point {
	points := make([]Point, n)
	for i := range points {
		points[i] = Point{rng.NormFloat64() * 0.05, rng.NormFloat64() * 0.02}
	}
	return points
}

func distance(a, b Point) float64 { return math.Hypot(a.X-b.X, a.Y-b.Y) }

// worstMove is how far the member that moved most has moved.
func worstMove(a, b []Point) (worst float64) {
	for i := range a {
		worst = max(worst, distance(a[i], b[i]))
	}
	return worst
}

// Members that are on a plane in 8 dimensions keep all their distances on the map.
func TestPlaneIsRecovered(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		rng := rand.New(rand.NewPCG(seed, 0))
		want := randomPoints(rng, 50)
		u, v := directions(rng)
		got, explained := new(Plane).Place(namesOf(50), at(want, u, v))
		if math.Abs(explained-1) > 1e-9 {
			t.Errorf("seed %d: %v of the variance, want all", seed, explained)
		}
		for i := range want {
			for j := range i {
				if d := distance(got[i], got[j]) - distance(want[i], want[j]); math.Abs(d) > 1e-9 {
					t.Fatalf("seed %d: distance of %d and %d is off by %v s", seed, i, j, d)
				}
			}
		}
	}
}

// The plane shows the dimensions that matter most, and says how much is missing.
func TestExplainedShareOfTheVariance(t *testing.T) {
	t.Parallel()
	var list []*coord.Coordinate
	for d, length := range []float64{0.1, 0.2, 0.4, 0.3} { // variances 1, 4, 16 and 9
		for _, sign := range []float64{1, -1} {
			c := coord.Origin()
			c.Vec[2*d] = sign * length
			list = append(list, &c)
		}
	}
	points, explained := new(Plane).Place(namesOf(8), list)
	if want := 25.0 / 30; math.Abs(explained-want) > 1e-9 {
		t.Errorf("explained %v, want %v", explained, want)
	}
	if d := distance(points[4], points[5]); math.Abs(d-0.8) > 1e-9 {
		t.Errorf("the most distant pair is %v apart, want 0.8", d)
	}
	if d := distance(points[0], points[1]); d > 1e-9 {
		t.Errorf("the pair along a dimension left out is %v apart, want 0", d)
	}
}

// However the coordinates turn, as those of Vivaldi do all the time, the map stays.
func TestMapStaysWhenCoordinatesTurn(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 2))
	points, names := randomPoints(rng, 40), namesOf(40)
	var p Plane
	u, v := directions(rng)
	before, _ := p.Place(names, at(points, u, v))
	for range 20 {
		u, v = directions(rng)
		now, _ := p.Place(names, at(points, v, u))
		if moved := worstMove(before, now); moved > 1e-9 {
			t.Fatalf("a member moved by %v s", moved)
		}
		before = now
	}
}

// A map of coordinates that vary by a little varies by as little.
func TestMapIsStable(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(3, 4))
	points, names := randomPoints(rng, 40), namesOf(40)
	u, v := directions(rng)
	var p Plane
	before, _ := p.Place(names, at(points, u, v))
	for range 50 {
		list := at(points, u, v)
		for _, c := range list {
			for d := range c.Vec {
				c.Vec[d] += rng.NormFloat64() * 1e-4
			}
		}
		now, _ := p.Place(names, list)
		if moved := worstMove(before, now); moved > 2e-3 {
			t.Fatalf("a member moved by %v s, with coordinates that moved by 0.1 ms", moved)
		}
		before = now
	}
}

// Those who stay keep their place when others come and go, even from far away.
func TestMapStaysWhenMembersComeAndGo(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(5, 6))
	points, names := randomPoints(rng, 60), namesOf(60)
	u, v := directions(rng)
	var p Plane
	before, _ := p.Place(names[:40], at(points[:40], u, v))
	points[59] = Point{0.4, 0.4}
	after, _ := p.Place(names[10:], at(points[10:], u, v))
	if moved := worstMove(before[10:40], after[:30]); moved > 1e-9 {
		t.Errorf("a member that stayed moved by %v s", moved)
	}
}

func TestSameCoordinatesSameMap(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(7, 8))
	u, v := directions(rng)
	list := at(randomPoints(rng, 30), u, v)
	a, _ := new(Plane).Place(namesOf(30), list)
	b, _ := new(Plane).Place(namesOf(30), list)
	if worstMove(a, b) != 0 {
		t.Error("two maps of the same coordinates differ")
	}
}

func TestDegenerateMaps(t *testing.T) {
	t.Parallel()
	two := []Point{{0, 0}, {0.03, 0.04}}
	for _, tc := range []struct {
		name   string
		points []Point
		apart  float64 // the first and the last
	}{
		{"nobody", nil, 0},
		{"one", two[:1], 0},
		{"two", two, 0.05},
		{"all at one place", make([]Point, 9), 0},
		{"on a line", []Point{{0, 0}, {0.01, 0.01}, {0.03, 0.03}}, 0.03 * math.Sqrt2},
	} {
		u, v := directions(rand.New(rand.NewPCG(9, 0)))
		var p Plane
		for range 2 { // the second is fitted to the first
			points, explained := p.Place(namesOf(len(tc.points)), at(tc.points, u, v))
			if len(points) != len(tc.points) || math.Abs(explained-1) > 1e-9 {
				t.Errorf("%s: %d points, explained %v", tc.name, len(points), explained)
			}
			for _, at := range points {
				if math.IsNaN(at.X) || math.IsNaN(at.Y) {
					t.Errorf("%s: a member is at %v", tc.name, at)
				}
			}
			if n := len(points); n > 0 {
				if d := distance(points[0], points[n-1]); math.Abs(d-tc.apart) > 1e-9 {
					t.Errorf("%s: %v apart, want %v", tc.name, d, tc.apart)
				}
			}
		}
	}
}

// The farthest coordinates that are valid give finite places.
func TestExtremeCoordinates(t *testing.T) {
	t.Parallel()
	var list []*coord.Coordinate
	for i := range 16 {
		c := coord.Origin()
		for d := range c.Vec {
			c.Vec[d] = 60 * float64(1-2*(i>>(d%4)&1))
		}
		if !c.Valid() {
			t.Fatal("not valid")
		}
		list = append(list, &c)
	}
	points, explained := new(Plane).Place(namesOf(16), list)
	for _, p := range points {
		if math.IsNaN(p.X+p.Y) || math.IsInf(p.X+p.Y, 0) {
			t.Errorf("a member is at %v", p)
		}
	}
	if !(explained > 0 && explained <= 1) {
		t.Errorf("explained %v", explained)
	}
}

// A map of Vivaldi's own coordinates estimates round trips about as well as they do themselves.
func TestMapOfEstimates(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(10, 11))
	const members, rounds = 60, 400
	clients, places := make([]coord.Client, members), randomPoints(rng, 5)
	for i := range clients {
		clients[i] = coord.New(64)
	}
	rtt := func(i, j int) time.Duration {
		d := distance(places[i%5], places[j%5]) + 0.001
		return time.Duration(d * float64(time.Second))
	}
	for range rounds {
		for i := range clients {
			j := (i + 1 + rng.IntN(members-1)) % members
			if err := clients[i].Update(uint32(j), clients[j].Coordinate(), rtt(i, j),
				rng.Float64); err != nil {
				t.Fatal(err)
			}
		}
	}
	var list []*coord.Coordinate
	for i := range clients {
		c := clients[i].Coordinate()
		list = append(list, &c)
	}
	points, explained := new(Plane).Place(namesOf(members), list)
	flat, full, pairs := 0.0, 0.0, 0.0
	for i := range clients {
		for j := range i {
			a, b, truth := list[i], list[j], rtt(i, j).Seconds()
			d := distance(points[i], points[j]) + a.Height + b.Height + a.Adjustment + b.Adjustment
			flat += math.Abs(d-truth) / truth
			full += math.Abs(coord.Distance(a, b).Seconds()-truth) / truth
			pairs++
		}
	}
	t.Logf("off by %.1f %% on the map, %.1f %% in 8 dimensions; explained %.3f",
		100*flat/pairs, 100*full/pairs, explained)
	if flat > 1.25*full+0.02*pairs || explained < 0.9 {
		t.Errorf("the map is off by %v, 8 dimensions by %v", flat/pairs, full/pairs)
	}
}

func BenchmarkPlace(b *testing.B) {
	rng := rand.New(rand.NewPCG(12, 13))
	u, v := directions(rng)
	list, names := at(randomPoints(rng, 10_000), u, v), namesOf(10_000)
	var p Plane
	b.ReportAllocs()
	for b.Loop() {
		p.Place(names, list)
	}
}
