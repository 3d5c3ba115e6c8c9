package advice

import (
	"slices"
	"time"

	"serf/netsim/report"
	"serf/swim"
)

// sum adds up runs. It doesn't depend on their order.
type sum struct {
	result0        Result
	first, all     []time.Duration
	packets, bytes uint64
	memberTime     time.Duration
}

func (m *sum) add(r *report.Report) {
	x := &m.result0
	x.Runs++
	x.False += r.FalseFailures.All
	for i := range r.Detections {
		d := &r.Detections[i]
		if d.Void {
			continue // it was back before
		}
		x.Crashes++
		if d.All == swim.Never {
			x.Missed++
			continue
		}
		m.first, m.all = append(m.first, d.First.Sub(d.At)), append(m.all, d.All.Sub(d.At))
	}
	m.packets += r.Network.Sent
	m.bytes += r.Network.SentBytes + r.Network.StreamBytes
	m.memberTime += r.Time * time.Duration(r.Members)
}

func (m *sum) result() Result {
	x := m.result0
	slices.Sort(m.first)
	slices.Sort(m.all)
	x.Noticed, x.Known, x.KnownP9 = at(m.first, 50), at(m.all, 50), at(m.all, 90)
	x.Hours = m.memberTime.Hours()
	if seconds := m.memberTime.Seconds(); seconds > 0 {
		x.Packets, x.Bytes = float64(m.packets)/seconds, float64(m.bytes)/seconds
	}
	return x
}

// at is what so many percent of the sorted times don't exceed, in seconds; 0 of none.
func at(list []time.Duration, percent int) float64 {
	if len(list) == 0 {
		return 0
	}
	return list[max((len(list)*percent+99)/100-1, 0)].Seconds()
}
