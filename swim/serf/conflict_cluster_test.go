package serf

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"
)

// A newcomer whose name is taken yields, however few the other members are, and whether its query
// reaches them directly or by gossip. Packets overtake each other, and one in ten is lost. In one
// round of a hundred, everything by which it learns of the other may be lost.
func TestNewcomerWithATakenNameYields(t *testing.T) {
	t.Parallel()
	rounds := 5
	switch {
	case *long:
		rounds = 100
	case testing.Short():
		rounds = 2
	}
	for _, tt := range []struct {
		others int
		set    func(*Config)
	}{{1, plain}, {2, plain}, {4, plain}, {9, plain}, {19, plain}, {1, withKeys(1)}, {4, withKeys(1)}} {
		var stayed []int
		for round := range rounds {
			c := contested(t, tt.others, round, tt.set)
			x := c.nodes[addrOf("x")]
			c.run(15 * time.Second)
			if !slices.Contains(x.events, "shutdown") {
				stayed = append(stayed, round)
			}
			if slices.Contains(c.node("a").events, "shutdown") {
				t.Errorf("round %d: the one that was first among %d shuts down", round, tt.others)
			}
		}
		if len(stayed) > rounds/100 {
			t.Errorf("the newcomer among %d stays in rounds %v", tt.others, stayed)
		}
	}
}

// contested is a cluster of so many members, "a" and others, on a bad network, that another "a"
// joins.
func contested(t *testing.T, members, round int, set func(*Config)) *cluster {
	rng := rand.New(rand.NewPCG(uint64(members), uint64(round)))
	names := make([]string, members)
	for i := range names {
		names[i] = string(rune('a' + i))
	}
	settings := func(c *Config) {
		set(c)
		c.Seed += rng.Uint64()
	}
	c := newCluster(t, settings, names...)
	c.run(time.Duration(round%5) * 30 * time.Second)
	c.delay = func() time.Duration { return time.Duration(rng.IntN(50)) * time.Millisecond }
	c.drop = func(netip.AddrPort, netip.AddrPort) bool { return rng.IntN(10) == 0 }
	x := c.start("a", "x", settings)
	for range 3 { // a stream may be lost like a packet
		x.Join(c.now, []netip.AddrPort{addrOf(names[round%members])}, false, &x.out)
		c.flush(x)
	}
	return c
}

// Two nodes of one name without other members compare their ages.
func TestTwoAloneCompareAges(t *testing.T) {
	for _, tt := range []struct {
		name  string
		apart time.Duration
		stays string
	}{
		{"long apart", time.Hour, "b"},
		{"some seconds apart", 3 * time.Second, "b"},
		{"together: the lower address", 0, "a"},
	} {
		c := &cluster{t: t, now: 1, nodes: map[netip.AddrPort]*clusterNode{}}
		one := c.start("n", "b", plain)
		c.run(tt.apart)
		two := c.start("n", "a", plain)
		two.Join(c.now, []netip.AddrPort{one.addr}, false, &two.out)
		c.flush(two)
		c.run(15 * time.Second)
		for _, n := range c.order {
			if stays := nameOf(n.addr) == tt.stays; slices.Contains(n.events, "shutdown") == stays {
				t.Errorf("%s: the one at %s stays: %v", tt.name, nameOf(n.addr), !stays)
			}
		}
	}
}

// Without any response nobody yields: neither of two, nor the newcomer among many.
func TestNobodyYieldsWithoutAnAnswer(t *testing.T) {
	for _, others := range []int{1, 2, 4} {
		c := contested(t, others, 0, plain)
		for _, n := range c.order {
			n.cfg.QueryResponseSizeMax = 1 // no response fits
		}
		c.run(time.Minute)
		for _, n := range c.order {
			if slices.Contains(n.events, "shutdown") {
				t.Errorf("among %d others, the one at %s shuts down", others, nameOf(n.addr))
			}
		}
	}
}
