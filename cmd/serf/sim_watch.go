package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"serf/agent/rpc"
	"serf/internal/timing"
	"serf/netsim/scenario"
	"serf/netsim/twin"
)

// watcher asks an agent what it has seen of its cluster.
type watcher struct {
	c      *rpc.Client
	length time.Duration // between the two times that it is asked; 0: by default
	tell   io.Writer     // that it takes a while
}

// agentStats are the figures of an agent, by section.
type agentStats map[string]map[string]string

// watch asks the agent. One that counts what happens needs not be asked twice.
func (w *watcher) watch(ctx context.Context) (*twin.Observed, error) {
	first, err := w.c.Stats(ctx)
	if err != nil {
		return nil, err
	}
	o := &twin.Observed{Agent: first["agent"]["name"]}
	if err := w.askMembers(ctx, o); err != nil {
		return nil, err
	}
	last := first
	if w.length == 0 && first["counters"] == nil {
		w.length = likeWatch
	}
	if w.length > 0 {
		fmt.Fprintf(w.tell, "Asking again in %v.\n", w.length)
		select {
		case <-time.After(w.length):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		if last, err = w.c.Stats(ctx); err != nil {
			return nil, err
		}
	}
	o.Counts = w.counts(first, last)
	o.Timing = timingOf(last["settings"])
	o.Compressed = last["settings"]["enable_compression"] == "true"
	o.Encrypted = last["serf"]["encrypted"] == "true"
	o.Zones.Tag = last["zones"]["tag"]
	if last["settings"] != nil { // others, and older ones of ours, hang up
		err = w.askTrips(ctx, o)
	}
	return o, err
}

// number reads a count; 0 if there is none.
func (s agentStats) number(section, name string) uint64 {
	n, _ := strconv.ParseUint(s[section][name], 10, 64)
	return n
}

// counts is what happened between two answers, or since the agent's start if it was asked once. An
// agent that doesn't count has Lamport times: each event raises its clock, and those that were sent
// at the same time share one.
func (w *watcher) counts(first, last agentStats) twin.Counts {
	if last["counters"] == nil {
		return twin.Counts{
			Over: w.length, AtLeast: true,
			Events:  last.since(first, "serf", "event_time"),
			Queries: last.since(first, "serf", "query_time"),
		}
	}
	if w.length == 0 || last.uptime() < first.uptime() { // or it has restarted meanwhile
		first = nil
	}
	since := func(name string) uint64 { return last.since(first, "counters", name) }
	return twin.Counts{
		Over: last.uptime() - first.uptime(), Events: since("events"), Queries: since("queries"),
		EventBytes: since("event_bytes"), QueryBytes: since("query_bytes"),
		Probes: true, Direct: since("probes_direct"), Relayed: since("probes_relayed"),
		Streams: since("probes_tcp"),
	}
}

// since is by how much a count has grown. That of an agent that has restarted begins anew.
func (s agentStats) since(first agentStats, section, name string) uint64 {
	was, is := first.number(section, name), s.number(section, name)
	if is < was {
		return is
	}
	return is - was
}

func (s agentStats) uptime() time.Duration {
	d, _ := time.ParseDuration(s["counters"]["uptime"])
	return d
}

// timingOf reads the timings that an agent tells, nil if it tells none. Those that are unknown here
// are a newer agent's.
func timingOf(settings map[string]string) *scenario.Timing {
	var s scenario.Scenario
	known := false
	for key, text := range settings { // order-free: each by itself
		if slices.Contains(timing.Keys(), key) && s.Set("timing."+key, text) == nil {
			known = true
		}
	}
	if !known {
		return nil
	}
	return &s.Timing
}

// askTrips asks what agents have measured. If some can't be asked, coordinates say the rest.
func (w *watcher) askTrips(ctx context.Context, o *twin.Observed) error {
	t, err := w.c.RoundTrips(ctx, 0)
	switch {
	case errors.Is(err, rpc.ErrNoSurvey):
		return nil
	case err != nil:
		return err
	}
	for _, r := range t.Trips {
		o.Trips = append(o.Trips, twin.Trip{From: r.From, To: r.To, RTT: r.Took})
	}
	o.Answered = t.Answered
	return nil
}

// coordinatesAtOnce is how many questions about coordinates wait for answers at a time, which a
// distant agent takes a round trip for.
const coordinatesAtOnce = 32

// askMembers asks for all members, and where those are that are alive.
func (w *watcher) askMembers(ctx context.Context, o *twin.Observed) error {
	list, err := w.c.Members(ctx)
	if err != nil {
		return err
	}
	for _, m := range list {
		o.Members = append(o.Members, twin.Member{Name: m.Name, Status: m.Status, Tags: m.Tags})
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(coordinatesAtOnce)
	for i := range o.Members {
		g.Go(func() error { return w.locate(ctx, &o.Members[i]) })
	}
	return g.Wait()
}

// locate asks where a member is.
func (w *watcher) locate(ctx context.Context, m *twin.Member) error {
	if m.Status != "alive" {
		return nil
	}
	at, ok, err := w.c.Coordinate(ctx, m.Name)
	if ok {
		m.At = &at
	}
	return err
}
