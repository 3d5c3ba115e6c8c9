// Package study has experiments whose results the documentation shows, as scenarios to run with
// many seeds: [Lifeguard] repeats those of the Lifeguard paper, [Convergence] measures how long
// members that start together need to know each other, and [Dissemination] how fast user events
// reach all.
package study

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"serf/netsim"
	"serf/netsim/report"
	"serf/netsim/scenario"
	"serf/swim"
)

// A Variant is members that do without some mechanisms.
type Variant struct {
	Name    string         `json:"name"`
	Without swim.Mechanism `json:"without"`
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

// PaperVariants is how many of Variants are of interest beside the paper: those of the paper and
// our own.
const PaperVariants = 6

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

// Lifeguard repeats the experiments of the Lifeguard paper (arXiv 1707.00788), with each variant:
// some members' processes stop at the same time, run on together after a while, stop again, and so
// on. All combinations of Stopped, Stops and Runs show false positives, and those of Stopped and
// Stops with a single stop how soon true failures are found. docs/figures/lifeguard.md has results.
type Lifeguard struct {
	Variants []Variant `json:"variants"`
	// Stopped is how many members stop, always the same ones of a run; Stops how long each time;
	// Runs how long they run in between.
	Stopped []int           `json:"stopped"`
	Stops   []time.Duration `json:"stops"`
	Runs    []time.Duration `json:"runs"`
	// Anywhere: they stop wherever they are, as by a signal; else when they send.
	Anywhere bool `json:"anywhere"`
	// ReadTime is what each packet that waited takes to read when they run on. In a cluster of the
	// original, many agents to a processor, reading and answering a ping takes about 50 µs.
	ReadTime time.Duration `json:"read_time"`
	// Repeat is how often each combination is carried out, with a seed of its own.
	Repeat int    `json:"repeat"`
	Seed   uint64 `json:"seed"`

	members int
	length  time.Duration // from the first stop to the end, at least
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
		ReadTime: 50 * time.Microsecond,
		Repeat:   1, Seed: 1, members: 128, length: 120 * time.Second,
	}
}

// Reduce leaves a small part of the combinations, with most of what there is to see.
func (s *Lifeguard) Reduce() {
	s.Stopped, s.Stops, s.Runs = []int{4, 16, 32}, millis(2048, 16384, 32768), millis(1, 64, 1024)
}

const (
	lifeguardStart = 17 * time.Second // of the first stop: 2 s to settle, and 15 s of quiet
	// lifeguardMult is the paper's suspicion multiplier; what is in use now is 4.
	lifeguardMult = 5
)

// combinations are the scenarios in which all variants are compared.
func (s *Lifeguard) combinations() []scenario.Scenario {
	var list []scenario.Scenario
	for repeat := range s.Repeat {
		for _, run := range append(slices.Clone(s.Runs), 0) {
			for _, stop := range s.Stops {
				for _, stopped := range s.Stopped {
					x := scenario.Default()
					x.Members, x.Events, x.TimersFirst = s.members, 0, true
					x.Timing.SuspicionMult = new(lifeguardMult)
					x.Seed = netsim.Mix(netsim.Mix(s.Seed, uint64(repeat)), uint64(len(list)))
					f, length := scenario.Fault{
						Kind: scenario.FaultPause, Who: scenario.Who{Count: stopped},
						Start: scenario.Duration(lifeguardStart), Length: scenario.Duration(stop),
						WhenSending: !s.Anywhere, ReadTime: scenario.Duration(s.ReadTime),
					}, s.length
					if run > 0 {
						f.Gap = scenario.Duration(run)
						f.Repeat = int((length + stop + run - 1) / (stop + run))
						length = time.Duration(f.Repeat) * (stop + run)
					}
					x.Faults, x.For = []scenario.Fault{f}, scenario.Duration(lifeguardStart+length)
					list = append(list, x)
				}
			}
		}
	}
	return list
}

// LifeguardRun is what came of one combination with one variant. False positives are about members
// that never stop; healthy are those that never stop, too.
type LifeguardRun struct {
	False, FalseHealthy uint64
	Packets, Bytes      uint64 // exchanges on streams count as packets
	Pauses              []report.Pause
}

// VariantResult sums up the runs with one variant.
type VariantResult struct {
	Variant
	False, FalseHealthy uint64
	Packets, Bytes      uint64
	Once                int // stops of a member in the experiments with a single stop
	First, All          report.Durations

	pauses []report.Pause
}

// add adds what came of a run.
func (v *VariantResult) add(s *scenario.Scenario, r *LifeguardRun) {
	if f := &s.Faults[0]; f.Repeat == 0 {
		v.Once += f.Count
		v.pauses = append(v.pauses, r.Pauses...)
		return
	}
	v.False += r.False
	v.FalseHealthy += r.FalseHealthy
	v.Packets += r.Packets
	v.Bytes += r.Bytes
}

// LifeguardResult is what came of a study.
type LifeguardResult struct {
	Combinations int // done, and how many there were
	Of           int
	Variants     []VariantResult
}

// Size is how many runs there are: the combinations one after the other, each with all variants.
func (s *Lifeguard) Size() int { return len(s.combinations()) * len(s.Variants) }

// Deal returns the runs of a shard: see [scenario.Shard.Deal]. All variants of a combination belong
// to one shard, and combinations in which most happens come first.
func (s *Lifeguard) Deal(shard scenario.Shard) (runs []int) {
	list := s.combinations()
	for _, i := range shard.Deal(len(list), func(i int) float64 { return telling(&list[i]) }) {
		for j := range s.Variants {
			runs = append(runs, i*len(s.Variants)+j)
		}
	}
	return runs
}

// telling is greater for combinations in which there is more to see: members stop for longer than a
// suspicion may last at least, and run for too short a time to hear of it; or they run for too short
// a time to read what comes while they are stopped.
func telling(s *scenario.Scenario) float64 {
	f := &s.Faults[0]
	stop, run := time.Duration(f.Length), time.Duration(f.Gap)
	switch {
	case stop > 10*time.Second && run < 300*time.Millisecond,
		stop > time.Second && run < 5*time.Millisecond && f.Repeat > 0:
		return 2
	case stop > 10*time.Second:
		return 1
	}
	return 0
}

// RunSome does some of the runs, in that order, and calls take with the number and what came of
// each that was finished. For progress see [scenario.RunAll].
func (s *Lifeguard) RunSome(
	ctx context.Context, which []int, parallel int, progress func(done float64),
	take func(i int, r LifeguardRun),
) error {
	list, k := s.combinations(), len(s.Variants)
	return scenario.RunAll(ctx, len(which), parallel, func(i int) scenario.Scenario {
		x := list[which[i]/k].Clone()
		x.Disable = scenario.Disabled(s.Variants[which[i]%k].Without)
		return x
	}, progress, func(i int, r *report.Report) {
		n := r.Network.Since(r.Series.SentUntil(lifeguardStart))
		take(which[i], LifeguardRun{
			False: r.FalseFailures.OfFaultless, FalseHealthy: r.FalseFailures.AmongFaultless,
			Packets: n.Sent + n.Streams, Bytes: n.SentBytes + n.StreamBytes, Pauses: r.Pauses,
		})
	})
}

// Sum is the result of those combinations that were carried out with all variants; nil stands for a
// run that is missing.
func (s *Lifeguard) Sum(runs []*LifeguardRun) LifeguardResult {
	list, k := s.combinations(), len(s.Variants)
	result := LifeguardResult{Of: len(list), Variants: make([]VariantResult, k)}
	for i := range list {
		of := runs[i*k : (i+1)*k]
		if slices.Contains(of, nil) {
			continue
		}
		result.Combinations++
		for j, r := range of {
			result.Variants[j].add(&list[i], r)
		}
	}
	for j := range result.Variants {
		v := &result.Variants[j]
		v.Variant = s.Variants[j]
		v.First, v.All = report.TimesNoticed(v.pauses)
	}
	return result
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
	fmt.Fprintf(&b, "%-18s%22s%22s%22s%22s\n", "", "false positives", "at healthy members",
		"messages", "bytes")
	fmt.Fprintf(&b, "%-18s%s\n", "", strings.Repeat(fmt.Sprintf("%14s%8s", "here", "paper"), 4))
	base := &r.Variants[0]
	for i := range r.Variants {
		v := &r.Variants[i]
		fmt.Fprintf(&b, "%-18s", v.Name)
		for k, x := range [][2]uint64{
			{v.False, base.False}, {v.FalseHealthy, base.FalseHealthy},
			{v.Packets, base.Packets}, {v.Bytes, base.Bytes},
		} {
			here := 100 * float64(x[0]) / float64(max(x[1], 1))
			fmt.Fprintf(&b, "%14s%8s", shareText(here), shareText(paperFigures[v.Name][k]))
		}
		fmt.Fprintln(&b)
	}
	fmt.Fprintf(&b, "\n%-18s%10s%10s%10s%10s\n", "", "false", "healthy", "messages", "bytes")
	for i := range r.Variants {
		v := &r.Variants[i]
		fmt.Fprintf(&b, "%-18s%10d%10d%9.2fM%9.1fM\n", v.Name, v.False, v.FalseHealthy,
			float64(v.Packets)/1e6, float64(v.Bytes)/1e6)
	}
	fmt.Fprintf(&b, "\n%-18s%14s%30s%30s\n", "true failures", "found by",
		"by the first: median, 99th", "by all: median, 99th")
	for i := range r.Variants {
		v := &r.Variants[i]
		fmt.Fprintf(&b, "%-18s%14s%15.2fs%13.2fs%16.2fs%12.2fs\n", v.Name,
			fmt.Sprintf("%d/%d of %d", v.First.Count, v.All.Count, v.Once),
			v.First.Median.Seconds(),
			v.First.P99.Seconds(), v.All.Median.Seconds(), v.All.P99.Seconds())
	}
	return b.String()
}

// shareText writes a share with three digits, and nothing for one that isn't known.
func shareText(x float64) string {
	if x == 0 {
		return "-"
	}
	return fmt.Sprintf("%.3g %%", x)
}
