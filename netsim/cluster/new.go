package cluster

import (
	"fmt"
	"strconv"
	"time"

	"serf/netsim"
	"serf/swim/history"
)

// New prepares a cluster. No member runs yet.
func New(cfg Config) (*Cluster, error) {
	if cfg.Members < 1 || cfg.Members > MaxMembers {
		return nil, fmt.Errorf("members: %d, allowed 1 to %d", cfg.Members, MaxMembers)
	}
	if cfg.Check && cfg.Members > MaxChecked {
		return nil, fmt.Errorf("members: %d, under check allowed are %d", cfg.Members, MaxChecked)
	}
	if cfg.Explain < 0 || cfg.Explain > ExplainMax {
		return nil, fmt.Errorf("explain: %d, allowed 0 to %d", cfg.Explain, ExplainMax)
	}
	if cfg.Explain > 0 && cfg.Members > MaxChecked {
		return nil, fmt.Errorf("members: %d, with explanations allowed are %d", cfg.Members,
			MaxChecked)
	}
	cfg.Seeds = min(max(cfg.Seeds, 1), cfg.Members)
	c := &Cluster{
		cfg:     cfg,
		members: make([]member, cfg.Members),
		views:   newViewTracker(cfg.Members),
		random:  netsim.NewDraws(cfg.Seed, uint64(cfg.Members), 0),
		queries: make(map[queryKey]*Query),
		keys:    newKeyrings(cfg.Members, cfg.Key, cfg.Compress),
	}
	c.sim = netsim.New(netsim.Config{
		Seed: cfg.Seed, Link: cfg.Link, TimersFirst: cfg.TimersFirst, Workers: cfg.Workers,
	})
	c.sim.Observe(c)
	if cfg.Explain > 0 {
		c.histories = make([]*history.Log, cfg.Members)
	}
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

func allCheckers(c *Cluster) []checker {
	p := passive{c}
	return []checker{
		newViewCheck(p), newConnectedCheck(p), &healthyCheck{p}, &agreementCheck{p}, &deliveryCheck{p},
		newClockCheck(p), &limitCheck{p},
	}
}

// Run lets d pass.
func (c *Cluster) Run(d time.Duration) { c.sim.Run(c.sim.Now().Add(d)) }

// RunUntilSettled lets time pass until all views agree with the truth, for at most d, and reports
// whether they do.
func (c *Cluster) RunUntilSettled(d time.Duration) bool {
	return c.Settled() || c.sim.RunUntil(c.Now().Add(d), c.Settled) || c.Settled()
}
