package scenario

import (
	"context"
	"time"

	"serf/netsim/cluster"
	"serf/netsim/report"
)

// Run plays the scenario. It stops early when ctx ends: the report is then
// about what was done until then. progress, if not nil, is called now and then with the
// cluster and the time left; it must not change anything.
func (s *Scenario) Run(ctx context.Context, progress func(c *cluster.Cluster, left time.Duration)) (report.Report, error) {
	if err := s.Validate(); err != nil {
		return report.Report{}, err
	}
	run, err := newRun(s)
	if err != nil {
		return report.Report{}, err
	}
	c := run.c
	if !s.Start.Warm {
		c.Boot(s.Start.over())
	} else if err := c.BootWarm(); err != nil {
		return report.Report{}, err
	}
	run.begin()
	t := &pacer{ctx: ctx, c: c, rec: cluster.NewRecorder(c, run.longest()), progress: progress}
	t.left = time.Duration(s.For)
	t.pass(t.left, never)
	if s.Settle {
		run.settle(t)
	} else {
		run.finish()
	}
	r := t.rec.Report()
	r.Bands = s.bands()
	r.Cut = ctx.Err() != nil
	return r, nil
}

// pacer lets time pass in slices, and does what is to be done between them.
type pacer struct {
	ctx      context.Context
	c        *cluster.Cluster
	rec      *cluster.Recorder
	progress func(c *cluster.Cluster, left time.Duration) // may be nil
	left     time.Duration                                // until the end of Scenario.For
}

// slice is how much time passes between two looks at ctx and at who wants to see progress.
const slice = 20 * time.Millisecond

func never() bool { return false }

// pass lets d pass, or less if done says so or ctx ends, and reports whether done did.
func (t *pacer) pass(d time.Duration, done func() bool) bool {
	for end := t.c.Now().Add(d); t.c.Now() < end && t.ctx.Err() == nil; {
		if done() {
			return true
		}
		before := t.c.Now()
		t.c.Run(min(slice, t.rec.Due(), end.Sub(before)))
		t.rec.MaybeSample()
		if t.left = max(0, t.left-t.c.Now().Sub(before)); t.progress != nil {
			t.progress(t.c, t.left)
		}
	}
	return done()
}

// begin arranges for what the scenario wants to happen.
func (run *scenarioRun) begin() {
	s := run.s
	for i := range s.Faults {
		run.c.Sim().After(time.Duration(s.Faults[i].Start), func() { run.fault(i) })
	}
	for i := range s.Work {
		run.c.Sim().After(time.Duration(s.Work[i].Start), func() { run.work(i) })
	}
	for k := range s.Events {
		at := time.Duration(s.For) * time.Duration(k+1) / time.Duration(s.Events+1)
		run.c.Sim().After(at, func() { run.each(nil, run.c.Pick(1), &Work{Kind: WorkEvent, Name: "event"}) })
	}
}

// finish holds a run that is under check, and in which all has been calm for long at its end, to
// what must be true then.
func (run *scenarioRun) finish() {
	if c := run.c; run.s.Check && c.Quiet() {
		c.CheckQuiet()
	}
}
