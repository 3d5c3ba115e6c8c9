// Package lamport has the logical clocks that order Serf's messages, and the windows of recent
// times that recognise duplicates.
package lamport

// Time is a reading of a Clock. Clocks start at 1, so time 0 is older than any message.
type Time uint64

// Max is the highest reading of a Clock, which then stands still. Honest clusters never get near
// it: a million messages per second take 146,000 years. Three quarters of the range of a uint64 are
// above it, so t+1 and the like never wrap.
const Max Time = 1 << 62

const (
	// jumpMax is how far ahead of the clock a time may be. A member that is n behind has missed n
	// messages: 2^32 is a thousand per second for 49 days. To drive a clock from there to Max takes
	// a billion hostile messages.
	jumpMax Time = 1 << 32
	// firstSyncMax bounds the first Sync, when the clock can't know the age of the cluster. Even
	// after a lie half of all times are still ahead.
	firstSyncMax = Max / 2
)

// Clock is a Lamport clock that others can advance, but neither wrap nor move beyond reason. The
// zero value is ready and reads 1.
type Clock struct {
	passed Time // Now() - 1
	synced bool // has accepted the reading of another clock
}

// Now returns the time of the next message.
func (c *Clock) Now() Time { return c.passed + 1 }

// Next returns the time to stamp a message with, and moves the clock past it.
func (c *Clock) Next() Time {
	t := c.Now()
	if t < Max {
		c.passed = t
	}
	return t
}

// Witness moves the clock past t, the time of a received message. It returns false for a time too
// far ahead, whose message must be ignored; the clock doesn't change. Times that have passed are
// fine and change nothing.
func (c *Clock) Witness(t Time) bool {
	if t < c.Now() {
		return true
	}
	if t-c.passed > jumpMax || t >= Max {
		return false
	}
	c.passed = t
	return true
}

// Sync advances the clock to the reading of another member's clock, which a push/pull carries. The
// first call may go nearly any distance, because a member that has just started doesn't know the
// age of the cluster; later calls are limited as Witness is. It returns false for a refused
// reading.
func (c *Clock) Sync(other Time) bool {
	ok := other <= c.Now()
	switch {
	case ok:
	case !c.synced && other <= firstSyncMax:
		c.passed, ok = other-1, true
	default:
		ok = c.Witness(other - 1)
	}
	c.synced = c.synced || ok
	return ok
}

// Restore moves the clock past the last time that an earlier run of this member has seen. The first
// Sync may still go any distance. It returns false for a time that no clock reaches, such as that
// of a damaged file.
func (c *Clock) Restore(last Time) bool {
	if last > firstSyncMax {
		return false
	}
	c.passed = max(c.passed, last)
	return true
}
