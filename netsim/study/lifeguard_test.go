package study

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"serf/internal/systest"
	"serf/netsim/scenario"
	"serf/swim"
)

// smallStudy is what shows most in the least time.
func smallStudy() Lifeguard {
	s := PaperStudy()
	s.members, s.length = 64, 80*time.Second
	s.Stopped, s.Stops, s.Runs = []int{16}, millis(16384), millis(1)
	s.Variants = []Variant{{"swim", swim.WithoutAny}, {"lifeguard", swim.WithoutOurs}, {"ours", 0}}
	return s
}

// Run carries out the study, with so many runs at a time.
func (s *Lifeguard) Run(
	ctx context.Context, parallel int, progress func(done float64),
) (LifeguardResult, error) {
	runs := make([]*LifeguardRun, s.Size())
	var all []int
	for i := range runs {
		all = append(all, i)
	}
	err := s.RunSome(ctx, all, parallel, progress, func(i int, r LifeguardRun) { runs[i] = &r })
	return s.Sum(runs), err
}

// TestLifeguardStudy is a part of `serf sim lifeguard`: the order of the variants is that of the
// paper, and ours is no worse.
func TestLifeguardStudy(t *testing.T) {
	t.Parallel()
	systest.Long(t, "64 members in three variants")
	s := smallStudy()
	r, err := s.Run(t.Context(), 2, nil)
	if err != nil {
		t.Fatal(err)
	}
	swim, lifeguard, ours := r.Variants[0], r.Variants[1], r.Variants[2]
	if swim.False < 50 || lifeguard.False > swim.False/10 || ours.False > 0 || ours.FalseHealthy > 0 {
		t.Errorf("false positives: SWIM %d, Lifeguard %d, ours %d", swim.False, lifeguard.False, ours.False)
	}
	if ours.First.Count < ours.Once/2 || ours.First.Median > lifeguard.First.Median+time.Second {
		t.Errorf("true failures found: %+v, by Lifeguard %+v", ours.First, lifeguard.First)
	}
	for _, want := range []string{"2 of 2 combinations\n", "\nlifeguard ", " 1.53 %", "\nours "} {
		if text := r.String(); !strings.Contains(text, want) {
			t.Errorf("%q isn't in\n%s", want, text)
		}
	}
}

// quickStudy takes no time.
func quickStudy() Lifeguard {
	s := smallStudy()
	s.members, s.length = 16, time.Minute
	s.Variants, s.Stops, s.Runs, s.Stopped = s.Variants[2:], millis(128), millis(16384), []int{1}
	return s
}

func TestStudyDoesNotDependOnWorkers(t *testing.T) {
	t.Parallel()
	text := func(workers int) string {
		s := quickStudy()
		r, err := s.Run(t.Context(), workers, nil)
		if err != nil {
			t.Fatal(err)
		}
		return r.String()
	}
	if one, three := text(1), text(3); one != three {
		t.Errorf("with one worker\n%s\nand with three\n%s", one, three)
	}
}

func TestInterruptedStudyKeepsWhatIsDone(t *testing.T) {
	t.Parallel()
	s := quickStudy()
	ctx, cancel := context.WithCancel(t.Context())
	r, err := s.Run(ctx, 1, func(done float64) {
		if done > 0.6 { // in the second run, which is a bit shorter than the first
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	if r.Combinations != 1 || r.Of != 2 || r.Variants[0].Packets == 0 || r.Variants[0].Once != 0 {
		t.Errorf("want 1 of 2 combinations, that with several stops: %+v", r)
	}
}

// Shares, whose results went through JSON, make the study that one process makes.
func TestSharedStudyIsTheWhole(t *testing.T) {
	t.Parallel()
	s := quickStudy()
	s.Variants = append(s.Variants, Variant{"lifeguard", swim.WithoutOurs})
	whole, err := s.Run(t.Context(), 2, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, of := range []int{1, 2, 3} {
		runs := make([]*LifeguardRun, s.Size())
		for part := 1; part <= of; part++ {
			err = errors.Join(err, s.RunSome(t.Context(), s.Deal(scenario.Shard{Part: part, Of: of}), 1, nil, func(i int, r LifeguardRun) {
				data, err := json.Marshal(r)
				runs[i] = new(LifeguardRun)
				if err = errors.Join(err, json.Unmarshal(data, runs[i])); err != nil {
					t.Error(err)
				}
			}))
		}
		if sum := s.Sum(runs); err != nil || sum.String() != whole.String() {
			t.Errorf("%d shares, %v:\n%s\nthe whole:\n%s", of, err, &sum, &whole)
		}
	}
}

// All variants of a combination follow each other, and combinations in which most happens come
// first, in each share.
func TestSharesBeginWithWhatTells(t *testing.T) {
	t.Parallel()
	s := PaperStudy()
	list, k := s.combinations(), len(s.Variants)
	for part := 1; part <= 3; part++ {
		last := 2.0
		own := s.Deal(scenario.Shard{Part: part, Of: 3})
		if first := list[own[0]/k].Faults[0]; len(own) != len(list)/3*k || time.Duration(first.Length) < 2*time.Second {
			t.Errorf("part %d: %d runs, the first with stops of %v", part, len(own), first.Length)
		}
		for i, run := range own {
			if run%k != i%k || run/k != own[i-i%k]/k {
				t.Fatalf("part %d: run %d is of another combination than that before", part, i)
			}
			now := telling(&list[run/k])
			if now > last {
				t.Fatalf("part %d: run %d tells more than what came before", part, i)
			}
			last = now
		}
	}
}

func TestPaperStudyIsValid(t *testing.T) {
	t.Parallel()
	s := PaperStudy()
	list := s.combinations()
	if len(list) != 9*6*(8+1) {
		t.Errorf("%d combinations", len(list))
	}
	for i := range list {
		if err := list[i].Validate(); err != nil {
			t.Fatal(err)
		}
	}
}
