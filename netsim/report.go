package netsim

import (
	"fmt"
	"io"
	"slices"
	"time"

	"serf/swim"
)

// Report is the figures of a run so far.
type Report struct {
	Members, Running int
	Time             time.Duration // simulated
	Settled          bool
	Wrong            int // pairs of a member and another that it is wrong about
	Episodes         []Episode
	Detections       []Detection
	FirstNoticed     Durations // of crashes, by the first other member
	AllNoticed       Durations // by the last
	Bounds           [2]time.Duration
	FalseFailures    uint64
	ExcusedFailures  uint64
	Suspicions       uint64
	Refutations      uint64
	UserEvents       int
	EventDeliveries  uint64
	EventSpread      Durations
	BusiestBytes     uint64 // sent by the member that sent most
	Network          Stats
	Trace            uint64
	Violations       []Violation
	Cut              bool // interrupted before its time

	start swim.Time // times in Episodes and Detections count from here
}

// base is the state of the counters when the measuring began.
type base struct {
	at    swim.Time
	stats Stats
	bytes []uint64 // sent by each member
}

// rebase forgets what was measured so far.
func (c *Cluster) rebase() {
	c.base = base{at: c.Now(), stats: c.sim.Stats(), bytes: make([]uint64, c.Len())}
	for i := range c.members {
		_, c.base.bytes[i] = c.sim.Sent(i)
	}
	c.metrics, c.events = metrics{}, ledger{}
}

// Report returns the figures so far.
func (c *Cluster) Report() Report {
	r := Report{
		Members: c.Len(), Time: c.Now().Sub(c.base.at), start: c.base.at, Settled: c.Settled(), Wrong: c.beliefs.wrong,
		Episodes: slices.Clone(c.metrics.episodes), Detections: slices.Clone(c.metrics.detections),
		FalseFailures: c.metrics.falseFailures, ExcusedFailures: c.metrics.excused,
		Suspicions: c.metrics.suspicions, Refutations: c.metrics.refutations,
		UserEvents: len(c.events.entries), EventDeliveries: c.events.total, EventSpread: c.events.times(),
		Network: c.sim.Stats().since(c.base.stats), Trace: c.sim.TraceHash(), Violations: slices.Clone(c.broken),
	}
	r.FirstNoticed, r.AllNoticed = c.metrics.detectionTimes()
	r.Bounds[0], r.Bounds[1] = c.cfg.Profile.DetectionBounds(c.Len())
	for i := range c.members {
		if !c.sim.Down(i) {
			r.Running++
		}
		_, bytes := c.sim.Sent(i)
		if c.base.bytes != nil {
			bytes -= c.base.bytes[i]
		}
		r.BusiestBytes = max(r.BusiestBytes, bytes)
	}
	return r
}

// WriteTo writes the figures for people to read.
func (r *Report) WriteTo(w io.Writer) (int64, error) {
	p := &printer{w: w}
	cut := ""
	if r.Cut {
		cut = " (interrupted)"
	}
	p.line("simulated", "%v%s, %d of %d members running at the end", r.Time, cut, r.Running, r.Members)
	r.writeViews(p)
	r.writeDetections(p)
	p.line("false failures", "%d (and %d by or about members in trouble); %d suspicions, %d refuted",
		r.FalseFailures, r.ExcusedFailures, r.Suspicions, r.Refutations)
	if r.UserEvents > 0 {
		p.line("user events", "%d fired, %d deliveries", r.UserEvents, r.EventDeliveries)
		p.line("  to all", "%s", r.EventSpread)
	}
	r.writeTraffic(p)
	for _, v := range r.Violations {
		p.line("BROKEN RULE", "%v", v)
	}
	p.line("trace", "%016x", r.Trace)
	return p.n, p.err
}

// writeViews tells how long each change took until all views agreed, restarts together.
func (r *Report) writeViews(p *printer) {
	const most = 12 // lines
	var restarts []time.Duration
	shown := 0
	for _, e := range r.Episodes {
		took := "views don't agree yet"
		if e.Settled != swim.Never {
			took = "all views agree after " + short(e.Settled.Sub(e.At))
		}
		switch {
		case e.Member >= 0 && e.Settled != swim.Never:
			restarts = append(restarts, e.Settled.Sub(e.At))
		case e.Member >= 0:
		case shown < most:
			shown++
			p.line(e.What, "at %v: %s", e.At.Sub(r.start), took)
		}
	}
	if len(restarts) > 0 {
		p.line("restarts, leaves", "all views agree after: %s", durationsOf(restarts))
	}
	switch {
	case r.Running == 0:
		p.line("at the end", "nobody is left")
	case r.Settled:
		p.line("at the end", "all views agree")
	default:
		p.line("at the end", "%d of %d views of another member are wrong", r.Wrong, r.Running*(r.Members-1))
	}
}

func (r *Report) writeDetections(p *printer) {
	if len(r.Detections) == 0 {
		return
	}
	p.line("crashes", "%d, of which %d noticed, %d by all", len(r.Detections), r.FirstNoticed.Count, r.AllNoticed.Count)
	p.line("  by the first", "%s (with healthy members around, %v to %v)", r.FirstNoticed, r.Bounds[0].Round(time.Millisecond), r.Bounds[1].Round(time.Millisecond))
	p.line("  by all", "%s", r.AllNoticed)
}

func (r *Report) writeTraffic(p *printer) {
	seconds := r.Time.Seconds() * float64(max(r.Members, 1))
	if seconds == 0 {
		return
	}
	n := &r.Network
	p.line("packets", "%d sent, %d delivered, %d lost by chance, %d cut off, %d duplicated, %d to nobody",
		n.Sent, n.Delivered, n.Lost, n.Cut, n.Duplicated, n.Nobody)
	p.line("  per member", "%.1f packets and %.0f bytes a second; the busiest sent %.0f bytes a second",
		float64(n.Sent)/seconds, float64(n.SentBytes)/seconds, float64(r.BusiestBytes)/r.Time.Seconds())
	p.line("streams", "%d, %d failed, %.0f bytes a second and member", n.Streams, n.StreamsFailed, float64(n.StreamBytes)/seconds)
}

// String gives the median and the worst.
func (s Durations) String() string {
	if s.Count == 0 {
		return "none"
	}
	return fmt.Sprintf("median %s, worst %s", short(s.Median), short(s.Worst))
}

// short rounds d to what is worth reading.
func short(d time.Duration) string {
	if d < time.Second {
		return d.Round(10 * time.Microsecond).String()
	}
	return d.Round(time.Millisecond).String()
}

// printer writes lines of a label and a text, and keeps the first error.
type printer struct {
	w   io.Writer
	n   int64
	err error
}

func (p *printer) line(label, format string, args ...any) {
	if p.err != nil {
		return
	}
	n, err := fmt.Fprintf(p.w, "%-18s"+format+"\n", append([]any{label}, args...)...)
	p.n += int64(n)
	p.err = err
}
