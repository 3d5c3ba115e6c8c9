package cluster

import (
	"slices"
	"time"

	"serf/netsim/report"
	"serf/swim"
)

// metrics are the figures of a run.
type metrics struct {
	counters
	detections []report.Detection
	open       []int       // detections that wait for somebody, in order
	openOf     map[int]int // the same by member
	episodes   []report.Episode
	unsettled  int // episodes at the end of the list that aren't settled
}

// counters are those figures that are just counts.
type counters struct {
	suspicions, refutations uint64
	falseFailures           report.FalseFailures
}

// nobody is the member of an episode that is about several.
const nobody = -1

func (m *metrics) begin(c *Cluster, what string, member int) {
	m.episodes = append(m.episodes, report.Episode{What: what, Member: member, At: c.Now(), Settled: swim.Never})
	m.unsettled++
}

func (m *metrics) settled(now swim.Time) {
	for ; m.unsettled > 0; m.unsettled-- {
		m.episodes[len(m.episodes)-m.unsettled].Settled = now
	}
}

// started begins the wait for a member's return to be known. The first start is
// part of the cold start.
func (m *metrics) started(c *Cluster, i int) {
	if c.members[i].starts > 1 {
		m.begin(c, "restart", i)
	}
	if k, ok := m.openOf[i]; ok {
		m.detections[k].Void = true
		m.shut(k)
	}
}

func (m *metrics) crashed(c *Cluster, i int) {
	due := c.beliefs.believers(i)
	d := report.Detection{Member: i, Name: c.Name(i), At: c.Now(), First: swim.Never, All: swim.Never, Spread: report.NewSpread(c.Now(), due)}
	m.detections = append(m.detections, d)
	if due > 0 {
		if m.openOf == nil {
			m.openOf = make(map[int]int)
		}
		m.openOf[i] = len(m.detections) - 1
		m.open = append(m.open, len(m.detections)-1)
	}
}

// gone notes that one more observer no longer takes subject for alive.
func (m *metrics) gone(c *Cluster, subject int) {
	if k, ok := m.openOf[subject]; ok {
		d := &m.detections[k]
		d.First = min(d.First, c.Now())
		d.Spread.Reach(c.Now())
		m.wait(k, c.Now())
	}
}

// misled notes that an observer takes a crashed subject for alive only now: one more has to learn of the crash.
func (m *metrics) misled(subject int) {
	if k, ok := m.openOf[subject]; ok {
		m.detections[k].Spread.Due++
	}
}

// observerGone stops the waiting for member i, who can't tell any more.
func (m *metrics) observerGone(c *Cluster, i int) {
	for _, k := range slices.Clone(m.open) {
		if d := &m.detections[k]; c.beliefs.believes(i, d.Member) {
			d.Spread.Lose()
			m.wait(k, c.Now())
		}
	}
}

// wait ends the waiting for a crash to be known if nobody is left who doesn't.
func (m *metrics) wait(k int, now swim.Time) {
	d := &m.detections[k]
	if d.Spread.Waiting() == 0 {
		if d.First != swim.Never {
			d.All = now
		}
		m.shut(k)
	}
}

// shut ends the waiting for detection k.
func (m *metrics) shut(k int) {
	delete(m.openOf, m.detections[k].Member)
	m.open = slices.DeleteFunc(m.open, func(o int) bool { return o == k })
}

// failed judges a failure that observer reports.
func (m *metrics) failed(c *Cluster, observer, subject int) {
	if !c.beliefs.isAlive(subject) {
		return
	}
	lag, f := c.lag(), &m.falseFailures
	if c.parted(observer, subject, lag) {
		f.AcrossFaults++
		return
	}
	f.All++
	if c.calm(observer, lag) {
		f.AtHealthy++
		if c.calm(subject, lag) {
			f.OfHealthy++
		}
	}
}

// detectionTimes returns how long it took until the first and the last member
// said that a crashed one failed, for the crashes that have been noticed so far.
func (m *metrics) detectionTimes() (first, all report.Durations) {
	var f, a []time.Duration
	for _, d := range m.detections {
		if d.First != swim.Never {
			f = append(f, d.First.Sub(d.At))
		}
		if d.All != swim.Never && !d.Void {
			a = append(a, d.All.Sub(d.At))
		}
	}
	return report.QuantilesOf(f), report.QuantilesOf(a)
}
