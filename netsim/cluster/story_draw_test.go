package cluster

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"serf/lamport"
	"serf/netsim"
	"serf/netsim/report"
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
	MishapPrune
	MishapQuickRestart // before anybody has noticed
	MishapRolling      // some restart one after the other
	MishapStandstill   // half of all pause at once, as when their hypervisor does
	MishapBurst        // of user events
	MishapKeys         // an operator goes on with the rotation of keys; in an encrypted cluster only
	mishapKinds
)

var mishapNames = [mishapKinds]string{
	"crash", "restart", "move", "pause", "cut", "partition", "heal", "lossy host", "slow host",
	"UDP blocked", "leave", "force-leave", "tags", "event", "query", "prune", "quick restart", "rolling restart", "standstill",
	"burst", "keys",
}

func (f Mishap) String() string { return mishapNames[f] }

// Story is what befalls a cluster, drawn from a seed: what the network is like, and which
// faults come how often. Even the parameters of the distributions are drawn, so that
// seeds differ in kind and not only in detail (swarm testing).
type Story struct {
	Seed      uint64
	Largest   int // the largest cluster that could have been drawn
	Profile   Profile
	Members   int
	Seeds     int
	Link      netsim.Link
	Encrypted bool
	Compress  bool
	Weights   [mishapKinds]int // how likely each fault is, relative to the others
	Gap       netsim.Dist      // between faults
	Trouble   time.Duration    // how long faults go on
	Pauses    netsim.Dist      // how long a pause lasts
	Payload   int              // of user events, in bytes: beyond a packet they go by streams
}

// SmallStories is the largest cluster in stories that are to be told quickly.
const SmallStories = 40

// Outcome is what became of a story.
type Outcome struct {
	Story      Story
	Violations []report.Violation
	Healed     time.Duration // from the last fault until all views agreed
	Trace      uint64
	Faults     [mishapKinds]int // that came to pass
	Stats      netsim.Stats
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
	fmt.Fprintf(&b, "rerun: go test ./netsim/cluster -run TestStories -seed %d", o.Story.Seed)
	if o.Story.Largest != SmallStories {
		fmt.Fprintf(&b, " -largest %d", o.Story.Largest)
	}
	b.WriteString(" -v")
	return b.String()
}

// DrawStory makes up the story of a seed, with a cluster of at most largest members, which is at
// least SmallStories.
func DrawStory(seed uint64, largest int) Story {
	d := netsim.NewDraws(seed, 0, 0)
	p := profiles[d.Below(len(profiles))]
	unit := p.Timing.ProbeInterval
	s := Story{
		Seed: seed, Largest: largest, Profile: p, Members: drawMembers(&d, largest), Seeds: 1 + d.Below(3),
		Link: drawLink(&d, &p),
		Gap:  netsim.Exponential(unit/10, unit*time.Duration(1+d.Below(8))),
		// Some pauses are shorter than a probe, some are longer than every suspicion.
		Pauses:    netsim.Exponential(0, unit*time.Duration(1+d.Below(20))),
		Trouble:   unit * time.Duration(30+d.Below(60)),
		Encrypted: d.Below(3) == 0, Compress: d.Below(4) == 0,
		Payload: []int{0, 400, 3000}[d.Below(3)],
	}
	s.Seeds = min(s.Seeds, s.Members-1)
	for f := range s.Weights {
		if d.Next()&1 == 0 { // half of the kinds don't occur: what one fault hides another may show
			s.Weights[f] = 1 + d.Below(8)
		}
	}
	s.Weights[MishapEvent] += 2 // delivery is always under test
	if s.Encrypted {
		s.Weights[MishapKeys] = 1 + d.Below(8)
	} else {
		s.Weights[MishapKeys] = 0
	}
	return s
}

// drawMembers is for small clusters, where a fault concerns a large part, and
// now and then one where gossip takes a few rounds.
func drawMembers(d *netsim.Draws, largest int) int {
	if d.Below(10) == 0 {
		return 20 + d.Below(largest-19)
	}
	return 3 + d.Below(10)
}

func drawLink(d *netsim.Draws, p *Profile) netsim.Link {
	l := p.Link
	timeout := p.Timing.ProbeTimeout
	switch d.Below(4) {
	case 0:
		l.Latency = netsim.Exponential(0, timeout/time.Duration(10+d.Below(50)))
	case 1:
		l.Latency = netsim.Uniform(0, timeout/time.Duration(4+d.Below(50)))
	case 2:
		l.Latency = netsim.LogNormal(0, timeout/time.Duration(10+d.Below(50)), 0.3+float64(d.Below(10))/10)
	}
	if d.Next()&1 == 0 {
		l.Loss = netsim.Probability(float64(d.Below(100)) / 1000)
	}
	if d.Next()&1 == 0 {
		l.Duplicate = netsim.Probability(float64(d.Below(100)) / 1000)
	}
	if d.Next()&1 == 0 {
		l.Reorder, l.HoldBack = netsim.Probability(float64(d.Below(200))/1000), netsim.Uniform(0, timeout)
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
	return fmt.Sprintf("seed %d: %d members, profile %s, %d seeds, encrypted %t, compressed %t; %v; for %v a fault every %v (%s), pauses %v, events of %d bytes",
		s.Seed, s.Members, s.Profile.Name, s.Seeds, s.Encrypted, s.Compress, s.Link, s.Trouble, s.Gap, strings.Join(kinds, ", "), s.Pauses, s.Payload)
}

// Run plays the story: a phase with faults, in which nothing wrong may
// happen; then all is healed, and what should happen must, within a bound.
func (s Story) Run() Outcome {
	keys := newKeyFiles(s)
	c, err := New(Config{
		Members: s.Members, Seeds: s.Seeds, Profile: s.Profile, Link: s.Link, Seed: s.Seed, Check: true,
		Key: keys.first(), Compress: s.Compress,
		Tune: func(_ int, cfg *serf.Config) { cfg.EventSizeMax = serf.EventSizeCeiling },
	})
	if err != nil {
		panic("BUG: " + err.Error()) // drawn within the limits
	}
	keys.c = c
	c.sim.Observe(keys)
	p := &play{s: s, c: c, keys: keys, d: netsim.NewDraws(s.Seed, 1, 0), end: swim.Time(s.Trouble)}
	c.Boot(s.Profile.Timing.ProbeInterval)
	c.sim.After(s.Gap.Draw(p.d.Next()), p.act)
	c.Run(s.Trouble)
	p.heal()
	from, bound := c.Now(), c.HealBound()
	if !c.RunUntilSettled(bound) {
		c.Violate("convergence", "views still differ %v after the last fault: %s", bound, c.Disagreement())
	}
	healed := c.Now().Sub(from)
	if s.Encrypted && c.Settled() {
		keys.finish()
	}
	c.Run(c.QuietTime())
	if c.Settled() {
		c.CheckQuiet()
	} else {
		c.Violate("convergence", "views agreed, and differ again without a fault: %s", c.Disagreement())
	}
	return Outcome{s, c.Violations(), healed, c.sim.TraceHash(), p.done, c.sim.Stats()}
}

// play is a story that is under way.
type play struct {
	s     Story
	c     *Cluster
	keys  *keyFiles
	d     netsim.Draws
	end   swim.Time
	done  [mishapKinds]int
	n     int // for texts that differ
	fired int // user events
}

// act commits one fault and arranges for the next.
func (p *play) act() {
	if p.c.Now() >= p.end {
		return
	}
	f := p.pick()
	if p.commit(f, p.d.Below(p.s.Members), p.d.Below(p.s.Members)) {
		p.done[f]++
	}
	p.c.sim.After(p.s.Gap.Draw(p.d.Next()), p.act)
}

func (p *play) pick() Mishap {
	total := 0
	for _, w := range p.s.Weights {
		total += w
	}
	x := p.d.Below(total)
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
	case MishapStandstill:
		for _, i := range p.half() {
			c.Pause(i, p.s.Pauses.Draw(p.d.Next()))
		}
		return true
	case MishapRolling:
		p.rolling(i)
		return true
	}
	if !up {
		return false
	}
	switch f {
	case MishapCrash:
		c.Crash(i)
	case MishapPause:
		c.Pause(i, p.s.Pauses.Draw(p.d.Next()))
	case MishapLossyHost:
		c.SetFaults(i, netsim.HostFaults{Loss: netsim.Probability(float64(1+p.d.Below(10)) / 10)})
	case MishapSlowHost:
		c.SetFaults(i, netsim.HostFaults{Delay: netsim.Exponential(0, p.s.Profile.Timing.ProbeTimeout)})
	case MishapBlockUDP:
		c.SetFaults(i, netsim.HostFaults{BlockIn: p.d.Next()&1 == 0, BlockOut: p.d.Next()&1 == 0})
	case MishapLeave:
		c.Leave(i)
	case MishapForceLeave:
		return c.ForceLeave(i, c.Name(j), false) == nil
	case MishapQuery:
		_, err := c.Query(i, serf.QueryParams{Name: "who", WantAck: true, RelayFactor: uint8(p.d.Below(3))})
		return err == nil
	case MishapTags:
		return c.SetTags(i, map[string]string{"n": p.text()}) == nil
	case MishapEvent:
		return p.fire(i, 1)
	case MishapBurst:
		return p.fire(i, burstEvents)
	case MishapPrune:
		return c.ForceLeave(i, c.Name(j), true) == nil
	case MishapQuickRestart:
		c.Start(i)
	case MishapKeys:
		return p.keys.rotate(i)
	}
	return true
}

const (
	burstEvents = 30
	// storyEvents bounds the user events of a story: members that are cut off for long miss those that are
	// more than a window behind, which is no fault.
	storyEvents = lamport.WindowTimes / 2
	// rollingMembers is how many restart in a row.
	rollingMembers = 6
)

// fire has member i fire some user events at once.
func (p *play) fire(i, events int) bool {
	events = min(events, storyEvents-p.fired)
	p.fired += events
	for range events {
		payload := p.text() + strings.Repeat("x", p.s.Payload)
		if p.c.UserEvent(i, "deploy", []byte(payload)) != nil {
			return false
		}
	}
	return events > 0
}

// rolling restarts some members, from i on, one each probe interval.
func (p *play) rolling(i int) {
	for k := range min(rollingMembers, p.s.Members) {
		next := (i + k) % p.s.Members
		p.c.sim.After(time.Duration(k)*p.s.Profile.Timing.ProbeInterval, func() {
			if p.c.Now() < p.end && p.c.sim.Running(next) && p.c.Alive(next) {
				p.c.Start(next)
			}
		})
	}
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
		if p.d.Next()&1 == 0 {
			side = append(side, i)
		}
	}
	if len(side) == 0 || len(side) == p.s.Members {
		side = []int{p.d.Below(p.s.Members)}
	}
	return slices.Clip(side)
}

// heal ends the phase of faults: all run, and the network does what networks do.
func (p *play) heal() {
	c := p.c
	c.Heal()
	link := p.s.Profile.Link
	link.Loss = min(p.s.Link.Loss, netsim.Probability(0.01))
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
