// Package twin makes a scenario of what an agent has seen of its cluster: as many members, in the
// same regions, with the same round trips, losses, timings and rates of events. [Make] says with
// each of its choices what it was made from. It is a function of its input; whoever calls it asks
// the agent.
package twin

import (
	"fmt"
	"strings"
	"time"

	"serf/netsim/cluster"
	"serf/netsim/scenario"
	"serf/swim/serf/coord"
)

// Observed is what one agent has seen of its cluster.
type Observed struct {
	// Agent is the name of the agent that was asked.
	Agent   string
	Members []Member
	// Trips are round trips that were measured, by this agent or others.
	Trips []Trip
	// Answered is how many agents told theirs.
	Answered int // this one included
	// Timing has all timings of the agent; nil if it doesn't tell them.
	Timing *scenario.Timing
	Counts Counts
	// Encrypted and Compressed say how the agent's packets are.
	Encrypted, Compressed bool
	Zones                 Zones
}

// Member is a member as the agent sees it.
type Member struct {
	Name   string
	Status string // as RPC says: alive, leaving, failed, left
	Tags   map[string]string
	At     *coord.Coordinate // nil if the agent doesn't know it
}

// Trip is a round trip between two members, by name.
type Trip struct {
	From, To string
	RTT      time.Duration
}

// Counts are what the agent counted, Over some time. Without Over nothing was counted.
type Counts struct {
	Over time.Duration
	// Probes says whether the agent counts probes, and how they ended: with the direct ack, with one
	// that another member passed on, or by TCP alone.
	Probes                   bool
	Direct, Relayed, Streams uint64
	// Events and Queries are how many the cluster had; AtLeast if there may have been more, whose
	// payloads aren't known.
	Events, Queries        uint64
	EventBytes, QueryBytes uint64 // of all payloads
	AtLeast                bool
}

// Zones says whether the agent gossips mostly within its zone, see [scenario.Zones].
type Zones struct {
	Tag    string // "": it doesn't
	Share  int    // in percent; 0 if it isn't known
	Probes bool
}

// Options are what the user says about the twin.
type Options struct {
	// RegionTag is the tag that names a member's region. "" has coordinates tell regions apart.
	RegionTag string
	// Timings says where timings come from instead of the agent, such as "-profile"; "" if nowhere.
	Timings string
	// For is how long the twin is simulated; 0: long enough for crashes to be found.
	For time.Duration
}

// Twin is a scenario made from a cluster, and what each part was made from.
type Twin struct {
	Scenario scenario.Scenario
	Findings []Finding
	// RoundTrips are those of each pair of regions, and within each.
	RoundTrips []RoundTrips
}

// Finding is what was found out about one part of the scenario.
type Finding struct {
	Subject string // such as "nodes" or "path"
	Text    string
}

// maker makes one twin.
type maker struct {
	Twin
	in      *Observed
	o       *Options
	alive   []Member
	regions []region
	of      []int // the number of each one's region
}

// Make makes the twin of a cluster. The scenario is valid; an error is about the options, or says
// why there can't be a twin.
func Make(in *Observed, o Options) (Twin, error) {
	m := &maker{in: in, o: &o}
	m.Scenario = scenario.Default()
	m.Scenario.Start.Warm = true
	for _, step := range []func() error{
		m.takeMembers, m.takeTimings, m.takeRegions, m.takePaths, m.takeLoss, m.takeWork, m.takeRest,
	} {
		if err := step(); err != nil {
			return Twin{}, err
		}
	}
	return m.Twin, nil
}

// found records a finding. Its copies at all calls would be some kB.
func (m *maker) found(subject, format string, args ...any) {
	m.Findings = append(m.Findings, Finding{subject, fmt.Sprintf(format, args...)})
}

// takeMembers counts those that are alive. The others aren't part of the twin: the cluster as it
// runs does without them, and a simulated member that the rest believes failed would have to be
// failed first.
func (m *maker) takeMembers() error {
	count := make(map[string]int)
	for _, x := range m.in.Members {
		count[x.Status]++
		if x.Status == "alive" {
			m.alive = append(m.alive, x)
		}
	}
	n := len(m.alive)
	switch {
	case n == 0:
		return fmt.Errorf("the agent sees no member alive")
	case n > cluster.MaxMembers:
		return fmt.Errorf("%d members are alive, and a scenario has at most %d", n,
			cluster.MaxMembers)
	}
	m.Scenario.Members = n
	text := fmt.Sprintf("%d alive, as %s sees them", n, m.in.Agent)
	var others []string
	for _, status := range []string{"failed", "left", "leaving"} {
		if count[status] > 0 {
			others = append(others, fmt.Sprintf("%d %s", count[status], status))
		}
	}
	if len(others) > 0 {
		text += "; not simulated: " + strings.Join(others, ", ")
	}
	m.found("nodes", "%s", text)
	return nil
}
