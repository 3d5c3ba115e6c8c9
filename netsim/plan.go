package netsim

import (
	"context"
	"errors"
	"fmt"
	"time"

	"serf/swim"
)

// Plan is a simulation to run and measure: a cluster, how long, and what
// befalls it when. Times count from when the clock starts to be read: at the cold
// start, or once a warm cluster has settled.
type Plan struct {
	Members    int
	Profile    Profile
	Link       Link
	Seed       uint64
	For        time.Duration
	Warm       bool // begin with a cluster that has been running for a while
	Crashes    []Crashes
	Partitions []Split
	Events     int // user events, fired at even distances by random members
}

// Crashes are random members that crash together.
type Crashes struct {
	Count int
	At    time.Duration
}

// Split cuts a random share of the members off from the others.
type Split struct {
	At, For time.Duration
	Share   float64 // of the members, rounded, between 0 and 1
}

// Limits of a plan.
const (
	MaxTime   = 30 * 24 * time.Hour
	maxEvents = maxEntries
	bootTime  = time.Second // within which members start
	// warmTime is more than any profile needs for all members to know each other.
	warmTime = time.Hour
)

// Validate reports every problem of p, joined, or nil.
func (p *Plan) Validate() error {
	var errs []error
	bad := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	bad(p.Members >= 1 && p.Members <= MaxMembers, "nodes %d: allowed 1 to %d", p.Members, MaxMembers)
	bad(p.For > 0 && p.For <= MaxTime, "for %v: allowed more than 0, up to %v", p.For, MaxTime)
	bad(p.Events >= 0 && p.Events <= maxEvents, "events %d: allowed 0 to %d", p.Events, maxEvents)
	crashes := 0
	for _, x := range p.Crashes {
		bad(x.Count >= 1 && x.Count <= p.Members, "crash %d: allowed 1 to the %d nodes", x.Count, p.Members)
		bad(x.At >= 0 && x.At <= p.For, "crash at %v: allowed 0s to %v, the length of the run", x.At, p.For)
		crashes += x.Count
	}
	bad(crashes <= max(p.Members, 1), "crash: %d in all, but there are only %d nodes", crashes, p.Members)
	var last time.Duration
	for _, x := range p.Partitions {
		bad(x.At >= last && x.For > 0 && x.At+x.For <= p.For,
			"partition at %v for %v: must end by %v, the end of the run, and not overlap the one before", x.At, x.For, p.For)
		bad(x.Share > 0 && x.Share < 1, "partition share %v: allowed more than 0 and less than 1", x.Share)
		last = x.At + x.For
	}
	return errors.Join(errs...)
}

// slice is how much time passes between two looks at ctx and at who wants to see progress.
const slice = 20 * time.Millisecond

// Run carries out the plan. It stops early when ctx ends: the report is then
// about what was done until then. progress, if not nil, is called now and then with the
// cluster and the time left; it must not change anything.
func (p *Plan) Run(ctx context.Context, progress func(c *Cluster, left time.Duration)) (Report, error) {
	if err := p.Validate(); err != nil {
		return Report{}, err
	}
	c, err := NewCluster(ClusterConfig{Members: p.Members, Profile: p.Profile, Link: p.Link, Seed: p.Seed})
	if err != nil {
		return Report{}, err
	}
	c.Boot(bootTime)
	if p.Warm {
		p.warm(ctx, c, progress)
	}
	p.script(c)
	rec := newRecorder(c, p.For)
	for end := c.Now().Add(p.For); c.Now() < end && ctx.Err() == nil; {
		c.Run(min(slice, rec.due(), end.Sub(c.Now())))
		rec.maybeSample()
		if progress != nil {
			progress(c, end.Sub(c.Now()))
		}
	}
	r := c.Report()
	r.Bands = p.bands()
	r.Series, r.Queue = rec.series, rec.all.quantiles()
	r.Cut = ctx.Err() != nil
	return r, nil
}

// warm lets the cluster settle, and its first gossip die down, before the measuring begins. That was
// long ago, on a network that lost nothing.
func (p *Plan) warm(ctx context.Context, c *Cluster, progress func(*Cluster, time.Duration)) {
	calm := p.Link
	calm.Loss, calm.Duplicate = 0, 0
	c.SetLink(calm)
	defer c.SetLink(p.Link)
	c.Run(bootTime)
	for limit := swim.Time(warmTime); c.Now() < limit && ctx.Err() == nil; {
		c.Run(slice)
		if progress != nil {
			progress(c, p.For)
		}
		if c.Settled() && c.idle() {
			break
		}
	}
	c.rebase()
}

// idle reports whether no running member has anything to gossip.
func (c *Cluster) idle() bool {
	for i := range c.members {
		if n := c.Node(i); n != nil && n.Swim().Queued() > 0 {
			return false
		}
	}
	return true
}

// script arranges for what the plan wants to happen.
func (p *Plan) script(c *Cluster) {
	for _, x := range p.Crashes {
		c.sim.After(x.At, func() {
			for _, i := range c.pick(x.Count) {
				c.Crash(i)
			}
		})
	}
	for _, x := range p.Partitions {
		c.sim.After(x.At, func() {
			c.Partition(nil, c.pick(p.cutOff(x.Share)))
		})
		c.sim.After(x.At+x.For, c.Heal)
	}
	for k := range p.Events {
		c.sim.After(p.For*time.Duration(k+1)/time.Duration(p.Events+1), func() {
			for _, i := range c.pick(1) {
				// Refused if the member has too much to tell already: then the report shows one event less.
				_ = c.UserEvent(i, "event", fmt.Appendf(nil, "%d", k+1))
			}
		})
	}
}

// bands says what is wrong when.
func (p *Plan) bands() []Band {
	var list []Band
	for _, x := range p.Crashes {
		list = append(list, Band{fmt.Sprintf("%d crash", x.Count), x.At, x.At})
	}
	for _, x := range p.Partitions {
		list = append(list, Band{fmt.Sprintf("%g%% cut off", x.Share*100), x.At, x.At + x.For})
	}
	return list
}

// cutOff is how many members a share is: at least one on either side.
func (p *Plan) cutOff(share float64) int {
	return max(1, min(p.Members-1, int(float64(p.Members)*share+0.5)))
}

// pick draws k of the running members, or all if there are fewer.
func (c *Cluster) pick(k int) []int {
	var up []int
	for i := range c.members {
		if c.sim.Running(i) {
			up = append(up, i)
		}
	}
	k = min(k, len(up))
	for i := range k {
		j := i + c.random.below(len(up)-i)
		up[i], up[j] = up[j], up[i]
	}
	return up[:k]
}
