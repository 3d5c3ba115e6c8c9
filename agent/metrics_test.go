package agent

import (
	"testing"
	"testing/synctest"
)

func TestMetricsOfAPair(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newMemNetwork()
		agents := beginJoined(t, n, 2)
		synctest.Wait() // the time of the exchange is taken when its stream has ended
		m, ok := agents[1].Metrics()
		if !ok || m.Above.Joins != 2 || m.Node.Members != 2 || m.Membership.AliveUpdates != 2 || m.Traffic.PushPulls.N() != 1 || m.Traffic.StreamBytesOut == 0 || m.Traffic.Rounds.N == 0 {
			t.Errorf("read: %v, %+v", ok, m)
		}
		if tr := m.Traffic; tr.StatesIn != 1 || tr.StateBytesIn < 100 || tr.StateOut < 100 || m.States != [...]int{2, 0, 0, 0} {
			t.Errorf("states: %+v, members %v", tr, m.States)
		}
		if n := m.Traffic.Turns.N(); n < 3 || m.Traffic.Turns.Sum < 0 {
			t.Errorf("%d turns in %v", n, m.Traffic.Turns.Sum)
		}
		if m.Coordinate.Height == 0 {
			t.Error("no coordinate")
		}
		agents[1].Close()
		if _, ok := agents[1].Metrics(); ok {
			t.Error("read after the agent has stopped")
		}
	})
}
