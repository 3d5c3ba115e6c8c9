package serf

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"serf/swim"
)

// sixOf is the IPv6 address of whoever has the IPv4 address addrOf(name).
func sixOf(name string) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom16([16]byte{0: 0xfd, 15: name[0]}), 7946)
}

// startFamilies starts a node for each letter: those in four have only IPv4, those in six only
// IPv6, those in both and bothSix have both, and advertise their IPv4 or IPv6 address. All join the
// first that has both.
func startFamilies(t *testing.T, four, six, both, bothSix string) *cluster {
	c := &cluster{t: t, now: swim.Time(time.Hour), nodes: map[netip.AddrPort]*clusterNode{}}
	start := func(names string, f swim.Families, addr func(string) netip.AddrPort,
		alt func(string) netip.AddrPort) {
		for _, r := range names {
			name := string(r)
			n := c.start(name, name, func(c *Config) { c.Addr, c.Families = addr(name), f })
			n.answer = "I am " + name
			if alt != nil {
				n.alt = alt(name)
				c.nodes[n.alt] = n
			}
		}
	}
	start(both, swim.IPv4|swim.IPv6, addrOf, sixOf)
	start(bothSix, swim.IPv4|swim.IPv6, sixOf, addrOf)
	start(four, swim.IPv4, addrOf, nil)
	start(six, swim.IPv6, sixOf, nil)
	first := c.order[0]
	for _, n := range c.order[1:] {
		to := first.addr
		if !n.source(to).IsValid() {
			to = first.alt
		}
		n.Join(c.now, []netip.AddrPort{to}, false, &n.out)
		c.flush(n)
	}
	c.run(10 * time.Second)
	for _, n := range c.order {
		if got := n.Len(); got != len(c.order) {
			t.Fatalf("%s knows %d members of %d", n.name, got, len(c.order))
		}
		n.forget()
	}
	return c
}

var familyCases = []struct{ four, six, both, bothSix string }{
	{"a", "b", "c", ""}, {"a", "b", "", "c"}, // one connects the two
	{"a", "", "", "c"}, {"", "a", "c", ""}, // packets of the other family arrive, but can't be sent
	{"abc", "def", "g", "h"},
	{"abcdefgh", "ijklmnop", "q", ""}, // one connects many
	{"abcdefgh", "ijklmnop", "", "q"},
}

// Members with only IPv4 and members with only IPv6 form one cluster as long as some have both.
// Nobody considers a live member failed, and members that die are failed for all.
func TestFamiliesInOneCluster(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("a cluster for each case")
	}
	for _, tt := range familyCases {
		c := startFamilies(t, tt.four, tt.six, tt.both, tt.bothSix)
		c.run(5 * time.Minute)
		for _, n := range c.order {
			if len(n.events) > 0 {
				t.Errorf("%+v: at %s: %q", tt, n.name, n.events)
			}
		}
		for _, dead := range []string{tt.four, tt.six} {
			if len(dead) > 0 && len(c.order) > 2 {
				c.stop(c.nodes[placeOf(c, dead[:1])])
				c.run(40 * time.Second)
				c.wantStatus(fmt.Sprintf("%+v: it is dead", tt), dead[:1], StatusFailed)
			}
		}
	}
}

func placeOf(c *cluster, name string) netip.AddrPort {
	i := slices.IndexFunc(c.order, func(n *clusterNode) bool { return n.name == name })
	return c.order[i].addr
}

// The response of every member that a query reaches arrives. Members that gossip misses aren't
// asked again across families.
func TestEventsAndQueriesCrossFamilies(t *testing.T) {
	t.Parallel()
	for _, tt := range familyCases {
		c := startFamilies(t, tt.four, tt.six, tt.both, tt.bothSix)
		c.run(30 * time.Second) // members find out who reaches whom
		for _, asker := range []*clusterNode{c.order[0], c.order[len(c.order)-1]} {
			if err := asker.UserEvent(c.now, "hello", []byte(asker.name), false, &asker.out); err != nil {
				t.Fatal(err)
			}
			c.flush(asker)
			before := map[string]uint64{}
			for _, n := range c.order {
				before[n.name] = n.Counters().Queries
			}
			if _, err := asker.Query(c.now, QueryParams{Name: "who", Timeout: 10 * time.Second}, &asker.out); err != nil {
				t.Fatal(err)
			}
			c.flush(asker)
			c.run(12 * time.Second)
			reached := 0
			for _, n := range c.order {
				if n.got["hello="+asker.name] != 1 {
					t.Errorf("%+v: %s misses the event of %s", tt, n.name, asker.name)
				}
				if n.Counters().Queries > before[n.name] {
					reached++
				} else {
					continue
				}
				if !slices.Contains(asker.events, fmt.Sprintf("answer %s=I am %s", n.name, n.name)) {
					t.Errorf("%+v: %s misses the response of %s", tt, asker.name, n.name)
				}
			}
			if reached <= len(c.order)/2 {
				t.Errorf("%+v: the query of %[4]s reached %[2]d of %[3]d", tt, reached,
					len(c.order), asker.name)
			}
		}
	}
}

// When the last member with both is gone, each family considers the other failed.
func TestFamiliesFallApart(t *testing.T) {
	t.Parallel()
	c := startFamilies(t, "ab", "de", "", "g")
	c.stop(c.nodes[sixOf("g")])
	c.run(2 * time.Minute)
	for _, n := range c.order {
		for _, other := range []string{"a", "b", "d", "e"} {
			want := StatusFailed
			if (other <= "b") == (n.name <= "b") {
				want = StatusAlive
			}
			if m, _ := n.Member(other); m.Status != want {
				t.Errorf("at %s %s is %v, want %v", n.name, other, m.Status, want)
			}
		}
	}
}
