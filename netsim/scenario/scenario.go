// Package scenario describes simulations as values and plays them. A [Scenario] says what a cluster
// and its network are like, and which [Fault] and [Work] comes when. [Parse] reads one from a file,
// [Scenario.Set] changes it by option, and [Scenario.Validate] names every problem. [Scenario.Run]
// plays it and returns a report; a [Sweep] runs it with many values and seeds.
// netsim/testdata/scenarios has examples.
package scenario

import (
	"slices"
	"time"

	"serf/netsim"
	"serf/netsim/cluster"
)

// Scenario is a simulation to run and measure: a cluster, its network, how long, and what befalls it when.
// It is what a file for `serf sim -scenario` has, key by key; Parse reads one, json.Marshal
// writes one. Start from Default. Times count from the start.
type Scenario struct {
	// About is for readers.
	About string `json:"about,omitempty"`
	// Members is how many take part: 1 to MaxMembers. They are named m1, m2 and so on.
	Members int `json:"nodes"`
	// For is the length of the run: up to MaxTime.
	For Duration `json:"for"`
	// Seed of all chance.
	Seed uint64 `json:"seed"`
	// Profile names the timings, and the latency that goes with them: lan, wan or local.
	Profile string  `json:"profile"`
	Timing  Timing  `json:"timing,omitzero"`
	Start   Start   `json:"start,omitzero"`
	Network Network `json:"network,omitzero"`
	// Regions divide the members, in their order: the first region has m1 and those after it.
	Regions []Region `json:"regions,omitempty"`
	// Paths are the networks between regions, and within them. The last one that fits counts.
	Paths []Path `json:"paths,omitempty"`
	// Encrypt seals all traffic, with a key that is made from Seed.
	Encrypt bool `json:"encrypt,omitzero"`
	// Compress compresses messages, as agents do unless told otherwise.
	Compress bool `json:"compress,omitzero"`
	// Disable is what members do without, to see what it is worth.
	Disable Disabled `json:"disable,omitzero"`
	// Events is how many user events random members send, at even distances: up to maxEvents.
	Events int `json:"events"`
	// Faults are what goes wrong, and who comes and goes. At most maxFaults.
	Faults []Fault `json:"faults,omitempty"`
	// Work is what users ask of members. At most maxFaults.
	Work []Work `json:"work,omitempty"`
	// Settle has the run go on after For: all faults end, all who have been started run, on a network as good as
	// the profile expects, and rotations of keys are finished. Views then have to agree within [cluster.Cluster.HealBound],
	// and still when nothing is left to happen. What doesn't come true is a broken rule.
	Settle bool `json:"settle,omitzero"`
	// Check holds the run to the invariants of package cluster, at a cost that grows with the square of Members.
	Check bool `json:"check,omitzero"`
	// Workers is how many processors may share the work, see Config; what comes out doesn't depend on it.
	Workers int `json:"-"`
}

// Default is what isn't said otherwise: ten members on a local network for a minute.
func Default() Scenario {
	return Scenario{Members: 10, For: Duration(time.Minute), Seed: 1, Profile: "lan", Events: 3}
}

// Start says how the cluster comes to be.
type Start struct {
	// Warm begins with a cluster that has been running for a while.
	Warm bool `json:"warm,omitzero"`
	// Over is how long it takes until all have been started, each at a moment drawn from the seed. The seeds
	// are the first. Up to MaxTime; nil means bootTime.
	Over *Duration `json:"over,omitempty"`
	// Seeds is how many members, the first ones, the others join through. 0 means 1.
	Seeds int `json:"seeds,omitzero"`
	// Later is how many members, the last ones, aren't started: they wait for a join.
	Later int `json:"later,omitzero"`
	// Apart has members join nobody by themselves, as without seeds: who is started again has its snapshot,
	// if the fault gives it one, or stays alone. Only with Warm.
	Apart bool `json:"apart,omitzero"`
}

// bootTime is within the time that a small set-up tool takes.
const bootTime = time.Second

func (s *Start) over() time.Duration {
	if s.Over == nil {
		return bootTime
	}
	return time.Duration(*s.Over)
}

// Network is how packets travel between two members.
type Network struct {
	// Latency is one way. Not set means the profile's.
	Latency netsim.Dist `json:"latency,omitzero"`
	// Jitter is by how much a packet may take longer than Latency says, evenly distributed.
	Jitter Duration `json:"jitter,omitzero"`
	// Loss is the chance that a packet vanishes. Streams wait for their retransmissions.
	Loss netsim.Chance `json:"loss,omitzero"`
	// Duplicate is the chance that a packet arrives twice.
	Duplicate netsim.Chance `json:"duplicate,omitzero"`
	// Reorder is the chance that a packet is held back by HoldBack, so that later ones overtake it.
	Reorder  netsim.Chance `json:"reorder,omitzero"`
	HoldBack netsim.Dist   `json:"hold_back,omitzero"`
	// Bandwidth is what each member can send. What waits for longer than Queue is dropped.
	Bandwidth netsim.Bandwidth `json:"bandwidth,omitzero"`
	// Queue is how long a packet may wait to be sent. 0 means defaultQueue.
	Queue Duration `json:"queue,omitzero"`
}

// Region is a part of the members. Without Members and Share it has an even part of what the
// others leave.
type Region struct {
	Name    string        `json:"name"`
	Members int           `json:"nodes,omitzero"`
	Share   netsim.Chance `json:"share,omitzero"` // of all members
}

// Path is the network from one region to another, and back unless OneWay. Latency, if set, is
// instead of the network's; jitter, loss, duplicates and reordering come on top of the network's.
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
		f.Names = slices.Clone(f.Names)
		if f.To != nil {
			to := *f.To
			to.Names = slices.Clone(to.Names)
			f.To = &to
		}
	}
	for i := range c.Work {
		w := &c.Work[i]
		w.Names = slices.Clone(w.Names)
		if w.To != nil {
			to := *w.To
			to.Names = slices.Clone(to.Names)
			w.To = &to
		}
	}
	return c // what Timing and Start point at is replaced, never changed
}

// profile returns the named profile with the timings of the scenario. The name must be valid.
func (s *Scenario) profile() cluster.Profile {
	p, err := cluster.ProfileByName(s.Profile)
	if err != nil {
		panic("BUG: " + err.Error()) // validated
	}
	s.Timing.ApplySwim(&p.Timing)
	return p
}
