package cluster_test

import (
	"fmt"
	"log"
	"time"

	"serf/netsim"
	"serf/netsim/cluster"
)

// A hundred members on a network that loses a packet in fifty; one of them crashes.
func Example() {
	profile, err := cluster.ProfileByName("lan")
	if err != nil {
		log.Fatal(err)
	}
	link := profile.Link
	link.Loss = netsim.Probability(0.02)
	c, err := cluster.New(cluster.Config{Members: 100, Profile: profile, Link: link, Seed: 1, Check: true})
	if err != nil {
		log.Fatal(err)
	}
	c.Boot(time.Second)
	c.Run(time.Second)
	fmt.Println("all know all:", c.RunUntilSettled(time.Minute))
	c.Run(30 * time.Second)

	c.Crash(41)
	began := c.Now()
	fmt.Println("all know of the crash:", c.RunUntilSettled(time.Minute))
	soonest, latest := profile.DetectionBounds(c.Len())
	took := c.Now().Sub(began)
	fmt.Println("in time:", soonest <= took && took <= latest)
	fmt.Println("wrongly considered failed:", c.Report().FalseFailures.All)
	fmt.Println("invariants broken:", len(c.Violations()))
	// Output:
	// all know all: true
	// all know of the crash: true
	// in time: true
	// wrongly considered failed: 0
	// invariants broken: 0
}
