package scenario

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"serf/netsim"
	"serf/swim"
	"serf/swim/serf"
)

// Each fault and each work draws from a stream of its own, so that one more of them doesn't change whom the
// others hit. The streams of hosts and of the cluster are below.
const (
	faultStream = 1 << 40
	workStream  = 1 << 41
)

// fault begins fault number i.
func (run *course) fault(i int) {
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
		run.c.Sim().After(time.Duration(k)*time.Duration(f.Length+f.Gap), func() { run.strike(f, members, peers) })
	}
}

// canHit says whom a fault may befall: who runs and isn't about to leave, or for a join who doesn't. A
// network is that of hosts, whether anything runs on them or not, unless it's for some to be drawn.
func (run *course) canHit(f *Fault) func(i int) bool {
	switch {
	case f.Kind == FaultJoin:
		return run.c.Sim().Down
	case f.network() && f.Count == 0 && f.Share == 0:
		return func(int) bool { return true }
	}
	return func(i int) bool { return run.c.Sim().Running(i) && run.c.Alive(i) }
}

// choose draws those members that w means among the eligible ones that are acceptable, in the
// order in which they were drawn, or in their own if it's all of them.
func (run *course) choose(d *netsim.Draws, w *Who, ok func(i int) bool) []int {
	if w.Count == 1 && w.Region == "" && len(w.Names) == 0 {
		// The usual case of work and churn: no need to look at everybody.
		const tries = 32
		for range tries {
			if i := d.Below(run.s.Members); ok(i) {
				return []int{i}
			}
		}
	}
	list := run.s.eligible(w)
	most := w.of(len(list)) // a share is one of all, not only of those who are there
	list = slices.DeleteFunc(list, func(i int) bool { return !ok(i) })
	if w.Count == 0 && (w.Share == 0 || w.Share == netsim.Always) {
		return list
	}
	return d.Some(list, min(most, len(list)))
}

// strike has f befall the members, together or one after the other.
func (run *course) strike(f *Fault, members, peers []int) {
	if f.Every == 0 {
		run.befall(f, members, peers)
		return
	}
	for k := range members {
		run.c.Sim().After(time.Duration(k)*time.Duration(f.Every), func() { run.befall(f, members[k:k+1], peers) })
	}
}

// befall has f happen to the members now, and end after its length.
func (run *course) befall(f *Fault, members, peers []int) {
	c := run.c
	switch f.Kind {
	case FaultPartition, FaultBlockUDP, FaultNAT, FaultNetwork:
		run.impair(f, members, peers)
		return
	case FaultPause:
		for _, i := range members {
			c.Pause(i, cmp.Or(time.Duration(f.Length), MaxTime))
		}
		return
	}
	for _, i := range members {
		switch f.Kind {
		case FaultCrash:
			run.remember(f, i)
			c.Crash(i)
		case FaultLeave:
			run.remember(f, i)
			c.Leave(i)
		case FaultJoin:
			run.start(f, i)
			continue
		}
		if f.Length > 0 {
			c.Sim().After(time.Duration(f.Length), func() { run.back(f, i) })
		}
	}
}

// impair makes the network worse for the length of f.
func (run *course) impair(f *Fault, members, peers []int) {
	what := netsim.Impairment{
		Cut: f.Kind == FaultPartition, BlockUDP: f.Kind == FaultBlockUDP, NAT: f.Kind == FaultNAT,
		Loss: f.Loss, Duplicate: f.Duplicate, Reorder: f.Reorder, HoldBack: f.HoldBack, Delay: f.Delay, Bandwidth: f.Bandwidth,
	}
	if what.Cut && f.To == nil {
		peers = run.others(members)
	}
	way := map[string]netsim.Way{"out": netsim.WayOut, "in": netsim.WayIn}[f.Way] // else both
	end := run.c.Impair(members, peers, way, what)
	if f.Length > 0 {
		run.c.Sim().After(time.Duration(f.Length), end)
	}
}

// others are all who aren't among members.
func (run *course) others(members []int) []int {
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

// back starts a member again that crashed or left. Who still takes leave is waited for.
func (run *course) back(f *Fault, i int) {
	const again = 500 * time.Millisecond // short, compared to leaving
	switch {
	case run.c.Sim().Down(i):
		run.start(f, i)
	case run.c.Leaving(i):
		run.c.Sim().After(again, func() { run.back(f, i) })
	}
}

// start runs a member that is down, as f says.
func (run *course) start(f *Fault, i int) {
	c := run.c
	if !c.Sim().Down(i) {
		return
	}
	if f.Move && c.CanMove(i) {
		c.Move(i)
	} else {
		c.Start(i)
	}
	delete(run.memory, i)
}

// memory is what a snapshot has.
type memory struct {
	stats    serf.Stats
	previous []serf.Previous // members that were alive, or had failed but never left
}

// remember takes the snapshot of a member that f is about to stop, if it's to have one.
func (run *course) remember(f *Fault, i int) {
	n := run.c.Node(i)
	if !f.Snapshot || n == nil {
		return
	}
	m := memory{stats: n.Stats()}
	for _, x := range n.Members(nil) {
		if x.Status == serf.StatusAlive || x.Status == serf.StatusFailed {
			m.previous = append(m.previous, serf.Previous{Name: x.Name, Addr: x.Addr})
		}
	}
	run.memory[i] = m
}

// tune completes the configuration of a member that starts.
func (run *course) tune(i int, cfg *serf.Config) {
	run.s.Timing.Apply(cfg)
	if m, ok := run.memory[i]; ok {
		// A snapshot has the last times seen; the clocks are at the next.
		cfg.LastMemberTime = m.stats.MemberTime - 1
		cfg.MinEventTime, cfg.MinQueryTime = m.stats.EventTime, m.stats.QueryTime
		cfg.Previous = m.previous
	}
}

// churn has members come and go at random, each kind of change by itself.
func (run *course) churn(f *Fault, d netsim.Draws) {
	end := run.c.Now().Add(time.Duration(cmp.Or(f.Length, run.s.For-f.Start)))
	run.stream(f.Joins, d.Next(), end, func(d *netsim.Draws) {
		for _, i := range run.one(d, f, run.c.Sim().Down) {
			run.start(f, i)
		}
	})
	stays := func(i int) bool {
		// The seeds stay unless they are named: without them nobody could join.
		return !run.c.Sim().Running(i) || !run.c.Alive(i) || len(f.Names) == 0 && i < max(1, run.s.Start.Seeds)
	}
	goes := func(i int) bool { return !stays(i) }
	run.stream(f.Leaves, d.Next(), end, func(d *netsim.Draws) {
		for _, i := range run.one(d, f, goes) {
			run.remember(f, i)
			run.c.Leave(i)
		}
	})
	run.stream(f.Crashes, d.Next(), end, func(d *netsim.Draws) {
		for _, i := range run.one(d, f, goes) {
			run.remember(f, i)
			run.c.Crash(i)
		}
	})
}

// one draws one of those that f may befall, or none if there is none.
func (run *course) one(d *netsim.Draws, f *Fault, ok func(i int) bool) []int {
	w := f.Who
	w.Count = 1
	return run.choose(d, &w, ok)
}

// stream calls fn at random moments, at so many a minute, until end.
func (run *course) stream(rate float64, seed uint64, end swim.Time, fn func(d *netsim.Draws)) {
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

// work begins work number i.
func (run *course) work(i int) {
	w := &run.s.Work[i]
	d := netsim.NewDraws(run.s.Seed, workStream+uint64(i), 0)
	if w.Kind == WorkRotateKey {
		run.rotate(w, d)
		return
	}
	end := run.c.Now().Add(time.Duration(w.span(run.s.For)))
	var again func()
	again = func() {
		run.each(run.workers(&d, w), w)
		if w.Every > 0 && run.c.Now().Add(time.Duration(w.Every)) < end {
			run.c.Sim().After(time.Duration(w.Every), again)
		}
	}
	again()
}

// workers draws who does it this time.
func (run *course) workers(d *netsim.Draws, w *Work) []int {
	who := w.who()
	return run.choose(d, &who, func(i int) bool { return run.c.Sim().Running(i) && run.c.Alive(i) })
}

// each has members do the work. What a member refuses, for it has too much to do already, isn't done: the
// report shows so much less of it.
func (run *course) each(members []int, w *Work) {
	c := run.c
	for _, i := range members {
		run.count++
		text := fmt.Appendf(nil, "%d", run.count)
		for len(text) < w.Size {
			text = append(text, '.')
		}
		switch w.Kind {
		case WorkEvent:
			_ = c.UserEvent(i, cmp.Or(w.Name, WorkEvent), text)
		case WorkQuery:
			_, _ = c.Query(i, serf.QueryParams{Name: cmp.Or(w.Name, WorkQuery), Payload: text, WantAck: true})
		case WorkTags:
			_ = c.SetTags(i, map[string]string{"n": string(text)})
		}
	}
}
