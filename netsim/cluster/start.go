package cluster

import (
	"bytes"
	"fmt"
	"net/netip"
	"time"

	"serf/internal/invariant"
	"serf/netsim"
	"serf/swim"
	"serf/swim/serf"
	"serf/wire"
)

// Boot starts all members but those for later, at random times within over, and has each join the
// seeds.
func (c *Cluster) Boot(over time.Duration) {
	c.metrics.begin(c.Now(), "cold start", nobody)
	for i := range c.Len() - c.cfg.Later {
		c.views.setTruth(i, true) // early, but views are complete only when all have started
		at := netsim.Uniform(0, over).Draw(c.random.Next())
		if i < c.cfg.Seeds {
			at = 0
		}
		c.sim.After(at, func() { c.Start(i) })
	}
}

// BootWarm starts all members but those for later at once, as if they had been running for long:
// everybody knows everybody. It must come before any other start. An error is one of the
// configurations that Tune makes; Tune is called twice for each member.
func (c *Cluster) BootWarm() error {
	members := c.Len() - c.cfg.Later
	warm, err := serf.NewBase(c.Now(), c.cfg.ZoneTag, func(yield func(*serf.Config) bool) {
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
		c.views.setTruth(i, true)
		c.views.expect(i)
	}
	for i := range members {
		c.start(i, addr(i, 0), warm)
	}
	return nil
}

// makeRosters prepares a roster for each worker, those of the base for members that start warm. All
// members have their names and IDs in it from the beginning.
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

// roster is where member i interns names.
func (c *Cluster) roster(i int) *swim.Roster {
	if c.rosters == nil {
		c.makeRosters(swim.NewRoster)
	}
	return c.rosters[c.sim.Worker(i)]
}

// addr is the address of member i after k moves.
func addr(i, k int) netip.AddrPort {
	invariant.Check(k <= movesMax, "cluster: member moved too often")
	x := uint32(10)<<24 | uint32(k)<<20 | uint32(i+1)
	ip := netip.AddrFrom4([4]byte{byte(x >> 24), byte(x >> 16), byte(x >> 8), byte(x)})
	return netip.AddrPortFrom(ip, 7946)
}

// movesMax bounds the moves of one member: 10.0.0.0/8 holds 16 times 2^20 addresses.
const movesMax = 15

// Starts is how often member i has been started.
func (c *Cluster) Starts(i int) int { return c.members[i].starts }

// CanMove reports whether there is another address for member i to move to.
func (c *Cluster) CanMove(i int) bool { return c.members[i].starts > 0 && c.moves(i) < movesMax }

// moves is how often member i has moved.
func (c *Cluster) moves(i int) int {
	if a := c.sim.Addr(i); a.IsValid() {
		return int(a.Addr().As4()[1] >> 4)
	}
	return 0
}

// retryJoin is how often a member joins the seeds that it doesn't see alive, like an agent's
// retry-join. Without it, two halves that have forgotten each other stay apart for ever, as after a
// restart of all seeds.
const retryJoin = 30 * time.Second

// Start starts member i at its last address, knowing nothing, and has it join the seeds.
func (c *Cluster) Start(i int) { c.start(i, addr(i, c.moves(i)), nil) }

// Move starts member i at a new address, knowing nothing, and has it join the seeds.
func (c *Cluster) Move(i int) { c.start(i, addr(i, c.moves(i)+1), nil) }

// start starts member i. It knows what is in warm, unless that is nil.
func (c *Cluster) start(i int, where netip.AddrPort, warm *serf.Base) {
	c.Crash(i)
	m := &c.members[i]
	if m.starts > 0 && where != c.sim.Addr(i) {
		c.views.forget(i) // whoever knows it knows another address
	}
	if m.starts++; m.starts == 1 && !m.faulted {
		c.faultless++
	}
	m.leaving = false
	cfg := c.config(i, where)
	m.minEvent = uint64(cfg.MinEventTime)
	m.warm = warm
	c.views.setTruth(i, true)
	c.views.begin(i, warm != nil)
	c.members[i].changed = c.Now()
	if warm != nil {
		c.members[i].changed = c.Now().Add(-forLong) // long enough for anybody who looks back
	}
	if m.starts > 1 { // the first one is part of the cold start
		c.metrics.begin(c.Now(), "restart", i)
	}
	c.metrics.returned(i)
	for _, k := range c.checks {
		k.restarted(i)
	}
	err := c.sim.Start(i, where, func(now swim.Time, out *swim.Output) (swim.Machine, error) {
		n, err := serf.NewSimulated(now, cfg, c.simulation(i), out)
		if err == nil {
			c.record(i, now, n)
		}
		return n, err
	})
	if err != nil {
		panic("BUG: " + err.Error()) // the configuration is ours
	}
	c.up++
	c.joinSeeds(i)
}

// simulation is what the node of member i is told about the simulation.
func (c *Cluster) simulation(i int) serf.Simulation {
	s := serf.Simulation{Roster: c.roster(i), Warm: c.members[i].warm}
	if c.cfg.WithoutAt == nil || c.cfg.WithoutAt(i) {
		s.Without = c.cfg.Without
	}
	return s
}

// Restore puts, in place of the node of member i, which isn't down, the one that is restored from
// its state. Nothing must come of that. keyOf returns the keys of the cluster by their
// fingerprints.
func (c *Cluster) Restore(i int, keyOf func(wire.Fingerprint) []byte) error {
	state := c.Node(i).AppendState(nil)
	n, err := serf.RestoreSimulated(c.config(i, c.sim.Addr(i)), c.simulation(i), keyOf, state)
	if err != nil {
		return err
	}
	if again := n.AppendState(nil); !bytes.Equal(again, state) {
		return fmt.Errorf("%s: restored, its state of %d bytes has %d", c.Name(i), len(state), len(again))
	}
	if c.cfg.Explain > 0 {
		c.histories[i] = n.Swim().History()
	}
	c.sim.Replace(i, n)
	return nil
}

// forLong is longer than any time that undisturbed is asked about.
const forLong = 30 * 24 * time.Hour

// coordinatesMax bounds the coordinates that all members together remember of others: 256 MB. Up to
// 1,448 members can each remember all.
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

// joinSeeds has member i join the seeds that it doesn't see alive, now and every retryJoin.
func (c *Cluster) joinSeeds(i int) {
	if c.cfg.Apart {
		return
	}
	var apart []int
	for s := range c.cfg.Seeds {
		if s != i && c.members[s].starts > 0 && !c.views.sees(i, s) {
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
	c.sim.After(retryJoin, func() {
		if c.members[i].starts == life && !c.sim.Down(i) && !c.members[i].leaving {
			c.joinSeeds(i)
		}
	})
}

// Join has member i join the others, which must have been started before.
func (c *Cluster) Join(i int, others ...int) {
	var to []netip.AddrPort
	for _, o := range others {
		if c.members[i].ownName > 0 {
			o = i
		}
		to = append(to, c.sim.Addr(o))
	}
	c.do(i, func(n *serf.Node, now swim.Time, out *swim.Output) { n.Join(now, to, true, out) })
}
