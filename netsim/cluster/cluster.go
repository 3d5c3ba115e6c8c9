// Package cluster runs Serf nodes on a simulated network. It starts, stops and partitions members,
// has them do what users ask for, compares what each believes with the truth, measures how long
// that differs, and holds all of them to invariants (check.go and the check_*.go files).
//
// Begin with a [Profile] and [New], start the members with [Cluster.Boot], let time pass with
// [Cluster.Run] or [Cluster.RunUntilSettled], and make things happen in between: [Cluster.Crash],
// [Cluster.Partition], [Cluster.Impair], [Cluster.UserEvent]. [Cluster.Report] has the figures,
// and [Cluster.Violations] what the checkers found.
package cluster

import (
	"serf/netsim"
	"serf/netsim/report"
	"serf/swim"
	"serf/swim/serf"
)

// Config is what a cluster is made of.
type Config struct {
	Members int // 1 to MaxMembers
	Profile Profile
	Link    netsim.Link // usually Profile.Link with some faults
	Seed    uint64
	// Seeds is how many members, the first ones, the others join through. 0 means 1.
	Seeds int
	// Apart has members join nobody by themselves.
	Apart bool
	// JoinOnce has members join when they start and not look after the seeds later:
	// then only Serf's reconnecting brings separated members together.
	JoinOnce bool
	// Check watches the invariants, at a cost that grows with the square of Members: MaxChecked at most.
	Check bool
	// Tune changes a member's configuration before each of its starts. May be nil.
	Tune func(member int, c *serf.Config)
	// TimersFirst has paused members notice that time has passed before they read what waits.
	TimersFirst bool
	// Later is how many members, the last ones, Boot and BootWarm leave out.
	Later int
	// Key, if set, seals all traffic: it is the first key of everybody's keyring.
	Key []byte
	// Compress has members compress what they send.
	Compress bool
	// Workers is how many processors may share the work; 0 means 1. What comes out doesn't depend on it.
	// With several, Tune must not give members of different workers (see [Sim.Worker]) anything
	// that changes while they run.
	Workers int
}

// Limits of a cluster.
const (
	// MaxMembers have room in the addresses of any move, and in 8 GB if they start warm.
	MaxMembers = 100_000
	// MaxCold is how many may start cold: each pair of members then takes some 50 bytes, as each
	// view is its own.
	MaxCold = 10_000
	// MaxChecked is how many may be under check: checkers take 100 bytes a pair, and look at
	// each ten times a second.
	MaxChecked = 1000
)

// member is one member of a cluster.
type member struct {
	name        string
	starts      int
	leaving     bool
	cut         bool // Cut has it on either side
	bad         bool // its connection has faults
	impairments int  // impairments in force that it has a part in
	// minEvent is the least time of events that it takes: before its start it may have had those of earlier ones.
	minEvent uint64
	changed  swim.Time // when any of what calm looks at last changed

	outages    []*outage // those that hang on it, the latest of which are over
	hostOutage *outage   // that of SetFaults; may be nil
}

// Cluster is a simulated cluster of Serf nodes. Members are numbered from 0 and
// named m1, m2 and so on.
type Cluster struct {
	cfg          Config
	sim          *netsim.Sim
	keys         *keyrings
	rosters      []*swim.Roster // by worker; names and their IDs are the same in all, member i has i+1
	members      []member
	regions      regions
	views        *viewTracker
	metrics      metrics
	deliveries   deliveries
	checks       []checker
	broken       []report.Violation
	random       netsim.Draws // for what the cluster decides: who joins when
	queries      map[queryKey]*Query
	querySpreads []report.Spread // queries' answers, for the first MaxEvents
	split        bool            // a partition is in force
	healed       int             // calls of Heal
	sides        []*outage       // those of the partition in force
	hadFaults    bool            // the network has had faults
	up           int             // members that run or are paused
	requested    swim.Time       // when users last wanted something of a member
}

// checker holds a cluster to one rule. What it finds it gives to violate.
type checker interface {
	// event is called for each event, after the cluster has taken it in.
	event(now swim.Time, host int, e *swim.Event)
	// sweep is called every sweepInterval.
	sweep()
	// quiet is called when nothing is left to happen: all faults are healed, views
	// have converged, and gossip has died down.
	quiet()
	// restarted is called when a member starts and knows nothing.
	restarted(i int)
}

// Sim is the network below, for its clock, counts and hosts. Faults are better
// set through the cluster, which remembers whom they excuse.
func (c *Cluster) Sim() *netsim.Sim { return c.sim }

// Now is the virtual time.
func (c *Cluster) Now() swim.Time { return c.sim.Now() }

// Settled reports whether every running member takes exactly those for alive
// that are, where they are.
func (c *Cluster) Settled() bool { return c.views.wrong == 0 }

// Episodes are the changes so far. They are borrowed until time passes.
func (c *Cluster) Episodes() []report.Episode { return c.metrics.episodes }

// Name of member i.
func (c *Cluster) Name(i int) string { return c.members[i].name }

// Len is the number of members, running or not.
func (c *Cluster) Len() int { return len(c.members) }

// Node is the Serf node of member i, nil when it is down. For reading.
func (c *Cluster) Node(i int) *serf.Node {
	n, _ := c.sim.Machine(i).(*serf.Node)
	return n
}

// Alive reports whether member i runs, or is paused, and has not begun to leave.
func (c *Cluster) Alive(i int) bool { return c.views.isAlive(i) }

// id is the ID of member i in all rosters.
func id(i int) swim.MemberID { return swim.MemberID(i + 1) }

// Index is which member an ID stands for; false for one that is none of ours.
func (c *Cluster) Index(id swim.MemberID) (int, bool) {
	i := int(id) - 1
	return i, i >= 0 && i < len(c.members)
}

// Leaving reports whether member i has begun to leave, and still runs or hasn't been started since.
func (c *Cluster) Leaving(i int) bool { return c.members[i].leaving }

// settle ends the episodes that wait for all views to agree, if they do.
func (c *Cluster) settle() {
	if c.Settled() {
		c.metrics.settled(c.Now())
	}
}

// do calls into a running member; it does nothing for one that is down or paused.
func (c *Cluster) do(i int, fn func(n *serf.Node, now swim.Time, out *swim.Output)) bool {
	return c.sim.Do(i, func(m swim.Machine, now swim.Time, out *swim.Output) { fn(m.(*serf.Node), now, out) })
}
