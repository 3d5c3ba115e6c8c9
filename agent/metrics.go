package agent

import (
	"sync"
	"sync/atomic"
	"time"

	"serf/agent/handler"
	"serf/internal/histogram"
	"serf/swim"
	"serf/swim/serf"
	"serf/swim/serf/coord"
	"serf/wire"
)

// Metrics is one reading of all metrics of an agent. Those of the node are from the same moment.
type Metrics struct {
	Membership swim.Counters
	Above      serf.Counters
	Node       serf.Stats
	States     [swim.Left + 1]int // members by state, as the membership knows them
	Queued     int                // membership messages in the broadcast queue
	QueueDrops uint64             // and those that it had no room for
	// Turns is how long the loop's turns took, by TurnBounds. What is asked of the agent waits for
	// one at most.
	Turns histogram.Histogram
	// Members are those listed, by status.
	Members  [serf.StatusFailed + 1]int
	Traffic  Traffic
	Handlers handler.Stats
	// Coordinate is that of this member; zero if coordinates are off.
	Coordinate coord.Coordinate
}

// Metrics reads the metrics. ok is false once the agent has stopped.
func (a *Agent) Metrics() (m Metrics, ok bool) {
	var read Metrics
	err := a.look(func() {
		node := a.loop.node
		read.Membership, read.Above, read.Node = *node.Swim().Counters(), *node.Counters(),
			node.Stats()
		read.States, read.Queued = node.Swim().States(), node.Swim().Queued()
		read.Turns = a.loop.turns
		read.QueueDrops = node.Swim().QueueDrops()
		for s := range read.Members {
			read.Members[s] = node.Count(serf.Status(s))
		}
		read.Coordinate, _ = node.Coordinate(a.conf.Name)
	})
	if err != nil {
		return Metrics{}, false
	}
	read.Traffic, read.Handlers = a.Traffic(), a.HandlerStats()
	return read, true
}

// Durations counts how often something was done, and how long that took in total.
type Durations struct {
	N    uint64
	Took time.Duration
}

// timing is a Durations that any goroutine may add to.
type timing struct {
	n    atomic.Uint64
	took atomic.Int64
}

func (t *timing) add(took time.Duration) {
	t.took.Add(int64(took))
	t.n.Add(1)
}

func (t *timing) load() Durations {
	return Durations{N: t.n.Load(), Took: time.Duration(t.took.Load())}
}

// PushPullBounds are the buckets of Traffic.PushPulls: a small cluster's exchange takes a
// millisecond, one of 10,000 members across the world some seconds.
var PushPullBounds = histogram.Bounds{
	time.Millisecond, 2500 * time.Microsecond, 5 * time.Millisecond,
	10 * time.Millisecond, 25 * time.Millisecond, 50 * time.Millisecond,
	100 * time.Millisecond, 250 * time.Millisecond, 500 * time.Millisecond,
	time.Second, 2500 * time.Millisecond, 5 * time.Second,
	10 * time.Second, 30 * time.Second,
}

// TurnBounds are the buckets of Metrics.Turns: most take some ten microseconds.
var TurnBounds = histogram.Bounds{
	10 * time.Microsecond, 25 * time.Microsecond, 50 * time.Microsecond,
	100 * time.Microsecond, 250 * time.Microsecond, 500 * time.Microsecond,
	time.Millisecond, 2500 * time.Microsecond, 5 * time.Millisecond,
	10 * time.Millisecond, 25 * time.Millisecond, 50 * time.Millisecond,
	100 * time.Millisecond, time.Second,
}

// durations is a histogram that any goroutine but the loop may add to.
type durations struct {
	mu sync.Mutex
	h  histogram.Histogram
}

func (d *durations) add(b *histogram.Bounds, took time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.h.Add(b, took)
}

func (d *durations) load() histogram.Histogram {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.h
}

// isPushPull reports whether an outgoing stream is a push/pull exchange.
func isPushPull(s *swim.StreamOut) bool { return s.Kind == swim.StreamCall && isState(s.Data) }

// isState reports whether a message of a stream is a whole state.
func isState(message []byte) bool {
	return len(message) > 0 && wire.Type(message[0]) == wire.TypePushPull
}

// countStateOut records the size of a message that is sent, if it is a whole state.
func (a *Agent) countStateOut(message []byte) {
	if isState(message) {
		a.counts.stateOut.Store(uint64(len(message)))
	}
}

// countStateIn counts a received message, if it is a whole state.
func (a *Agent) countStateIn(message []byte) {
	if isState(message) {
		a.counts.statesIn.Add(1)
		a.counts.stateBytesIn.Add(uint64(len(message)))
	}
}
