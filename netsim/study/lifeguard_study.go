package study

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"serf/netsim"
	"serf/netsim/report"
	"serf/swim"
)

// A Variant is members that do without some mechanisms.
type Variant struct {
	Name    string
	Without swim.Mechanism
}

// Variants are those of the paper, in its order, then this program's own, then this program's
// without one of the mechanisms that the original hasn't.
func Variants() []Variant {
	list := []Variant{
		{"swim", swim.WithoutAny},
		{"lha-probe", swim.WithoutAny &^ swim.LocalHealth},
		{"lha-suspicion", swim.WithoutAny &^ swim.Confirmation},
		{"buddy", swim.WithoutAny &^ swim.Buddy},
		{"lifeguard", swim.WithoutOurs},
		{"ours", 0},
	}
	for m := swim.Mechanism(1); m != 0; m <<= 1 {
		if m&swim.WithoutOurs != 0 {
			list = append(list, Variant{"no-" + m.String(), m})
		}
	}
	return list
}

// VariantNamed returns the variant with this name; the older names of mechanisms are accepted, too.
func VariantNamed(name string) (Variant, bool) {
	if lacking, ok := strings.CutPrefix(name, "no-"); ok {
		if m := swim.ParseMechanism(lacking); m&swim.WithoutOurs != 0 {
			name = "no-" + m.String()
		}
	}
	list := Variants()
	i := slices.IndexFunc(list, func(v Variant) bool { return v.Name == name })
	if i < 0 {
		return Variant{}, false
	}
	return list[i], true
}

// PaperVariants is how many of Variants are of interest beside the paper: those of the paper and
// our own.
const PaperVariants = 6

// Lifeguard is a set of Anomalies, each carried out with every variant: all combinations of
// Stopped, Stops and Runs for false positives, and all of Stopped and Stops with a single stop for
// how soon true failures are found. docs/figures/lifeguard.md has results. All fields must be set.
type Lifeguard struct {
	Variants []Variant
	Stopped  []int
	Stops    []time.Duration
	Runs     []time.Duration
	Anywhere bool // see Anomaly
	Repeat   int  // how often each combination is carried out, with a seed of its own
	Seed     uint64
	Workers  int // combinations at a time
}

func millis(list ...int) []time.Duration {
	var d []time.Duration
	for _, ms := range list {
		d = append(d, time.Duration(ms)*time.Millisecond)
	}
	return d
}

// PaperStudy is the whole of what the paper did.
func PaperStudy() Lifeguard {
	return Lifeguard{
		Variants: Variants()[:PaperVariants],
		Stopped:  []int{1, 4, 8, 12, 16, 20, 24, 28, 32},
		Stops:    millis(128, 512, 2048, 8192, 16384, 32768),
		Runs:     millis(1, 4, 16, 64, 256, 1024, 4096, 16384),
		Repeat:   1, Seed: 1, Workers: 1,
	}
}

// ReducedStudy is a small part of it, with most of what there is to see.
func ReducedStudy() Lifeguard {
	s := PaperStudy()
	s.Stopped = []int{4, 16, 32}
	s.Stops = millis(2048, 16384, 32768)
	s.Runs = millis(1, 64, 1024)
	return s
}

// VariantResult sums up what came of a study's anomalies with one variant.
type VariantResult struct {
	Variant
	False, FalseHealthy int
	Packets, Bytes      uint64
	Once                int // stops of a member in the experiments with a single stop
	First, All          report.Durations
}

// LifeguardResult is what came of a study.
type LifeguardResult struct {
	Combinations int // done, and how many there were
	Of           int
	Variants     []VariantResult
}

// combination is what all variants are compared in.
type combination struct {
	anomaly Anomaly
	results []AnomalyResult // by variant
}

func (s *Lifeguard) combinations() []combination {
	var list []combination
	for repeat := range s.Repeat {
		for _, run := range append(slices.Clone(s.Runs), 0) {
			for _, stop := range s.Stops {
				for _, stopped := range s.Stopped {
					list = append(list, combination{anomaly: Anomaly{
						Members: LifeguardMembers, Stopped: stopped, Stop: stop, Run: run, Anywhere: s.Anywhere,
						Seed: netsim.Mix(netsim.Mix(s.Seed, uint64(repeat)), uint64(len(list))),
					}})
				}
			}
		}
	}
	return list
}

// Run carries out the study. When ctx ends early the result is about the combinations that are
// done, and the error is that of ctx. progress, if not nil, is told how many are; it is called by
// one goroutine at a time. The result doesn't depend on Workers.
func (s *Lifeguard) Run(ctx context.Context, progress func(done, all int)) (LifeguardResult, error) {
	list := s.combinations()
	slices.Reverse(list) // the last ones take long: they come first
	done, err := collect(ctx, len(list), s.Workers, progress, func(i int) (combination, error) {
		results, err := s.compare(ctx, list[i].anomaly)
		return combination{list[i].anomaly, results}, err
	})
	slices.Reverse(done)
	return s.sum(done, len(list)), err
}

// compare carries out one combination with all variants, unless ctx ends before.
func (s *Lifeguard) compare(ctx context.Context, a Anomaly) ([]AnomalyResult, error) {
	var results []AnomalyResult
	for _, v := range s.Variants {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		a.Without = v.Without
		r, err := a.Simulate()
		if err != nil {
			return nil, err
		}
		results = append(results, r)
	}
	return results, nil
}

// sum sums up the combinations that are done, of so many.
func (s *Lifeguard) sum(done []combination, of int) LifeguardResult {
	r := LifeguardResult{Combinations: len(done), Of: of}
	for k, v := range s.Variants {
		t := VariantResult{Variant: v}
		var first, all []time.Duration
		for i := range done {
			x, y := &done[i].anomaly, &done[i].results[k]
			if x.Run > 0 {
				t.False += y.False
				t.FalseHealthy += y.FalseHealthy
				t.Packets += y.Packets
				t.Bytes += y.Bytes
			} else {
				t.Once += x.Stopped
				first, all = append(first, y.First...), append(all, y.All...)
			}
		}
		t.First, t.All = report.QuantilesOf(first), report.QuantilesOf(all)
		r.Variants = append(r.Variants, t)
	}
	return r
}

// paperFigures are the sums of the paper, in percent of SWIM's: false positives, those at healthy
// members, messages, bytes. 0: not known.
var paperFigures = map[string][4]float64{
	"swim":          {100, 100, 100, 100},
	"lha-probe":     {67.7, 32.9},
	"lha-suspicion": {3.0, 6.7},
	"buddy":         {94.1, 44.6},
	"lifeguard":     {1.53, 1.89, 110.6, 98.0},
}

// String is the tables of the study, beside the paper's figures. Shares are of the first variant's.
func (r *LifeguardResult) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d of %d combinations\n\n", r.Combinations, r.Of)
	fmt.Fprintf(&b, "%-18s%22s%22s%22s%22s\n", "", "false positives", "at healthy members", "messages", "bytes")
	fmt.Fprintf(&b, "%-18s%s\n", "", strings.Repeat(fmt.Sprintf("%14s%8s", "here", "paper"), 4))
	base := r.Variants[0]
	for _, v := range r.Variants {
		paper := paperFigures[v.Name]
		fmt.Fprintf(&b, "%-18s", v.Name)
		for k, x := range [][2]uint64{
			{uint64(v.False), uint64(base.False)}, {uint64(v.FalseHealthy), uint64(base.FalseHealthy)},
			{v.Packets, base.Packets}, {v.Bytes, base.Bytes},
		} {
			fmt.Fprintf(&b, "%14s%8s", shareOf(x[0], x[1]), shareText(paper[k]))
		}
		fmt.Fprintln(&b)
	}
	fmt.Fprintf(&b, "\n%-18s%10s%10s%10s%10s\n", "", "false", "healthy", "messages", "bytes")
	for _, v := range r.Variants {
		fmt.Fprintf(&b, "%-18s%10d%10d%9.2fM%9.1fM\n", v.Name, v.False, v.FalseHealthy, float64(v.Packets)/1e6, float64(v.Bytes)/1e6)
	}
	fmt.Fprintf(&b, "\n%-18s%14s%30s%30s\n", "true failures", "found by", "by the first: median, 99th", "by all: median, 99th")
	for _, v := range r.Variants {
		fmt.Fprintf(&b, "%-18s%14s%15.2fs%13.2fs%16.2fs%12.2fs\n", v.Name,
			fmt.Sprintf("%d/%d of %d", v.First.Count, v.All.Count, v.Once),
			v.First.Median.Seconds(), v.First.P99.Seconds(), v.All.Median.Seconds(), v.All.P99.Seconds())
	}
	return b.String()
}

func shareOf(x, of uint64) string {
	if of == 0 {
		return "-"
	}
	return shareText(100 * float64(x) / float64(of))
}

// shareText writes a share with three digits, and nothing for one that isn't known.
func shareText(x float64) string {
	if x == 0 {
		return "-"
	}
	return fmt.Sprintf("%.3g %%", x)
}
