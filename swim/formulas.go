package swim

import (
	"math"
	"time"
)

// The formulas of SWIM, Lifeguard and memberlist, rounded as memberlist does, so that both kinds of
// members judge alike. n is the number of members, this one included.

// suspicionMin is the least time that a suspect has to refute.
func suspicionMin(mult, n int, interval time.Duration) time.Duration {
	scale := math.Max(1, math.Log10(math.Max(1, float64(n))))
	// In thousandths of the logarithm, as memberlist rounds.
	return time.Duration(mult) * time.Duration(scale*1000) * interval / 1000
}

// suspicionFor is the time that a suspect has in all when c of k hoped-for confirmations have come.
func suspicionFor(c, k int, least, most time.Duration) time.Duration {
	if k <= 0 {
		return least
	}
	share := math.Log(float64(c)+1) / math.Log(float64(k)+1)
	d := most.Seconds() - share*(most.Seconds()-least.Seconds())
	// Whole milliseconds, rounded down. Processors differ in the last bit, which must not make a
	// difference of a millisecond.
	const lastBits = 1e-6
	return max(least, time.Duration(math.Floor(1000*d+lastBits))*time.Millisecond)
}

// confirmationsFor is the number of confirmations that shorten a suspicion among n members.
func confirmationsFor(mult, n int) int {
	if k := mult - 2; n-2 >= k {
		return max(k, 0)
	}
	return 0
}

// retransmitLimit is how often a broadcast is sent among n members.
func retransmitLimit(mult, n int) int {
	return mult * int(math.Ceil(math.Log10(float64(n+1))))
}

// pushPullScaled is the time between push/pulls among n members.
func pushPullScaled(interval time.Duration, n int) time.Duration {
	const threshold = 32 // members: fewer don't load each other
	if n <= threshold {
		return interval
	}
	return interval * time.Duration(math.Ceil(math.Log2(float64(n))-math.Log2(threshold))+1)
}
