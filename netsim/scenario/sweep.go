package scenario

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"serf/netsim/report"
)

// Sweep runs a scenario at each point of a grid: with each combination of the values along some
// axes, and with several seeds.
type Sweep struct {
	Base  Scenario
	Axes  []Axis // at most maxAxes; the last one changes fastest
	Seeds int    // for each point: Base.Seed and those that follow it
}

// Axis is a parameter of the scenario that a sweep changes, with its values.
type Axis struct {
	Name   string   `json:"name"` // an option of `serf sim` or a key: see Scenario.Set
	Values []string `json:"values"`
}

// Limits of a sweep.
const (
	maxAxes = 4      // more than a table or a plot shows
	maxRuns = 10_000 // a day on two cores, at some seconds each
)

// ParseAxis reads "NAME=VALUE,VALUE". Values that contain commas are separated by semicolons. Each
// value means what it means to Set.
func ParseAxis(text string, base *Scenario) (Axis, error) {
	name, list, ok := strings.Cut(text, "=")
	if !ok || name == "" || list == "" {
		return Axis{}, errors.New("want NAME=VALUE,VALUE,..., such as loss=0,1,5")
	}
	if err := sweepable(name); err != nil {
		return Axis{}, err
	}
	if p, ok := ParamNamed(name); ok {
		name = p.Name
	}
	was, err := base.Value(name)
	if err != nil {
		return Axis{}, err
	}
	separator := ","
	if strings.Contains(list, ";") {
		separator = ";"
	}
	values := strings.Split(list, separator)
	chances := strings.HasSuffix(was, "%")
	if chances {
		if err := oneScale(values); err != nil {
			return Axis{}, fmt.Errorf("%s %w", name, err)
		}
	}
	k := Axis{Name: name}
	seen := make(map[string]bool)
	for _, v := range values {
		v = strings.TrimSpace(v)
		scratch := base.Clone()
		if err := scratch.Set(name, v); err != nil {
			return Axis{}, fmt.Errorf("%s %q: %w", name, v, err)
		}
		meant, _ := scratch.Value(name) // Set has just found the name
		if seen[meant] {
			return Axis{}, fmt.Errorf("%s %q is there twice", name, v)
		}
		if seen[meant] = true; chances {
			v = meant
		}
		k.Values = append(k.Values, v)
	}
	return k, nil
}

// oneScale refuses a list of chances such as 0.5,1,5: next to 1 and 5, which are percentages, 0.5
// would be read as half a percent but means 50%.
func oneScale(values []string) error {
	fraction, percentage := "", false
	for _, v := range values {
		v = strings.TrimSpace(v)
		switch x, err := strconv.ParseFloat(v, 64); {
		case err != nil || x >= 1:
			percentage = true
		case x > 0:
			fraction = v
		}
	}
	if fraction != "" && percentage {
		return fmt.Errorf("%q: beside percentages, want one, too: %s%%", fraction, fraction)
	}
	return nil
}

// sweepable refuses what a sweep itself sets.
func sweepable(name string) error {
	if name == "seed" {
		return errors.New("seed: every point has several, as many as -seeds says")
	}
	return nil
}

// Point is a combination of the axes' values.
type Point struct {
	Values   []string // one for each axis
	Scenario Scenario // with Base.Seed
	Runs     []Run    // those that were done, in the order of their seeds
	Missing  []uint64 // seeds of those that weren't
}

// Run is what came of one run. Its figures are those of Measures, by their index.
type Run struct {
	Seed       uint64
	Figures    []report.Figure
	Trace      uint64
	Violations []report.Violation
}

// Points returns the points of the grid, without runs, or all their problems.
func (s *Sweep) Points() ([]Point, error) {
	if len(s.Axes) > maxAxes {
		return nil, fmt.Errorf("sweep: %d parameters, allowed are %d", len(s.Axes), maxAxes)
	}
	total := 1
	for _, k := range s.Axes {
		total = min(total*len(k.Values), maxRuns+1)
	}
	if s.Seeds < 1 || s.Seeds > maxRuns || total*s.Seeds > maxRuns {
		return nil, fmt.Errorf("seeds %d: allowed 1 to %d, with all points together as many runs",
			s.Seeds, maxRuns)
	}
	if last := s.Base.Seed + uint64(s.Seeds-1); last < s.Base.Seed {
		return nil, fmt.Errorf("seed %d: with %d seeds the last would be above %d", s.Base.Seed,
			s.Seeds, uint64(math.MaxUint64))
	}
	points := make([]Point, total)
	var errs []error
	for i := range points {
		p := &points[i]
		p.Scenario = s.Base.Clone()
		p.Values = s.valuesAt(i)
		for j, v := range p.Values {
			if err := p.Scenario.Set(s.Axes[j].Name, v); err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", s.Name(p), err))
			}
		}
		if err := p.Scenario.Validate(); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", s.Name(p), err))
		}
	}
	return points, errors.Join(errs...)
}

func (s *Sweep) valuesAt(i int) []string {
	values := make([]string, len(s.Axes))
	for j := len(s.Axes) - 1; j >= 0; j-- {
		n := len(s.Axes[j].Values)
		values[j] = s.Axes[j].Values[i%n]
		i /= n
	}
	return values
}

// Name says which point p is, as "loss=5% nodes=100".
func (s *Sweep) Name(p *Point) string {
	var parts []string
	for j, v := range p.Values {
		parts = append(parts, s.Axes[j].Name+"="+v)
	}
	return strings.Join(parts, " ")
}

// RunSome does some of the runs, in that order, and calls take with the number and what came of
// each that was finished. The runs of a point follow each other, those of points as Points has
// them. For the rest see [RunAll].
func (s *Sweep) RunSome(
	ctx context.Context, points []Point, which []int, parallel int, progress func(done float64),
	take func(i int, r Run),
) error {
	return RunAll(ctx, len(which), parallel, func(k int) Scenario {
		return s.scenario(points, which[k])
	}, progress, func(k int, r *report.Report) {
		i := which[k]
		take(i, Run{s.seed(i), r.Measured(), r.Trace, r.Violations})
	})
}

// Gather gives the points their runs: nil stands for one that is missing.
func (s *Sweep) Gather(points []Point, runs []*Run) {
	for i, r := range runs {
		p := &points[i/s.Seeds]
		if r == nil {
			p.Missing = append(p.Missing, s.seed(i))
		} else {
			p.Runs = append(p.Runs, *r)
		}
	}
}

// Deal returns the runs of a shard: see [Shard.Deal].
func (s *Sweep) Deal(points []Point, shard Shard) []int {
	return shard.Deal(len(points)*s.Seeds, func(i int) float64 {
		x := &points[i/s.Seeds].Scenario
		return float64(x.Members) * time.Duration(x.For).Seconds()
	})
}

func (s *Sweep) seed(i int) uint64 { return s.Base.Seed + uint64(i%s.Seeds) }

func (s *Sweep) scenario(points []Point, i int) Scenario {
	x := points[i/s.Seeds].Scenario.Clone()
	x.Seed = s.seed(i)
	return x
}

// Range is the values of one measure in several runs: the middle one, and how far they differ. All
// are zero if no run has it.
type Range struct {
	Count  int     `json:"runs"`
	Median float64 `json:"median"`
	Least  float64 `json:"least"`
	Most   float64 `json:"most"`
	// A tenth, and nine tenths, of the values don't exceed these.
	P10 float64 `json:"p10"`
	P90 float64 `json:"p90"`
}

// Range sums up a measure, by its index, over the runs of p.
func (p *Point) Range(measure int) Range {
	var list []float64
	for i := range p.Runs {
		if f := p.Runs[i].Figures[measure]; f.There {
			list = append(list, f.Value)
		}
	}
	if len(list) == 0 {
		return Range{}
	}
	q := report.QuantilesOf(list)
	return Range{q.Count, q.Median, list[0], q.Worst, q.P10, q.P90}
}
