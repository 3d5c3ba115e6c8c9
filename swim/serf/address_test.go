package serf

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"
)

// move gives the host of a running node another address.
func (c *cluster) move(n *clusterNode, at string) {
	c.t.Helper()
	delete(c.nodes, n.addr)
	n.addr = addrOf(at)
	c.nodes[n.addr] = n
	if err := n.SetAddr(c.now, n.addr, &n.out); err != nil {
		c.t.Fatal(err)
	}
	c.flush(n)
}

// Hosts get other addresses while their members run, one or several at a time, and soon all members
// know them.
func TestClusterKnowsNewAddressesOfRunningMembers(t *testing.T) {
	for _, moving := range []int{1, 3, 6} {
		names := []string{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j"}
		c := newCluster(t, plain, names...)
		places := map[string]netip.AddrPort{}
		for _, name := range names {
			places[name] = addrOf(name)
		}
		for _, n := range c.order {
			n.forget()
		}
		for i, n := range slices.Clone(c.order[:moving]) {
			at := string(rune('p' + i))
			places[n.name] = addrOf(at)
			c.move(n, at)
		}
		c.run(10 * time.Second)
		for _, n := range c.order {
			for name, at := range places {
				if m, _ := n.Member(name); m.Addr != at || m.Status != StatusAlive {
					t.Errorf("of %d moving: %s has %s at %v, %v, want %v", moving, n.name, name,
						m.Addr, m.Status, at)
				}
			}
			for _, e := range n.events {
				if e[:6] != "update" {
					t.Errorf("of %d moving: %s has the event %q", moving, n.name, e)
				}
			}
		}
	}
}

// A node that moved sends its new address along: it gets the responses to its queries.
func TestQueryAfterANewAddress(t *testing.T) {
	c := newCluster(t, plain, "a", "b", "c")
	for _, n := range c.order {
		n.answer = fmt.Sprint("I am ", n.name)
	}
	a := c.node("a")
	c.move(a, "p")
	c.run(5 * time.Second)
	a.forget()
	if _, err := a.Query(c.now, QueryParams{Name: "who", Timeout: 10 * time.Second}, &a.out); err != nil {
		t.Fatal(err)
	}
	c.flush(a)
	c.run(2 * time.Second)
	c.wantEvents("all answer", a, "answer a=I am a", "answer b=I am b", "answer c=I am c", "done 3")
}
