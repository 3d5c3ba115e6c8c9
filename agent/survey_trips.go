package agent

import (
	"context"
	"time"

	"serf/agent/survey"
	"serf/swim"
	"serf/swim/serf"
)

// RoundTrips asks all agents of this implementation for the round trips of their probes. It takes as
// long as Views. Those of this agent are the last few to each member; of others there is one to
// each, and in large clusters only to some, the same for all.
func (a *Agent) RoundTrips(ctx context.Context, timeout time.Duration) (survey.RoundTrips, error) {
	if timeout <= 0 {
		timeout = ViewsTimeout
	}
	p := poll{a: a, trips: true, timeout: timeout, agents: make(map[string]*polled)}
	if err := p.ask(ctx); err != nil {
		return survey.RoundTrips{}, err
	}
	t := survey.RoundTrips{AsSeenBy: a.conf.Name, Answered: 1}
	err := a.do(ctx, func(swim.Time) {
		n := a.loop.node
		for m := range n.All() {
			for _, rtt := range n.RoundTrips(m.Name) {
				t.Trips = append(t.Trips, survey.RoundTrip{From: a.conf.Name, To: m.Name, Took: rtt})
			}
		}
	})
	names := p.hashes()
	for _, g := range p.sorted() {
		switch {
		case g.name == a.conf.Name:
		case g.report == nil:
			if g.status == serf.StatusAlive {
				t.Missing = append(t.Missing, g.name)
			}
		default:
			t.Answered++
			t.Trips = g.appendTrips(t.Trips, names)
		}
	}
	return t, err
}

// hashes has the names of members by their hashes in reports; "" if several have one.
func (p *poll) hashes() map[uint32]string {
	names := make(map[uint32]string)
	for name := range p.agents { // order-free: each by itself
		h := serf.RoundTripHash(name)
		if _, taken := names[h]; taken {
			name = ""
		}
		names[h] = name
	}
	return names
}

// appendTrips appends the round trips that an agent reports, to members that are listed here.
func (g *polled) appendTrips(list []survey.RoundTrip, names map[uint32]string) []survey.RoundTrip {
	trips, err := g.report.RoundTrips()
	if err != nil {
		return list // what it says about its view counts all the same
	}
	for _, r := range trips {
		if to := names[r.Member]; to != "" && len(list) < survey.RoundTripsMax {
			took := time.Duration(r.Micros) * time.Microsecond
			list = append(list, survey.RoundTrip{From: g.name, To: to, Took: took})
		}
	}
	return list
}
