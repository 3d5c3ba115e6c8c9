package scenario

import (
	"time"

	"serf/netsim"
	"serf/swim"
	"serf/swim/serf"
)

// longest is how long the run takes at most.
func (run *scenarioRun) longest() time.Duration {
	d := time.Duration(run.s.For)
	if run.s.Settle {
		d += run.c.HealBound() + run.c.QuietTime()
	}
	return d
}

// settle mends everything and checks what must be true then: all views agree within a bound,
// rotations of keys can be finished, and views still agree when nothing is left to happen. A member
// that missed an event may have to wait for an exchange with one of the few that keep it: those that
// started again with a snapshot refuse events of before.
func (run *scenarioRun) settle(t *pacer) {
	c, bound := run.c, run.c.HealBound()
	run.mend()
	if !t.pass(bound, c.Settled) && t.ctx.Err() == nil {
		c.Violate("convergence", "views still differ %v after all was mended: %s",
			bound, c.Disagreement())
	}
	if c.Settled() && run.key > 0 {
		run.finishRotation(t)
	}
	t.pass(c.QuietTime(), never)
	if c.Settled() && !c.Delivered() {
		t.pass(bound, c.Delivered)
	}
	switch {
	case t.ctx.Err() != nil:
	case c.Settled():
		c.CheckQuiet()
	default:
		c.Violate("convergence", "views agreed, and differ again without a fault: %s",
			c.Disagreement())
	}
}

// mend ends all faults, starts or resumes every member that has been started before, and makes the
// network what the profile expects.
func (run *scenarioRun) mend() {
	c := run.c
	run.mended = true
	c.Heal()
	run.setNetwork(run.s.mendedLinks())
	for i := range c.Len() {
		switch {
		case c.Starts(i) == 0:
		case c.Sim().Down(i) || c.Leaving(i):
			c.Start(i)
			delete(run.snapshots, i)
		default:
			c.Resume(i)
		}
	}
}

// mendedLoss is the greatest loss with which views must agree in time.
var mendedLoss = netsim.Probability(0.01)

// mendedLinks returns links for a network that delivers nearly everything in time.
func (s *Scenario) mendedLinks() (
	base netsim.Link, paths []netsim.Link, bandwidth netsim.Bandwidth,
) {
	base, paths, _ = s.links()
	base = mended(base)
	base.Latency = s.Tuned().Link.Latency
	for i := range paths {
		paths[i] = mended(paths[i])
	}
	return base, paths, 0
}

func mended(l netsim.Link) netsim.Link {
	return netsim.Link{Latency: l.Latency, Loss: min(l.Loss, mendedLoss)}
}

// finishRotation finishes a rotation of keys in a healthy cluster: all install the newest key, use
// it, and remove the others.
func (run *scenarioRun) finishRotation(t *pacer) {
	if !run.askedAll(t, serf.InstallKey, run.key) || !run.askedAll(t, serf.UseKey, run.key) {
		return
	}
	for old := range run.key {
		if !run.askedAll(t, serf.RemoveKey, old) {
			return
		}
	}
}

// keyTries is how often an operator tries before giving up. On a lossy network some queries aren't
// answered by all.
const keyTries = 5

// askedAll repeats a query about a key until all running members have done what it asks.
func (run *scenarioRun) askedAll(t *pacer, command serf.KeyCommand, key int) bool {
	c, agreed, running := run.c, 0, 0
	for i := range c.Len() {
		if c.Sim().Running(i) {
			running++
		}
	}
	for range keyTries {
		// After an error, nobody has agreed.
		q, _ := c.Keys(0, command, run.s.key(key))
		t.pass(c.Node(0).DefaultQueryTimeout(), never)
		if agreed = q.Agreed; agreed == running || t.ctx.Err() != nil {
			return agreed == running
		}
	}
	c.Violate("keys", "%d of %d members agreed to %v key %d", agreed, running, command, key)
	return false
}

// until tells the run when it may end before its time.
func (run *scenarioRun) until() func() bool {
	if !run.s.UntilSettled {
		return never
	}
	c, last := run.c, swim.Time(run.s.lastChange())
	return func() bool { return c.Now() > last && c.Settled() && c.Idle() }
}

// lastChange is when the last member has been started, the last fault has ended and the last work
// has been begun.
func (s *Scenario) lastChange() time.Duration {
	last := time.Duration(0)
	if !s.Start.Warm {
		last = s.Start.over()
	}
	for i := range s.Faults {
		f := &s.Faults[i]
		start := f.Start + Duration(max(f.Repeat, 1)-1)*(f.Length+f.Gap)
		last = max(last, s.endOf(f, time.Duration(start)))
	}
	for i := range s.Work {
		w := &s.Work[i]
		end := time.Duration(w.Start)
		switch {
		case w.Kind == WorkRotateKey && w.Length == 0:
			end += rotationSteps * time.Duration(w.Every)
		case w.Every > 0:
			end += time.Duration(w.span(s.For))
		}
		last = max(last, end)
	}
	if s.Events > 0 {
		last = max(last, s.eventTime(s.Events-1))
	}
	return min(last, time.Duration(s.For))
}

// rotationSteps is how often a rotation that isn't repeated changes the keys.
const rotationSteps = 3
