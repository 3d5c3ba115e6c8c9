// Package telemetry keeps an agent's metrics of the last minute, shows them, and sends them to
// statsd and statsite. Most are read from the agent's own counters, once a second if they are sent;
// nothing that does real work waits for this package.
package telemetry

import (
	"context"
	"strings"
	"sync"
	"time"
	"unicode"

	"serf/agent"
	"serf/driver"
)

const (
	// Interval is the time over which values are summed up.
	Interval = 10 * time.Second
	// Kept is how long the sums are kept.
	Kept = time.Minute
)

// Limits. Names of events come from other members.
const (
	// namesMax is how many names one interval has room for: those of a large installation. Values
	// of further ones are dropped and counted.
	namesMax = 1024
	// nameMax is the longest name, in bytes; longer ones are cut.
	nameMax = 256
)

// prefix stands before all names.
const prefix = "serf-agent."

// droppedName counts what was lost here, for want of room or of a receiver.
const droppedName = "telemetry.dropped"

// Options of Metrics.
type Options struct {
	// Statsd and Statsite are host:port of a server to send to, by UDP and by TCP; empty for none.
	Statsd, Statsite string
	// Host is part of the names of gauges that are sent: gauges of different agents must not
	// overwrite each other.
	Host string
	// Log receives failures. Nil discards them.
	Log *agent.Log
}

// Metrics takes values and keeps those of the last minute. Its methods may be called by any
// goroutine and never wait. Make it with New.
type Metrics struct {
	gauges string // before the names of gauges, after prefix
	sinks  []*sink
	stop   context.CancelFunc
	wg     sync.WaitGroup // a goroutine per sink

	mu      sync.Mutex
	kept    []*interval // oldest first; the last is being filled
	line    []byte      // scratch
	dropped uint64      // for want of room, since the last Flush
}

// New starts a goroutine for each server. Close it.
func New(o Options) *Metrics {
	m := new(Metrics)
	ctx, stop := context.WithCancel(context.Background())
	m.stop = stop
	if o.Statsd != "" {
		m.sinks = append(m.sinks, newSink("statsd", "udp", o.Statsd, o.Log))
	}
	if o.Statsite != "" {
		m.sinks = append(m.sinks, newSink("statsite", "tcp", o.Statsite, o.Log))
	}
	if len(m.sinks) > 0 && o.Host != "" {
		m.gauges = o.Host + "."
	}
	for _, s := range m.sinks {
		m.wg.Go(func() { s.run(ctx) })
	}
	return m
}

// sends reports whether there is a server to send to.
func (m *Metrics) sends() bool { return len(m.sinks) > 0 }

// Close sends what is queued to servers that take it immediately, and returns when all goroutines
// have ended. It may be called again.
func (m *Metrics) Close() {
	m.Flush()
	m.stop()
	m.wg.Wait()
}

// Count adds to a counter: something happened n times, adding up to sum.
func (m *Metrics) Count(name string, n uint64, sum float64) {
	if n > 0 {
		m.add(counterKind, name, n, sum)
	}
}

// Gauge sets a gauge.
func (m *Metrics) Gauge(name string, value float64) { m.add(gaugeKind, m.gauges+name, 1, value) }

// Sample adds one measurement.
func (m *Metrics) Sample(name string, value float64) { m.add(sampleKind, name, 1, value) }

// Samples adds n measurements that sum up to sum.
func (m *Metrics) Samples(name string, n, sum uint64) {
	if n > 0 {
		m.add(sampleKind, name, n, float64(sum))
	}
}

// Time adds how long something took, in milliseconds.
func (m *Metrics) Time(name string, took time.Duration) { m.Sample(name, milliseconds(took)) }

// Times adds the time of something that was done several times. Servers get the mean.
func (m *Metrics) Times(name string, t driver.Durations) {
	if t.N > 0 {
		m.add(sampleKind, name, t.N, milliseconds(t.Took))
	}
}

// Script adds how long an event handler took. It fits agent.Config.ObserveHandler.
func (m *Metrics) Script(script string, took time.Duration) { m.Time("agent.invoke."+script, took) }

// Snapshot is for snapshot.Config.Observe.
func (m *Metrics) Snapshot(what string, took time.Duration) { m.Time("serf.snapshot."+what, took) }

func milliseconds(d time.Duration) float64 { return d.Seconds() * 1000 }

// add records n values with the given sum.
func (m *Metrics) add(k kind, name string, n uint64, sum float64) {
	name = prefix + safeName(name)
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	if !m.current(now).add(k, name, n, sum, now) {
		m.dropped++
		return
	}
	m.send(k, name, n, sum)
}

// send queues the line of a value for the servers. m.mu is held.
func (m *Metrics) send(k kind, name string, n uint64, sum float64) {
	if len(m.sinks) == 0 {
		return
	}
	value := sum
	if k == sampleKind {
		value /= float64(n)
	}
	m.line = appendLine(m.line[:0], name, k, value)
	for _, s := range m.sinks {
		s.queue(m.line)
	}
}

// Flush sends what is queued, and counts what was dropped.
func (m *Metrics) Flush() {
	m.mu.Lock()
	n := m.dropped
	m.dropped = 0
	m.mu.Unlock()
	for _, s := range m.sinks {
		n += s.takeDropped()
	}
	m.Count(droppedName, n, float64(n))
	for _, s := range m.sinks {
		s.flush()
	}
}

// current is the interval of now. It drops those that are too old. m.mu is held.
func (m *Metrics) current(now time.Time) *interval {
	begin := now.Round(0).Truncate(Interval)
	old := 0
	for old < len(m.kept) && begin.Sub(m.kept[old].begin) > Kept {
		old++
	}
	m.kept = append(m.kept[:0], m.kept[old:]...)
	if n := len(m.kept); n > 0 && !m.kept[n-1].begin.Before(begin) {
		return m.kept[n-1] // even if the clock was set back
	}
	i := newInterval(begin)
	m.kept = append(m.kept, i)
	return i
}

// Dump returns all values of the last minute, a line each, by interval, kind and name. The last
// interval isn't over yet.
func (m *Metrics) Dump() []byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.current(time.Now())
	var b []byte
	for _, i := range m.kept {
		b = i.appendText(b)
	}
	return b
}

// safeName replaces what would end a name in the servers' protocol, or drive a terminal.
func safeName(name string) string {
	if len(name) > nameMax {
		name = name[:nameMax]
	}
	return strings.Map(func(r rune) rune {
		if r == ':' || r == '|' || unicode.IsSpace(r) || !unicode.IsGraphic(r) {
			return '_'
		}
		return r
	}, name)
}
