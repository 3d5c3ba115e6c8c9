package scenario

import (
	"context"
	"time"

	"serf/netsim/cluster"
	"serf/netsim/report"
)

// slice is how much time passes between two looks at ctx and at who wants to see progress.
const slice = 20 * time.Millisecond

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
	rec := cluster.NewRecorder(c, time.Duration(s.For))
	for end := c.Now().Add(time.Duration(s.For)); c.Now() < end && ctx.Err() == nil; {
		c.Run(min(slice, rec.Due(), end.Sub(c.Now())))
		rec.MaybeSample()
		if progress != nil {
			progress(c, end.Sub(c.Now()))
		}
	}
	run.finish()
	r := rec.Report()
	r.Bands = s.bands()
	r.Cut = ctx.Err() != nil
	return r, nil
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
		run.c.Sim().After(at, func() { run.each(run.c.Pick(1), &Work{Kind: WorkEvent, Name: "event"}) })
	}
}

// finish holds a run that is under check, and in which all has been calm for long at its end, to
// what must be true then.
func (run *scenarioRun) finish() {
	if c := run.c; run.s.Check && c.Quiet() {
		c.CheckQuiet()
	}
}
