// Package scenario describes simulations as values, and plays them. A [Scenario] says what a
// cluster and its network are like, and which [Fault] and [Work] happens when. [Parse] reads one
// from a file, [Scenario.Set] sets single values, and [Scenario.Validate] reports every problem.
// [Scenario.Run] plays it and returns a report; a [Sweep] runs it with many values and seeds.
// netsim/testdata/scenarios has examples.
package scenario

import (
	"slices"
	"time"

	"serf/netsim"
	"serf/netsim/cluster"
)

// Scenario is a simulation to run: a cluster, its network, how long it runs, and what happens to it
// when. Its JSON is the file of `serf sim -scenario`; Parse reads one. Start from Default. Times
// count from the start of the run.
type Scenario struct {
	// About is a description for readers.
	About string `json:"about,omitempty"`
	// Members is the number of members, named m1, m2 and so on: 1 to cluster.MaxMembers.
	Members int `json:"nodes"`
	// For is the length of the run: up to MaxTime.
	For Duration `json:"for"`
	// Seed determines all random choices.
	Seed uint64 `json:"seed"`
	// Profile is lan, wan or local: the timings, and the latency that goes with them.
	Profile string  `json:"profile"`
	Timing  Timing  `json:"timing,omitzero"`
	Start   Start   `json:"start,omitzero"`
	Network Network `json:"network,omitzero"`
	// Regions divide the members in their order: the first region has m1 and those after it.
	Regions []Region `json:"regions,omitempty"`
	// Paths are the links between regions and within them. The last one that applies counts.
	Paths []Path `json:"paths,omitempty"`
	// Zones has members spare the paths between regions.
	Zones Zones `json:"zones,omitzero"`
	// Encrypt seals all traffic. Keys are derived from Seed.
	Encrypt bool `json:"encrypt,omitzero"`
	// Compress compresses messages, as agents do by default.
	Compress bool `json:"compress,omitzero"`
	// Disable is what members do without, to see what it is worth.
	Disable Disabled `json:"disable,omitzero"`
	// DisableMembers is the share of members that do without it, among others that don't. 0 means
	// all.
	DisableMembers netsim.Chance `json:"disable_nodes,omitzero"`
	// Events is the number of user events that random members send, evenly distributed over the
	// run.
	Events int `json:"events"`
	// Faults are what goes wrong, and which members come and go: at most maxFaults.
	Faults []Fault `json:"faults,omitempty"`
	// Work is what users ask of members: at most maxWork.
	Work []Work `json:"work,omitempty"`
	// Settle continues the run after For. All faults end, every member that has been started runs,
	// on a network as good as the profile expects, and rotations of keys are finished. All views
	// must agree within [cluster.Cluster.HealBound], and must still agree when nothing is left to
	// happen. Otherwise a rule is broken.
	Settle bool `json:"settle,omitzero"`
	// UntilSettled ends the run before For, once all faults and work are over, all views agree and
	// nothing waits to be gossiped.
	UntilSettled bool `json:"until_settled,omitzero"`
	// TimersFirst has members that run on after a pause handle their overdue timers before they
	// read what waits for them. Otherwise the seed decides which comes first.
	TimersFirst bool `json:"timers_first,omitzero"`
	// Check enables the checkers of package cluster, whose cost grows with the square of Members.
	Check bool `json:"check,omitzero"`
	// Explain is how many false failures the report tells in full, see [cluster.Config].
	Explain int `json:"-"`
	// Workers is how many processors may share the work, see [netsim.Config]. It doesn't change the
	// outcome.
	Workers int `json:"-"`
}

// Default is a scenario of ten members on a local network for a minute.
func Default() Scenario {
	return Scenario{Members: 10, For: Duration(time.Minute), Seed: 1, Profile: "lan", Events: 3}
}

// Start says how the cluster starts.
type Start struct {
	// Warm starts with a cluster that has been running for a while.
	Warm bool `json:"warm,omitzero"`
	// Over is the time within which all members start, at random moments; seeds start first. Up to
	// MaxTime; nil means bootTime.
	Over *Duration `json:"over,omitempty"`
	// Seeds is the number of members, the first ones, through which the others join. 0 means 1.
	Seeds int `json:"seeds,omitzero"`
	// Later is the number of members, the last ones, that wait for a fault of kind join or churn to
	// start them.
	Later int `json:"later,omitzero"`
	// Apart has members join nobody on their own: one that starts again has its snapshot, if the
	// fault says so, or stays alone. It requires Warm.
	Apart bool `json:"apart,omitzero"`
}

// bootTime is about what a small set-up tool takes.
const bootTime = time.Second

func (s *Start) over() time.Duration {
	if s.Over == nil {
		return bootTime
	}
	return time.Duration(*s.Over)
}

// Network is the link between any two members.
type Network struct {
	// Latency is one way. If not set, it is the profile's.
	Latency netsim.Dist `json:"latency,omitzero"`
	// Jitter is the most that is added to Latency, uniformly distributed.
	Jitter Duration `json:"jitter,omitzero"`
	// Loss is the probability that a packet is lost. Streams wait for retransmissions instead.
	Loss netsim.Chance `json:"loss,omitzero"`
	// Duplicate is the probability that a packet arrives twice.
	Duplicate netsim.Chance `json:"duplicate,omitzero"`
	// Reorder is the probability that a packet is delayed by HoldBack, so that later ones overtake
	// it.
	Reorder  netsim.Chance `json:"reorder,omitzero"`
	HoldBack netsim.Dist   `json:"hold_back,omitzero"`
	// Bandwidth is what each member can send. Packets that would wait for longer than Queue are
	// dropped.
	Bandwidth netsim.Bandwidth `json:"bandwidth,omitzero"`
	// Queue is how long a packet may wait to be sent. 0 means netsim.DefaultQueue.
	Queue Duration `json:"queue,omitzero"`
}

// Region is a part of the members. Without Members and Share it gets an even part of what the
// others leave.
type Region struct {
	Name    string        `json:"name"`
	Members int           `json:"nodes,omitzero"`
	Share   netsim.Chance `json:"share,omitzero"` // of all members
}

// Path is the link from one region to another, and back unless OneWay. Latency, if set, replaces
// that of Network; jitter, loss, duplicates and reordering are added to those of Network.
type Path struct {
	From      string        `json:"from"`
	To        string        `json:"to"` // may be From: within the region
	OneWay    bool          `json:"one_way,omitzero"`
	Latency   netsim.Dist   `json:"latency,omitzero"`
	Jitter    Duration      `json:"jitter,omitzero"`
	Loss      netsim.Chance `json:"loss,omitzero"`
	Duplicate netsim.Chance `json:"duplicate,omitzero"`
	Reorder   netsim.Chance `json:"reorder,omitzero"`
	HoldBack  netsim.Dist   `json:"hold_back,omitzero"` // if not set, the network's
}

// Clone returns a copy that shares nothing with s.
func (s *Scenario) Clone() Scenario {
	c := *s
	c.Regions, c.Paths = slices.Clone(s.Regions), slices.Clone(s.Paths)
	c.Faults, c.Work = slices.Clone(s.Faults), slices.Clone(s.Work)
	for i := range c.Faults {
		f := &c.Faults[i]
		f.Who, f.To = *f.Who.clone(), f.To.clone()
	}
	for i := range c.Work {
		w := &c.Work[i]
		w.Who, w.To = *w.Who.clone(), w.To.clone()
	}
	return c // pointers of Timing and Start are shared: their targets are never changed
}

// Tuned returns the named profile with the scenario's timings. The name must be valid.
func (s *Scenario) Tuned() cluster.Profile {
	p, err := cluster.ProfileByName(s.Profile)
	if err != nil {
		panic("BUG: " + err.Error()) // validated
	}
	s.Timing.ApplySwim(&p.Timing)
	return p
}
