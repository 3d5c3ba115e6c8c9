package cluster

import (
	"time"

	"serf/netsim"
	"serf/netsim/report"
	"serf/swim"
)

const (
	// maxSamples is more than a screen can show apart.
	maxSamples = 600
	// queueLooks is at how many members' queues a sample looks, in turn. With 10,000 members most
	// are in no cache: a look takes 0.7 µs, and 600 samples of all members would take longer than
	// the run.
	queueLooks = 64
)

// sampleSteps are the intervals to choose from, round ones.
var sampleSteps = []time.Duration{
	time.Millisecond, 2 * time.Millisecond, 5 * time.Millisecond,
	10 * time.Millisecond, 20 * time.Millisecond, 50 * time.Millisecond,
	100 * time.Millisecond, 200 * time.Millisecond, 500 * time.Millisecond,
	time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second, 30 * time.Second,
	time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 30 * time.Minute,
	time.Hour, 2 * time.Hour,
}

// sampleEvery is the least of them that divides length into at most maxSamples.
func sampleEvery(length time.Duration) time.Duration {
	for _, step := range sampleSteps {
		if length/step <= maxSamples {
			return step
		}
	}
	return sampleSteps[len(sampleSteps)-1]
}

// Recorder takes the samples of one run. It only reads from the cluster.
type Recorder struct {
	c      *Cluster
	series report.Series
	start  swim.Time
	next   swim.Time
	stats  netsim.Stats // counters when the last interval ended
	seen   counters
	turn   int           // the member whose queue is looked at next
	depths report.Counts // of the sample at hand
	all    report.Counts // of all samples
}

// NewRecorder returns a recorder for a run of the given length, which begins now.
func NewRecorder(c *Cluster, length time.Duration) *Recorder {
	every := sampleEvery(length)
	return &Recorder{
		c: c, series: report.Series{Every: every}, start: c.Now(), next: c.Now().Add(every),
		stats: c.sim.Stats(), seen: c.metrics.counters,
	}
}

// Due is how long it is until the next sample.
func (r *Recorder) Due() time.Duration { return r.next.Sub(r.c.Now()) }

// MaybeSample takes a sample if it is time, and reports whether it did.
func (r *Recorder) MaybeSample() bool {
	c := r.c
	if c.Now() < r.next {
		return false
	}
	stats, seen := c.sim.Stats(), c.metrics.counters
	sent := stats.Since(r.stats)
	r.lookAtQueues()
	r.series.Samples = append(r.series.Samples, report.Sample{
		At: c.Now().Sub(r.start), Running: c.up, Wrong: c.views.wrong,
		Packets: sent.Sent, PacketBytes: sent.SentBytes,
		Streams: sent.Streams, StreamBytes: sent.StreamBytes,
		Suspicions:    seen.suspicions - r.seen.suspicions,
		Refutations:   seen.refutations - r.seen.refutations,
		FalseFailures: seen.falseFailures.Since(r.seen.falseFailures),
		Queue:         r.depths.Quantiles(),
	})
	r.stats, r.seen = stats, seen
	r.next = r.next.Add(r.series.Every)
	return true
}

// Report is the cluster's report with the samples.
func (r *Recorder) Report() report.Report {
	x := r.c.Report()
	x.Series, x.Queue = r.series, r.all.Quantiles()
	return x
}

// lookAtQueues looks at the next members in turn.
func (r *Recorder) lookAtQueues() {
	r.depths.Reset()
	for range min(queueLooks, r.c.Len()) {
		if n := r.c.Node(r.turn); n != nil {
			s := n.Stats()
			depth := n.Swim().Queued() + s.IntentQueue + s.EventQueue + s.QueryQueue
			r.depths.Add(depth)
			r.all.Add(depth)
		}
		r.turn = (r.turn + 1) % r.c.Len()
	}
}
