package driver

import (
	"time"

	"serf/internal/histogram"
	"serf/swim"
	"serf/wire"
)

// Counters are what a driver did and dropped since its start. What the machine did with packets and
// messages is in the machine's own.
type Counters struct {
	SendErrors uint64 // packets that the network refused to send
	// KernelDrops are packets that the kernel dropped at the socket, nearly all for want of room in
	// its buffer. KernelDropsKnown is false where it doesn't say: only Linux does.
	KernelDrops      uint64
	KernelDropsKnown bool
	ReadErrors       uint64 // failures to read or accept
	StreamsAccepted  uint64
	StreamFailures   [StreamFailures]uint64 // accepted or dialled, by reason
	StreamErrors     uint64                 // accepted streams that brought nothing usable
	StreamsDialled   uint64
	StreamBytesOut   uint64
	Rounds           Durations // of work that the clock started: gossip, probes and so on
	// Turns is how long the turns of the loop took, by TurnBounds. What is asked of the driver waits
	// for one at most.
	Turns histogram.Histogram
	// PushPulls are the exchanges of states begun here that were answered, by
	// PushPullBounds.
	PushPulls    histogram.Histogram
	StateOut     uint64 // bytes of the last state that was sent, whole or not, before it was sealed
	StatesIn     uint64 // states that came, and their bytes
	StateBytesIn uint64
}

// Durations counts how often something was done, and how long that took in total.
type Durations struct {
	N    uint64
	Took time.Duration
}

// PushPullBounds are the buckets of Counters.PushPulls: a small cluster's exchange takes a
// millisecond, one of 10,000 members across the world some seconds.
var PushPullBounds = histogram.Bounds{
	time.Millisecond, 2500 * time.Microsecond, 5 * time.Millisecond,
	10 * time.Millisecond, 25 * time.Millisecond, 50 * time.Millisecond,
	100 * time.Millisecond, 250 * time.Millisecond, 500 * time.Millisecond,
	time.Second, 2500 * time.Millisecond, 5 * time.Second,
	10 * time.Second, 30 * time.Second,
}

// TurnBounds are the buckets of Counters.Turns: most take some ten microseconds.
var TurnBounds = histogram.Bounds{
	10 * time.Microsecond, 25 * time.Microsecond, 50 * time.Microsecond,
	100 * time.Microsecond, 250 * time.Microsecond, 500 * time.Microsecond,
	time.Millisecond, 2500 * time.Microsecond, 5 * time.Millisecond,
	10 * time.Millisecond, 25 * time.Millisecond, 50 * time.Millisecond,
	100 * time.Millisecond, time.Second,
}

// Counters returns the current counts; it may be called at any time.
func (d *Driver) Counters() Counters {
	counts := d.counts.Load()
	if s, ok := d.udp.(*udpSocket); ok {
		counts.KernelDrops, counts.KernelDropsKnown = s.drops.count()
	}
	return counts
}

// isPushPull reports whether an outgoing stream is a push/pull exchange.
func isPushPull(s *swim.StreamOut) bool { return s.Kind == swim.StreamCall && isState(s.Data) }

// isState reports whether a message of a stream is a state or a part of one.
func isState(message []byte) bool {
	return len(message) > 0 && wire.Type(message[0]) == wire.TypePushPull
}

// countStateOut records the size of a message that is sent, if it is a state or a part of one.
func (d *Driver) countStateOut(message []byte) {
	if isState(message) {
		d.counts.Change(func(c *Counters) { c.StateOut = uint64(len(message)) })
	}
}

// countStateIn counts a received message, if it is a state or a part of one.
func (d *Driver) countStateIn(message []byte) {
	if isState(message) {
		d.counts.Change(func(c *Counters) {
			c.StatesIn++
			c.StateBytesIn += uint64(len(message))
		})
	}
}
