// Package advice looks for timings with which a cluster notices crashes sooner, and still calls
// nobody failed that isn't. It simulates a [scenario.Scenario] with crashes and with what leads to
// false failures, such as lost packets and pauses, changes one timing after the other, and keeps
// what is better.
package advice

import (
	"context"
	"fmt"
	"math"
	"time"

	"serf/internal/timing"
	"serf/netsim"
	"serf/netsim/report"
	"serf/netsim/scenario"
	"serf/swim"
	"serf/swim/serf"
)

// What is simulated if the scenario doesn't say.
const (
	crashShare = 10              // one in so many members crashes
	crashMost  = 8               // of them
	crashEvery = 3 * time.Second // one after the other
	settled    = 5 * time.Second // before the first
	pauseShare = 10              // percent of the members pause
	pauseTime  = 2 * time.Second // a virtual machine that moves, a collection of garbage, a busy host
)

// Limits of a search.
const (
	// work is about how much is simulated, in seconds of a member's life: a minute of two
	// processors. workMost bounds it for large clusters, whose settings are tried with few seeds.
	work, workMost = 12e6, 1e8
	// seedsMost is how many seeds each setting is tried with at most, and seedsLeast at least: one
	// that has false failures seldom has to show them.
	seedsLeast, seedsMost = 2, 12
	// settings is about how many settings a search tries, and settingsLeast at least.
	settings, settingsLeast = 60, 40
	// finalists is how many settings are tried again, with finalRuns times as many seeds.
	finalists, finalRuns = 3, 2
	// hopeless is by how much a setting may be slower with the first seeds before it is given up.
	hopeless = 1.25
	// better is by how much a setting has to be quicker, or cheaper, than another.
	better = 0.97
)

// Prepare returns s with crashes, and with pauses, unless it has some, and long enough to see what
// comes of them. Members have been together for long.
func Prepare(s *scenario.Scenario) scenario.Scenario {
	x := s.Clone()
	x.Start.Warm, x.Start.Over, x.Settle, x.UntilSettled, x.Check = true, nil, false, false, false
	p := x.Tuned()
	_, latest := p.DetectionBounds(x.Members)
	n := min(max(x.Members/crashShare, 1), crashMost)
	has := make(map[string]bool)
	for i := range x.Faults {
		has[x.Faults[i].Kind] = true
	}
	length := settled + time.Duration(n)*crashEvery + latest
	if has[scenario.FaultCrash] || has[scenario.FaultChurn] {
		length = max(length, time.Duration(x.For))
	}
	x.For = max(x.For, scenario.Duration(length.Round(time.Second)))
	if !has[scenario.FaultCrash] && !has[scenario.FaultChurn] {
		x.Faults = append(x.Faults, scenario.Fault{Kind: scenario.FaultCrash,
			Start: scenario.Duration(settled), Who: scenario.Who{Count: n},
			Every: scenario.Duration(crashEvery)})
	}
	if !has[scenario.FaultPause] {
		who := scenario.Who{Share: netsim.Probability(pauseShare / 100.0)}
		x.Faults = append(x.Faults, scenario.Fault{Kind: scenario.FaultPause, Who: who,
			Start: scenario.Duration(settled), Length: scenario.Duration(pauseTime),
			Every: scenario.Duration(time.Second)})
	}
	return x
}

// Result is what came of some runs of one setting.
type Result struct {
	Runs int `json:"runs"`
	// Until the first other member noticed a crash, and until all knew: medians, and what nine
	// tenths don't exceed, in seconds, over the crashes of all runs.
	Noticed float64 `json:"noticed_median_seconds"`
	Known   float64 `json:"known_median_seconds"`
	KnownP9 float64 `json:"known_90_seconds"`
	// Missed is how many crashes weren't known to all in the end.
	Crashes int `json:"crashes"`
	Missed  int `json:"missed"`
	// False is how many times a member was called failed that ran, or was paused.
	False   uint64  `json:"false_failures"`
	Packets float64 `json:"packets_per_member_second"`
	Bytes   float64 `json:"bytes_per_member_second"`
	Hours   float64 `json:"member_hours"` // simulated
}

// Trial is a setting that was tried: the timings that differ from the scenario's.
type Trial struct {
	Changes timing.Timing `json:"changes"`
	Result  Result        `json:"result"`

	all swim.Timing
}

// Advice is what a search found.
type Advice struct {
	// Now is what the scenario's timings come to, and Then what Config does: with the same seeds,
	// of which none was used to find it. Then is nil if nothing is better.
	Now    Result         `json:"now"`
	Then   *Result        `json:"then"`
	Config *timing.Timing `json:"config"`
	Tried  []Trial        `json:"tried"` // the scenario's own timings first
	// Seeds of the trials, and of the runs that confirmed the best.
	FirstSeed uint64 `json:"first_seed"`
	Seeds     int    `json:"seeds"`
	Again     int    `json:"seeds_again"`
}

// Search looks for better timings.
type Search struct {
	// Base is what Prepare returns.
	Base scenario.Scenario
	// Cost is how many times the bytes that members send now they may send.
	Cost     float64
	Parallel int // runs at a time
	// Progress, unless nil, is called often, with the share of the work that is done at most.
	Progress func(done float64, tried int)

	seeds, most int // for each setting; runs that the limit of work allows, unless a test sets it
	done        int // runs
	tried       []Trial
	known       map[swim.Timing]bool // that were tried: whether they may be the best
}

// Run searches. The scenario must be valid. If ctx ends, the error is its, and the advice has what
// was tried.
func (s *Search) Run(ctx context.Context) (a Advice, err error) {
	each := float64(s.Base.Members) * time.Duration(s.Base.For).Seconds()
	if each*settingsLeast*seedsLeast > workMost {
		return a, fmt.Errorf("%d nodes for %v: too many to try settings with, about %d would do",
			s.Base.Members, s.Base.For,
			int(workMost/settingsLeast/seedsLeast/time.Duration(s.Base.For).Seconds()))
	}
	if last := s.Base.Seed + (1+finalRuns)*seedsMost; last < s.Base.Seed {
		return a, fmt.Errorf("seed %d: allowed are those up to %d", s.Base.Seed,
			uint64(math.MaxUint64-(1+finalRuns)*seedsMost))
	}
	if s.most == 0 {
		s.most = max(int(work/each), settingsLeast*seedsLeast)
	}
	s.seeds = min(max(s.most/settings, seedsLeast), seedsMost)
	s.known = make(map[swim.Timing]bool)
	a.FirstSeed, a.Seeds, a.Again = s.Base.Seed, s.seeds, finalRuns*s.seeds
	best, err := s.try(ctx, s.Base.Tuned().Timing, nil)
	for improved := true; improved && err == nil; {
		improved, err = s.improve(ctx, &best)
	}
	if err == nil {
		err = s.confirm(ctx, &a)
	}
	a.Tried = s.tried
	return a, err
}

// improve changes one timing after the other, and keeps what is best.
func (s *Search) improve(ctx context.Context, best *Trial) (improved bool, err error) {
	for _, k := range knobs {
		for _, t := range k.variants(best.all) {
			left := s.most - s.done - finalists*finalRuns*s.seeds
			if _, known := s.known[t]; known || left < s.seeds || !s.valid(t) {
				continue
			}
			trial, err := s.try(ctx, t, &best.Result)
			if err != nil {
				return false, err
			}
			if s.beats(&trial.Result, &best.Result, &s.tried[0].Result) {
				*best, improved = trial, true
			}
		}
	}
	return improved, nil
}

// beats reports whether x is better than y: cheap enough, sound, in no time slower than now, and
// clearly quicker, or as quick and clearly cheaper. All are of the same seeds.
func (s *Search) beats(x, y, now *Result) bool {
	switch {
	case x.Bytes > s.Cost*now.Bytes && x.Bytes > y.Bytes:
		return false
	case x.unsound() != y.unsound():
		return x.unsound() < y.unsound()
	case now.unsound() == 0 && x.slower(now):
		return false
	case x.Known < better*y.Known:
		return true
	}
	return x.Known*better < y.Known && x.Bytes < better*better*better*y.Bytes
}

// unsound is how much there is that mustn't be.
func (r *Result) unsound() uint64 { return r.False + uint64(r.Missed) }

// slower reports whether any of the times is longer than another result's.
func (r *Result) slower(than *Result) bool {
	return r.Noticed > than.Noticed || r.Known > than.Known || r.KnownP9 > than.KnownP9
}

// try runs a setting with the seeds of the search. Unless best is nil, it is given up after a few
// if it can't be better.
func (s *Search) try(ctx context.Context, t swim.Timing, best *Result) (Trial, error) {
	var m sum
	few := s.seeds
	if best != nil {
		few = (s.seeds + 3) / 4
	}
	err := s.measure(ctx, &m, t, s.Base.Seed, few)
	r := m.result()
	if err == nil && few < s.seeds && r.unsound() <= best.unsound() &&
		r.Known < hopeless*best.Known {
		err = s.measure(ctx, &m, t, s.Base.Seed+uint64(few), s.seeds-few)
		r = m.result()
	}
	s.known[t] = r.Runs == s.seeds
	trial := Trial{Changes: s.changes(t), Result: r, all: t}
	if err == nil {
		s.tried = append(s.tried, trial)
	}
	return trial, err
}

// changes are the timings of t that aren't the scenario's.
func (s *Search) changes(t swim.Timing) timing.Timing {
	now, then := serf.DefaultConfig(s.Base.Tuned().Timing), serf.DefaultConfig(t)
	from, to := timing.Of(&now), timing.Of(&then)
	return to.Without(&from)
}

// with is the scenario with other timings.
func (s *Search) with(t swim.Timing) scenario.Scenario {
	x := s.Base.Clone()
	d := s.changes(t)
	x.Timing.Take(&d)
	return x
}

func (s *Search) valid(t swim.Timing) bool {
	x := s.with(t)
	return x.Validate() == nil
}

// measure runs a setting with some seeds.
func (s *Search) measure(
	ctx context.Context, m *sum, t swim.Timing, first uint64, seeds int,
) error {
	x := s.with(t)
	err := scenario.RunAll(ctx, seeds, s.Parallel, func(i int) scenario.Scenario {
		y := x.Clone()
		y.Seed = first + uint64(i)
		return y
	}, func(done float64) {
		if s.Progress != nil {
			s.Progress((float64(s.done)+done*float64(seeds))/float64(s.expected()), len(s.tried))
		}
	}, func(_ int, r *report.Report) { m.add(r) })
	s.done += seeds
	return err
}

// expected is about how many runs there will be: the limit, or what most searches take.
func (s *Search) expected() int { return max(min(s.most, settings*s.seeds), s.done+1) }

// confirm tries the best again with other seeds, and so what the scenario has now. A setting that
// was only lucky makes room for the next.
func (s *Search) confirm(ctx context.Context, a *Advice) (err error) {
	again := s.Base.Seed + uint64(s.seeds)
	var now sum
	if err = s.measure(ctx, &now, s.tried[0].all, again, a.Again); err != nil {
		return err
	}
	a.Now = now.result()
	for range finalists {
		x := s.best()
		if x == nil {
			return nil
		}
		s.known[x.all] = false // not again
		var then sum
		if err = s.measure(ctx, &then, x.all, again, a.Again); err != nil {
			return err
		}
		r := then.result()
		if r.unsound() == 0 && (s.beats(&r, &a.Now, &a.Now) || a.Now.unsound() > 0) {
			a.Then, a.Config = &r, &x.Changes
			return nil
		}
	}
	return nil
}

// best is the best setting that may be advised; nil if none is better than the present one.
func (s *Search) best() (best *Trial) {
	now := &s.tried[0].Result
	for i := range s.tried[1:] {
		x := &s.tried[i+1]
		if s.known[x.all] && x.Result.unsound() == 0 && x.Result.Bytes <= s.Cost*now.Bytes &&
			s.beats(&x.Result, now, now) && (best == nil || s.beats(&x.Result, &best.Result, now)) {
			best = x
		}
	}
	return best
}
