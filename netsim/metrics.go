package netsim

import (
	"slices"
	"time"

	"serf/swim"
)

// Detection is how the others learned of one crash.
type Detection struct {
	Member int
	At     swim.Time // of the crash
	First  swim.Time // when the first member said so, or Never
	All    swim.Time // when the last one did, or Never
	Void   bool      // the member was back before that, so All has no meaning
	Spread Spread    // among those who took it for alive
}

// waiting is how many still take it for alive.
func (d *Detection) waiting() int { return d.Spread.Due - d.Spread.Reached }

// Episode is a change of the cluster and how long it took until all views
// agreed with the truth again.
type Episode struct {
	What    string
	Member  int // or -1
	At      swim.Time
	Settled swim.Time // or Never
}

// metrics are the figures of a run.
type metrics struct {
	counters
	detections []Detection
	open       []int       // detections that wait for somebody, in order
	openOf     map[int]int // the same by member
	episodes   []Episode
	unsettled  int // episodes at the end of the list that aren't settled
}

// counters are those figures that are just counts.
type counters struct {
	suspicions, refutations uint64
	falseFailures           FalseFailures
}

func (m *metrics) begin(c *Cluster, what string, member int32) {
	m.episodes = append(m.episodes, Episode{What: what, Member: int(member), At: c.Now(), Settled: swim.Never})
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
		m.begin(c, "restart", int32(i))
	}
	if k, ok := m.openOf[i]; ok {
		m.detections[k].Void = true
		m.shut(k)
	}
}

func (m *metrics) crashed(c *Cluster, i int) {
	due := c.beliefs.believers(i)
	d := Detection{Member: i, At: c.Now(), First: swim.Never, All: swim.Never, Spread: newSpread(c.Now(), due)}
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
		d.Spread.reach(c.Now())
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
			d.Spread.lose()
			m.wait(k, c.Now())
		}
	}
}

// wait ends the waiting for a crash to be known if nobody is left who doesn't.
func (m *metrics) wait(k int, now swim.Time) {
	d := &m.detections[k]
	if d.waiting() == 0 {
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

// FalseFailures counts reports that a member failed that runs, or whose process stands still. Healthy is who, for as
// long as a suspicion and its gossip may take, has run and had no fault of its connection;
// what the network is like for all is no fault.
type FalseFailures struct {
	All       uint64 `json:"all"`
	AtHealthy uint64 `json:"at_healthy"` // reported by healthy members
	OfHealthy uint64 `json:"of_healthy"` // by healthy ones about healthy ones
	// AcrossFaults aren't among All: a fault of the network (a partition, blocked UDP, loss, delay and so on) is between
	// the two members, or was so shortly before, and may have kept one from reaching the other.
	AcrossFaults uint64 `json:"across_faults"`
}

func (f FalseFailures) since(earlier FalseFailures) FalseFailures {
	return FalseFailures{f.All - earlier.All, f.AtHealthy - earlier.AtHealthy, f.OfHealthy - earlier.OfHealthy, f.AcrossFaults - earlier.AcrossFaults}
}

// detectionTimes returns how long it took until the first and the last member
// said that a crashed one failed, for the crashes that have been noticed so far.
func (m *metrics) detectionTimes() (first, all Durations) {
	var f, a []time.Duration
	for _, d := range m.detections {
		if d.First != swim.Never {
			f = append(f, d.First.Sub(d.At))
		}
		if d.All != swim.Never && !d.Void {
			a = append(a, d.All.Sub(d.At))
		}
	}
	return quantilesOf(f), quantilesOf(a)
}
