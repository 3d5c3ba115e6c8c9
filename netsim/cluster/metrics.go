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
	open       []int       // open detections: somebody doesn't know yet; in order
	openOf     map[int]int // the same by member
	episodes   []report.Episode
	unsettled  int // open episodes, at the end of the list
	pauses     []report.Pause
}

// counters are the figures that are plain counts.
type counters struct {
	suspicions, refutations uint64
	falseFailures           report.FalseFailures
}

// nobody is the Member of an episode that concerns several.
const nobody = -1

func (m *metrics) begin(now swim.Time, what string, member int) {
	m.episodes = append(m.episodes,
		report.Episode{What: what, Member: member, At: now, Settled: swim.Never})
	m.unsettled++
}

func (m *metrics) settled(now swim.Time) {
	for ; m.unsettled > 0; m.unsettled-- {
		m.episodes[len(m.episodes)-m.unsettled].Settled = now
	}
}

// returned ends the detection of a member that is back before all knew.
func (m *metrics) returned(member int) {
	if k, ok := m.openOf[member]; ok {
		m.detections[k].Void = true
		m.shut(k)
	}
}

// crashed begins the wait for a crash to be known to the members that spread is due to: those that
// consider the crashed one alive.
func (m *metrics) crashed(now swim.Time, member int, name string, spread report.Spread) {
	m.detections = append(m.detections, report.Detection{
		Member: member, Name: name, At: now, First: swim.Never, All: swim.Never, Spread: spread,
	})
	if spread.Due > 0 {
		if m.openOf == nil {
			m.openOf = make(map[int]int)
		}
		m.openOf[member] = len(m.detections) - 1
		m.open = append(m.open, len(m.detections)-1)
	}
}

// gone notes that one more observer, in that region, no longer considers subject alive.
func (m *metrics) gone(now swim.Time, subject, region int) {
	if k, ok := m.openOf[subject]; ok {
		d := &m.detections[k]
		d.First = min(d.First, now)
		d.Spread.Reach(now, region)
		m.wait(k, now)
	}
}

// addDue notes that an observer, in that region, considers a crashed subject alive only now: one
// more has to learn of the crash.
func (m *metrics) addDue(subject, region int) {
	if k, ok := m.openOf[subject]; ok {
		m.detections[k].Spread.Expect(region)
	}
}

// observerGone ends the waiting for an observer that stopped. believes says whom it considered
// alive.
func (m *metrics) observerGone(now swim.Time, region int, believes func(subject int) bool) {
	for _, k := range slices.Clone(m.open) {
		if d := &m.detections[k]; believes(d.Member) {
			d.Spread.Lose(region)
			m.wait(k, now)
		}
	}
}

// wait closes detection k if everybody knows.
func (m *metrics) wait(k int, now swim.Time) {
	d := &m.detections[k]
	if d.Spread.Waiting() == 0 {
		if d.First != swim.Never {
			d.All = now
		}
		m.shut(k)
	}
}

// shut closes detection k.
func (m *metrics) shut(k int) {
	delete(m.openOf, m.detections[k].Member)
	m.open = slices.DeleteFunc(m.open, func(o int) bool { return o == k })
}

// detectionTimes returns, for the crashes detected so far, how long it took until the first and the
// last member reported them.
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
