package report

import (
	"time"

	"serf/netsim"
)

// Series is how a run went over time: samples evenly spaced. A last interval that was cut short by
// the end of the run is left out.
type Series struct {
	Every   time.Duration
	Samples []Sample
}

// Sample is what happened in one interval, and how things stood at its end.
type Sample struct {
	At            time.Duration // the end, from the start
	Running       int           // members, paused ones included
	Wrong         int           // pairs of a running member and another that it is wrong about
	Packets       uint64        // sent in the interval by all members together
	PacketBytes   uint64
	Streams       uint64
	StreamBytes   uint64
	Suspicions    uint64 // raised in the interval
	Refutations   uint64
	FalseFailures FalseFailures
	Queue         Quantiles[int] // messages that wait to be gossiped, by member
}

// SentUntil sums up what was sent until a time, in the intervals that had ended by then.
func (s *Series) SentUntil(at time.Duration) (sum netsim.Stats) {
	for i := range s.Samples {
		if x := &s.Samples[i]; x.At <= at {
			sum.Sent += x.Packets
			sum.SentBytes += x.PacketBytes
			sum.Streams += x.Streams
			sum.StreamBytes += x.StreamBytes
		}
	}
	return sum
}

func (s *Series) figures() SeriesFigures {
	every := s.Every.Seconds()
	rate := func(count uint64, x *Sample) float64 {
		if x.Running == 0 {
			return 0
		}
		return float64(count) / every / float64(x.Running)
	}
	list := s.Samples
	return SeriesFigures{
		EverySeconds:     every,
		AtSeconds:        column(list, func(x *Sample) float64 { return x.At.Seconds() }),
		Running:          column(list, func(x *Sample) int { return x.Running }),
		WrongViews:       column(list, func(x *Sample) int { return x.Wrong }),
		PacketsPerSecond: column(list, func(x *Sample) float64 { return rate(x.Packets, x) }),
		PacketBytesPerSecond: column(list, func(x *Sample) float64 {
			return rate(x.PacketBytes, x)
		}),
		StreamBytesPerSecond: column(list, func(x *Sample) float64 {
			return rate(x.StreamBytes, x)
		}),
		Suspicions:    column(list, func(x *Sample) uint64 { return x.Suspicions }),
		Refutations:   column(list, func(x *Sample) uint64 { return x.Refutations }),
		FalseFailures: column(list, func(x *Sample) uint64 { return x.FalseFailures.All }),
		FalseFailuresAtHealthy: column(list, func(x *Sample) uint64 {
			return x.FalseFailures.AtHealthy
		}),
		FalseFailuresOfHealthy: column(list, func(x *Sample) uint64 {
			return x.FalseFailures.OfHealthy
		}),
		GossipQueueMedian: column(list, func(x *Sample) int { return x.Queue.Median }),
		GossipQueueP99:    column(list, func(x *Sample) int { return x.Queue.P99 }),
		GossipQueueWorst:  column(list, func(x *Sample) int { return x.Queue.Worst }),
	}
}

func column[T any](samples []Sample, of func(*Sample) T) []T {
	list := make([]T, len(samples))
	for i := range list {
		list[i] = of(&samples[i])
	}
	return list
}
