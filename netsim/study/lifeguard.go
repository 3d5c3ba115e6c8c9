// Package study has experiments whose results the documentation shows: [Lifeguard] repeats those of
// the Lifeguard paper, [Convergence] measures how long members that start together need to know
// each other, and [Dissemination] how fast user events reach all. Each runs many seeds at a time.
package study

import (
	"fmt"
	"time"

	"serf/netsim/cluster"
	"serf/netsim/scenario"
	"serf/swim"
	"serf/swim/serf"
)

// An Anomaly is one experiment of the Lifeguard paper (arXiv 1707.00788): some members' processes
// stop at the same time, run on together after a while, stop again, and so on.
type Anomaly struct {
	Members int           // of the cluster, 2 to MaxMembers
	Stopped int           // how many of them stop, always the same ones; at least 1, not all
	Stop    time.Duration // how long each time
	Run     time.Duration // how long they run in between; 0: they stop once only
	// Anywhere: they stop wherever they are, as by a signal. Otherwise each stops when it next
	// sends, as the paper's do.
	Anywhere bool
	Without  swim.Mechanism // what all members do without
	Seed     uint64
}

const (
	// LifeguardMembers is the size of the paper's cluster.
	LifeguardMembers = 128
	lifeguardQuiet   = 15 * time.Second  // before the first stop
	lifeguardFor     = 120 * time.Second // the least length of an experiment, from the first stop
	// lifeguardMult is the paper's suspicion multiplier; what is in use now is 4.
	lifeguardMult = 5
)

// AnomalyResult is what came of an Anomaly.
type AnomalyResult struct {
	False        int    // times that a member reported one as failed that never stopped
	FalseHealthy int    // those of them at members that never stopped
	Packets      uint64 // and exchanges on streams
	Bytes        uint64
	// Each member that others, which never stop, took for failed while it stood still: how long it
	// had stood when the first of them did, and when the last did, if all did before it ran on.
	First, All []time.Duration
}

func (a *Anomaly) validate() error {
	if a.Stopped < 1 || a.Stopped >= a.Members {
		return fmt.Errorf("%d of %d members stop: want at least 1, and not all", a.Stopped, a.Members)
	}
	if a.Stop <= 0 || a.Run < 0 || a.Stop > scenario.MaxTime || a.Run > scenario.MaxTime {
		return fmt.Errorf("stop for %v, run for %v: want more than 0s and at least 0s, up to %v", a.Stop, a.Run, scenario.MaxTime)
	}
	return nil
}

const (
	startTime = time.Second           // until all have been started
	look      = 20 * time.Millisecond // between looks at whether all is quiet
)

// warmTime is more than any profile needs for all members to know each other.
const warmTime = time.Hour

// Simulate carries out the experiment.
func (a *Anomaly) Simulate() (AnomalyResult, error) {
	if err := a.validate(); err != nil {
		return AnomalyResult{}, err
	}
	w := &anomalyWatch{Anomaly: a, deaths: make([]int, a.Members)}
	c, err := w.cluster()
	if err != nil {
		return AnomalyResult{}, err
	}
	c.Boot(startTime)
	c.Run(startTime)
	for limit := swim.Time(warmTime); c.Now() < limit && !(c.Settled() && c.Idle()); {
		c.Run(look)
	}
	c.Run(lifeguardQuiet)
	before := c.Sim().Stats()
	w.begin()
	for end := c.Now().Add(lifeguardFor); c.Now() < end; {
		w.stop()
		c.Run(a.Stop)
		w.resume()
		if a.Run == 0 {
			c.Run(end.Sub(c.Now()))
			break
		}
		c.Run(a.Run)
	}
	n := c.Sim().Stats().Since(before)
	w.result.Packets, w.result.Bytes = n.Sent+n.Streams, n.SentBytes+n.StreamBytes
	return w.result, nil
}

// anomalyWatch stops members, and records which members report which others as failed.
type anomalyWatch struct {
	*Anomaly
	c       *cluster.Cluster
	chosen  []int
	stops   []bool // by member: chosen
	stopped bool   // those are, at the moment
	since   swim.Time
	deaths  []int // by member: how many healthy ones report it as failed in this stop
	result  AnomalyResult
}

func (w *anomalyWatch) cluster() (c *cluster.Cluster, err error) {
	p, err := cluster.ProfileByName("lan")
	if err != nil {
		return nil, err
	}
	w.c, err = cluster.New(cluster.Config{
		Members: w.Members, Profile: p, Link: p.Link, Seed: w.Seed, TimersFirst: true,
		Tune: func(_ int, c *serf.Config) { c.SuspicionMult, c.Without = lifeguardMult, w.Without },
	})
	if err == nil {
		w.c.Sim().Observe(w)
	}
	return w.c, err
}

func (w *anomalyWatch) begin() {
	w.chosen, w.stops = w.c.Pick(w.Stopped), make([]bool, w.Members)
	for _, i := range w.chosen {
		w.stops[i] = true
	}
}

func (w *anomalyWatch) stop() {
	w.stopped, w.since = true, w.c.Now()
	clear(w.deaths)
	for _, i := range w.chosen {
		if w.Anywhere {
			w.c.Sim().Pause(i)
		} else {
			w.c.Sim().Stall(i)
		}
	}
}

func (w *anomalyWatch) resume() {
	w.stopped = false
	for _, i := range w.chosen {
		w.c.Sim().Resume(i)
	}
}

// Event implements Observer.
func (w *anomalyWatch) Event(now swim.Time, host int, e *swim.Event) {
	if e.Kind != serf.EventMemberFailed || w.stops == nil {
		return
	}
	for _, id := range e.Members {
		i, _ := w.c.Index(id)
		switch {
		case !w.stops[i]:
			w.result.False++
			if !w.stops[host] {
				w.result.FalseHealthy++
			}
		case w.stopped && !w.stops[host]:
			w.died(i, now.Sub(w.since))
		}
	}
}

// died records that one more healthy member reports stopped member i as failed.
func (w *anomalyWatch) died(i int, after time.Duration) {
	w.deaths[i]++
	if w.deaths[i] == 1 {
		w.result.First = append(w.result.First, after)
	}
	if w.deaths[i] == w.Members-w.Stopped {
		w.result.All = append(w.result.All, after)
	}
}
