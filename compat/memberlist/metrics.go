package memberlist

import (
	"slices"
	"time"

	"github.com/hashicorp/go-metrics"

	"serf/membership"
)

// meter emits the metrics that programs know from memberlist, every Config.QueueCheckInterval.
type meter struct {
	node   *membership.Node
	labels []metrics.Label
	last   membership.Stats
	done   chan struct{} // closed when it is to end
}

// startMeter starts the meter of a node. It returns what ends it.
func startMeter(c *Config, node *membership.Node) (stop func()) {
	m := &meter{node: node, labels: c.MetricLabels, done: make(chan struct{})}
	if c.QueueCheckInterval > 0 {
		go m.run(c.QueueCheckInterval)
	}
	return func() { close(m.done) }
}

func (m *meter) run(every time.Duration) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			m.emit()
		case <-m.done:
			m.emit()
			return
		}
	}
}

// emit emits what happened since the last time.
func (m *meter) emit() {
	now, last := m.node.Stats(), &m.last
	p, q := &now.Protocol, &last.Protocol
	t, u := &now.Traffic, &last.Traffic
	m.count(p.BytesOut-q.BytesOut, "udp", "sent")
	m.count(p.BytesIn-q.BytesIn, "udp", "received")
	m.count(t.StreamBytesOut-u.StreamBytesOut, "tcp", "sent")
	m.count(t.StreamsDialled-u.StreamsDialled, "tcp", "connect")
	m.count(t.StreamsAccepted-u.StreamsAccepted, "tcp", "accept")
	m.count(p.AliveUpdates-q.AliveUpdates, "msg", "alive")
	m.count(p.SuspectUpdates-q.SuspectUpdates, "msg", "suspect")
	m.count(p.DeadUpdates-q.DeadUpdates, "msg", "dead")
	m.count(p.FailuresUnconfirmed-q.FailuresUnconfirmed, "degraded", "timeout")

	m.gauge(now.Health, m.labels, "health", "score")
	m.gauge(int(t.StateOut), m.labels, "size", "local")
	m.sample(now.Queued, "queue", "broadcasts")
	if n := t.StatesIn - u.StatesIn; n > 0 {
		m.sample(int((t.StateBytesIn-u.StateBytesIn)/n), "size", "remote")
	}
	m.instances()
	m.last = now
}

// instances emits how many nodes are in each state.
func (m *meter) instances() {
	var states [StateLeft + 1]int
	for _, member := range m.node.Known() {
		states[stateOf(member.State)]++
	}
	for state, name := range [...]string{"alive", "suspect", "dead", "left"} {
		labels := append(slices.Clip(m.labels), metrics.Label{Name: "node_state", Value: name})
		m.gauge(states[state], labels, "node", "instances")
	}
}

func (m *meter) count(n uint64, key ...string) {
	if n > 0 {
		metrics.IncrCounterWithLabels(metricKey(key), float32(n), m.labels)
	}
}

func (m *meter) gauge(n int, labels []metrics.Label, key ...string) {
	metrics.SetGaugeWithLabels(metricKey(key), float32(n), labels)
}

func (m *meter) sample(n int, key ...string) {
	metrics.AddSampleWithLabels(metricKey(key), float32(n), m.labels)
}

func metricKey(key []string) []string { return append([]string{"memberlist"}, key...) }
