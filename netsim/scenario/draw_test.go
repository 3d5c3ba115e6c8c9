package scenario

import (
	"fmt"
	"slices"
	"time"

	"serf/lamport"
	"serf/netsim"
	"serf/netsim/cluster"
	"serf/swim"
)

// smallSwarm is the largest cluster in scenarios that are to be played quickly.
const smallSwarm = 40

// drawScenario makes up the scenario of a seed, with at most largest members, which is smallSwarm
// at least. It is a swarm: what the network is like, which faults come and how often, and even the
// parameters of those distributions are drawn, so that seeds differ in kind and not only in detail.
// Members are named, so that the rest of a scenario concerns the same ones when a part of it is
// taken out.
func drawScenario(seed uint64, largest int) Scenario {
	g := newDrawing(seed, largest)
	for at := g.gap(); at < g.s.For; at += g.gap() {
		k := g.pick()
		k.add(g, at)
		g.drawn[k.name]++
	}
	g.zones(seed)
	g.mix(seed)
	g.systems(seed)
	return g.s
}

// drawing is a scenario that is being made up.
type drawing struct {
	netsim.Draws
	s       Scenario
	unit    time.Duration // a probe interval
	gaps    netsim.Dist   // between the beginnings of faults
	lengths netsim.Dist   // of faults: some are shorter than a probe, some longer than every suspicion
	weights []int         // by kind: how likely it is, relative to the others
	size    int           // of user events, in bytes: beyond a packet they go by streams
	fired   int           // user events
	drawn   map[string]int
}

func newDrawing(seed uint64, largest int) *drawing {
	g := &drawing{Draws: netsim.NewDraws(seed, 0, 0), s: Default(), drawn: make(map[string]int)}
	s := &g.s
	names := cluster.ProfileNames()
	s.Profile = names[g.Below(len(names))]
	p := s.Tuned()
	g.unit = p.Timing.ProbeInterval
	s.About, s.Seed, s.Check = fmt.Sprintf("drawn from seed %d", seed), seed, true
	s.Events = 1 + g.Below(8) // delivery is always under test
	s.Settle = g.Below(8) > 0
	s.Members = g.members(largest)
	s.For = Duration(g.unit * time.Duration(30+g.Below(60)))
	g.start()
	g.network(p.Timing.ProbeTimeout)
	s.Encrypt, s.Compress = g.Below(3) == 0, g.Below(4) == 0
	g.gaps = netsim.Exponential(g.unit/10, g.unit*time.Duration(1+g.Below(8))/2)
	g.lengths = netsim.Exponential(0, g.unit*time.Duration(1+g.Below(20)))
	g.size = []int{0, 400, 3000}[g.Below(3)]
	for _, k := range swarmKinds {
		weight := 0
		if k.always || g.coin() { // half of the kinds don't occur: what one fault hides another may show
			weight = 1 + g.Below(8)
		}
		g.weights = append(g.weights, weight)
	}
	return g
}

// members is for small clusters, where a fault concerns a large part, and now and then one where
// gossip takes a few rounds.
func (g *drawing) members(largest int) int {
	if g.Below(10) == 0 {
		return 20 + g.Below(largest-19)
	}
	return 3 + g.Below(10)
}

func (g *drawing) start() {
	s := &g.s
	s.Start = Start{Warm: g.Below(4) == 0, Seeds: min(1+g.Below(3), s.Members-1)}
	if !s.Start.Warm {
		over := Duration(g.unit)
		s.Start.Over = &over
	}
	if g.Below(4) == 0 {
		s.Start.Later = g.Below(s.Members - s.Start.Seeds)
	}
}

func (g *drawing) network(timeout time.Duration) {
	n := &g.s.Network
	switch g.Below(4) {
	case 0:
		n.Latency = netsim.Exponential(0, timeout/time.Duration(10+g.Below(50)))
	case 1:
		n.Latency = netsim.Uniform(0, timeout/time.Duration(4+g.Below(50)))
	case 2:
		n.Latency = netsim.LogNormal(0, timeout/time.Duration(10+g.Below(50)), 0.3+float64(g.Below(10))/10)
	}
	if g.coin() {
		n.Loss = g.chance(10)
	}
	if g.coin() {
		n.Duplicate = g.chance(10)
	}
	if g.coin() {
		n.Reorder, n.HoldBack = g.chance(20), netsim.Uniform(0, timeout)
	}
	if g.Below(12) == 0 {
		n.Bandwidth = netsim.Bandwidth(8_000 * (1 + g.Below(100)))
	}
	if g.Below(6) == 0 {
		g.s.Regions = []Region{{Name: "a", Share: netsim.Probability(0.4)}, {Name: "b"}}
		far := netsim.Uniform(timeout/500, timeout/time.Duration(10+g.Below(90)))
		g.s.Paths = []Path{{From: "a", To: "b", Latency: far, Loss: g.chance(5), OneWay: g.coin()}}
	}
}

// mix has half of the members exchange whole states as the original does, in a third of the
// scenarios. It has a stream of its own, too.
func (g *drawing) mix(seed uint64) {
	if d := netsim.NewDraws(seed, 2, 0); d.Below(3) == 0 {
		g.s.Disable, g.s.DisableMembers = Disabled(swim.Difference), netsim.Probability(0.5)
	}
}

// zones has some members gossip mostly within their region, in a third of the scenarios. It has a
// stream of its own: the rest of a scenario is as without.
func (g *drawing) zones(seed uint64) {
	d := netsim.NewDraws(seed, 1, 0)
	if d.Below(3) > 0 {
		return
	}
	if len(g.s.Regions) == 0 {
		sizes := [][]Region{
			{{Name: "a"}, {Name: "b"}},
			{{Name: "a"}, {Name: "b"}, {Name: "c"}},
			{{Name: "a"}, {Name: "b", Members: 1}},
			{{Name: "a"}, {Name: "b", Share: netsim.Probability(0.2)}, {Name: "c", Members: 1}},
		}
		g.s.Regions = sizes[d.Below(min(len(sizes), g.s.Members))]
	}
	g.s.Zones = Zones{
		Members: []netsim.Chance{netsim.Always, netsim.Probability(0.5)}[d.Below(2)],
		Share:   1 + d.Below(30), Probes: d.Below(2) == 0,
	}
}

func (g *drawing) gap() Duration { return Duration(g.gaps.Draw(g.Next())) }
func (g *drawing) coin() bool    { return g.Next()&1 == 0 }

// chance draws one of up to so many percent.
func (g *drawing) chance(percent int) netsim.Chance {
	return netsim.Probability(float64(1+g.Below(percent*10)) / 1000)
}

// length draws how long a fault that begins at a time goes on; 0 is to the end.
func (g *drawing) length(at Duration) Duration {
	d := Duration(g.lengths.Draw(g.Next()))
	if g.Below(4) == 0 || at+d > g.s.For {
		return 0
	}
	return d
}

// one draws a member by name.
func (g *drawing) one() Who { return Who{Names: []string{g.name()}} }

func (g *drawing) name() string { return fmt.Sprintf("m%d", 1+g.Below(g.s.Members)) }

// half draws some of the members, at least one and not all.
func (g *drawing) half() Who {
	var names []string
	for i := range g.s.Members {
		if g.coin() {
			names = append(names, fmt.Sprintf("m%d", i+1))
		}
	}
	if len(names) == 0 || len(names) == g.s.Members {
		return g.one()
	}
	return Who{Names: names}
}

func (g *drawing) way() string { return []string{"", "in", "out"}[g.Below(3)] }

// pick draws the next kind.
func (g *drawing) pick() *swarmKind {
	total := 0
	for _, w := range g.weights {
		total += w
	}
	x := g.Below(total)
	for k, w := range g.weights {
		if x -= w; x < 0 {
			return &swarmKinds[k]
		}
	}
	panic("BUG: weights don't add up")
}

func (g *drawing) fault(f Fault) { g.s.Faults = append(g.s.Faults, f) }
func (g *drawing) work(w Work)   { g.s.Work = append(g.s.Work, w) }

// swarmKind is something that happens to a cluster in drawn scenarios.
type swarmKind struct {
	name   string
	always bool // occurs in each
	add    func(g *drawing, at Duration)
}

var swarmKinds = []swarmKind{
	{"crash", false, func(g *drawing, at Duration) {
		g.fault(Fault{Kind: FaultCrash, Start: at, Who: g.one(), Length: g.length(at), Snapshot: g.coin()})
	}},
	{"move", false, func(g *drawing, at Duration) {
		g.fault(Fault{Kind: FaultCrash, Start: at, Who: g.one(), Length: max(g.length(at), 1), Move: true, Snapshot: g.coin()})
	}},
	{"quick restart", false, func(g *drawing, at Duration) { // before anybody has noticed
		g.fault(Fault{Kind: FaultCrash, Start: at, Who: g.one(), Length: 1, Snapshot: g.coin()})
	}},
	{"rolling restart", false, func(g *drawing, at Duration) {
		g.fault(Fault{Kind: FaultCrash, Start: at, Who: g.half(), Length: 1, Every: Duration(g.unit)})
	}},
	{"leave", false, func(g *drawing, at Duration) {
		g.fault(Fault{Kind: FaultLeave, Start: at, Who: g.one(), Length: g.length(at), Move: g.coin(), Snapshot: g.coin()})
	}},
	{"start", true, func(g *drawing, at Duration) { // whoever is down
		g.fault(Fault{Kind: FaultJoin, Start: at, Who: g.one(), Move: g.coin(), Snapshot: g.coin()})
	}},
	{"churn", false, func(g *drawing, at Duration) {
		rate := func() float64 { return float64(g.Below(30)) }
		g.fault(Fault{Kind: FaultChurn, Start: at, Length: g.length(at), Joins: rate(), Leaves: rate(), Crashes: 1 + rate(), Snapshot: g.coin(), Move: g.coin()})
	}},
	{"pause", false, func(g *drawing, at Duration) {
		g.fault(Fault{Kind: FaultPause, Start: at, Who: g.one(), Length: g.length(at)})
	}},
	{"standstill", false, func(g *drawing, at Duration) { // as when their hypervisor stands still
		g.fault(Fault{Kind: FaultPause, Start: at, Who: g.half(), Length: g.length(at)})
	}},
	{"flapping", false, func(g *drawing, at Duration) {
		f := Fault{Kind: []string{FaultPause, FaultBlockUDP, FaultPartition}[g.Below(3)], Start: at, Who: g.one()}
		f.Length = Duration(g.unit) * Duration(1+g.Below(8)) / 2
		f.Gap = Duration(g.unit) * Duration(1+g.Below(8)) / 2
		if f.Repeat = min(1+g.Below(6), 1+int((g.s.For-at)/(f.Length+f.Gap))); f.Repeat == 1 {
			f.Length, f.Gap = 0, 0
		}
		g.fault(f)
	}},
	{"cut", false, func(g *drawing, at Duration) {
		to := g.one()
		g.fault(Fault{Kind: FaultPartition, Start: at, Who: g.one(), To: &to, Way: g.way(), Length: g.length(at)})
	}},
	{"partition", false, func(g *drawing, at Duration) {
		g.fault(Fault{Kind: FaultPartition, Start: at, Who: g.half(), Way: g.way(), Length: g.length(at)})
	}},
	{"no UDP", false, func(g *drawing, at Duration) {
		g.fault(Fault{Kind: FaultBlockUDP, Start: at, Who: g.one(), Way: g.way(), Length: g.length(at)})
	}},
	{"NAT", false, func(g *drawing, at Duration) {
		g.fault(Fault{Kind: FaultNAT, Start: at, Who: g.one(), Length: g.length(at)})
	}},
	{"lossy member", false, func(g *drawing, at Duration) {
		g.fault(Fault{Kind: FaultNetwork, Start: at, Who: g.one(), Way: g.way(), Length: g.length(at), Loss: g.chance(100)})
	}},
	{"slow member", false, func(g *drawing, at Duration) {
		g.fault(Fault{Kind: FaultNetwork, Start: at, Who: g.one(), Length: g.length(at), Delay: netsim.Exponential(0, g.unit/2)})
	}},
	{"worse network", false, func(g *drawing, at Duration) {
		to := g.half()
		f := Fault{Kind: FaultNetwork, Start: at, Who: g.half(), To: &to, Length: g.length(at), Loss: g.chance(30), Duplicate: g.chance(30)}
		f.Reorder, f.HoldBack = g.chance(30), netsim.Uniform(0, g.unit/2)
		g.fault(f)
	}},
	{"thin uplink", false, func(g *drawing, at Duration) {
		g.fault(Fault{Kind: FaultNetwork, Start: at, Who: g.one(), Length: g.length(at), Bandwidth: netsim.Bandwidth(8_000 * (1 + g.Below(50)))})
	}},
	{"event", false, func(g *drawing, at Duration) { g.events(at, 1) }},
	{"burst", false, func(g *drawing, at Duration) { g.events(at, 30) }},
	{"query", false, func(g *drawing, at Duration) {
		g.work(Work{Kind: WorkQuery, Start: at, Who: g.one(), Relay: g.Below(3)})
	}},
	{"tags", false, func(g *drawing, at Duration) { g.work(Work{Kind: WorkTags, Start: at, Who: g.one()}) }},
	{"force-leave", false, func(g *drawing, at Duration) {
		to := g.one()
		g.work(Work{Kind: WorkForceLeave, Start: at, Who: g.one(), To: &to})
	}},
	{"prune", false, func(g *drawing, at Duration) {
		to := g.one()
		g.work(Work{Kind: WorkForceLeave, Start: at, Who: g.one(), To: &to, Prune: true})
	}},
	{"keys", true, func(g *drawing, at Duration) {
		if !g.s.Encrypt || slices.ContainsFunc(g.s.Work, func(w Work) bool { return w.Kind == WorkRotateKey }) {
			return
		}
		w := Work{Kind: WorkRotateKey, Start: at, Who: Who{Count: 1 + g.Below(2)}, Every: Duration(g.gaps.Draw(g.Next())) + 1}
		w.KeepOld = g.s.Settle || g.coin()
		g.work(w)
	}},
}

// swarmEvents bounds the user events of a scenario: members that are cut off for long miss those
// that are more than a window behind, which is no fault.
const swarmEvents = lamport.WindowTimes / 2

func (g *drawing) events(at Duration, burst int) {
	if burst = min(burst, swarmEvents-g.fired); burst == 0 {
		return
	}
	g.fired += burst
	w := Work{Kind: WorkEvent, Start: at, Who: g.one(), Size: g.size}
	if burst > 1 {
		w.Burst = burst
	}
	g.work(w)
}
