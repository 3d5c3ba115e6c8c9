package memberlist

import (
	"io"
	"log"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/go-metrics"
)

// sums is a sink: of counters and samples it keeps the sum, of gauges the last value.
type sums struct {
	mu  sync.Mutex
	got map[string]float32
}

func (s *sums) add(key []string, v float32, labels []metrics.Label, set bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	name := strings.Join(key, ".")
	for _, l := range labels {
		name += " " + l.Name + "=" + l.Value
	}
	if !set {
		v += s.got[name]
	}
	s.got[name] = v
}

func (s *sums) SetGauge(key []string, v float32)                              { s.add(key, v, nil, true) }
func (s *sums) SetPrecisionGauge(key []string, v float64)                     { s.add(key, float32(v), nil, true) }
func (s *sums) EmitKey([]string, float32)                                     {}
func (s *sums) IncrCounter(key []string, v float32)                           { s.add(key, v, nil, false) }
func (s *sums) AddSample(key []string, v float32)                             { s.add(key, v, nil, false) }
func (s *sums) Shutdown()                                                     {}
func (s *sums) SetGaugeWithLabels(key []string, v float32, l []metrics.Label) { s.add(key, v, l, true) }
func (s *sums) SetPrecisionGaugeWithLabels(key []string, v float64, l []metrics.Label) {
	s.add(key, float32(v), l, true)
}
func (s *sums) IncrCounterWithLabels(key []string, v float32, l []metrics.Label) {
	s.add(key, v, l, false)
}
func (s *sums) AddSampleWithLabels(key []string, v float32, l []metrics.Label) {
	s.add(key, v, l, false)
}

// Programs show these, by names that their dashboards have.
func TestMetrics(t *testing.T) {
	sink := &sums{got: make(map[string]float32)}
	conf := metrics.DefaultConfig("p")
	conf.EnableHostname, conf.EnableRuntimeMetrics = false, false
	if _, err := metrics.NewGlobal(conf, sink); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		var network MockNetwork
		var b *Memberlist
		for _, name := range []string{"a", "b"} {
			c := DefaultLANConfig()
			c.Name, c.Transport, c.Logger = name, network.NewTransport(name), log.New(io.Discard, "", 0)
			c.MetricLabels = []metrics.Label{{Name: "on", Value: name}}
			m, err := Create(c)
			if err != nil {
				t.Fatal(err)
			}
			defer m.Shutdown()
			b = m
			if _, err := m.Join([]string{"127.0.0.1:1"}); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(91 * time.Second) // three times
		_ = b.Shutdown()
		synctest.Wait()
		sink.mu.Lock()
		defer sink.mu.Unlock()
		got := sink.got
		for key, least := range map[string]float32{
			"udp.sent": 1000, "udp.received": 1000, "tcp.sent": 100, "tcp.connect": 1, "msg.alive": 1,
			"health.score": 0, "size.local": 100, "size.remote": 50, "queue.broadcasts": 0, "node.instances": 2,
		} {
			name := "p.memberlist." + key + " on=b"
			if key == "node.instances" {
				name += " node_state=alive"
			}
			if v, ok := got[name]; !ok || v < least {
				t.Errorf("%s is %v (%t), want %v at least", name, v, ok, least)
			}
		}
		for _, state := range []string{"suspect", "dead", "left"} {
			if v, ok := got["p.memberlist.node.instances on=a node_state="+state]; !ok || v != 0 {
				t.Errorf("%s: %v (%t)", state, v, ok)
			}
		}
		total := float32(b.node.Load().Stats().Protocol.BytesOut)
		if sum := got["p.memberlist.udp.sent on=b"]; sum > total || sum < total/2 {
			t.Errorf("%v bytes were counted, of %v", sum, total)
		}
		if t.Failed() {
			var names []string
			for name := range got {
				names = append(names, name)
			}
			slices.Sort(names)
			t.Log(strings.Join(names, "\n"))
		}
	})
}
