package scenario

import (
	"context"
	"time"

	"serf/netsim/cluster"
	"serf/netsim/report"
)

// Run plays the scenario and returns its report. If ctx ends, it stops early and reports what was
// simulated until then. progress, unless nil, is called now and then with the cluster, which it
// must not change, and the time left of For.
func (s *Scenario) Run(
	ctx context.Context, progress func(c *cluster.Cluster, left time.Duration),
) (report.Report, error) {
	if err := s.Validate(); err != nil {
		return report.Report{}, err
	}
	run, err := newRun(s)
	if err != nil {
		return report.Report{}, err
	}
	return run.play(ctx, progress)
}

func (run *scenarioRun) play(
	ctx context.Context, progress func(c *cluster.Cluster, left time.Duration),
) (report.Report, error) {
	s, c := run.s, run.c
	if !s.Start.Warm {
		c.Boot(s.Start.over())
	} else if err := c.BootWarm(); err != nil {
		return report.Report{}, err
	}
	run.begin()
	t := &pacer{ctx: ctx, c: c, rec: cluster.NewRecorder(c, run.longest()), progress: progress}
	t.left = time.Duration(s.For)
	t.pass(t.left, run.until())
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

// begin schedules everything that the scenario asks for.
func (run *scenarioRun) begin() {
	s := run.s
	for i := range s.Faults {
		run.c.Sim().After(time.Duration(s.Faults[i].Start), func() { run.fault(i) })
	}
	for i := range s.Work {
		run.c.Sim().After(time.Duration(s.Work[i].Start), func() { run.work(i) })
	}
	for k := range s.Events {
		run.c.Sim().After(s.eventTime(k),
			func() { run.perform(nil, run.c.Pick(1), &Work{Kind: WorkEvent, Name: "event"}) })
	}
}

// eventTime is when number k of Events is sent.
func (s *Scenario) eventTime(k int) time.Duration {
	return time.Duration(s.For) * time.Duration(k+1) / time.Duration(s.Events+1)
}

// finish checks a quiet cluster, if the run is under check and nothing is left to happen.
func (run *scenarioRun) finish() {
	if c := run.c; run.s.Check && c.Quiet() {
		c.CheckQuiet()
	}
}
