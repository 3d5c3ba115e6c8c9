// Package lamport has the logical clocks that order Serf's messages, and the
// windows that recognise what was already seen at a time.
package lamport

// Time is a reading of a Clock. Clocks start at 1, so that a time of 0 is
// older than anything that was ever stamped.
type Time uint64

// Max is the highest reading of a Clock, which then stands still. Honest
// clusters never get near: a million messages a second take 146,000 years.
// Half of a uint64 stays free above it, so that t+1 and the like never wrap.
const Max Time = 1 << 62

const (
	// jumpMax is how far ahead of the clock a time may be. Being behind by n means
	// to have missed n messages: 2^32 is a thousand a second for 49 days apart.
	// To drive a clock from there to Max takes a billion hostile messages.
	jumpMax Time = 1 << 32
	// firstMax bounds the first Sync, when the clock has no idea yet of how old
	// the cluster is. Even if it lies, half of all times are still ahead.
	firstMax = Max / 2
)

// Clock is a Lamport clock that others can move ahead, but neither wrap nor
// move beyond reason. The zero value is ready and reads 1.
type Clock struct {
	passed  Time // Now() - 1
	settled bool // has heard the clock of somebody else
}

// Now returns the time of the next stamp.
func (c *Clock) Now() Time { return c.passed + 1 }

// Next returns the time to stamp a message with, and moves the clock past it.
func (c *Clock) Next() Time {
	t := c.Now()
	if t < Max {
		c.passed = t
	}
	return t
}

// Witness moves the clock past t, the stamp of a message that was received.
// A time too far ahead is refused, false, and changes nothing: its message
// isn't to be acted on. Times that have passed are fine and change nothing.
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

// Sync moves the clock up to other, the reading of another member's clock as
// push/pull carries it. The first call may go nearly any distance, because a
// member that has just started knows nothing of the cluster's age; the later ones
// are limited as Witness is. It returns false for a reading that it refused.
func (c *Clock) Sync(other Time) bool {
	ok := other <= c.Now()
	switch {
	case ok:
	case !c.settled && other <= firstMax:
		c.passed, ok = other-1, true
	default:
		ok = c.Witness(other - 1)
	}
	c.settled = c.settled || ok
	return ok
}

// Restore moves the clock past last, the last time seen by an earlier run
// of this member. The first Sync may still go any distance. It returns false for a
// time that no clock gets to, such as that of a damaged file.
func (c *Clock) Restore(last Time) bool {
	if last > firstMax {
		return false
	}
	c.passed = max(c.passed, last)
	return true
}
