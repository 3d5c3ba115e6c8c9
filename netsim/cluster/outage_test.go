package cluster

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"serf/netsim"
	"serf/netsim/report"
)

// cut stops all traffic from one member to another, in that direction.
func cut(c *Cluster, from, to int) {
	c.Impair([]int{from}, []int{to}, netsim.WayOut, netsim.Impairment{Cut: true})
}

// partition cuts each group but the first off from all other members. Members that aren't named
// belong to the first group.
func partition(c *Cluster, groups ...[]int) {
	for _, group := range groups[1:] {
		var others []int
		for i := range c.Len() {
			if !slices.Contains(group, i) {
				others = append(others, i)
			}
		}
		c.Impair(group, others, netsim.BothWays, netsim.Impairment{Cut: true})
	}
}

// verdict says how a report of observer that subject failed would be counted now.
func verdict(c *Cluster, observer, subject int) string {
	before := c.metrics.falseFailures
	c.judgeFailure(observer, subject)
	d := c.metrics.falseFailures.Since(before)
	d.OfFaultless, d.AmongFaultless = 0, 0
	switch d {
	case report.FalseFailures{AcrossFaults: 1}:
		return "across"
	case report.FalseFailures{All: 1}:
		return "false"
	case report.FalseFailures{All: 1, AtHealthy: 1}:
		return "at healthy"
	case report.FalseFailures{All: 1, AtHealthy: 1, OfHealthy: 1}:
		return "of healthy"
	default:
		return fmt.Sprintf("%+v", d)
	}
}

// A member that has had a fault never counts as one without, however long ago that was.
func TestMembersWithoutAFault(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]func(c *Cluster){
		"pause": func(c *Cluster) { c.Pause(1, time.Second) },
		"stall": func(c *Cluster) { c.Stall(1, time.Second) },
		"crash": func(c *Cluster) { c.Crash(1); backIn10s(c, 1) },
		"leave": func(c *Cluster) { c.Leave(1); backIn10s(c, 1) },
		"impaired": func(c *Cluster) {
			c.sim.After(time.Second, c.Impair([]int{1}, nil, netsim.WayOut, netsim.Impairment{BlockUDP: true}))
		},
		"partition": func(c *Cluster) { partition(c, []int{0, 2, 3}, []int{1}); c.Heal() },
	} {
		c := newCluster(t, 4, "lan")
		if err := c.BootWarm(); err != nil {
			t.Fatal(err)
		}
		fault(c)
		c.Run(10 * time.Minute)
		if c.faultless != 3 {
			t.Errorf("%s: %d members without a fault", name, c.faultless)
		}
		before := c.metrics.falseFailures
		c.judgeFailure(0, 1)
		if d := c.metrics.falseFailures.Since(before); d.All != 1 || d.OfFaultless != 0 {
			t.Errorf("%s: about one with a fault: %+v", name, d)
		}
		c.judgeFailure(1, 2)
		c.judgeFailure(0, 2)
		if d := c.metrics.falseFailures.Since(before); d.All != 3 || d.OfFaultless != 2 || d.AmongFaultless != 1 {
			t.Errorf("%s: about one without, by one with and one without: %+v", name, d)
		}
	}
}

// A pause is noticed when a member without a fault says that the one that stands still has failed,
// and known when all of them have.
func TestPausesAreNoticed(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 6, "lan")
	if err := c.BootWarm(); err != nil {
		t.Fatal(err)
	}
	c.Pause(4, time.Minute)
	c.Pause(5, time.Minute)
	say := func(after time.Duration, observers ...int) {
		c.Run(after)
		for _, o := range observers {
			c.judgeFailure(o, 4)
		}
	}
	say(time.Second, 5)    // it stands still, too
	say(time.Second, 0, 0) // the same one twice
	say(time.Second, 1, 2)
	if p := c.Report().Pauses; len(p) != 1 || p[0] != (report.Pause{First: 2 * time.Second}) {
		t.Errorf("by all but one: %+v", p)
	}
	say(time.Second, 3)
	if p := c.Report().Pauses; len(p) != 1 || p[0] != (report.Pause{First: 2 * time.Second, All: 4 * time.Second}) {
		t.Errorf("by all: %+v", p)
	}
	c.Resume(4)
	say(time.Second, 0)
	if p := c.Report().Pauses; len(p) != 1 {
		t.Errorf("after its end: %+v", p)
	}
}

// faultFor10s has the network between m1 to m3 and peers, nil for all, be faulty for 10 seconds.
func faultFor10s(peers []int, way netsim.Way, what netsim.Impairment) func(c *Cluster) {
	return func(c *Cluster) { c.sim.After(10*time.Second, c.Impair([]int{0, 1, 2}, peers, way, what)) }
}

// forEach3 does something to each of m1 to m3.
func forEach3(do func(c *Cluster, i int)) func(c *Cluster) {
	return func(c *Cluster) {
		for i := range 3 {
			do(c, i)
		}
	}
}

// backIn10s starts a member again that is about to stop.
func backIn10s(c *Cluster, i int) { c.sim.After(10*time.Second, func() { c.Start(i) }) }

// A fault concerns m1 to m3, from 10s to 20s; where it is with some only, these are m4 and m5.
func TestFailuresAreJudgedByFaultsThatAreOrWere(t *testing.T) {
	t.Parallel()
	const hit, hit2, peer, other, other2 = 0, 1, 3, 7, 8
	others, some := []int{3, 4, 5, 6, 7, 8, 9}, []int{3, 4}
	for name, test := range map[string]struct {
		fault                                       func(c *Cluster)
		hitOfHit, hitOfPeer, hitOfOther             string // what hit ones say
		peerOfHit, peerOfOther, otherOfHit, ofOther string
	}{
		"partition":            {faultFor10s(others, netsim.BothWays, netsim.Impairment{Cut: true}), "false", "across", "across", "across", "of healthy", "across", "of healthy"},
		"partition, inwards":   {faultFor10s(others, netsim.WayIn, netsim.Impairment{Cut: true}), "false", "across", "across", "across", "of healthy", "across", "of healthy"},
		"partition from some":  {faultFor10s(some, netsim.BothWays, netsim.Impairment{Cut: true}), "false", "across", "false", "across", "false", "at healthy", "of healthy"},
		"no UDP":               {faultFor10s(nil, netsim.BothWays, netsim.Impairment{BlockUDP: true}), "across", "across", "across", "across", "of healthy", "across", "of healthy"},
		"no UDP to some":       {faultFor10s(some, netsim.WayOut, netsim.Impairment{BlockUDP: true}), "false", "across", "false", "across", "false", "at healthy", "of healthy"},
		"loss":                 {faultFor10s(nil, netsim.WayOut, netsim.Impairment{Loss: netsim.Probability(0.4)}), "across", "across", "across", "across", "of healthy", "across", "of healthy"},
		"delay, to some":       {faultFor10s(some, netsim.BothWays, netsim.Impairment{Delay: netsim.Constant(2 * time.Second)}), "false", "across", "false", "across", "false", "at healthy", "of healthy"},
		"little bandwidth":     {faultFor10s(nil, netsim.BothWays, netsim.Impairment{Bandwidth: 1000}), "across", "across", "across", "across", "of healthy", "across", "of healthy"},
		"pause":                {forEach3(func(c *Cluster, i int) { c.Pause(i, 10*time.Second) }), "false", "false", "false", "at healthy", "of healthy", "at healthy", "of healthy"},
		"crash and restart":    {forEach3(func(c *Cluster, i int) { c.Crash(i); backIn10s(c, i) }), "false", "false", "false", "at healthy", "of healthy", "at healthy", "of healthy"},
		"leave and come again": {forEach3(func(c *Cluster, i int) { c.Leave(i); backIn10s(c, i) }), "false", "false", "false", "at healthy", "of healthy", "at healthy", "of healthy"},
	} {
		c := newCluster(t, 10, "lan")
		if err := c.BootWarm(); err != nil {
			t.Fatal(err)
		}
		lag := c.lag()
		c.sim.After(10*time.Second, func() { test.fault(c) })
		judge := func(when string, want ...string) {
			t.Helper()
			for i, pair := range [][2]int{{hit, hit2}, {hit, peer}, {hit, other}, {peer, hit}, {peer, other}, {other, hit}, {other, other2}} {
				if got := verdict(c, pair[0], pair[1]); c.Alive(pair[0]) && c.Alive(pair[1]) && got != want[i] {
					t.Errorf("%s, %s: m%d says that m%d failed: %s, want %s", name, when, pair[0]+1, pair[1]+1, got, want[i])
				}
			}
		}
		sound := []string{"of healthy", "of healthy", "of healthy", "of healthy", "of healthy", "of healthy", "of healthy"}
		bad := []string{test.hitOfHit, test.hitOfPeer, test.hitOfOther, test.peerOfHit, test.peerOfOther, test.otherOfHit, test.ofOther}
		c.Run(9 * time.Second)
		judge("before", sound...)
		c.Run(2 * time.Second)
		judge("while it lasts", bad...)
		c.Run(10 * time.Second)
		judge("soon after", bad...)
		c.Run(lag - 2*time.Second)
		judge("as long after as it takes effect", bad...)
		c.Run(2 * time.Second)
		judge("later", sound...)
	}
}

func TestFailuresAreJudgedByFaultsOfTheCluster(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]func(c *Cluster){
		"cut":       func(c *Cluster) { cut(c, 0, 1) },
		"partition": func(c *Cluster) { partition(c, []int{0, 2}, []int{1}) },
		"impaired":  func(c *Cluster) { c.Impair([]int{0}, []int{1}, netsim.BothWays, netsim.Impairment{Cut: true}) },
	} {
		c := newCluster(t, 6, "lan")
		if err := c.BootWarm(); err != nil {
			t.Fatal(err)
		}
		fault(c)
		if got := verdict(c, 1, 0); got != "across" {
			t.Errorf("%s: %s", name, got)
		}
		if got := verdict(c, 2, 4); got == "across" {
			t.Errorf("%s: two others: %s", name, got)
		}
		c.Run(time.Second)
		c.Heal()
		c.Run(c.lag() - 1)
		if got := verdict(c, 1, 0); got != "across" {
			t.Errorf("%s, mended: %s", name, got)
		}
		c.Run(1)
		if got := verdict(c, 1, 0); got != "of healthy" {
			t.Errorf("%s, mended for long: %s", name, got)
		}
	}
}

// What is over is forgotten: the list of a member stays short however many faults it has.
func TestTroublesAreForgotten(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 5, "lan")
	if err := c.BootWarm(); err != nil {
		t.Fatal(err)
	}
	for range 100 {
		end := c.Impair([]int{0}, nil, netsim.BothWays, netsim.Impairment{BlockUDP: true})
		c.Run(5 * time.Second)
		end()
		c.Run(5 * time.Second)
	}
	if n, most := len(c.members[0].outages), 1+int(c.lag()/(10*time.Second))+1; n == 0 || n > most {
		t.Errorf("%d troubles, at most %d can still show", n, most)
	}
}
