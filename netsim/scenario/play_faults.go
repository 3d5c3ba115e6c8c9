package scenario

import (
	"cmp"
	"time"

	"serf/netsim"
	"serf/swim"
)

// fault begins fault number i.
func (run *scenarioRun) fault(i int) {
	f := &run.s.Faults[i]
	d := netsim.NewDraws(run.s.Seed, faultStream+uint64(i), 0)
	if f.Kind == FaultChurn {
		run.churn(f, d)
		return
	}
	members := run.choose(&d, &f.Who, run.canHit(f))
	if len(members) == 0 {
		return
	}
	var peers []int // nil: all
	if f.To != nil {
		peers = run.choose(&d, f.To, func(int) bool { return true })
	}
	for k := range max(1, f.Repeat) {
		run.c.Sim().After(time.Duration(k)*time.Duration(f.Length+f.Gap),
			func() { run.apply(f, members, peers) })
	}
}

// canHit returns whether a fault may choose a member: one that runs and isn't leaving or, for a
// join, one that doesn't run. Faults of the network and of names concern hosts, whether anything
// runs there or not, unless some of them are to be drawn.
func (run *scenarioRun) canHit(f *Fault) func(i int) bool {
	switch {
	case f.Kind == FaultJoin:
		return run.c.Sim().Down
	case (f.network() || f.Kind == FaultOwnName) && f.Count == 0 && f.Share == 0:
		return func(int) bool { return true }
	}
	return func(i int) bool { return run.c.Sim().Running(i) && run.c.Alive(i) }
}

// apply makes f happen to the members, all at once or one after the other.
func (run *scenarioRun) apply(f *Fault, members, peers []int) {
	if f.Every == 0 {
		run.applyTo(f, members, peers)
		return
	}
	for k := range members {
		run.c.Sim().After(time.Duration(k)*time.Duration(f.Every),
			func() { run.applyTo(f, members[k:k+1], peers) })
	}
}

// applyTo makes f happen to the members now, and end after its length.
func (run *scenarioRun) applyTo(f *Fault, members, peers []int) {
	if run.mended {
		return
	}
	if f.network() {
		run.impair(f, members, peers)
		return
	}
	c := run.c
	switch f.Kind {
	case FaultClock, FaultSuspend, FaultThrottle, FaultOwnName:
		run.disturb(f, members)
		return
	case FaultPause:
		pause := c.Pause
		if f.WhenSending {
			pause = c.Stall
		}
		for _, i := range members {
			c.Sim().SetReadTime(i, time.Duration(f.ReadTime))
			pause(i, cmp.Or(time.Duration(f.Length), MaxTime))
		}
		return
	}
	for _, i := range members {
		switch f.Kind {
		case FaultCrash:
			run.takeSnapshot(f, i)
			c.Crash(i)
		case FaultLeave:
			run.takeSnapshot(f, i)
			c.Leave(i)
		case FaultJoin:
			run.start(f, i)
			continue
		}
		if f.Length > 0 {
			c.Sim().After(time.Duration(f.Length), func() { run.restart(f, i) })
		}
	}
}

// impair impairs the network for the length of f.
func (run *scenarioRun) impair(f *Fault, members, peers []int) {
	what := netsim.Impairment{
		Cut: f.Kind == FaultPartition, BlockUDP: f.Kind == FaultBlockUDP, NAT: f.Kind == FaultNAT,
		Loss: f.Loss, Duplicate: f.Duplicate, Reorder: f.Reorder, HoldBack: f.HoldBack,
		Delay: f.Delay, Bandwidth: f.Bandwidth, Reject: f.Kind == FaultReject, MTU: f.MTU,
		Streams: f.streams(), Buffer: f.Buffer,
		Flows: netsim.Flows{
			Max: f.Entries, Idle: time.Duration(f.idle()), Ports: f.Kind == FaultNATPorts,
		},
	}
	if (what.Cut || what.Reject) && f.To == nil {
		peers = run.complement(members)
	}
	way := map[string]netsim.Way{"out": netsim.WayOut, "in": netsim.WayIn}[f.Way] // else both
	end := run.c.Impair(members, peers, way, what)
	if f.Length > 0 {
		run.c.Sim().After(time.Duration(f.Length), end)
	}
}

// complement returns all members but these.
func (run *scenarioRun) complement(members []int) []int {
	among := make([]bool, run.s.Members)
	for _, i := range members {
		among[i] = true
	}
	list := make([]int, 0, len(among))
	for i, yes := range among {
		if !yes {
			list = append(list, i)
		}
	}
	return list
}

// restart starts a member again that crashed or left. It waits for one that is still leaving.
func (run *scenarioRun) restart(f *Fault, i int) {
	const again = 500 * time.Millisecond // short, compared to leaving
	switch {
	case run.c.Sim().Down(i):
		run.start(f, i)
	case run.c.Leaving(i):
		run.c.Sim().After(again, func() { run.restart(f, i) })
	}
}

// start starts a member that is down, as f says.
func (run *scenarioRun) start(f *Fault, i int) {
	c := run.c
	if !c.Sim().Down(i) {
		return
	}
	if f.Move && c.CanMove(i) {
		c.Move(i)
	} else {
		c.Start(i)
	}
	delete(run.snapshots, i)
}

// churn has members come and go at random times. Joins, leaves and crashes are independent.
func (run *scenarioRun) churn(f *Fault, d netsim.Draws) {
	end := run.c.Now().Add(time.Duration(cmp.Or(f.Length, run.s.For-f.Start)))
	run.atRandom(f.Joins, d.Next(), end, func(d *netsim.Draws) {
		for _, i := range run.chooseOne(d, f, run.c.Sim().Down) {
			run.start(f, i)
		}
	})
	stays := func(i int) bool {
		// Seeds stay unless they are named: without them nobody could join.
		return !run.c.Sim().Running(i) || !run.c.Alive(i) ||
			len(f.Names) == 0 && i < max(1, run.s.Start.Seeds)
	}
	goes := func(i int) bool { return !stays(i) }
	run.atRandom(f.Leaves, d.Next(), end, func(d *netsim.Draws) {
		for _, i := range run.chooseOne(d, f, goes) {
			run.takeSnapshot(f, i)
			run.c.Leave(i)
		}
	})
	run.atRandom(f.Crashes, d.Next(), end, func(d *netsim.Draws) {
		for _, i := range run.chooseOne(d, f, goes) {
			run.takeSnapshot(f, i)
			run.c.Crash(i)
		}
	})
}

// chooseOne draws one of the members that f may concern, or none.
func (run *scenarioRun) chooseOne(d *netsim.Draws, f *Fault, ok func(i int) bool) []int {
	w := f.Who
	w.Count = 1
	return run.choose(d, &w, ok)
}

// atRandom calls fn at random times until end, at this rate per minute.
func (run *scenarioRun) atRandom(
	rate float64, seed uint64, end swim.Time, fn func(d *netsim.Draws),
) {
	if rate == 0 {
		return
	}
	d := netsim.NewDraws(seed, 0, 0)
	pause := netsim.Exponential(0, time.Duration(float64(time.Minute)/rate))
	var next func()
	next = func() {
		if run.c.Now() < end {
			fn(&d)
			run.c.Sim().After(pause.Draw(d.Next()), next)
		}
	}
	run.c.Sim().After(pause.Draw(d.Next()), next)
}
