package study

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"serf/internal/invariant"
	"serf/netsim"
	"serf/netsim/cluster"
	"serf/swim"
	"serf/swim/serf"
)

// Dissemination is an experiment: bursts of user events in a cluster that has been together for
// long, and what share of the members has them after which time. docs/figures/convergence.md tells
// what came of it.
type Dissemination struct {
	Members int
	Profile cluster.Profile
	Link    netsim.Link
	Bursts  int
	Events  int           // of a burst, each fired by a random member
	Over    time.Duration // the time that a burst takes
	Every   time.Duration // between the beginnings of bursts
}

// EventMarks are the times after an event is fired at which those are counted that have it.
var EventMarks = [...]time.Duration{
	100 * time.Millisecond, 200 * time.Millisecond, 400 * time.Millisecond, 600 * time.Millisecond, 800 * time.Millisecond,
	time.Second, 1500 * time.Millisecond, 2 * time.Second, 3 * time.Second, 5 * time.Second,
	10 * time.Second, 20 * time.Second, 30 * time.Second, 60 * time.Second,
}

// eventFollowed is how long the last event is followed.
const eventFollowed = time.Minute

// Disseminated is the outcome of a run, or of several.
type Disseminated struct {
	Runs    int
	Events  int
	Reached [len(EventMarks)]uint64 // pairs of an event and a member that had it by then
	Pairs   uint64                  // of an event and a member
	Late    int                     // events that not all members had after a minute
	ToAll   []time.Duration         // of each other event, ascending
	Seconds float64                 // that traffic was counted for
	Packets float64                 // bytes a member in packets
	Streams float64                 // bytes a member on streams
}

// Validate reports every problem of x, joined, or nil.
func (x *Dissemination) Validate() error {
	var errs []error
	bad := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	bad(x.Members >= 2 && x.Members <= cluster.MaxMembers, "nodes %d: allowed 2 to %d", x.Members, cluster.MaxMembers)
	bad(x.Bursts >= 1 && x.Bursts <= cluster.MaxEvents, "bursts %d: allowed 1 to %d", x.Bursts, cluster.MaxEvents)
	bad(x.Events >= 0 && x.Events*x.Bursts <= cluster.MaxEvents, "events %d in each of %d bursts: allowed are %d in all", x.Events, x.Bursts, cluster.MaxEvents)
	bad(x.Over >= 0 && x.Over <= x.Every, "over %v: allowed 0s to %v, when the next burst begins", x.Over, x.Every)
	return errors.Join(errs...)
}

// dissemination watches who gets which event.
type dissemination struct {
	fired []swim.Time
	left  []int // members that don't have it
	Disseminated
}

// Event implements Observer.
func (s *dissemination) Event(now swim.Time, _ int, e *swim.Event) {
	if e.Kind != serf.EventUserEvent {
		return
	}
	k, err := strconv.Atoi(string(e.Data))
	invariant.Check(err == nil && k < len(s.fired), "study: event that wasn't fired")
	took := now.Sub(s.fired[k])
	for i := len(EventMarks) - 1; i >= 0 && took <= EventMarks[i]; i-- {
		s.Reached[i]++
	}
	if s.left[k]--; s.left[k] == 0 && took <= eventFollowed {
		s.ToAll = append(s.ToAll, took)
	}
}

// Run carries the experiment out once. It ends early, with an error, when ctx does.
func (x *Dissemination) Run(ctx context.Context, seed uint64) (Disseminated, error) {
	if err := x.Validate(); err != nil {
		return Disseminated{}, err
	}
	s := &dissemination{}
	c, err := cluster.New(cluster.Config{Members: x.Members, Profile: x.Profile, Link: x.Link, Seed: seed})
	if err != nil {
		return Disseminated{}, err
	}
	c.Sim().Observe(s)
	if err := c.BootWarm(); err != nil {
		return Disseminated{}, err
	}
	before := c.Sim().Stats()
	began := c.Now()
	for b := range x.Bursts {
		for k := range x.Events {
			at := time.Duration(b)*x.Every + x.Over*time.Duration(k)/time.Duration(x.Events)
			c.Sim().After(at, func() { x.fire(c, s) })
		}
	}
	if err := c.RunContext(ctx, time.Duration(x.Bursts-1)*x.Every+x.Over+eventFollowed); err != nil {
		return Disseminated{}, err
	}
	sent := c.Sim().Stats().Since(before)
	s.Runs, s.Events, s.Pairs = 1, len(s.fired), uint64(len(s.fired)*x.Members)
	s.Late = s.Events - len(s.ToAll)
	s.Seconds = c.Now().Sub(began).Seconds()
	s.Packets = float64(sent.SentBytes) / float64(x.Members)
	s.Streams = float64(sent.StreamBytes) / float64(x.Members)
	return s.Disseminated, nil
}

// fire has a random member fire the next event.
func (x *Dissemination) fire(c *cluster.Cluster, s *dissemination) {
	k := len(s.fired)
	s.fired, s.left = append(s.fired, c.Now()), append(s.left, x.Members)
	err := c.UserEvent(c.Pick(1)[0], "event", strconv.AppendInt(nil, int64(k), 10))
	invariant.Check(err == nil, "study: event refused by a member that has nothing else to do")
}

// Study runs the experiment with several seeds: see Convergence.Study.
func (x *Dissemination) Study(ctx context.Context, first uint64, count, workers int, progress func(done, all int)) (Disseminated, error) {
	runs, err := collect(ctx, count, workers, progress, func(i int) (Disseminated, error) { return x.Run(ctx, first+uint64(i)) })
	var sum Disseminated
	for i := range runs {
		sum.add(&runs[i])
	}
	slices.Sort(sum.ToAll)
	return sum, err
}

func (s *Disseminated) add(r *Disseminated) {
	s.Runs += r.Runs
	s.Events += r.Events
	for i := range s.Reached {
		s.Reached[i] += r.Reached[i]
	}
	s.Pairs += r.Pairs
	s.Late += r.Late
	s.ToAll = append(s.ToAll, r.ToAll...)
	s.Seconds += r.Seconds
	s.Packets += r.Packets
	s.Streams += r.Streams
}
