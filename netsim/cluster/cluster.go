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
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"serf/internal/invariant"
	"serf/netsim"
	"serf/netsim/report"
	"serf/swim"
	"serf/swim/serf"
)

// ClusterConfig is what a cluster is made of.
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
	name    string
	starts  int
	leaving bool
	cut     bool      // Cut has it on either side
	bad     bool      // its connection has faults
	ills    int       // impairments in force that it has a part in
	changed swim.Time // when any of what calm looks at last changed

	troubles []*trouble // those that hang on it, the latest of which are over
	faults   *trouble   // that of SetFaults; may be nil
}

// Cluster is a simulated cluster of Serf nodes. Members are numbered from 0 and
// named m1, m2 and so on.
type Cluster struct {
	cfg       Config
	sim       *netsim.Sim
	keys      *keyrings
	rosters   []*swim.Roster // by worker; names and their IDs are the same in all, member i has i+1
	members   []member
	beliefs   *beliefs
	metrics   metrics
	events    ledger
	checks    []checker
	broken    []report.Violation
	random    netsim.Draws // for what the cluster decides: who joins when
	queries   map[queryKey]*Query
	asked     []report.Spread // queries' answers, for the first maxEntries
	split     bool            // a partition is in force
	healed    int             // calls of Heal
	sides     []*trouble      // those of the partition in force
	troubled  bool            // the network has had faults
	up        int             // members that run or are paused
	requested swim.Time       // when users last wanted something of a member
}

// RetryJoin is how often a member looks whether it is together with the seeds, and
// joins those that it isn't with: what the agent's retry-join does. Without it two halves
// that have forgotten each other, as after a restart of all seeds, stay apart for ever.
const RetryJoin = 30 * time.Second

// NewCluster prepares a cluster. No member runs yet.
func New(cfg Config) (*Cluster, error) {
	if cfg.Members < 1 || cfg.Members > MaxMembers {
		return nil, fmt.Errorf("members: %d, allowed 1 to %d", cfg.Members, MaxMembers)
	}
	if cfg.Check && cfg.Members > MaxChecked {
		return nil, fmt.Errorf("members: %d, under check allowed are %d", cfg.Members, MaxChecked)
	}
	cfg.Seeds = min(max(cfg.Seeds, 1), cfg.Members)
	c := &Cluster{
		cfg:     cfg,
		members: make([]member, cfg.Members),
		beliefs: newBeliefs(cfg.Members),
		random:  netsim.NewDraws(cfg.Seed, uint64(cfg.Members), 0),
		queries: make(map[queryKey]*Query),
		keys:    newKeyrings(cfg.Members, cfg.Key, cfg.Compress),
	}
	c.sim = netsim.New(netsim.Config{Seed: cfg.Seed, Link: cfg.Link, TimersFirst: cfg.TimersFirst, Workers: cfg.Workers})
	c.sim.Observe(c)
	for i := range c.members {
		c.sim.Add()
		c.members[i] = member{name: "m" + strconv.Itoa(i+1)}
	}
	if cfg.Check {
		c.checks = allCheckers(c)
		c.sim.After(sweepInterval, c.sweep)
	}
	return c, nil
}

// Sim is the network below, for its clock, counts and hosts. Faults are better
// set through the cluster, which remembers whom they excuse.
func (c *Cluster) Sim() *netsim.Sim { return c.sim }

// Now is the virtual time.
func (c *Cluster) Now() swim.Time { return c.sim.Now() }

// Run lets d pass.
func (c *Cluster) Run(d time.Duration) { c.sim.Run(c.sim.Now().Add(d)) }

// RunContext lets d pass, or less if ctx ends, and then returns its error.
func (c *Cluster) RunContext(ctx context.Context, d time.Duration) error {
	const look = 20 * time.Millisecond // between looks at ctx
	for end := c.Now().Add(d); c.Now() < end; {
		if err := ctx.Err(); err != nil {
			return err
		}
		c.Run(min(look, end.Sub(c.Now())))
	}
	return nil
}

// RunUntilSettled lets time pass until all views agree with the truth, for d at
// most, and reports whether they do.
func (c *Cluster) RunUntilSettled(d time.Duration) bool {
	return c.Settled() || c.sim.RunUntil(c.Now().Add(d), c.Settled) || c.Settled()
}

// Settled reports whether every running member takes exactly those for alive
// that are, where they are.
func (c *Cluster) Settled() bool { return c.beliefs.wrong == 0 }

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
func (c *Cluster) Alive(i int) bool { return c.beliefs.isAlive(i) }

// addr is where member i lives for the k-th time that it moves.
func addr(i, k int) netip.AddrPort {
	invariant.Check(k <= movesMax, "cluster: member moved too often")
	x := uint32(10)<<24 | uint32(k)<<20 | uint32(i+1)
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{byte(x >> 24), byte(x >> 16), byte(x >> 8), byte(x)}), 7946)
}

// movesMax bounds the moves of one member: 10.0.0.0/8 holds 16 times 2^20 addresses.
const movesMax = 15

// Starts is how often member i has been started.
func (c *Cluster) Starts(i int) int { return c.members[i].starts }

// canMove reports whether there is another address for member i to move to.
func (c *Cluster) CanMove(i int) bool { return c.members[i].starts > 0 && c.moves(i) < movesMax }

// moves is how often member i has moved.
func (c *Cluster) moves(i int) int {
	if a := c.sim.Addr(i); a.IsValid() {
		return int(a.Addr().As4()[1] >> 4)
	}
	return 0
}

// Boot starts all members but those for later, at times spread evenly at random over the given
// time, and has each join the seeds as it starts.
func (c *Cluster) Boot(over time.Duration) {
	c.metrics.begin(c, "cold start", nobody)
	for i := range c.Len() - c.cfg.Later {
		c.beliefs.setTruth(i, true) // soon enough: the views are complete when all have started
		at := netsim.Uniform(0, over).Draw(c.random.Next())
		if i < c.cfg.Seeds {
			at = 0
		}
		c.sim.After(at, func() { c.Start(i) })
	}
}

// BootWarm starts all members but those for later, at once and as if they had been running for long: everybody knows everybody.
// It must come before anything else is started. An error comes from the configurations that
// Tune makes, which is asked twice for each member.
func (c *Cluster) BootWarm() error {
	members := c.Len() - c.cfg.Later
	warm, err := serf.NewBase(c.Now(), func(yield func(*serf.Config) bool) {
		for i := range members {
			if cfg := c.config(i, addr(i, 0)); !yield(&cfg) {
				return
			}
		}
	})
	if err != nil {
		return fmt.Errorf("warm start: %w", err)
	}
	c.makeRosters(warm.NewRoster)
	for i := range members {
		c.beliefs.setTruth(i, true)
		c.beliefs.expect(i)
	}
	for i := range members {
		c.start(i, addr(i, 0), warm)
	}
	return nil
}

// makeRosters prepares a roster for each worker. Those who start warm have those of their base; in any case
// all members have their names, and IDs, from the beginning.
func (c *Cluster) makeRosters(make func() *swim.Roster) {
	for range c.sim.Workers() {
		r := make()
		for i := range c.members {
			got := r.Intern([]byte(c.members[i].name))
			invariant.Check(got == id(i), "cluster: IDs out of order")
		}
		c.rosters = append(c.rosters, r)
	}
}

// roster is where member i has its names.
func (c *Cluster) roster(i int) *swim.Roster {
	if c.rosters == nil {
		c.makeRosters(swim.NewRoster)
	}
	return c.rosters[c.sim.Worker(i)]
}

// id is the ID of member i in all rosters.
func id(i int) swim.MemberID { return swim.MemberID(i + 1) }

// Index is which member an ID stands for; false for one that is none of ours.
func (c *Cluster) Index(id swim.MemberID) (int, bool) {
	i := int(id) - 1
	return i, i >= 0 && i < len(c.members)
}

// Start runs member i where it last was, knowing nothing, and has it join the seeds.
func (c *Cluster) Start(i int) { c.start(i, addr(i, c.moves(i)), nil) }

// Move runs member i at a new address, knowing nothing, and has it join the seeds.
func (c *Cluster) Move(i int) { c.start(i, addr(i, c.moves(i)+1), nil) }

// start runs member i, knowing what is in warm if that isn't nil.
func (c *Cluster) start(i int, where netip.AddrPort, warm *serf.Base) {
	c.Crash(i)
	m := &c.members[i]
	if m.starts > 0 && where != c.sim.Addr(i) {
		c.beliefs.forget(i) // who knows it, knows it elsewhere
	}
	m.starts++
	m.leaving = false
	cfg := c.config(i, where)
	cfg.Roster, cfg.Warm = c.roster(i), warm
	c.beliefs.setTruth(i, true)
	c.beliefs.begin(i, warm != nil)
	c.members[i].changed = c.Now()
	if warm != nil {
		c.members[i].changed = c.Now().Add(-forLong) // it has run for longer than anybody looks back
	}
	c.metrics.started(c, i)
	for _, k := range c.checks {
		k.restarted(i)
	}
	err := c.sim.Start(i, where, func(now swim.Time, out *swim.Output) (swim.Machine, error) {
		return serf.New(now, cfg, out)
	})
	if err != nil {
		panic("BUG: " + err.Error()) // the configuration is ours
	}
	c.up++
	c.JoinSeeds(i)
}

// forLong is longer than any time for which calm is asked.
const forLong = 30 * 24 * time.Hour

// coordinatesMax is of how many others all members together remember the coordinate: 256 MB. Up to 1,448
// members, each can remember all.
const coordinatesMax = 1 << 21

func (c *Cluster) config(i int, where netip.AddrPort) serf.Config {
	m := &c.members[i]
	cfg := serf.DefaultConfig(c.cfg.Profile.Timing)
	cfg.Name, cfg.Addr, cfg.Sealer = m.name, where, c.keys.sealer(i)
	cfg.CoordinatesMax = min(cfg.CoordinatesMax, coordinatesMax/c.cfg.Members)
	if c.cfg.Tune != nil {
		c.cfg.Tune(i, &cfg)
	}
	cfg.Seed = netsim.Mix(netsim.Mix(c.cfg.Seed, uint64(i)), uint64(m.starts))
	return cfg
}

// JoinSeeds has member i join those seeds that it doesn't take for alive, now
// and again every RetryJoin.
func (c *Cluster) JoinSeeds(i int) {
	if c.cfg.Apart {
		return
	}
	var apart []int
	for s := range c.cfg.Seeds {
		if s != i && c.members[s].starts > 0 && !c.beliefs.believes(i, s) {
			apart = append(apart, s)
		}
	}
	if len(apart) > 0 {
		c.Join(i, apart...)
	}
	if c.cfg.JoinOnce {
		return
	}
	life := c.members[i].starts
	c.sim.After(RetryJoin, func() {
		if c.members[i].starts == life && !c.sim.Down(i) && !c.members[i].leaving {
			c.JoinSeeds(i)
		}
	})
}

// Join has member i join through the given others, which must have run.
func (c *Cluster) Join(i int, others ...int) {
	var to []netip.AddrPort
	for _, o := range others {
		to = append(to, c.sim.Addr(o))
	}
	c.do(i, func(n *serf.Node, now swim.Time, out *swim.Output) { n.Join(now, to, true, out) })
}

// do calls into a running member; it does nothing for one that is down or paused.
func (c *Cluster) do(i int, fn func(n *serf.Node, now swim.Time, out *swim.Output)) bool {
	return c.sim.Do(i, func(m swim.Machine, now swim.Time, out *swim.Output) { fn(m.(*serf.Node), now, out) })
}

// Crash stops member i without a word.
func (c *Cluster) Crash(i int) {
	if c.sim.Down(i) {
		return
	}
	n := c.Node(i)
	c.metrics.observerGone(c, i)
	c.events.observerGone(i)
	c.sim.Crash(i)
	c.up--
	c.beliefs.end(i)
	if c.beliefs.isAlive(i) {
		c.metrics.crashed(c, i)
		c.beliefs.setTruth(i, false)
	}
	n.Swim().Release()
	c.settle()
}

// Leave has member i leave the cluster; it stops when it has.
func (c *Cluster) Leave(i int) {
	m := &c.members[i]
	if m.leaving || !c.sim.Running(i) {
		return
	}
	m.leaving = true
	c.beliefs.setTruth(i, false)
	c.metrics.begin(c, "leave", i)
	c.do(i, func(n *serf.Node, now swim.Time, out *swim.Output) { n.Leave(now, out) })
}

// Pause stops the process of member i for d; its host stays up.
func (c *Cluster) Pause(i int, d time.Duration) {
	if !c.sim.Running(i) {
		return
	}
	life := c.members[i].starts
	c.members[i].changed = c.Now()
	c.sim.Pause(i)
	c.sim.After(d, func() {
		if c.members[i].starts == life {
			c.Resume(i)
		}
	})
}

// Resume lets a paused member run on. It does nothing for any other.
func (c *Cluster) Resume(i int) {
	if c.sim.Down(i) || c.sim.Running(i) {
		return
	}
	c.members[i].changed = c.Now()
	if c.Alive(i) && c.beliefs.wrongAbout(i) > 0 {
		c.metrics.begin(c, "resume", i)
	}
	c.sim.Resume(i)
}

// Cut stops packets and streams from one member to another, in that direction.
func (c *Cluster) Cut(from, to int) {
	for _, i := range []int{from, to} {
		c.members[i].cut, c.members[i].changed = true, c.Now()
	}
	c.trouble([]int{from}, []int{to})
	c.sim.Cut(from, to)
}

// Partition splits the cluster into the given groups; who is in none is with
// the first.
func (c *Cluster) Partition(groups ...[]int) {
	group := make(map[int]int)
	for g, members := range groups {
		for _, i := range members {
			group[i] = g
		}
	}
	for _, t := range c.sides {
		t.stop(c.Now())
	}
	c.sides = c.sides[:0]
	for g := 1; g < len(groups); g++ {
		var others []int
		for i := range c.members {
			if group[i] != g {
				others = append(others, i)
			}
		}
		c.sides = append(c.sides, c.trouble(groups[g], others))
	}
	c.split = true
	c.sim.Partition(group)
}

// SetFaults makes the connection of member i bad.
func (c *Cluster) SetFaults(i int, f netsim.HostFaults) {
	m := &c.members[i]
	m.bad, m.changed = f.Any(), c.Now()
	if m.faults != nil {
		m.faults.stop(c.Now())
	}
	if m.bad {
		m.faults = c.trouble([]int{i}, nil)
	}
	c.sim.SetFaults(i, f)
}

// Impair makes the network worse for what passes between members and peers, nil for all, in the given
// direction, until the function that it returns is called, or Heal.
func (c *Cluster) Impair(members, peers []int, way netsim.Way, what netsim.Impairment) (end func()) {
	concerned := append(slices.Clone(members), peers...)
	if peers == nil || what.Cut && len(peers)+len(members) == c.Len() {
		concerned = members // each pair that is concerned has one of them
	}
	count := func(by int) {
		for _, i := range concerned {
			c.members[i].ills += by
			c.members[i].changed = c.Now()
		}
	}
	count(1)
	t := c.trouble(members, peers)
	id, healed := c.sim.Impair(members, peers, way, what), c.healed
	return func() {
		if c.healed != healed {
			return
		}
		c.sim.Repair(id)
		count(-1)
		t.stop(c.Now())
		if what.Cut || what.BlockUDP || what.NAT || c.misjudges() {
			c.metrics.begin(c, "heal", nobody)
			c.settle()
		}
	}
}

// misjudges reports whether anybody takes a member that is alive for something else.
func (c *Cluster) misjudges() bool {
	if c.Settled() {
		return false
	}
	for i := range c.members {
		if c.Alive(i) && c.beliefs.wrongAbout(i) > 0 {
			return true
		}
	}
	return false
}

// SetLink changes the network between all members.
func (c *Cluster) SetLink(l netsim.Link) { c.sim.SetLink(l) }

// Heal mends everything about the network but the link. Paused and crashed
// members stay so.
func (c *Cluster) Heal() {
	c.sim.Heal()
	c.split = false
	c.healed++
	c.metrics.begin(c, "heal", nobody)
	for i := range c.members {
		m := &c.members[i]
		m.cut, m.bad, m.ills, m.changed = false, false, 0, c.Now()
		for _, t := range m.troubles {
			t.stop(c.Now())
		}
	}
	c.settle()
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

// calm reports whether member i has run, and has had no fault of its connection, for d or longer. In a partition
// only the side that was cut off has one.
func (c *Cluster) calm(i int, d time.Duration) bool {
	m := &c.members[i]
	return !c.split && !m.cut && !m.bad && m.ills == 0 && c.sim.Running(i) && c.Now().Sub(m.changed) >= d
}

// leaving reports whether member i has begun to leave, and still runs or hasn't been started since.
func (c *Cluster) Leaving(i int) bool { return c.members[i].leaving }

// Pick draws k of the running members, or all if there are fewer.
func (c *Cluster) Pick(k int) []int {
	var up []int
	for i := range c.members {
		if c.sim.Running(i) {
			up = append(up, i)
		}
	}
	return c.random.Some(up, min(k, len(up)))
}

// UserEvent fires a user event at member i and keeps account of who gets it.
// It reports the error of the node, or that the member isn't running.
func (c *Cluster) UserEvent(i int, name string, payload []byte) error {
	err := c.request(i, func(n *serf.Node, now swim.Time, out *swim.Output) error {
		return n.UserEvent(now, name, payload, false, out)
	})
	if err == nil {
		c.events.fired++
	}
	return err
}

// SetTags changes the tags of member i.
func (c *Cluster) SetTags(i int, tags map[string]string) error {
	return c.request(i, func(n *serf.Node, now swim.Time, out *swim.Output) error { return n.SetTags(now, tags, out) })
}

// ForceLeave has member i declare another, named, as left.
func (c *Cluster) ForceLeave(i int, name string, prune bool) error {
	return c.request(i, func(n *serf.Node, now swim.Time, out *swim.Output) error { return n.ForceLeave(now, name, prune, out) })
}

// request is do for what a user wants, and the node can refuse.
func (c *Cluster) request(i int, fn func(n *serf.Node, now swim.Time, out *swim.Output) error) error {
	c.requested = c.Now()
	err := fmt.Errorf("%s is not running", c.Name(i))
	c.do(i, func(n *serf.Node, now swim.Time, out *swim.Output) { err = fn(n, now, out) })
	return err
}

// Event implements Observer.
func (c *Cluster) Event(now swim.Time, host int, e *swim.Event) {
	switch e.Kind {
	case serf.EventMemberJoin, serf.EventMemberUpdate, serf.EventMemberFailed, serf.EventMemberLeave, serf.EventMemberReap:
		for _, id := range e.Members {
			if s, ok := c.Index(id); ok {
				c.learned(host, s, e.Kind)
			}
		}
		c.settle()
	case serf.EventUserEvent:
		c.events.got(c, host, e)
	case serf.EventKeyring:
		c.keys.save(host, c.Node(host))
	case serf.EventQuery:
		c.answer(host, e)
	case serf.EventQueryAck, serf.EventQueryResponse, serf.EventQueryDone:
		c.collect(host, e)
	case swim.EventSuspected:
		c.metrics.suspicions++
	case swim.EventRefuted:
		c.metrics.refutations++
	case swim.EventLeaveDone, serf.EventShutdown:
		life := c.members[host].starts
		c.sim.At(now, func() {
			if c.members[host].starts == life {
				c.Crash(host)
			}
		})
	}
	for _, k := range c.checks {
		k.event(now, host, e)
	}
}

// learned takes in what a member says of another. Who takes it for alive somewhere else doesn't know it.
func (c *Cluster) learned(observer, subject int, kind swim.EventKind) {
	alive := (kind == serf.EventMemberJoin || kind == serf.EventMemberUpdate) && c.found(observer, subject)
	if kind == serf.EventMemberUpdate && alive == c.beliefs.believes(observer, subject) {
		return
	}
	if kind == serf.EventMemberFailed {
		c.metrics.failed(c, observer, subject)
	}
	if !alive && c.beliefs.believes(observer, subject) {
		c.metrics.gone(c, subject)
	}
	if alive && observer != subject && !c.beliefs.believes(observer, subject) {
		c.metrics.misled(subject)
	}
	c.beliefs.learn(observer, subject, alive)
}

// found reports whether a member knows where another lives.
func (c *Cluster) found(observer, subject int) bool {
	n := c.Node(observer)
	if n == nil {
		return false
	}
	v, _ := n.Swim().View(id(subject))
	return v.Addr == c.sim.Addr(subject)
}

// settle ends the episodes that wait for all views to agree, if they do.
func (c *Cluster) settle() {
	if c.Settled() {
		c.metrics.settled(c.Now())
	}
}

// idle reports whether no running member has anything to gossip.
func (c *Cluster) Idle() bool {
	for i := range c.members {
		if n := c.Node(i); n != nil && n.Swim().Queued() > 0 {
			return false
		}
	}
	return true
}

// quietTime is how long gossip and full exchanges need to die down once views agree.
func (c *Cluster) quietTime() time.Duration {
	return 4*c.cfg.Profile.pushPull(c.Len()) + c.cfg.Profile.SuspicionMax(c.Len())
}

// quiet reports whether all has been calm for so long that nothing is left to happen: views agree, nobody has
// anything to gossip, and neither users nor faults have stirred anything up for quietTime.
func (c *Cluster) Quiet() bool {
	d := c.quietTime()
	return c.Settled() && c.Idle() && c.quietFor(d) && c.Now().Sub(c.requested) >= d
}

// quietFor reports whether all members that run have had no trouble for d or longer.
func (c *Cluster) quietFor(d time.Duration) bool {
	for i := range c.members {
		if c.members[i].leaving || !c.sim.Down(i) && !c.calm(i, d) {
			return false
		}
	}
	return true
}
