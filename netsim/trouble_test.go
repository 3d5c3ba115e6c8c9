package netsim

import (
	"fmt"
	"testing"
	"time"
)

// verdict says how a report of observer that subject failed would be counted now.
func verdict(c *Cluster, observer, subject int) string {
	before := c.metrics.falseFailures
	c.metrics.failed(c, observer, subject)
	switch d := c.metrics.falseFailures.since(before); d {
	case FalseFailures{AcrossFaults: 1}:
		return "across"
	case FalseFailures{All: 1}:
		return "false"
	case FalseFailures{All: 1, AtHealthy: 1}:
		return "at healthy"
	case FalseFailures{All: 1, AtHealthy: 1, OfHealthy: 1}:
		return "of healthy"
	default:
		return fmt.Sprintf("%+v", d)
	}
}

// A fault befalls m1 to m3, from 10s to 20s; where it is with some only, these are m4 and m5.
func TestFailuresAreJudgedByFaultsThatAreOrWere(t *testing.T) {
	const hit, hit2, peer, other, other2 = 0, 1, 3, 7, 8
	for _, test := range []struct {
		fault                                       string
		hitOfHit, hitOfPeer, hitOfOther             string // what hit ones say
		peerOfHit, peerOfOther, otherOfHit, ofOther string
	}{
		{`"kind": "partition"`, "false", "across", "across", "across", "of healthy", "across", "of healthy"},
		{`"kind": "partition", "way": "in"`, "false", "across", "across", "across", "of healthy", "across", "of healthy"},
		{`"kind": "partition", "to": {"members": ["m4", "m5"]}`, "false", "across", "false", "across", "false", "at healthy", "of healthy"},
		{`"kind": "block-udp"`, "across", "across", "across", "across", "of healthy", "across", "of healthy"},
		{`"kind": "block-udp", "way": "out", "to": {"members": ["m4", "m5"]}`, "false", "across", "false", "across", "false", "at healthy", "of healthy"},
		{`"kind": "network", "loss": "40%", "way": "out"`, "across", "across", "across", "across", "of healthy", "across", "of healthy"},
		{`"kind": "network", "delay": "2s", "to": {"members": ["m4", "m5"]}`, "false", "across", "false", "across", "false", "at healthy", "of healthy"},
		{`"kind": "network", "bandwidth": "1kbit"`, "across", "across", "across", "across", "of healthy", "across", "of healthy"},
		{`"kind": "pause"`, "false", "false", "false", "at healthy", "of healthy", "at healthy", "of healthy"},
		{`"kind": "crash"`, "false", "false", "false", "at healthy", "of healthy", "at healthy", "of healthy"},
		{`"kind": "leave"`, "false", "false", "false", "at healthy", "of healthy", "at healthy", "of healthy"},
	} {
		p := playOut(t, `{"nodes": 10, "for": "3m", "faults": [{"members": ["m1..m3"], "start": "10s", "length": "10s", `+test.fault+`}]}`)
		c, lag := p.c, p.c.lag()
		judge := func(when string, want ...string) {
			t.Helper()
			for i, pair := range [][2]int{{hit, hit2}, {hit, peer}, {hit, other}, {peer, hit}, {peer, other}, {other, hit}, {other, other2}} {
				if got := verdict(c, pair[0], pair[1]); c.Alive(pair[0]) && c.Alive(pair[1]) && got != want[i] {
					t.Errorf("%s, %s: m%d says that m%d failed: %s, want %s", test.fault, when, pair[0]+1, pair[1]+1, got, want[i])
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
	for name, fault := range map[string]func(c *Cluster){
		"cut":       func(c *Cluster) { c.Cut(0, 1) },
		"partition": func(c *Cluster) { c.Partition([]int{0, 2}, []int{1}) },
		"bad host":  func(c *Cluster) { c.SetFaults(0, HostFaults{BlockIn: true}) },
		"impaired":  func(c *Cluster) { c.Impair([]int{0}, []int{1}, BothWays, Impairment{Cut: true}) },
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

// What is over is forgotten: the list of a member stays short however often something befalls it.
func TestTroublesAreForgotten(t *testing.T) {
	p := playOut(t, `{"nodes": 5, "for": "20m", "faults": [
		{"kind": "block-udp", "members": ["m1"], "length": "5s", "gap": "5s", "repeat": 100}]}`)
	p.c.Run(17 * time.Minute)
	if n, most := len(p.c.members[0].troubles), 1+int(p.c.lag()/(10*time.Second))+1; n == 0 || n > most {
		t.Errorf("%d troubles, at most %d can still show", n, most)
	}
}
