package scenario

import (
	"context"
	"time"

	"serf/netsim"
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
	run, err := newCourse(s)
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

// course is a scenario that is under way.
type course struct {
	s      *Scenario
	c      *cluster.Cluster
	memory map[int]memory // of those who are to come back with a snapshot
	count  int            // of what users asked for, for texts that differ
	// rotations of the key so far
	rotations int
}

// newCourse puts together the cluster of a scenario.
func newCourse(s *Scenario) (*course, error) {
	run := &course{s: s, memory: make(map[int]memory)}
	p := s.profile()
	base, paths := s.links()
	p.Link.Latency = slowest(append(paths, base, p.Link))
	cfg := cluster.Config{
		Members: s.Members, Profile: p, Link: base, Seed: s.Seed, Seeds: s.Start.Seeds, Check: s.Check, Tune: run.tune,
		Workers: s.Workers, Apart: s.Start.Apart, Later: s.Start.Later, Compress: s.Compress,
	}
	if s.Encrypt {
		cfg.Key = s.key(0)
	}
	var err error
	if run.c, err = cluster.New(cfg); err != nil {
		return nil, err
	}
	run.setNetwork()
	return run, nil
}

// slowest is the latency of that link which may take longest: what bounds have to allow for.
func slowest(links []netsim.Link) netsim.Dist {
	most := links[0].Latency
	for _, l := range links[1:] {
		if l.Latency.Max() > most.Max() {
			most = l.Latency
		}
	}
	return most
}

// setNetwork makes the network what the scenario says.
func (run *course) setNetwork() {
	base, paths := run.s.links()
	run.c.SetLink(base)
	if len(paths) > 0 {
		run.c.Sim().SetPaths(run.s.regionOf(), paths)
	}
	for i := range run.s.Members {
		run.c.Sim().SetUplink(i, run.s.Network.Bandwidth, time.Duration(run.s.Network.Queue))
	}
}

// begin arranges for what the scenario wants to happen.
func (run *course) begin() {
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
func (run *course) finish() {
	if c := run.c; run.s.Check && c.Quiet() {
		c.CheckQuiet()
	}
}
