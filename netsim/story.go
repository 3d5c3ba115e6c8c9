package netsim

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"serf/swim"
	"serf/swim/serf"
)

// Mishap is a kind of thing that a story does to a cluster.
type Mishap uint8

const (
	MishapCrash Mishap = iota
	MishapRestart
	MishapMove
	MishapPause
	MishapCut
	MishapPartition
	MishapHeal
	MishapLossyHost
	MishapSlowHost
	MishapBlockUDP
	MishapLeave
	MishapForceLeave
	MishapTags
	MishapEvent
	MishapQuery
	mishapKinds
)

var mishapNames = [mishapKinds]string{
	"crash", "restart", "move", "pause", "cut", "partition", "heal", "lossy host", "slow host",
	"UDP blocked", "leave", "force-leave", "tags", "event", "query",
}

func (f Mishap) String() string { return mishapNames[f] }

// Story is what befalls a cluster, drawn from a seed: what the network is like, and which
// faults come how often. Even the parameters of the distributions are drawn, so that
// seeds differ in kind and not only in detail (swarm testing).
type Story struct {
	Seed    uint64
	Profile Profile
	Members int
	Seeds   int
	Link    Link
	Weights [mishapKinds]int // how likely each fault is, relative to the others
	Gap     Dist             // between faults
	Trouble time.Duration    // how long faults go on
	Pauses  Dist             // how long a pause lasts
}

// Outcome is what became of a story.
type Outcome struct {
	Story      Story
	Violations []Violation
	Healed     time.Duration // from the last fault until all views agreed
	Trace      uint64
	Faults     [mishapKinds]int // that came to pass
	Stats      Stats
}

// Failed reports whether a rule was broken.
func (o *Outcome) Failed() bool { return len(o.Violations) > 0 }

// String tells what happened, and how to have it happen again.
func (o *Outcome) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%v\n", o.Story)
	for _, v := range o.Violations {
		fmt.Fprintf(&b, "  %v\n", v)
	}
	fmt.Fprintf(&b, "rerun: go test ./netsim -run TestStories -seed %d -v", o.Story.Seed)
	return b.String()
}

// DrawStory makes up the story of a seed.
func DrawStory(seed uint64) Story {
	d := newDraws(seed, 0, 0)
	p := profiles[d.below(len(profiles))]
	unit := p.Timing.ProbeInterval
	s := Story{
		Seed: seed, Profile: p, Members: drawMembers(&d), Seeds: 1 + d.below(3),
		Link: drawLink(&d, &p),
		Gap:  Exponential(unit/10, unit*time.Duration(1+d.below(8))),
		// Some pauses are shorter than a probe, some are longer than every suspicion.
		Pauses:  Exponential(0, unit*time.Duration(1+d.below(20))),
		Trouble: unit * time.Duration(30+d.below(60)),
	}
	s.Seeds = min(s.Seeds, s.Members-1)
	for f := range s.Weights {
		if d.next()&1 == 0 { // half of the kinds don't occur: what one fault hides another may show
			s.Weights[f] = 1 + d.below(8)
		}
	}
	s.Weights[MishapEvent] += 2 // delivery is always under test
	return s
}

// drawMembers is for small clusters, where a fault concerns a large part, and
// now and then one where gossip takes a few rounds.
func drawMembers(d *draws) int {
	if d.below(10) == 0 {
		return 20 + d.below(20)
	}
	return 3 + d.below(10)
}

func drawLink(d *draws, p *Profile) Link {
	l := p.Link
	timeout := p.Timing.ProbeTimeout
	switch d.below(4) {
	case 0:
		l.Latency = Exponential(0, timeout/time.Duration(10+d.below(50)))
	case 1:
		l.Latency = Uniform(0, timeout/time.Duration(4+d.below(50)))
	case 2:
		l.Latency = LogNormal(0, timeout/time.Duration(10+d.below(50)), 0.3+float64(d.below(10))/10)
	}
	if d.next()&1 == 0 {
		l.Loss = Probability(float64(d.below(100)) / 1000)
	}
	if d.next()&1 == 0 {
		l.Duplicate = Probability(float64(d.below(100)) / 1000)
	}
	if d.next()&1 == 0 {
		l.Reorder, l.HoldBack = Probability(float64(d.below(200))/1000), Uniform(0, timeout)
	}
	return l
}

// String describes s in one line.
func (s Story) String() string {
	var kinds []string
	for f, w := range s.Weights {
		if w > 0 {
			kinds = append(kinds, fmt.Sprintf("%v %d", Mishap(f), w))
		}
	}
	return fmt.Sprintf("seed %d: %d members, profile %s, %d seeds; %v; for %v a fault every %v (%s), pauses %v",
		s.Seed, s.Members, s.Profile.Name, s.Seeds, s.Link, s.Trouble, s.Gap, strings.Join(kinds, ", "), s.Pauses)
}

// Run plays the story: a phase with faults, in which nothing wrong may
// happen; then all is healed, and what should happen must, within a bound.
func (s Story) Run() Outcome {
	c, err := NewCluster(ClusterConfig{
		Members: s.Members, Seeds: s.Seeds, Profile: s.Profile, Link: s.Link, Seed: s.Seed, Check: true,
	})
	if err != nil {
		panic("BUG: " + err.Error()) // drawn within the limits
	}
	p := &play{s: s, c: c, d: newDraws(s.Seed, 1, 0), end: swim.Time(s.Trouble)}
	c.Boot(s.Profile.Timing.ProbeInterval)
	c.sim.After(s.Gap.draw(p.d.next()), p.act)
	c.Run(s.Trouble)
	p.heal()
	from, bound := c.Now(), c.HealBound()
	if !c.RunUntilSettled(bound) {
		c.violate("convergence", "views still differ %v after the last fault: %s", bound, c.Disagreement())
	}
	healed := c.Now().Sub(from)
	c.Run(c.quietTime())
	if c.Settled() {
		c.CheckQuiet()
	} else {
		c.violate("convergence", "views agreed, and differ again without a fault: %s", c.Disagreement())
	}
	return Outcome{s, c.Violations(), healed, c.sim.TraceHash(), p.done, c.sim.Stats()}
}

// quietTime is how long gossip and full exchanges need to die down once views agree.
func (c *Cluster) quietTime() time.Duration {
	return 4*c.cfg.Profile.pushPull(c.Len()) + c.cfg.Profile.SuspicionMax(c.Len())
}

// Disagreement names some of those who are wrong about whom.
func (c *Cluster) Disagreement() string {
	const most = 5
	var out []string
	for o := range c.members {
		for s := range c.members {
			if o == s || !c.beliefs.holds[o] || c.beliefs.believes(o, s) == c.beliefs.isAlive(s) {
				continue
			}
			if len(out) == most {
				return strings.Join(append(out, "and others"), ", ")
			}
			is := "gone"
			if c.beliefs.isAlive(s) {
				is = "alive"
			}
			out = append(out, fmt.Sprintf("%s doesn't know that %s is %s", c.Name(o), c.Name(s), is))
		}
	}
	return strings.Join(out, ", ")
}

// play is a story that is under way.
type play struct {
	s    Story
	c    *Cluster
	d    draws
	end  swim.Time
	done [mishapKinds]int
	n    int // for texts that differ
}

// act commits one fault and arranges for the next.
func (p *play) act() {
	if p.c.Now() >= p.end {
		return
	}
	f := p.pick()
	if p.commit(f, p.d.below(p.s.Members), p.d.below(p.s.Members)) {
		p.done[f]++
	}
	p.c.sim.After(p.s.Gap.draw(p.d.next()), p.act)
}

func (p *play) pick() Mishap {
	total := 0
	for _, w := range p.s.Weights {
		total += w
	}
	x := p.d.below(total)
	for f, w := range p.s.Weights {
		if x -= w; x < 0 {
			return Mishap(f)
		}
	}
	panic("BUG: weights don't add up")
}

// commit does f to member i, and to j where it takes two. It reports whether it could.
func (p *play) commit(f Mishap, i, j int) bool {
	c := p.c
	up := c.sim.Running(i) && c.Alive(i)
	switch f {
	case MishapRestart, MishapMove:
		return p.revive(f, i)
	case MishapCut:
		if i != j {
			c.Cut(i, j)
		}
		return i != j
	case MishapPartition:
		c.Partition(nil, p.half())
		return true
	case MishapHeal:
		c.Heal()
		return true
	}
	if !up {
		return false
	}
	switch f {
	case MishapCrash:
		c.Crash(i)
	case MishapPause:
		c.Pause(i, p.s.Pauses.draw(p.d.next()))
	case MishapLossyHost:
		c.SetFaults(i, HostFaults{Loss: Probability(float64(1+p.d.below(10)) / 10)})
	case MishapSlowHost:
		c.SetFaults(i, HostFaults{Delay: Exponential(0, p.s.Profile.Timing.ProbeTimeout)})
	case MishapBlockUDP:
		c.SetFaults(i, HostFaults{BlockIn: p.d.next()&1 == 0, BlockOut: p.d.next()&1 == 0})
	case MishapLeave:
		c.Leave(i)
	case MishapForceLeave:
		return c.ForceLeave(i, c.Name(j), false) == nil
	case MishapQuery:
		_, err := c.Query(i, serf.QueryParams{Name: "who", WantAck: true, RelayFactor: uint8(p.d.below(3))})
		return err == nil
	case MishapTags:
		return c.SetTags(i, map[string]string{"n": p.text()}) == nil
	case MishapEvent:
		return c.UserEvent(i, "deploy", []byte(p.text())) == nil
	}
	return true
}

// revive starts member i again if it is down.
func (p *play) revive(f Mishap, i int) bool {
	c := p.c
	if !c.sim.Down(i) {
		return false
	}
	if f == MishapMove && c.moves(i) < movesMax {
		c.Move(i)
	} else {
		c.Start(i)
	}
	return true
}

func (p *play) text() string {
	p.n++
	return fmt.Sprint(p.n)
}

// half draws some of the members, at least one and not all.
func (p *play) half() []int {
	var side []int
	for i := range p.s.Members {
		if p.d.next()&1 == 0 {
			side = append(side, i)
		}
	}
	if len(side) == 0 || len(side) == p.s.Members {
		side = []int{p.d.below(p.s.Members)}
	}
	return slices.Clip(side)
}

// heal ends the phase of faults: all run, and the network does what networks do.
func (p *play) heal() {
	c := p.c
	c.Heal()
	link := p.s.Profile.Link
	link.Loss = min(p.s.Link.Loss, Probability(0.01))
	c.SetLink(link)
	for i := range c.members {
		switch {
		case c.sim.Down(i) || c.members[i].leaving:
			c.Start(i)
		default:
			c.Resume(i)
		}
	}
}
