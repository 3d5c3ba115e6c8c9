package telemetry

import (
	"context"
	"runtime"
	"sync"
	"time"

	"serf/agent"
	"serf/agent/handler"
	"serf/driver"
	"serf/swim"
	"serf/swim/serf/coord"
)

const (
	// sentEvery is how often the agent's counters are read if metrics are sent. Dashboards are used
	// to gauges of that age.
	sentEvery = time.Second
	// keptEvery is how often they are read if metrics are only kept: once per interval. An agent
	// with little to do wakes up for nothing else as often.
	keptEvery = Interval
	// eventQueue is how many events may come between two turns of the collector.
	eventQueue = 1024
)

// Source is the part of the agent that this package uses.
type Source interface {
	Metrics() (agent.Metrics, bool)
	Subscribe(capacity int, filter func(agent.Event) bool) *agent.Subscription
}

// IPC reads the counters of the RPC server: clients accepted, commands taken.
type IPC func() (accepted, commands uint64)

// Collector reads an agent's counters into Metrics.
type Collector struct {
	to     *Metrics
	source Source
	ipc    IPC
	ask    chan chan<- struct{} // to be closed after a reading; unbuffered
	done   <-chan struct{}      // closed when nobody takes from ask any more
	stop   context.CancelFunc
	wg     sync.WaitGroup

	last reading // of the turn before
}

// reading is one look at all counters and gauges.
type reading struct {
	agent.Metrics
	ipcAccepted, ipcCommands uint64
	memory                   runtime.MemStats
}

// Collect reads immediately, and from then on every second, or every Interval if nothing is sent.
// Close it before the Metrics.
func Collect(to *Metrics, source Source, ipc IPC) *Collector {
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	c := &Collector{
		to: to, source: source, ipc: ipc, stop: stop,
		ask: make(chan chan<- struct{}), done: done,
	}
	events := source.Subscribe(eventQueue, listensOnly)
	c.read()
	every := keptEvery
	if to.sends() {
		every = sentEvery
	}
	c.wg.Go(func() {
		defer close(done)
		c.run(ctx, events, every)
	})
	return c
}

// Read reads now, and returns when that is done; immediately if the agent has stopped.
func (c *Collector) Read() {
	read := make(chan struct{})
	select {
	case c.ask <- read:
		<-read
	case <-c.done:
	}
}

// Close reads for the last time. It may be called again.
func (c *Collector) Close() {
	c.stop()
	c.wg.Wait()
}

func (c *Collector) run(ctx context.Context, sub *agent.Subscription, every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	defer func() { sub.Close() }()
	events := sub.C
	for {
		select {
		case e, open := <-events:
			if !open {
				events = nil // until the next turn: the agent has stopped, or we were too slow
				continue
			}
			c.observe(e)
		case <-tick.C:
			if !c.read() {
				return // the agent has stopped
			}
			if events == nil { // what came meanwhile isn't counted by name
				sub = c.source.Subscribe(eventQueue, listensOnly)
				events = sub.C
			}
		case read := <-c.ask:
			c.read()
			close(read)
		case <-ctx.Done():
			c.read()
			return
		}
	}
}

// listensOnly lets user events and queries through, but not the event with nothing but a name that
// asks whether a query may be answered here: all queries would wait for the collector.
func listensOnly(e agent.Event) bool {
	switch e := e.(type) {
	case agent.UserEvent:
		return true
	case agent.QueryEvent:
		return e.ID != 0
	}
	return false
}

// observe counts what only events tell.
func (c *Collector) observe(e agent.Event) {
	switch e := e.(type) {
	case agent.UserEvent:
		c.to.Count("serf.events."+e.Name, 1, 1)
	case agent.QueryEvent:
		c.to.Count("serf.queries."+e.Name, 1, 1)
	}
}

// read reads everything and passes on what has changed. It returns false if the agent has stopped.
func (c *Collector) read() bool {
	var r reading
	var ok bool
	if r.Metrics, ok = c.source.Metrics(); !ok {
		return false
	}
	r.ipcAccepted, r.ipcCommands = c.ipc()
	runtime.ReadMemStats(&r.memory)
	r.count(c.to, &c.last)
	c.readGauges(&r)
	c.readSamples(&r)
	c.last = r
	c.to.Flush()
	return true
}

// CloseHandlers reads the final counts of the event handlers, which end after Close.
func (c *Collector) CloseHandlers(s handler.Stats) {
	r := c.last
	r.Handlers = s
	r.count(c.to, &c.last)
	c.last = r
}

// counter is one that only grows.
type counter struct {
	name string
	sum  uint64
	n    uint64 // of the things that it sums up: packets, for their bytes
}

type counters []counter

func (c *counters) add(name string, n uint64) { c.sums(name, n, n) }

func (c *counters) sums(name string, sum, n uint64) { *c = append(*c, counter{name, sum, n}) }

// counters lists all counters.
func (r *reading) counters() (c counters) {
	m, a, h, t := &r.Membership, &r.Above, &r.Handlers.Total, &r.Traffic
	c.add("memberlist.msg.alive", m.AliveUpdates)
	c.add("memberlist.msg.suspect", m.SuspectUpdates)
	c.add("memberlist.msg.dead", m.DeadUpdates)
	c.sums("memberlist.udp.sent", m.BytesOut, m.PacketsOut)
	c.sums("memberlist.udp.received", m.BytesIn, m.PacketsIn)
	c.sums("memberlist.tcp.sent", t.StreamBytesOut, t.StreamsDialled)
	c.add("memberlist.tcp.accept", t.StreamsAccepted)
	c.add("memberlist.tcp.connect", t.StreamsDialled)
	c.add("memberlist.dropped.label", m.DroppedLabels+t.StreamFailures[driver.StreamLabel])
	c.add("memberlist.dropped.key", m.DroppedKeys+t.StreamFailures[driver.StreamKey])
	c.add("memberlist.degraded.timeout", m.FailuresUnconfirmed)
	c.add("serf.member.join", a.Joins)
	c.add("serf.member.left", a.Leaves)
	c.add("serf.member.failed", a.Failures)
	c.add("serf.member.update", a.Updates)
	c.add("serf.member.flap", a.Flaps)
	c.add("serf.events", a.Events)
	c.add("serf.queries", a.Queries)
	c.add("serf.query_acks", a.Acks)
	c.add("serf.query_responses", a.Responses)
	c.add("serf.query_duplicate_acks", a.AckDuplicates)
	c.add("serf.query_duplicate_responses", a.ResponseDuplicates)
	c.add("serf.coordinate.rejected", a.CoordinatesRefused)
	c.add("serf.coordinate.zero-rtt", a.ZeroRTTs)
	c.add("agent.handlers.runs", h.Runs)
	c.add("agent.handlers.failed", h.Failed)
	c.add("agent.handlers.timed_out", h.TimedOut)
	c.add("agent.handlers.dropped", h.Dropped)
	c.add("agent.handlers.merged", h.Coalesced)
	c.add("agent.handlers.killed", h.Killed)
	c.add("agent.handlers.lost", h.Lost)
	c.add("agent.ipc.accept", r.ipcAccepted)
	c.add("agent.ipc.command", r.ipcCommands)
	return c
}

// count counts what was added since the last reading.
func (r *reading) count(to *Metrics, last *reading) {
	were := last.counters()
	for i, is := range r.counters() {
		sum, n := is.sum-were[i].sum, is.n-were[i].n
		if n == 0 && sum > 0 {
			n = 1 // for instance the answer on an earlier stream
		}
		to.Count(is.name, n, float64(sum))
	}
}

func (c *Collector) readGauges(r *reading) {
	m := &r.memory
	c.to.Gauge("memberlist.health.score", float64(r.Node.Health))
	for state, n := range r.States {
		c.to.Gauge("memberlist.node.instances."+swim.State(state).String(), float64(n))
	}
	if r.Traffic.StateOut > 0 {
		c.to.Gauge("memberlist.size.local", float64(r.Traffic.StateOut))
	}
	c.to.Gauge("agent.handlers.waiting", float64(r.Handlers.Waiting))
	c.to.Gauge("agent.handlers.running", float64(r.Handlers.Running))
	c.to.Gauge("runtime.num_goroutines", float64(runtime.NumGoroutine()))
	c.to.Gauge("runtime.alloc_bytes", float64(m.Alloc))
	c.to.Gauge("runtime.sys_bytes", float64(m.Sys))
	c.to.Gauge("runtime.malloc_count", float64(m.Mallocs))
	c.to.Gauge("runtime.free_count", float64(m.Frees))
	c.to.Gauge("runtime.heap_objects", float64(m.HeapObjects))
	c.to.Gauge("runtime.total_gc_pause_ns", float64(m.PauseTotalNs))
	c.to.Gauge("runtime.total_gc_runs", float64(m.NumGC))
}

func (c *Collector) readSamples(r *reading) {
	last := &c.last
	if r.Node.Health > 0 { // local health slowed down the probes since the last reading
		n := r.Membership.Probes - last.Membership.Probes
		c.to.Count("memberlist.degraded.probe", n, float64(n))
	}
	c.to.Times("memberlist.probeNode", since(probes(r), probes(last)))
	c.to.Times("memberlist.gossip", since(r.Traffic.Rounds, last.Traffic.Rounds))
	c.to.Times("memberlist.pushPullNode", since(pushPulls(r), pushPulls(last)))
	c.to.Samples("memberlist.size.remote", r.Traffic.StatesIn-last.Traffic.StatesIn,
		r.Traffic.StateBytesIn-last.Traffic.StateBytesIn)
	c.to.Samples("serf.msgs.received", r.Above.MessagesIn-last.Above.MessagesIn,
		r.Above.MessageBytesIn-last.Above.MessageBytesIn)
	c.to.Samples("serf.msgs.sent", r.Node.MessagesOut-last.Node.MessagesOut,
		r.Node.MessageBytesOut-last.Node.MessageBytesOut)
	c.to.Sample("memberlist.queue.broadcasts", float64(r.Queued))
	c.to.Sample("serf.queue.Intent", float64(r.Node.IntentQueue))
	c.to.Sample("serf.queue.Event", float64(r.Node.EventQueue))
	c.to.Sample("serf.queue.Query", float64(r.Node.QueryQueue))
	if r.Coordinate != last.Coordinate && last.Coordinate != (coord.Coordinate{}) {
		c.to.Time("serf.coordinate.adjustment-ms", coord.Distance(&last.Coordinate, &r.Coordinate))
	}
	if n := r.memory.NumGC - last.memory.NumGC; n > 0 {
		pause := r.memory.PauseTotalNs - last.memory.PauseTotalNs
		c.to.add(sampleKind, "runtime.gc_pause_ns", uint64(n), float64(pause))
	}
}

// probes is the number of probes that have ended, and the time they took.
func probes(r *reading) driver.Durations {
	return driver.Durations{N: r.Membership.ProbesEnded, Took: r.Membership.ProbeTime}
}

// pushPulls is the number of exchanges of states, and the time they took.
func pushPulls(r *reading) driver.Durations {
	h := &r.Traffic.PushPulls
	return driver.Durations{N: h.N(), Took: h.Sum}
}

// since is the difference to an earlier reading.
func since(t, earlier driver.Durations) driver.Durations {
	return driver.Durations{N: t.N - earlier.N, Took: t.Took - earlier.Took}
}
