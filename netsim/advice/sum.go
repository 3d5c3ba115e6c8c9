package advice

import (
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
	all := report.QuantilesOf(m.all)
	x.Noticed = report.QuantilesOf(m.first).Median.Seconds()
	x.Known, x.KnownP9 = all.Median.Seconds(), all.P90.Seconds()
	x.Hours = m.memberTime.Hours()
	if seconds := m.memberTime.Seconds(); seconds > 0 {
		x.Packets, x.Bytes = float64(m.packets)/seconds, float64(m.bytes)/seconds
	}
	return x
}
