// Package cluster runs Serf nodes on a simulated network. It starts, stops and partitions members,
// has them do what users ask for, compares each member's view with the truth, measures how long
// they differ, and holds all of them to invariants (check.go and the check_*.go files). Begin with
// a [Profile] and [New], start the members with [Cluster.Boot], let time pass with
// [Cluster.Run] or [Cluster.RunUntilSettled], and make things happen in between: [Cluster.Crash],
// [Cluster.Impair], [Cluster.UserEvent]. [Cluster.Report] returns the
// figures, and [Cluster.Violations] what the checkers found.
package cluster

import (
	"serf/netsim"
	"serf/netsim/report"
	"serf/swim"
	"serf/swim/history"
	"serf/swim/serf"
)

// Config has the parameters of a cluster.
type Config struct {
	Members int // 1 to MaxMembers
	Profile Profile
	Link    netsim.Link // usually Profile.Link with some faults
	Seed    uint64
	// Seeds is the number of members, the first ones, through which the others join. 0 means 1.
	Seeds int
	// Apart has members join nobody on their own.
	Apart bool
	// JoinOnce has members join the seeds when they start, and not look for them later: then only
	// Serf's reconnecting brings separated members together.
	JoinOnce bool
	// Check enables the checkers, whose cost grows with the square of Members: at most MaxChecked.
	Check bool
	// Tune, unless nil, changes a member's configuration before each of its starts.
	Tune func(member int, c *serf.Config)
	// Without leaves mechanisms out, of all members or, with WithoutAt, of those for which it holds.
	Without   swim.Mechanism
	WithoutAt func(member int) bool
	// ZoneTag is the tag of the Zones of those members that Tune gives any.
	ZoneTag string
	// TimersFirst has paused members run overdue timers before they read what waits for them.
	TimersFirst bool
	// Later is the number of members, the last ones, that Boot and BootWarm don't start.
	Later int
	// Explain is how many false failures to tell in full, the first ones: at most ExplainMax, and
	// in clusters of at most MaxChecked members.
	Explain int
	// Key, if set, seals all traffic: every keyring has it at first.
	Key []byte
	// Compress has members compress what they send.
	Compress bool
	// Workers is how many processors may share the work; 0 means 1. The outcome doesn't depend on
	// it. With several, Tune must not give members of different workers (see [netsim.Sim.Worker])
	// any shared mutable state.
	Workers int
}

// Limits of a cluster.
const (
	// MaxMembers fit the address space, whichever of them move, and 8 GB of memory after a warm
	// start.
	MaxMembers = 100_000
	// MaxCold bounds cold starts, in which each view is its own: a pair of members takes some 50
	// bytes at rest, and 200 while all members still wait to be gossiped. That is 20 GB for this
	// many, so large clusters rather start warm.
	MaxCold = 10_000
	// MaxChecked bounds clusters under check: checkers take 100 bytes for each pair of members, and
	// look at each ten times a second.
	MaxChecked = 1000
)

// member is what the cluster knows of one member.
type member struct {
	name        string
	starts      int
	warm        *serf.Base // that it started with; nil if it knew nothing
	leaving     bool
	impairments int // impairments in force that concern it
	// minEvent is the least Lamport time of events that it accepts: the process before it may have
	// delivered earlier ones.
	minEvent uint64
	changed  swim.Time // when anything that undisturbed looks at last changed
	faulted  bool      // it has crashed, left or been paused, or its connection has had a fault
	pause    *pause    // nil: its process isn't stopped
	ownName  int       // reasons why the names of others lead it to itself

	outages []*outage // its outages, of which the last ones may be over
}

// Cluster is a simulated cluster of Serf nodes. Members are numbered from 0 and named m1, m2 and so
// on.
type Cluster struct {
	cfg          Config
	sim          *netsim.Sim
	keys         *keyrings
	rosters      []*swim.Roster // by worker; all have the same names and IDs, member i has i+1
	members      []member
	regions      regions
	views        *viewTracker
	metrics      metrics
	deliveries   deliveries
	checks       []checker
	broken       []report.Violation
	random       netsim.Draws // for what the cluster decides, such as who joins when
	queries      map[queryKey]*Query
	querySpreads []report.Spread // queries' answers, for the first MaxEvents
	healed       int             // calls of Heal
	hostFaults   []func()        // end the faults of hosts, those that are over as well
	hadFaults    bool            // the network has had faults
	up           int             // members that run or are paused
	faultless    int             // members that have started, and had no fault since
	requested    swim.Time       // when users last wanted something of a member
	histories    []*history.Log  // of each member, if failures are to be explained
	stories      []report.Story  // of the first false failures
}

// checker holds a cluster to one rule. It reports violations to Violate.
type checker interface {
	// event is called for each event, after the cluster has handled it.
	event(now swim.Time, host int, e *swim.Event)
	// sweep is called every sweepInterval.
	sweep()
	// quiet is called when nothing is left to happen: all faults have ended, views agree, and
	// gossip has died down.
	quiet()
	// restarted is called when a member starts, knowing nothing.
	restarted(i int)
}

// Sim is the simulation below, for its clock, counters and hosts. Use the cluster's methods for
// faults: the cluster remembers whom they excuse.
func (c *Cluster) Sim() *netsim.Sim { return c.sim }

// Now is the virtual time.
func (c *Cluster) Now() swim.Time { return c.sim.Now() }

// Settled reports whether every running member considers alive exactly those that are, and knows
// their addresses.
func (c *Cluster) Settled() bool { return c.views.wrong == 0 }

// Episodes are the changes so far. The slice is borrowed until time passes.
func (c *Cluster) Episodes() []report.Episode { return c.metrics.episodes }

// Name of member i.
func (c *Cluster) Name(i int) string { return c.members[i].name }

// Len is the number of members, running or not.
func (c *Cluster) Len() int { return len(c.members) }

// Node is the Serf node of member i, nil when it is down. It is for reading.
func (c *Cluster) Node(i int) *serf.Node {
	n, _ := c.sim.Machine(i).(*serf.Node)
	return n
}

// Alive reports whether member i runs, or is paused, and has not begun to leave.
func (c *Cluster) Alive(i int) bool { return c.views.isAlive(i) }

// id is the ID of member i in all rosters.
func id(i int) swim.MemberID { return swim.MemberID(i + 1) }

// Index is the member with an ID; false for an ID that is not one of ours.
func (c *Cluster) Index(id swim.MemberID) (int, bool) {
	i := int(id) - 1
	return i, i >= 0 && i < len(c.members)
}

// Leaving reports whether member i has begun to leave and hasn't been started since.
func (c *Cluster) Leaving(i int) bool { return c.members[i].leaving }

// settle ends the episodes that wait for all views to agree, if they do.
func (c *Cluster) settle() {
	if c.Settled() {
		c.metrics.settled(c.Now())
	}
}

// do calls into a running member; it does nothing for one that is down or paused.
func (c *Cluster) do(i int, fn func(n *serf.Node, now swim.Time, out *swim.Output)) bool {
	return c.sim.Do(i,
		func(m swim.Machine, now swim.Time, out *swim.Output) { fn(m.(*serf.Node), now, out) })
}
