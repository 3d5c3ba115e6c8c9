// Package histogram counts durations by size, in the few buckets that monitoring systems want. A
// histogram is a plain value: it takes no memory beyond itself, and a copy is a reading.
package histogram

import "time"

// Buckets is how many bounds a histogram has: enough for five orders of magnitude, two or three
// bounds each.
const Buckets = 14

// Bounds are the upper bounds of the buckets, inclusive and ascending. What is above the last is
// counted, too.
type Bounds [Buckets]time.Duration

// Histogram is a count of durations. Whoever owns it passes the same Bounds every time.
type Histogram struct {
	Sum    time.Duration
	Counts [Buckets + 1]uint64 // by bucket, not cumulative; the last is for those above all bounds
}

// Add counts d.
func (h *Histogram) Add(b *Bounds, d time.Duration) {
	i := 0
	for i < Buckets && d > b[i] {
		i++
	}
	h.Counts[i]++
	h.Sum += d
}

// AddAll counts what another histogram with the same bounds did.
func (h *Histogram) AddAll(other *Histogram) {
	for i, c := range other.Counts {
		h.Counts[i] += c
	}
	h.Sum += other.Sum
}

// N is how many durations were counted.
func (h *Histogram) N() (n uint64) {
	for _, c := range h.Counts {
		n += c
	}
	return n
}
